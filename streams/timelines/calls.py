"""Records of ended calls into the lists of their users and conversations. Called by the worker's Faust agent (role timelines).

Rule: a user that was deleted gets no row, or a rebuild would bring back what was erased.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from rtc.record import call_record, timeline_entry
from schemas.call_events import CallRecorded, Event
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.records import DeadLetter
from store.accounts import Accounts
from store.call_rows import CallPlace, CallRow, rows_of
from store.calls import CallTables
from store.cassandra import Store
from store.progress import note_progress
from streams.timelines.patience import kept_trying
from streams.timelines.rows import Record, dead_letter, ends_of

CALL_EVENTS_TOPIC = "call-events"

DeadLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]
_log = structlog.get_logger("streams.timelines")


def read_call_event(record: Record) -> Event | DeadLetter | None:
    """None: a control record."""
    if record.key is None:
        return None
    try:
        return decode(record.value, Event)  # type: ignore[arg-type]
    except Undecodable as exc:
        return dead_letter(record, exc.reason)


def row_of(event: CallRecorded) -> CallRow:
    """The call as its conversation's list has it, with all of its parties."""
    return CallRow(
        call_id=event.call_id,
        conversation_id=event.conversation_id,
        call_kind=event.call_kind,
        media=event.media,
        caller=event.caller,
        outcome=timeline_entry(call_record(event)).outcome,
        reason=event.reason,
        requested_at_ms=event.requested_at_ms,
        answered_at_ms=event.answered_at_ms,
        connected_at_ms=event.connected_at_ms,
        ended_at_ms=event.ended_at_ms,
        ring_ms=event.ring_ms,
        talk_ms=event.talk_ms,
        parties=tuple(sorted(event.parties, key=lambda party: party.user)),
        parties_count=len(event.parties),
    )


class CallProjector:
    def __init__(self, store: Store, on_dead_letters: DeadLetters) -> None:
        self._store, self._on_dead_letters = store, on_dead_letters
        self._calls, self._accounts = CallTables(store), Accounts(store)

    async def apply(self, records: Sequence[Record]) -> None:
        """On return the rows of all of them are durable, and their dead letters were handed over.

        Raises: what `on_dead_letters` raises. Blocks: on Cassandra, for as long as it is away; safe to cancel and to repeat.
        """
        read = [read_call_event(record) for record in records]
        rows: dict[CallPlace, bytes] = {}
        for event in read:
            if isinstance(event, CallRecorded):
                rows |= rows_of(row_of(event))
        if rows:
            await kept_trying("calls", lambda: self._put(rows))
        if letters := [each for each in read if isinstance(each, DeadLetter)]:
            await self._on_dead_letters(letters)
        await kept_trying("calls", lambda: note_progress(self._store, ends_of(records)))

    async def _put(self, rows: Mapping[CallPlace, bytes]) -> None:
        users = {place.owner for place in rows if place.table == "calls_by_user"}
        gone = {user for user, state in (await self._accounts.states_of(users)).items() if state.state == "deleted"}
        await self._calls.put({place: value for place, value in rows.items() if place.table != "calls_by_user" or place.owner not in gone})
