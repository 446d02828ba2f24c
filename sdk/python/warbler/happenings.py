"""What `Client.events()` yields: one closed union."""

from dataclasses import dataclass

from warbler.frames import EventItem, WatermarkState, Welcome


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """The next event of a conversation: each once, in order, without a gap. `own`: this device caused it."""

    conversation: str
    event: EventItem
    own: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """These events are damaged in the server's log and will not come."""

    conversation: str
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The conversation cannot be read any more (for example: no longer a member)."""

    conversation: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class TypingSeen:
    conversation: str
    user: str
    typing: bool


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """`user` got as far as `up_to_seq`: delivered, read or played. `up_to_ordinal` stands with `read`."""

    conversation: str
    user: str
    state: WatermarkState
    up_to_seq: int
    up_to_ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """Shape: `welcome.epoch_changed` means that earlier positions are void: read histories again."""

    welcome: Welcome


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The client comes back by itself after `retry_in_ms`."""

    close_code: int
    reason: str
    retry_in_ms: int


Happening = TimelineEvent | Skipped | Unreadable | TypingSeen | ReceiptSeen | Connected | Disconnected
