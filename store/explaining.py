"""Who could do what in a conversation, asked of its timeline: pages of events into a `Replay`.

Shell around `store.verdicts`; called by `warbler could`. The edge asks of its own pages, which are newer (`edge.people.could`).
"""

from typing import Protocol

from schemas.events import Event
from store.errors import TimelineGap
from store.verdicts import Action, Explained, Replay

PAGE_EVENTS = 500


class EventsTable(Protocol):
    """`store.timelines.Timelines`, what is used of it here."""

    async def read_events(self, conversation: str, from_seq: int, limit: int, head_seq: int | None = None) -> list[Event]: ...


async def explain(table: EventsTable, conversation: str, user: str, action: Action, at_ms: int) -> Explained:
    """Whether the user could do this at the time, and by which event, as far as the timeline is projected.

    Raises: TimelineGap where an event is missing, because nothing is sure after it; StoreUnavailable.
    """
    replay, next_seq = Replay(user, action, at_ms), 1
    while page := await table.read_events(conversation, next_seq, PAGE_EVENTS):
        for event in page:
            if event.seq != next_seq:
                raise TimelineGap(conversation, next_seq)
            if not replay.take(event):
                return replay.answer()
            next_seq += 1
    return replay.answer()
