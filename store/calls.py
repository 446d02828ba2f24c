"""Ended calls by user and by conversation, newest first. Written by the projector, read by the edge; what a user has goes with the user."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from store import cql_calls as cql
from store.call_rows import CallPlace, CallRow, CallTable, month_of, unpacked
from store.cassandra import Store

MONTHS_AT_ONCE = 24
MONTHS_KNOWN_LIMIT = 100_000
END_OF_TIME_MS = 1 << 52


class CallTables:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._months_known: OrderedDict[tuple[str, int], None] = OrderedDict()  # written by us: all calls of a month need them once

    async def put(self, rows: Mapping[CallPlace, bytes]) -> None:
        """Durable when it returns, the months after the rows. Raises: StoreUnavailable. Delivery: safe to repeat, in any order."""
        for table, put in cql.PUT.items():
            own = [(place, value) for place, value in rows.items() if place.table == table]
            await self._store.execute_each(put, [(*place[1:], value, _stamp(place.ended_at_ms)) for place, value in own])
        months = {(place.owner, place.month): place.ended_at_ms for place in rows}
        new = [(*key, _stamp(at_ms)) for key, at_ms in months.items() if key not in self._months_known]
        await self._store.execute_each(cql.PUT_MONTH, new)
        self._know(months)

    def _know(self, months: Iterable[tuple[str, int]]) -> None:
        for month in months:
            self._months_known[month] = None
            self._months_known.move_to_end(month)
        while len(self._months_known) > MONTHS_KNOWN_LIMIT:
            self._months_known.popitem(last=False)

    async def page(self, table: CallTable, owner: str, before: tuple[int, str] | None, limit: int) -> list[CallRow]:
        """Calls that ended before the place `before` (None: all), newest first. Shape: at most `limit`; fewer: there are no more.

        Raises: StoreUnavailable.
        """
        at_ms, call_id = before or (END_OF_TIME_MS, "")
        found: list[CallRow] = []
        last = month_of(at_ms)
        while len(found) < limit:
            months = [row[0] for row in await self._store.execute(cql.MONTHS_UP_TO, (owner, last, MONTHS_AT_ONCE))]
            for month in months:
                rows = await self._store.execute(cql.BEFORE[table], (owner, month, at_ms, call_id, limit - len(found)))
                found += [unpacked(row[0]) for row in rows]
                if len(found) == limit:
                    return found
            if len(months) < MONTHS_AT_ONCE:
                return found
            last = months[-1] - 1
        return found

    async def forget(self, user: str, at_ms: int) -> None:
        """No row of a call that ended up to `at_ms` is in this user's list any more, nor comes back. Raises: StoreUnavailable."""
        stamp, last = _stamp(at_ms), month_of(at_ms)
        months = {last}
        while page := [row[0] for row in await self._store.execute(cql.MONTHS_UP_TO, (user, last, MONTHS_AT_ONCE))]:
            months.update(page)
            last = page[-1] - 1
        await self._store.execute_each(cql.DROP_OF_USER, [(stamp, user, month) for month in months])
        await self._store.execute(cql.DROP_MONTHS, (stamp, user))


def _stamp(at_ms: int) -> int:
    return at_ms * 1000
