"""The epoch: which generation of the log the seqs belong to. Made once by `warbler up`, read by every edge.

A new epoch tells devices that their positions are worthless, so it is made only when the log is new.
"""

import uuid

import structlog

from store import cql
from store.cassandra import Store
from store.errors import TimelinesOfAnotherLog
from store.schema import PRESENCE_TABLES, RECEIPT_TABLES, TIMELINE_TABLES

_log = structlog.get_logger("store")


async def current_epoch(store: Store) -> str | None:
    """The epoch, or None before the first one was made. Raises: StoreUnavailable."""
    rows = await store.execute(cql.EPOCH)
    return str(rows[0][0]) if rows else None


async def ensure_epoch(store: Store, created: bool) -> str:
    """The epoch of the log; a new one if the topic conversation-events was `created` just now.

    Raises: TimelinesOfAnotherLog if it was, but the tables hold timelines of an older log (STORE_ON_NEW_LOG=truncate throws these away);
        StoreUnavailable.
    Delivery: safe to repeat; of two at once, one wins and both return its epoch.
    """
    epoch = await current_epoch(store)
    if epoch is None:
        return await _first(store)
    if not created:
        return epoch
    if await _has_timelines(store):
        if store.settings.on_new_log != "truncate":
            raise TimelinesOfAnotherLog(epoch)
        await _truncate(store)
        _log.warning("store.timelines_truncated", epoch=epoch, reason="the log is new")
    fresh = _new_epoch()
    rows = await store.execute(cql.CHANGE_EPOCH, (fresh, epoch))
    return fresh if rows[0][0] else str(await current_epoch(store))


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


async def _truncate(store: Store) -> None:
    for table in (*TIMELINE_TABLES, *RECEIPT_TABLES, *PRESENCE_TABLES):
        await store.execute(f"TRUNCATE {table}")
