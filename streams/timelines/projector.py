"""Records into Cassandra: decode and fold (`rows`, pure), write in unlogged batches, then the progress. Called by the worker's Faust agent.

Delivery: everything a chunk comes to is durable when `apply` returns; repeating a chunk, or part of it, changes nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import structlog
from cassandra.query import BatchStatement, BatchType, BoundStatement

from schemas.records import DeadLetter
from store.cassandra import Request, Store
from store.fact_tables import FactTables
from store.facts import ONLY, FactKey, is_public
from store.progress import progress_row
from store.public_groups import PublicGroups
from store.timelines import Timelines
from streams.timelines.patience import kept_trying
from streams.timelines.rows import Record, progress_writes, project
from streams.timelines.write import Write

BATCH_BYTES_LIMIT = 32 * 1024  # Cassandra refuses an unlogged batch of several partitions above 50 KiB unless told otherwise


class Batching(NamedTuple):
    """How writes are put together.

    Cassandra applies the partitions of a batch one by one, and with group commit each waits for the next sync (5 ms): 50 of them take
    250 ms, one per batch costs twice the CPU. Measured with 250 events of 100 conversations a chunk, us an event: 1 - 600, 8 - 230,
    50 - 320.
    Each batch in flight keeps a thread of Cassandra's waiting for the sync: more of them are not faster, they only spin afterwards.
    """

    rows: int = 50
    partitions: int = 8
    in_flight: int = 6


LIVE = Batching()

DeadLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]
_log = structlog.get_logger("streams.timelines")


class TimelineProjector:
    def __init__(self, store: Store, on_dead_letters: DeadLetters, batching: Batching = LIVE) -> None:
        self._store, self._batching = store, batching
        self._timelines, self._facts, self._public_groups = Timelines(store), FactTables(store), PublicGroups(store)
        self._on_dead_letters = on_dead_letters

    async def apply(self, records: Sequence[Record]) -> None:
        """Project a chunk; on return all its effects are durable, and its dead letters were handed over.

        Raises: what `on_dead_letters` raises; a bug of ours (a statement Cassandra refuses). A Cassandra that is away is waited for.
        Blocks: on Cassandra, for as long as it is away; safe to cancel and to repeat.
        """
        chunk = project(records)
        await self._write(chunk.writes)
        if chunk.dead_letters:
            await self._on_dead_letters(chunk.dead_letters)
        await kept_trying("timelines", lambda: self._list_public(chunk.public))
        await self._write(progress_writes(chunk, lambda topic: progress_row(self._store, topic)))

    async def _list_public(self, conversations: Iterable[str]) -> None:
        """Public groups by the words of their titles. Both are read: an event has one of them, and its own row is there by now."""
        for conversation in conversations:
            head = (await self._timelines.heads([conversation])).get(conversation)
            said = (await self._facts.of_group(conversation)).get(FactKey("settings", ONLY))
            if head is not None and is_public(said):
                await self._public_groups.put(head.title, conversation)

    async def _write(self, writes: Sequence[Write]) -> None:
        async def write() -> None:
            await self._store.execute_all(await self._requests(writes), self._batching.in_flight)

        await kept_trying("timelines", write)

    async def _requests(self, writes: Sequence[Write]) -> list[Request]:
        """The writes as unlogged batches: whole partitions, a few of one node in each."""
        partitions: dict[bytes, list[BoundStatement]] = {}
        for write in writes:
            bound = (await self._store.prepare(write.statement)).bind(write.values)
            partitions.setdefault(bound.routing_key, []).append(bound)
        by_node: dict[object, list[list[BoundStatement]]] = {}
        for rows in partitions.values():
            by_node.setdefault(self._store.replica_of(rows[0]), []).append(rows)
        return [_batch(part) for node in by_node.values() for part in _parts(node, self._batching)]


def _parts(partitions: Iterable[list[BoundStatement]], batching: Batching) -> Iterable[list[BoundStatement]]:
    """Cut into batches: at most so many partitions, rows and bytes in each."""
    part: list[BoundStatement] = []
    part_bytes, part_partitions = 0, 0
    for rows in partitions:
        if part_partitions == batching.partitions:
            yield part
            part, part_bytes, part_partitions = [], 0, 0
        part_partitions += 1
        for row in rows:
            row_bytes = sum(len(value) for value in row.values if isinstance(value, bytes))
            if part and (len(part) == batching.rows or part_bytes + row_bytes > BATCH_BYTES_LIMIT):
                yield part
                part, part_bytes, part_partitions = [], 0, 1
            part.append(row)
            part_bytes += row_bytes
    if part:
        yield part


def _batch(rows: list[BoundStatement]) -> Request:
    if len(rows) == 1:
        return rows[0], None
    batch = BatchStatement(batch_type=BatchType.UNLOGGED)
    for row in rows:
        batch.add(row)
    return batch, None
