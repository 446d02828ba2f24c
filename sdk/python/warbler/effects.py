"""What the core asks the shell to do: one closed union."""

from dataclasses import dataclass

from warbler.call_frames import CallAck, CallFromEdge
from warbler.errors import ClientError
from warbler.frames import Ack, DirectoryPage, FromDevice, HistoryPage, Page, Presence, ReceiptsPage
from warbler.happenings import Happening

Answer = Page | HistoryPage | DirectoryPage | ReceiptsPage | Presence


@dataclass(frozen=True, slots=True)
class Send:
    frame: FromDevice


@dataclass(frozen=True, slots=True)
class Emit:
    """For the application, in this order."""

    happening: Happening


@dataclass(frozen=True, slots=True)
class CallHeard:
    """For whoever follows calls, in this order."""

    frame: CallFromEdge


@dataclass(frozen=True, slots=True)
class Acked:
    """The command given under `key` is committed."""

    key: int
    ack: Ack | CallAck


@dataclass(frozen=True, slots=True)
class Answered:
    """The read given under `key` was served."""

    key: int
    page: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    key: int
    error: ClientError


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection; `on_lost` follows. With 1006 it is dead, and nobody is there to say goodbye to."""

    close_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Connect again after `delay_ms`; `new_token`: the old one is over."""

    delay_ms: int
    new_token: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """The client has ended with this error."""

    error: ClientError


Effect = Send | Emit | CallHeard | Acked | Answered | Failed | Drop | Reconnect | Stop
