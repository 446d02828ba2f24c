"""Short-lived values that change by compare-and-set: codes, challenges, states, counts of wrong guesses. Called by `edge.people`.

A slip that somebody could have changed meanwhile is never written over: of two who want to use one up, one succeeds. Nothing in
here is needed after its time, and Cassandra forgets it by itself.
"""

from dataclasses import dataclass

from store import cql
from store.cassandra import Store


@dataclass(frozen=True, slots=True)
class Slip:
    """`version` counts the changes, from 1; a slip that is not there has version 0 and no value."""

    value: bytes = b""
    version: int = 0


class Slips:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> Slip:
        """Raises: StoreUnavailable. What another changes at this moment may be missing: then a `swap` that saw this fails."""
        rows = await self._store.execute(cql.SLIP, (key,))
        return Slip(bytes(rows[0][0]), rows[0][1]) if rows and rows[0][1] is not None else Slip()

    async def swap(self, key: str, seen: Slip, value: bytes, keep_s: int) -> bool:
        """Write `value` if the slip is still as it was `seen`; False: somebody was faster.

        Units: `keep_s` 0 keeps it for ever. Raises: StoreUnavailable; whether it was written is then not known.
        """
        # an UPDATE also for the first, because an INSERT would mark the row as there for a time of its own
        rows = await self._store.execute(cql.SWAP_SLIP, (keep_s, value, seen.version + 1, key, seen.version or None))
        return bool(rows[0][0])

    async def put_new(self, key: str, value: bytes, keep_s: int) -> bool:
        """False where there is one. Raises: StoreUnavailable."""
        return await self.swap(key, Slip(), value, keep_s)

    async def take(self, key: str, keep_s: int) -> bytes | None:
        """The value, to the first who takes it; later ones find nothing, for `keep_s`. Raises: StoreUnavailable."""
        seen = await self.get(key)
        if not seen.value or not await self.swap(key, seen, b"", keep_s):
            return None
        return seen.value
