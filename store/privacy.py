"""What a user wants others to see: receipts, presence. Written and read by the edge; changes are told in the topic account-events."""

from collections.abc import Iterable

from msgspec import Struct

from schemas.values import Visibility
from store import cql
from store.cassandra import Store


class Privacy(Struct, frozen=True):
    """`receipts` False: others do not hear of delivered, read and played. `presence`: who sees it; contacts share a direct one with it."""

    receipts: bool
    presence: Visibility
    at_ms: int = 0  # when the user chose it; 0: the default


class PrivacyTable:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, users: Iterable[str]) -> dict[str, Privacy]:
        """What they chose; users who never did are left out. Raises: StoreUnavailable."""
        wanted = list(dict.fromkeys(users))
        parts = await self._store.execute_each(cql.PRIVACY, [(user,) for user in wanted])
        return {user: Privacy(*rows[0]) for user, rows in zip(wanted, parts, strict=True) if rows}

    async def put(self, user: str, privacy: Privacy) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat; the one with the largest `at_ms` stays."""
        await self._store.execute(cql.PUT_PRIVACY, (user, privacy.receipts, privacy.presence, privacy.at_ms, privacy.at_ms))
