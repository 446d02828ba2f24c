"""What `Client.events()` yields: one closed union."""

from dataclasses import dataclass
from typing import assert_never

from warbler import frames
from warbler.errors import SignedOutWhy
from warbler.frames import DeviceContent, EventItem, PresenceEntry, RosterEntry, WatermarkState, Welcome


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """The next event of a conversation: each once, in order, without a gap. `own`: this device caused it."""

    conversation: str
    event: EventItem
    own: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """These events will not come: damaged in the server's log, or from before the user came and not for newcomers."""

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
    """`user` got as far as `up_to_seq`; `up_to_ordinal` stands with `read`.

    Of the own user: what any of its devices marked, `unread` and `previewed` too.
    """

    conversation: str
    user: str
    state: WatermarkState
    up_to_seq: int
    up_to_ordinal: int = 0


@dataclass(frozen=True, slots=True)
class CountsSeen:
    """How many of the other members got as far as `seq`; follows `Client.watch_receipts`."""

    conversation: str
    seq: int
    members: int
    delivered: int
    read: int
    played: int


@dataclass(frozen=True, slots=True)
class PresenceSeen:
    """How these users are now; follows `Client.watch_presence`."""

    users: tuple[PresenceEntry, ...]


@dataclass(frozen=True, slots=True)
class RosterSeen:
    """The user's roster changed: these entries as of `version`. `invitations`: what it is invited or has applied to changed."""

    version: str
    entries: tuple[RosterEntry, ...]
    invitations: bool


@dataclass(frozen=True, slots=True)
class Signalled:
    """An ephemeral message: it has no seq, is in no history, and came only to who is here now."""

    conversation: str
    user: str
    id: str
    content: DeviceContent
    at_ms: int


@dataclass(frozen=True, slots=True)
class Moving:
    """The node is going to stop: the client comes back to another one within `after_ms`, and nothing is to be done."""

    after_ms: int


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


@dataclass(frozen=True, slots=True)
class SignedOutSeen:
    """Somebody ended this sign-in, and `why`; the last happening. The client does not come back: sign in again."""

    why: SignedOutWhy
    close_code: int
    reason: str


Happening = (
    TimelineEvent
    | Skipped
    | Unreadable
    | TypingSeen
    | ReceiptSeen
    | CountsSeen
    | PresenceSeen
    | RosterSeen
    | Signalled
    | Moving
    | Connected
    | Disconnected
    | SignedOutSeen
)
Told = frames.Receipt | frames.ReceiptCounts | frames.Signalled | frames.UserTyping | frames.Roster


def happening_of(frame: Told) -> Happening:
    """Frames that say something and change nothing here."""
    match frame:
        case frames.Receipt():
            return ReceiptSeen(frame.conversation, frame.user, frame.state, frame.up_to_seq, frame.up_to_ordinal)
        case frames.ReceiptCounts():
            return CountsSeen(frame.conversation, frame.seq, frame.members, frame.delivered, frame.read, frame.played)
        case frames.Signalled():
            return Signalled(frame.conversation, frame.user, frame.id, frame.content, frame.at_ms)
        case frames.UserTyping():
            return TypingSeen(frame.conversation, frame.user, frame.typing)
        case frames.Roster():
            return RosterSeen(frame.version, frame.entries, frame.invitations)
        case _:
            assert_never(frame)
