"""Account and admin events into rows, after the edge that wrote them or in its place. Called by the worker's Faust agent (role timelines).

The edge writes its rows itself, right after the event; what is written here is the same, so this heals what a dead edge left undone, and
makes every row anew when the topics are read from their beginning. Rows carry their event's time: order and repeats change nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from schemas.accounts import AccountEvent, AdminEvent, AdminEventBase, TenantRoleGiven
from schemas.codec import decode_account_event, decode_admin_event
from schemas.errors import Undecodable
from schemas.records import DeadLetter
from store import cql
from store.account_rows import AccountRows
from store.cassandra import Store
from store.errors import StoreUnavailable
from store.tenancy import TenancyTables
from streams.timelines.rows import Record, dead_letter

ACCOUNT_EVENTS_TOPIC = "account-events"
ADMIN_EVENTS_TOPIC = "admin-events"
TOPICS = (ACCOUNT_EVENTS_TOPIC, ADMIN_EVENTS_TOPIC)
AT_ONCE = 16
RETRY_FIRST_S, RETRY_LONGEST_S = 0.1, 5.0

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
        self._rows, self._tenancy = AccountRows(store), TenancyTables(store)

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
                await self._kept_trying(lambda: self._apply(event))

        await asyncio.gather(*(one(record) for record in records))
        if letters:
            await self._on_dead_letters(letters)
        await self._kept_trying(lambda: self._note_progress(records))

    async def _apply(self, event: AccountEvent | AdminEvent) -> None:
        if isinstance(event, AdminEventBase):
            await self._tenancy.apply(event)
            return
        if isinstance(event, TenantRoleGiven):
            await self._tenancy.apply(event)
        await self._rows.apply(event, self._clock_ms())

    async def _note_progress(self, records: Sequence[Record]) -> None:
        ends = {(record.topic, record.partition): record.offset + 1 for record in records}
        await self._store.execute_each(cql.PUT_PROGRESS, [(*place, end, end) for place, end in ends.items()])

    async def _kept_trying(self, work: Callable[[], Awaitable[None]]) -> None:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                return await work()
            except StoreUnavailable as exc:
                _log.warning("accounts.store_unavailable", retry_s=wait_s, reason=str(exc)[:300])
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_LONGEST_S)
