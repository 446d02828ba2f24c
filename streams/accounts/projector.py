"""Account and admin events into rows, after the edge that wrote them or in its place. Called by the worker's Faust agent (role timelines).

The edge writes its rows itself, right after the event; what is written here is the same, so this heals what a dead edge left undone, and
makes every row anew when the topics are read from their beginning. Rows carry their event's time: order and repeats change nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from schemas.accounts import AccountEvent, AdminEvent, AdminEventBase, TenantRoleGiven, UserStateChanged
from schemas.codec import decode_account_event, decode_admin_event
from schemas.errors import Undecodable
from schemas.records import DeadLetter
from store.account_rows import AccountRows
from store.calls import CallTables
from store.cassandra import Store
from store.progress import note_progress
from store.tenancy import TenancyTables
from streams.timelines.patience import kept_trying
from streams.timelines.rows import Record, dead_letter, ends_of

ACCOUNT_EVENTS_TOPIC = "account-events"
ADMIN_EVENTS_TOPIC = "admin-events"
TOPICS = (ACCOUNT_EVENTS_TOPIC, ADMIN_EVENTS_TOPIC)
AT_ONCE = 16

DeadLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]
_log = structlog.get_logger("streams.accounts")


def read_event(record: Record) -> AccountEvent | AdminEvent | str:
    """The record's event, or why it is none."""
    try:
        return decode_account_event(record.value) if record.topic == ACCOUNT_EVENTS_TOPIC else decode_admin_event(record.value)
    except Undecodable as exc:
        return exc.reason


class AccountProjector:
    def __init__(self, store: Store, on_dead_letters: DeadLetters, clock_ms: Callable[[], int]) -> None:
        self._store, self._on_dead_letters, self._clock_ms = store, on_dead_letters, clock_ms
        self._rows, self._tenancy, self._calls = AccountRows(store), TenancyTables(store), CallTables(store)

    async def apply(self, records: Sequence[Record]) -> None:
        """On return the rows of all of them are durable, and their dead letters were handed over.

        Raises: what `on_dead_letters` raises. Blocks: on Cassandra, for as long as it is away; safe to cancel and to repeat.
        """
        turns = asyncio.Semaphore(AT_ONCE)
        letters: list[DeadLetter] = []

        async def one(record: Record) -> None:
            event = read_event(record)
            if isinstance(event, str):
                letters.append(dead_letter(record, event))
                return
            async with turns:
                await kept_trying("accounts", lambda: self._apply(event))

        await asyncio.gather(*(one(record) for record in records))
        if letters:
            await self._on_dead_letters(letters)
        await kept_trying("accounts", lambda: note_progress(self._store, ends_of(records)))

    async def _apply(self, event: AccountEvent | AdminEvent) -> None:
        if isinstance(event, AdminEventBase):
            await self._tenancy.apply(event)
            return
        if isinstance(event, TenantRoleGiven):
            await self._tenancy.apply(event)
        await self._rows.apply(event, self._clock_ms())
        if isinstance(event, UserStateChanged) and event.state == "deleted":
            await self._calls.forget(event.user, event.at_ms)
