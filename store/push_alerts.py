"""What devices were alerted of: the outbox's memory. Written by the push worker after a vendor's answer; a row expires by itself."""

from collections.abc import Sequence

from store import cql_alerts as cql
from store.cassandra import Store
from store.pushing import AlertRow

KEEP_S = 7 * 86_400  # as long as push-requests are kept


class AlertTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, rows: Sequence[AlertRow]) -> None:
        """Durable when it returns. Raises: StoreUnavailable. Delivery: safe to repeat; of one place the largest `at_ms` stays."""
        await self._store.execute_each(cql.PUT_ALERTED, [values(row) for row in rows])


def values(row: AlertRow) -> tuple[object, ...]:
    one = row.alerted
    return (row.user, row.subject, one.device, one.channel, one.to_seq, one.attempt, one.shown, one.at_ms, KEEP_S, one.at_ms * 1000)
