"""A ring of one user: when a push is asked for it, what stops it, and when it is forgotten. Pure; time is an argument.

Rule 1: a ring that is over asks for nothing any more, whatever is repeated: it is remembered until nothing of it can come.
Rule 2: of one ring at most one push to ring is asked for, under the seq of the event that began it; after its deadline none is.
Rule 3: a ring in vain is told by a push unless a device had it and the user is there: then the device has seen it end.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from schemas.notices import RingNotified, RingSettled, RingState


@dataclass(frozen=True, slots=True)
class RingLimits:
    """`push_after_ms`: how long a live session has to report the ring; `keep_ms`: how long one that is over is remembered."""

    push_after_ms: int = 2_000
    keep_ms: int = 600_000
    rings_limit: int = 100  # of a user; the oldest makes room


@dataclass(frozen=True, slots=True)
class AskRing:
    """A push for the ring, or that it was in vain. `attempt`: the seq of the event that asks."""

    ring: RingState
    attempt: int
    missed: bool


@dataclass(frozen=True, slots=True)
class CancelRing:
    """The ring's push is needless; `replaced`: an `AskRing` about the same follows."""

    ring: RingState
    replaced: bool


RingAsk = AskRing | CancelRing


def rung(before: RingState | None, notified: RingNotified, absent: bool, now_ms: int, limits: RingLimits) -> RingState:
    """The ring as it begins, or begins again. Shape: unchanged by what is not newer than it."""
    if before is not None and notified.seq <= before.seq:
        return before
    return RingState(
        call_id=notified.call_id,
        conversation_id=notified.conversation_id,
        conversation_kind=notified.conversation_kind,
        caller=notified.caller,
        video=notified.video,
        phase="rung",
        rung_ms=notified.at_ms,
        rung_seq=notified.seq,
        seq=notified.seq,
        deadline_ms=notified.deadline_ms,
        push_ms=now_ms if absent else now_ms + limits.push_after_ms,
        pushed=False,
        forget_ms=max(notified.deadline_ms, now_ms) + limits.keep_ms,
    )


def settled(before: RingState, said: RingSettled, absent: bool) -> tuple[RingState, list[RingAsk]]:
    """After what became of it. Shape: unchanged by what is not newer than it, and once it is over."""
    if said.seq <= before.seq or before.phase == "over":
        return before, []
    if said.outcome == "delivered":
        return replace(before, phase="delivered", seq=said.seq), []
    in_vain = said.outcome == "missed" and (absent or before.pushed or before.phase == "rung")
    after = replace(before, phase="over", seq=said.seq)
    asks: list[RingAsk] = [CancelRing(before, replaced=in_vain)] if before.pushed else []
    return after, [*asks, AskRing(after, said.seq, missed=True)] if in_vain else asks


def reached(before: RingState, absent: bool, now_ms: int) -> tuple[RingState, list[RingAsk]]:
    """After what is due by now."""
    if not _waits(before, now_ms) or (now_ms < before.push_ms and not absent):
        return before, []
    after = replace(before, pushed=True)
    return after, [AskRing(after, before.rung_seq, missed=False)]


def next_ms(ring: RingState, now_ms: int) -> int:
    """When time alone changes something next."""
    return ring.push_ms if _waits(ring, now_ms) else ring.forget_ms


def _waits(ring: RingState, now_ms: int) -> bool:
    return ring.phase == "rung" and not ring.pushed and now_ms < ring.deadline_ms
