"""Who writes a generation that is being built: the projectors of the role timelines, in larger batches, without what reaches others.

Nothing here publishes: a damaged record was buried by the live projector, and devices, inboxes and push services hear of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.accounts import AdminEventBase, PolicyChanged, TenantRoleDefined, TenantRoleDropped, TenantRoleGiven
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.records import DeadLetter, PresenceChanged
from store.account_rows import writes_of
from store.cassandra import Store
from store.generations import projection_written
from store.presence import PresenceRow, Presences
from store.progress import note_progress
from store.tenancy import TenancyTables
from streams.accounts.projector import read_event
from streams.timelines.calls import CallProjector
from streams.timelines.patience import kept_trying
from streams.timelines.projector import Batching, TimelineProjector
from streams.timelines.rows import Record, ends_of

# Nobody waits for a single row here. As many batches are under way as Cassandra has threads, because each waits for the sync of its
# commit log: 200,000 events with 22,000 users (bench `rebuild`, two cores) 5,200 and 7,000 a second with 8 threads and 16 batches,
# 11,600 and 10,400 with 32 of each, by turns.
BATCHING = Batching(rows=100, partitions=4, in_flight=32)


class Writer(Protocol):
    async def apply(self, records: Sequence[Record]) -> None:
        """On return the rows of all of them are durable, and that is noted. Safe to repeat."""
        ...


class Damaged:
    """Counts the records that cannot be decoded."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self, letters: Sequence[DeadLetter]) -> None:
        self.count += len(letters)


def writer_of(projection: str, store: Store, damaged: Damaged, clock_ms: Callable[[], int]) -> Writer:
    """`store`: at the generation that is built, without mirrors."""
    match projection:
        case "calls":
            return CallProjector(store, damaged.take)
        case "presence":
            return PresenceWriter(store, damaged)
        case "accounts":
            return AccountsWriter(store, damaged, clock_ms)
        case _:
            return TimelineProjector(store, damaged.take, BATCHING)


class PresenceWriter:
    """The last presence of each user, from the topic that keeps it."""

    def __init__(self, store: Store, damaged: Damaged) -> None:
        self._store, self._presences, self._damaged = store, Presences(store), damaged

    async def apply(self, records: Sequence[Record]) -> None:
        rows: dict[str, PresenceRow] = {}
        for record in records:
            if record.value is None or record.key == b"#writer":
                continue
            try:
                event = decode(record.value, PresenceChanged)
            except Undecodable:
                self._damaged.count += 1
                continue
            row = PresenceRow(event.user, event.state, event.status, event.last_seen_ms, event.at_ms)
            rows[event.user] = max(rows.get(event.user, row), row, key=lambda each: each.at_ms)
        await kept_trying("rebuild", lambda: self._presences.put(list(rows.values())))
        await kept_trying("rebuild", lambda: note_progress(self._store, ends_of(records)))


class AccountsWriter:
    """What account and admin events say in the tables of the projection; what they do to others (tokens, families) was done once."""

    def __init__(self, store: Store, damaged: Damaged, clock_ms: Callable[[], int]) -> None:
        self._store, self._damaged, self._clock_ms = store, damaged, clock_ms
        self._tenancy = TenancyTables(store)

    async def apply(self, records: Sequence[Record]) -> None:
        by_statement: dict[str, list[tuple[object, ...]]] = {}
        tenancy: list[TenantRoleDefined | TenantRoleDropped | TenantRoleGiven | PolicyChanged] = []
        for record in records:
            event = read_event(record)
            if isinstance(event, str):
                self._damaged.count += 1
                continue
            if isinstance(event, TenantRoleDefined | TenantRoleDropped | TenantRoleGiven | PolicyChanged):
                tenancy.append(event)
            if not isinstance(event, AdminEventBase):
                for statement, values in writes_of(event, self._clock_ms()):
                    if projection_written(statement) == "accounts":
                        by_statement.setdefault(statement, []).append(values)

        async def write() -> None:
            for statement, each in by_statement.items():
                await self._store.execute_each(statement, each)
            for event in tenancy:
                await self._tenancy.apply(event)
            await note_progress(self._store, ends_of(records))

        await kept_trying("rebuild", write)
