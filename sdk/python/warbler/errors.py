"""One tree of errors: each says whose fault it is and whether the same call may succeed later."""


class ClientError(Exception):
    """Root of the SDK's errors. `retryable`: the same call may succeed later."""

    retryable = False


class Rejected(ClientError):
    """The server refused the command for good; `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str, conversation: str = "", retryable: bool = False) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.conversation, self.retryable = code, detail, conversation, retryable


class RequestFailed(ClientError):
    """A read (sync, history, directory) or a REST call could not be served."""

    def __init__(self, code: str, detail: str, retryable: bool, status: int = 0) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.retryable, self.status = code, detail, retryable, status


class SignedOut(ClientError):
    """The token is not (or no longer) accepted: log in again. The client has stopped."""

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(f"{reason or 'signed out'} (close code {close_code})")
        self.close_code, self.reason = close_code, reason


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
