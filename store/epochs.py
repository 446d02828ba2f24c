"""The epoch: which generation of the log the seqs belong to, and whether the log is still the one that the tables are of.

A new epoch tells devices that their positions are worthless, so it is made only when the log is new, or another one: restored from a
backup, or of another cluster. Made by `ops.provision`; read and watched by every edge and projector. Source: docs/decisions/0013.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from schemas.errors import WarblerError
from store import cql
from store.cassandra import Store
from store.errors import AnotherLog, TimelinesOfAnotherLog
from store.progress import progress_of
from store.schema import PRESENCE_TABLES, RECEIPT_TABLES, ROSTER_TABLES, SEARCH_TABLES, TIMELINE_TABLES

EVENTS = "conversation-events"
WATCH_S = 5.0

_log = structlog.get_logger("store")


class LogEnds(Protocol):
    """What is asked of a log here; `log.port.Log` has it."""

    async def partitions_count(self, topic: str) -> int: ...

    async def end_offset(self, topic: str, partition: int) -> int: ...


async def current_epoch(store: Store) -> str | None:
    """The epoch, or None before the first one was made. Raises: StoreUnavailable."""
    return await _value(store, "log")


async def _value(store: Store, name: str) -> str | None:
    rows = await store.execute(cql.EPOCH, (name,))
    return str(rows[0][0]) if rows else None


async def _nothing() -> None: ...


async def ensure_epoch(store: Store, another: str | None, rewind: Callable[[], Awaitable[None]] = _nothing) -> str:
    """The epoch of the log; a new one if the log is `another` than before (the reason says why it must be).

    `rewind` sets the projector's group to the log's beginning. It comes first and the progress goes last: after a crash anywhere in
    between, the next call finds the same reason again and does everything once more.
    Raises: TimelinesOfAnotherLog if the tables hold timelines of the older log (STORE_ON_NEW_LOG=truncate throws these away);
        StoreUnavailable; what `rewind` raises.
    Delivery: safe to repeat; of two at once, one wins and both return its epoch.
    """
    epoch = await current_epoch(store)
    if epoch is None:
        return await _first(store)
    if another is None:
        return epoch
    stale = await _has_timelines(store)
    if stale and store.settings.on_new_log != "truncate":
        raise TimelinesOfAnotherLog(epoch, another)
    await rewind()
    if stale:
        stale_tables = (*TIMELINE_TABLES, *SEARCH_TABLES, *RECEIPT_TABLES, *ROSTER_TABLES, *PRESENCE_TABLES)
        await _truncate(store, [table for table in stale_tables if table != "progress"])
        _log.warning("store.timelines_truncated", epoch=epoch, reason=another)
    fresh = _new_epoch()
    rows = await store.execute(cql.CHANGE_EPOCH, (fresh, epoch))
    await _truncate(store, ["progress"])
    return fresh if rows[0][0] else str(await current_epoch(store))


async def why_another(store: Store, log: LogEnds, cluster: str = "") -> str | None:
    """Why the log cannot be the one that the tables are of; None if it can be. `cluster`: Kafka's id, where it is known.

    Only conversation-events counts: seqs are made there, and the other topics can be made anew or are passing.
    Raises: StoreUnavailable; what the log raises.
    """
    known = await _value(store, "cluster") if cluster else None
    if known not in (None, cluster):
        return f"the Kafka cluster is {cluster}, and was {known}"
    for partition, offset in sorted((await _furthest(store)).items()):
        if partition >= await log.partitions_count(EVENTS):
            return f"{EVENTS} has no partition {partition}"
        end = await log.end_offset(EVENTS, partition)
        if end < offset:
            return f"{EVENTS}-{partition} ends at offset {end}, and was read up to {offset}"
    return None


async def _furthest(store: Store) -> Mapping[int, int]:
    """Up to where each partition was certainly there: projected, or given to devices by an edge."""
    offsets = dict(await progress_of(store, EVENTS))
    for partition, offset in await store.execute(cql.PROGRESS, (_seen(await current_epoch(store)),)):
        offsets[partition] = max(offset, offsets.get(partition, 0))
    return offsets


def _seen(epoch: str | None) -> str:
    return f"seen in {epoch}"  # with the epoch: an edge that has not noticed a new one must not speak of it


async def note_seen(store: Store, epoch: str, offsets: Mapping[int, int]) -> None:
    """The edge has read the events up to these offsets; they only rise. Raises: StoreUnavailable."""
    await store.execute_each(cql.PUT_PROGRESS, [(_seen(epoch), partition, offset, offset) for partition, offset in offsets.items()])


async def note_cluster(store: Store, cluster: str) -> None:
    """Raises: StoreUnavailable."""
    await store.execute(cql.PUT_CLUSTER, (cluster,))


async def watch_epoch(store: Store, log: LogEnds, epoch: str | None) -> None:
    """Ends only with AnotherLog: the epoch is not `epoch` any more, or the log is not the one that the tables are of.

    The second is believed only when it is found twice in a row. Whoever hears it ends the process: nothing that it remembers is true.
    """
    suspected: str | None = None
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            now = await current_epoch(store)
            reason = await why_another(store, log)
        except WarblerError as exc:
            if not exc.retryable:
                raise
            continue
        if epoch is not None and now != epoch:
            raise AnotherLog(f"the epoch is {now}, and was {epoch}")
        if reason is not None and suspected is not None:
            raise AnotherLog(reason)
        epoch, suspected = now, reason


async def wait_for_same_log(store: Store, log: LogEnds) -> str | None:
    """The epoch, once the log can be the one that the tables are of; until then says why it cannot, and what to do."""
    while True:
        try:
            epoch, reason = await current_epoch(store), await why_another(store, log)
        except WarblerError as exc:
            if not exc.retryable:
                raise
            reason = str(exc)
        if reason is None:
            return epoch
        _log.warning("store.not_the_same_log", reason=reason, remedy="stop all edges and workers, then run `warbler init`, which says more")
        await asyncio.sleep(WATCH_S)


def _new_epoch() -> str:
    return f"e-{uuid.uuid4().hex}"


async def _first(store: Store) -> str:
    fresh = _new_epoch()
    rows = await store.execute(cql.ADD_EPOCH, (fresh,))
    return fresh if rows[0][0] else str(await current_epoch(store))


async def _has_timelines(store: Store) -> bool:
    for table in TIMELINE_TABLES:
        if await store.execute(f"SELECT * FROM {table} LIMIT 1"):
            return True
    return False


async def _truncate(store: Store, tables: list[str]) -> None:
    for table in tables:
        await store.execute(f"TRUNCATE {table}")
