"""A store and a projector on a real Cassandra, for the tests marked `real`."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from log.port import Record
from schemas.records import DeadLetter
from store.cassandra import Store
from store.schema import PRESENCE_TABLES, RECEIPT_TABLES, ROSTER_TABLES, SEARCH_TABLES, TABLES, TIMELINE_TABLES, ensure_tables
from store.settings import StoreSettings
from streams.timelines.projector import TimelineProjector

# What the projector writes of messages, and `privacy`: making all tables takes Cassandra several times as long.
PROJECTED = {**TIMELINE_TABLES, **SEARCH_TABLES, **RECEIPT_TABLES, **ROSTER_TABLES, **PRESENCE_TABLES, "privacy": TABLES["privacy"]}


@contextlib.asynccontextmanager
async def opened(address: str, keyspace: str, tables: Mapping[str, str] = PROJECTED, **settings: int | str) -> AsyncIterator[Store]:
    await ensure_tables(StoreSettings(address, keyspace), 1, tables)
    store = await Store.connect(StoreSettings(address, keyspace, connect_wait_ms=30_000, **settings))  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.close()


class Projection:
    """A projector that keeps its dead letters."""

    def __init__(self, store: Store) -> None:
        self.dead_letters: list[DeadLetter] = []
        self.projector = TimelineProjector(store, self._keep)

    async def _keep(self, letters: Sequence[DeadLetter]) -> None:
        self.dead_letters += letters

    async def apply(self, records: Sequence[Record], chunk_records: int = 100) -> None:
        for at in range(0, len(records), chunk_records):
            await self.projector.apply(records[at : at + chunk_records])
