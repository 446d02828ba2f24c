"""One tree of errors: each says whose fault it is and whether the same call may succeed later."""

from collections.abc import Mapping
from typing import Literal, Self

from warbler.call_frames import CallOver, CallRefusal
from warbler.call_values import Fault
from warbler.frames import Failure, Reject


class ClientError(Exception):
    """Root of the SDK's errors. `retryable`: the same call may succeed later, not before `retry_after_ms` (0: whenever)."""

    retryable = False
    retry_after_ms = 0


class Rejected(ClientError):
    """The server refused the command for good; `code` is for programs, `detail` for people.

    `retry_after_ms`: of a mute or slow mode, when the same wish may be granted, as a new command.
    """

    def __init__(self, code: str, detail: str, conversation: str = "", retryable: bool = False, retry_after_ms: int = 0) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.conversation, self.retryable = code, detail, conversation, retryable
        self.retry_after_ms = retry_after_ms

    @classmethod
    def of(cls, reject: Reject) -> Self:
        return cls(reject.code, reject.detail, reject.conversation, False, reject.retry_after_ms)


class RequestFailed(ClientError):
    """A read (sync, history, directory) or a REST call could not be served."""

    def __init__(self, code: str, detail: str, retryable: bool, status: int = 0, retry_after_ms: int = 0) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.retryable, self.status = code, detail, retryable, status
        self.retry_after_ms = retry_after_ms

    @classmethod
    def of(cls, failure: Failure) -> Self:
        return cls(failure.code, failure.detail, failure.retryable, 0, failure.retry_after_ms)


class CallRefused(ClientError):
    """A command to a call was refused; `fault` says whose doing it is, `call` which call it is about.

    With `call_exists`, `call` is the one that is going on: join it. `retry_after_ms`: when the same wish may be granted.
    """

    def __init__(self, refusal: CallRefusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.detail}" if refusal.detail else refusal.code)
        self.code: str = refusal.code
        self.fault: Fault = refusal.fault
        self.detail, self.conversation, self.call = refusal.detail, refusal.conversation, refusal.call
        self.retry_after_ms = refusal.retry_after_ms


class CallIsOver(ClientError):
    """The call ended before what was waited for."""

    def __init__(self, over: CallOver) -> None:
        super().__init__(f"the call is over: {over.reason or over.left or 'nobody knows how'}")
        self.over = over


class MediaBroken(ClientError):
    """The engine does not take what this device sends, and a new connection would not change that."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


class StepUpNeeded(RequestFailed):
    """The call needs a factor shown a moment ago: `People.step_up`, then the same call again."""


SignedOutWhy = Literal["revoked", "replaced", "frozen", "expired"]
SIGNED_OUT_BY: Mapping[int, SignedOutWhy] = {4504: "revoked", 4511: "replaced", 4512: "frozen"}  # by close code


class SignedOut(ClientError):
    """The token is not (or no longer) accepted: log in again. The client has stopped.

    `why`: ended somewhere else, by another device of the same kind, by an administrator, or by time.
    """

    def __init__(self, close_code: int, reason: str, why: SignedOutWhy | None = None) -> None:
        super().__init__(f"{reason or 'signed out'} (close code {close_code})")
        self.close_code, self.reason = close_code, reason
        self.why: SignedOutWhy = why or SIGNED_OUT_BY.get(close_code, "expired")


class ConnectionRefused(ClientError):
    """The server closed for a reason that coming back will not mend (see `close_code`). The client has stopped."""

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(f"{reason or 'closed'} (close code {close_code})")
        self.close_code, self.reason = close_code, reason


class Unreachable(ClientError):
    """No connection within the time the caller gave."""

    retryable = True


class Closed(ClientError):
    """The client was closed before the answer came; whether the command was accepted is not known."""


class OutboxFull(ClientError):
    """More commands are waiting than `outbox_limit`: wait for some to be acked."""

    retryable = True
