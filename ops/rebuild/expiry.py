"""What expired before a generation was begun is not in it either: the same events, performed on it. Called by `ops.rebuild.command`.

It may be done before the rows are written, for what is taken out bears a timestamp; so a device never reads in the new generation
what the old one had let go. What expires while the generation is there, the role `retention` takes out of all generations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from log.port import Log
from ops.reading import records_between
from schemas.codec import decode_retention_event
from schemas.errors import Undecodable
from schemas.partition import partition_of
from schemas.retention import ContentExpired
from store.cassandra import Store
from store.retention import Retention
from streams.retention.deciding import RETENTION_EVENTS
from streams.retention.keeper import TENANT, perform

PERFORMED_AT_ONCE = 200
RETAINED = "timelines"  # the projection that content expires from


async def take_out_expired(log: Log, store: Store) -> int:
    """How many spans were taken out. Raises: LogError, StoreUnavailable. Delivery: safe to repeat."""
    told: list[ContentExpired] = []
    count = 0
    async for event in _counting(log):
        told.append(event)
        count += 1
        if len(told) == PERFORMED_AT_ONCE:
            await perform(store, told)
            told = []
    await perform(store, told)
    return count


async def _counting(log: Log) -> AsyncIterator[ContentExpired]:
    """The events that count, as the keeper folds them: those that were decided knowing everything before them."""
    place = partition_of(TENANT.encode(), await log.partitions_count(RETENTION_EVENTS))
    state = Retention()
    begin, end = await log.start_offset(RETENTION_EVENTS, place), await log.end_offset(RETENTION_EVENTS, place)
    async for record in records_between(log, RETENTION_EVENTS, place, begin, end):
        try:
            event = decode_retention_event(record.value)
        except Undecodable:
            continue
        if isinstance(event, ContentExpired) and state.counts(event):
            yield event
        state = state.after(event)
