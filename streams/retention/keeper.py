"""Follows `retention-events`: knows what holds, and takes out of the tables what expired. Called by the role and by `warbler retention`.

Delivery: what an event that counts takes away is gone from the tables before the progress says so; doing it again changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from log.dead_letters import dead_letter
from log.port import Entry, Log, Record
from schemas.codec import decode_retention_event
from schemas.errors import Undecodable
from schemas.partition import partition_of
from schemas.retention import ContentExpired
from store import cql
from store.cassandra import Store
from store.expiry import statements_of
from store.generations import FIRST
from store.retention import Retention
from streams.retention.deciding import RETENTION_EVENTS
from streams.timelines.patience import kept_trying

READ_RECORDS = 2_000
TENANT = "default"
CONSUMER = "streams.retention"
TIMELINES = "timelines"  # the projection

Bury = Callable[[Sequence[Entry]], Awaitable[None]]
_log = structlog.get_logger("streams.retention")


class Keeper:
    """`state`: what holds as far as the topic was read. `on_dead_letters` hears of a poison record once it is this keeper's turn."""

    def __init__(self, log: Log, store: Store, on_dead_letters: Bury) -> None:
        self._log, self._store, self._bury = log, store, on_dead_letters
        self._reading = asyncio.Lock()
        self._partition: int | None = None
        self._next_offset, self._applied = 0, 0
        self.state = Retention()
        self.records = self.expired_count = self.void_count = 0

    async def place(self) -> int:
        """The partition of the tenant. Raises: LogError."""
        if self._partition is None:
            self._partition = partition_of(TENANT.encode(), await self._log.partitions_count(RETENTION_EVENTS))
        return self._partition

    async def follow(self, *, apply: bool = True) -> None:
        """Everything that is in the topic now is known, and performed if `apply`. Raises: LogError, StoreUnavailable."""
        async with self._reading:
            place = await self.place()
            if self._next_offset == 0:
                self._next_offset = await self._log.start_offset(RETENTION_EVENTS, place)
                progress = await self._store.execute(cql.PROGRESS, (RETENTION_EVENTS,))
                self._applied = next((offset for partition, offset in progress if partition == place), 0)
            while records := await self._log.read(RETENTION_EVENTS, place, self._next_offset, READ_RECORDS):
                await self._take(records, apply)
                self._next_offset = records[-1].offset + 1

    async def _take(self, records: Sequence[Record], apply: bool) -> None:
        told: list[ContentExpired] = []
        letters: list[Entry] = []
        for record in records:
            fresh = record.offset >= self._applied
            try:
                event = decode_retention_event(record.value)
            except Undecodable as exc:
                letters += [dead_letter(record, exc.reason, CONSUMER, record.timestamp_ms)] if fresh else []
                continue
            if isinstance(event, ContentExpired):
                told += [event] if fresh and self._counts(event) else []
            self.state = self.state.after(event)
        self.records += len(records)
        if apply and records[-1].offset >= self._applied:
            await self._perform(told, letters, records[-1])

    def _counts(self, event: ContentExpired) -> bool:
        counts = self.state.counts(event)
        self.void_count += not counts
        return counts

    async def _perform(self, told: Sequence[ContentExpired], letters: Sequence[Entry], last: Record) -> None:
        await kept_trying("retention", lambda: self._take_out(told))
        if letters:
            await self._bury(letters)
        end = last.offset + 1
        await kept_trying("retention", lambda: _noted(self._store, last.partition, end))
        self._applied = end
        self.expired_count += sum(event.messages_count for event in told)
        if told:
            _log.info("content expired", spans=len(told), messages=sum(event.messages_count for event in told))

    async def _take_out(self, told: Sequence[ContentExpired]) -> None:
        """Of every generation of the timelines, also one that is being built."""
        for number in self._store.place.known.get(TIMELINES, (FIRST,)):
            await perform(self._store.at({TIMELINES: number}, mirrors=False), told)


async def perform(store: Store, told: Sequence[ContentExpired]) -> None:
    """Takes out what these events say. Raises: StoreUnavailable. Delivery: safe to repeat, also before the rows are written."""
    requests = [(await store.prepare(text), values) for event in told for text, values in statements_of(event)]
    await store.execute_all(requests)


async def _noted(store: Store, partition: int, end: int) -> None:
    await store.execute(cql.PUT_PROGRESS, (RETENTION_EVENTS, partition, end, end))
