"""Rows of counts of pushes: written by the worker's role push, read for administrators."""

from collections.abc import Sequence

from store import cql_push_campaigns as cql
from store.cassandra import Store
from store.push_counts import HOUR_MS, Counts, campaign_scope, counts_text, hour_scope, read_counts, summed

HOURS_LIMIT = 24 * 14


class CountRows:
    """`epoch`: of the log that they count; the rows of another one say nothing about this."""

    def __init__(self, store: Store, epoch: str) -> None:
        self._store, self._epoch = store, epoch

    async def of_campaign(self, campaign: str) -> Counts:
        """Raises: StoreUnavailable."""
        return await self._sum([campaign_scope(campaign)])

    async def of_hours(self, now_ms: int, hours: int) -> Counts:
        """Of the hour that is running and those before it. Raises: StoreUnavailable."""
        last = now_ms // HOUR_MS
        return await self._sum([hour_scope(hour) for hour in range(last - min(hours, HOURS_LIMIT) + 1, last + 1)])

    async def _sum(self, scopes: Sequence[str]) -> Counts:
        found = await self._store.execute_each(cql.COUNTS, [(scope, self._epoch) for scope in scopes])
        return summed(read_counts(text) for rows in found for _, text, _ in rows)

    async def of_partition(self, scope: str, partition: int) -> tuple[Counts, int]:
        """What the row says, and the offset up to which it counts. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.COUNTS_OF_PARTITION, (scope, self._epoch, partition))
        return (read_counts(rows[0][0]), int(rows[0][1])) if rows else (Counts(), 0)

    async def put(self, rows: Sequence[tuple[str, int, Counts, int, int]]) -> None:
        """Scope, partition, counts, next offset, seconds to keep (0: for ever). Raises: StoreUnavailable. Delivery: safe to repeat."""
        values = [
            (scope, self._epoch, partition, counts_text(counts), next_offset, next_offset, keep_s)
            for scope, partition, counts, next_offset, keep_s in rows
        ]
        await self._store.execute_each(cql.PUT_COUNTS, values)
