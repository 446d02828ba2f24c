"""The edge's errors: each says what the device hears."""

from edge.closing import CloseCode
from log.errors import LogUnavailable
from schemas.errors import WarblerError
from store.errors import StoreUnavailable


class BadCommand(WarblerError):
    """A command that cannot be published: the device gets `reject` with this code."""

    def __init__(self, code: str, detail: str, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.code, self.detail, self.retry_after_ms = code, detail, retry_after_ms
        self.retryable = retry_after_ms > 0


class BadRequest(WarblerError):
    """A request that cannot be served: the device gets `error` with this code."""

    def __init__(self, code: str, detail: str, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.code, self.detail, self.retry_after_ms = code, detail, retry_after_ms
        self.retryable = retry_after_ms > 0


class PushRefused(WarblerError):
    """A push token or a ticket that is not taken; the code stands in the answer, or in `welcome.push`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class UnknownMessage(WarblerError):
    """There is no message with this seq."""


class SessionEnded(WarblerError):
    """The session must be closed with this code."""

    def __init__(self, close: CloseCode) -> None:
        super().__init__(close.reason)
        self.close = close


class TooBusy(WarblerError):
    """Too many devices come at once: the device gets `error{busy}` with the time to come again, and is closed with 4010."""

    retryable = True

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("too many devices come at once")
        self.retry_after_ms = retry_after_ms


class BadToken(WarblerError):
    """The access token is forged, malformed or of another issuer."""


class ExpiredToken(WarblerError):
    """The access token was ours and is over."""


def detail_of(exc: WarblerError) -> str:
    """What a peer is told of it. Of a log or rows that are away no more than that: what client libraries say is the operators' matter."""
    if isinstance(exc, StoreUnavailable):
        return "the rows cannot be reached: try again"
    if isinstance(exc, LogUnavailable):
        return "the log cannot be reached: try again"
    return str(exc)
