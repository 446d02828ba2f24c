"""Every user's presence as it stands, so that an edge can tell it at once and then follow the topic `presence`.

Written by the inbox (`streams/inbox`) before it publishes the same; read by the edge. A user without a row was never seen.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from schemas.values import PresenceState
from store import cql
from store.cassandra import Store


class PresenceRow(Struct, frozen=True):
    """Presence from `at_ms` on. `last_seen_ms`: when the user was last online; `at_ms` itself while it is."""

    user: str
    state: PresenceState
    status: str
    last_seen_ms: int
    at_ms: int


class Presences:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, users: Iterable[str]) -> dict[str, PresenceRow]:
        """The rows of those that have one. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(users))
        parts = await self._store.execute_each(cql.PRESENCE, [(user,) for user in wanted])
        return {user: PresenceRow(user, *rows[0]) for user, rows in zip(wanted, parts, strict=True) if rows}

    async def put(self, rows: Sequence[PresenceRow]) -> None:
        """Write the rows; of a user's rows the one with the largest `at_ms` stays, in whatever order they are written.

        Raises: StoreUnavailable. Delivery: safe to repeat.
        """
        await self._store.execute_each(
            cql.PUT_PRESENCE, [(row.user, row.state, row.status, row.last_seen_ms, row.at_ms, row.at_ms) for row in rows]
        )
