"""A page of a conversation from two sources: rows of the timeline and events not projected yet. Pure.

The law, tested at every cut: pages followed by live events give every seq once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import Event


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Shape: `events` ascending; dense from the asked seq but for `missing`. `more`: the end was not reached."""

    events: tuple[Event, ...]
    next_seq: int
    more: bool
    missing: tuple[int, ...] = ()


def page_of(rows: Iterable[Event], recent: Iterable[Event], from_seq: int, limit: int) -> EventsPage:
    """The events from `from_seq` on, at most `limit`; the same seq from both sources counts once.

    Shape: `rows` are what a read of at most `limit` events from `from_seq` gave; `recent` may be any of the conversation's newest.
    """
    by_seq = {event.seq: event for event in rows}
    full = len(by_seq) >= limit
    by_seq.update((event.seq, event) for event in recent if event.seq >= from_seq)
    events: list[Event] = []
    missing: list[int] = []
    next_seq = from_seq
    for seq in sorted(by_seq):
        if len(events) == limit:
            break
        missing.extend(range(next_seq, seq))
        events.append(by_seq[seq])
        next_seq = seq + 1
    more = len(by_seq) > len(events) or (full and len(events) == limit)
    return EventsPage(tuple(events), next_seq, more, tuple(missing))
