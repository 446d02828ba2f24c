"""Second factors of users: what the edge checks them with, sealed by it. Called by `edge.people`.

The state follows the topic `account-events` (`store.account_rows`): a factor is pending until its event was written into the row.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.accounts import FactorKind
from store import cql
from store.cassandra import Store


@dataclass(frozen=True, slots=True)
class Factor:
    """`sealed` is empty once it was removed."""

    factor: str
    kind: FactorKind
    name: str
    sealed: bytes
    state: Literal["pending", "added", "removed", "used_up"]
    added_at_ms: int


class Factors:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_user(self, user: str) -> list[Factor]:
        """Those that count, oldest first. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.FACTORS, (user,))
        found = [Factor(factor, kind, name or "", bytes(sealed or b""), state, at or 0) for factor, kind, name, sealed, state, at in rows]
        return sorted((each for each in found if each.state == "added" and each.sealed), key=lambda each: (each.added_at_ms, each.factor))

    async def put_pending(self, user: str, factor: Factor) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat, and after the event too: the newer state stays."""
        values = (user, factor.factor, factor.kind, factor.name, factor.sealed, factor.added_at_ms, factor.added_at_ms)
        await self._store.execute(cql.PUT_FACTOR, values)
