"""What a session that reads too slowly is still written: less with every rung, and never a silent gap. Pure.

Rule 1: answers (ack, reject, welcome, pages asked for, errors, pong) are always written; only the end of the connection loses them, and
the device knows of that. Rule 2: an ephemeral frame may be lost at any time, so it goes first. Rule 3: a receipt is a watermark: of each
conversation, user and state one is kept until there is room. Rule 4: events that are dropped are remembered by their conversation's first
seq, told by `resync`, and until then no later event of the conversation is written.
Called by `edge.wire`, which performs.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edge import frames
from edge.call_frames import CallSpeaking

# Parts of EDGE_OUTBOX_BYTES_LIMIT. A quarter is a page (edge.merge.PAGE_BYTES_LIMIT) of the default: a device that catches up has as much
# under way, and is not slow. The last quarter is kept for answers, so that who asks is not cut off because others talk.
EPHEMERAL_PART, RECEIPTS_PART, EVENTS_PART = 0.25, 0.5, 0.75
HELD_BYTES = 256  # about what a remembered receipt or conversation takes here; they count as outbox
RELEASED_AT_ONCE = 500  # some 50 KB: the next ones when those were read


class Kind(enum.Enum):
    ANSWER = enum.auto()
    EPHEMERAL = enum.auto()
    RECEIPT = enum.auto()
    EVENTS = enum.auto()


class Verdict(enum.Enum):
    WRITE = "written"
    DROPPED = "ephemeral_dropped"  # the values are the labels of the metric
    HELD = "receipt_held"
    RESYNC = "events_dropped"  # told later by `resync`


KINDS: Mapping[type[frames.FromEdge], Kind] = {
    frames.UserTyping: Kind.EPHEMERAL,
    frames.Signalled: Kind.EPHEMERAL,
    frames.ReceiptCounts: Kind.EPHEMERAL,
    CallSpeaking: Kind.EPHEMERAL,
    frames.Receipt: Kind.RECEIPT,
    frames.Events: Kind.EVENTS,
}


def kind_of(frame: frames.FromEdge) -> Kind:
    if isinstance(frame, frames.Presence):
        return Kind.ANSWER if frame.request else Kind.EPHEMERAL
    return KINDS.get(type(frame), Kind.ANSWER)


@dataclass(slots=True)
class Ladder:
    """`held`: (conversation, user, state) -> the receipt to tell; `dropped`: conversation -> the first seq that was not written."""

    limit_bytes: int
    held: dict[tuple[str, str, str], frames.Receipt] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def held_bytes(self) -> int:
        return (len(self.held) + len(self.dropped)) * HELD_BYTES

    def judge(self, frame: frames.FromEdge, used_bytes: int) -> Verdict:
        """What becomes of the frame. `used_bytes`: what the outbox would hold with it."""
        part = (used_bytes + self.held_bytes) / self.limit_bytes
        match kind_of(frame):
            case Kind.EPHEMERAL if part > EPHEMERAL_PART:
                return Verdict.DROPPED
            case Kind.RECEIPT:
                assert isinstance(frame, frames.Receipt)
                return self._receipt(frame, part)
            case Kind.EVENTS:
                assert isinstance(frame, frames.Events)
                return self._events(frame, part)
            case _:
                return Verdict.WRITE

    def _receipt(self, receipt: frames.Receipt, part: float) -> Verdict:
        key = (receipt.conversation, receipt.user, receipt.state)
        before = self.held.get(key)
        if before is None and part <= RECEIPTS_PART:
            return Verdict.WRITE
        # several devices of a user are apart: the furthest counts, but of `unread`, which may be taken back, the last
        if before is None or receipt.state == "unread" or receipt.up_to_seq >= before.up_to_seq:
            self.held[key] = receipt
        return Verdict.HELD

    def _events(self, frame: frames.Events, part: float) -> Verdict:
        if frame.conversation not in self.dropped:
            if part <= EVENTS_PART:
                return Verdict.WRITE
            self.dropped[frame.conversation] = frame.events[0].seq
        # an event that is written again may be older than those that were dropped
        self.dropped[frame.conversation] = min(self.dropped[frame.conversation], frame.events[0].seq)
        return Verdict.RESYNC

    def release(self, limit: int = RELEASED_AT_ONCE) -> Iterator[frames.FromEdge]:
        """There is room: what has waited, at most `limit` frames."""
        for _ in range(min(limit, len(self.dropped))):
            conversation = next(iter(self.dropped))
            yield frames.Resync(conversation, self.dropped.pop(conversation))
        for _ in range(min(limit, len(self.held))):
            yield self.held.pop(next(iter(self.held)))

    @property
    def holds(self) -> bool:
        return bool(self.held or self.dropped)


@dataclass(slots=True)
class Age:
    """How long bytes have been lying in an outbox, from counts alone: no time is kept with each write."""

    mark_bytes: int = 0  # of all that was ever written, as far as it was written at `mark_mono_ms`
    mark_mono_ms: float = 0.0

    def look(self, now_mono_ms: float, written_bytes: int, unsent_bytes: int) -> float:
        """For how many ms at least the oldest unsent byte has been waiting; at most twice as long, if one looks often."""
        if written_bytes - unsent_bytes >= self.mark_bytes:
            self.mark_bytes, self.mark_mono_ms = written_bytes, now_mono_ms
            return 0.0
        return now_mono_ms - self.mark_mono_ms
