"""A page of a conversation from two sources: rows of the timeline and events not projected yet. Pure.

The law, tested at every cut: pages followed by live events give every seq once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import Event
from schemas.values import Content
from store.views import placed


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Shape: `events` ascending; dense from the asked seq but for `missing`, damaged or expired. `more`: the end was not reached."""

    events: tuple[Event, ...]
    next_seq: int
    more: bool
    missing: tuple[int, ...] = ()


PAGE_BYTES_LIMIT = 256 * 1024  # a quarter of the default outbox: a device that catches up must not be cut off for its own pages
MISSING_LIMIT = 2_000  # named in one page; what expired may be very many in a row
ITEM_BYTES = 256  # about what an event or message takes on the wire besides its content


def item_bytes(content: Content | None) -> int:
    return ITEM_BYTES + (0 if content is None else len(content.body))


def page_of(
    rows: Iterable[Event], recent: Iterable[Event], from_seq: int, limit: int, bytes_limit: int = PAGE_BYTES_LIMIT, head_seq: int = 0
) -> EventsPage:
    """The events from `from_seq` on, at most `limit` and about `bytes_limit`, but at least one; a seq from both sources counts once.

    Shape: `rows` are what a read of at most `limit` events from `from_seq` gave; `recent` may be any of the conversation's newest.
    What is not there up to `head_seq` is missing.
    """
    by_seq = {event.seq: event for event in rows}
    full = len(by_seq) >= limit
    by_seq.update((event.seq, event) for event in recent if event.seq >= from_seq)
    events: list[Event] = []
    missing: list[int] = []
    next_seq = from_seq
    room_bytes = bytes_limit
    for seq in sorted(by_seq):
        if seq - next_seq > MISSING_LIMIT - len(missing):
            next_seq = _name(missing, next_seq, seq)
            break
        room_bytes -= item_bytes(getattr(by_seq[seq], "content", None))
        if len(events) == limit or (room_bytes < 0 and events):
            break
        missing.extend(range(next_seq, seq))
        events.append(by_seq[seq])
        next_seq = seq + 1
    more = len(by_seq) > len(events) or (full and len(events) == limit)
    if not more and next_seq <= head_seq:
        next_seq = _name(missing, next_seq, head_seq + 1)
        more = next_seq <= head_seq
    return EventsPage(tuple(events), next_seq, more, tuple(missing))


def _name(missing: list[int], from_seq: int, before_seq: int) -> int:
    """Adds as many as a page may name; the first one that is not named."""
    before_seq = min(before_seq, from_seq + MISSING_LIMIT - len(missing))
    missing.extend(range(from_seq, before_seq))
    return before_seq


def leaving_in(events: Iterable[Event], user: str) -> int | None:
    """The seq at which the user left and did not come back in these events; None if there is none."""
    left_seq: int | None = None
    for event in events:
        for who, _, active in placed(event):
            if who == user:
                left_seq = None if active else event.seq
    return left_seq


def cut_after(page: EventsPage, seq: int) -> EventsPage:
    """The page up to `seq`, as the last one."""
    events = tuple(event for event in page.events if event.seq <= seq)
    return EventsPage(events, seq + 1, False, tuple(each for each in page.missing if each <= seq))
