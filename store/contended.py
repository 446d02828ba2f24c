"""Lightweight transactions that many want at once: one at a time in a process, and asked again where they got in each other's way.

Cassandra lets the proposals of one partition push each other aside until one times out; a time-out says nothing about who won.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

from cassandra import WriteTimeout

from store.cassandra import Row, Store
from store.errors import StoreUnavailable

TRIES = 8
WAIT_S = 0.05


async def settled(store: Store, cql: str, values: Sequence[Any]) -> Row:
    """The first row of the answer. For a statement that may be repeated: the caller can tell its own earlier success from another's.

    Raises: StoreUnavailable, for a contention that lasts only after TRIES.
    """
    for number in range(TRIES):
        try:
            return (await store.execute(cql, values))[0]
        except StoreUnavailable as exc:
            if number == TRIES - 1 or not isinstance(exc.__cause__, WriteTimeout):
                raise
            await asyncio.sleep(random.uniform(0, WAIT_S * 2**number))
    raise AssertionError("the last try answers or raises")


class Turns:
    """One at a time for each key. Shape: a key is forgotten when nobody has it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            left = self._locks[key][1] - 1
            if left:
                self._locks[key] = lock, left
            else:
                del self._locks[key]

    def __len__(self) -> int:
        return len(self._locks)
