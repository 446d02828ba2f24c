"""The loop around a pure decision on a slip: read, decide, write if it is still the same. Called by the rest of `edge.people`."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from edge.people.throttle import Limit, noted, wait_ms
from edge.rest.errors import Problem
from store.slips import Slip

Told = TypeVar("Told")
TURNS_LIMIT = 8  # of two who meet one goes on, so only a crowd on one slip comes so far, and it is refused like a guesser
BUSY_RETRY_MS = 1_000


def too_many(retry_after_ms: int) -> Problem:
    return Problem(429, "too_many", "too many tries: wait a while", True, max(1, retry_after_ms))


class AnySlips(Protocol):
    """`store.slips.Slips`, or one in memory."""

    async def get(self, key: str) -> Slip: ...

    async def swap(self, key: str, seen: Slip, value: bytes, keep_s: int) -> bool: ...

    async def put_new(self, key: str, value: bytes, keep_s: int) -> bool: ...

    async def take(self, key: str, keep_s: int) -> bytes | None: ...


async def changed(slips: AnySlips, key: str, decide: Callable[[bytes], tuple[bytes | None, Told]], keep_s: int) -> Told:
    """What `decide` told of the value that it was last shown; the value it gave (None: as it was) is kept before this returns.

    Raises: Problem too_many, StoreUnavailable; what was decided is then not told.
    """
    for _ in range(TURNS_LIMIT):
        seen = await slips.get(key)
        value, told = decide(seen.value)
        if value is None or await slips.swap(key, seen, value, keep_s):
            return told
    raise too_many(BUSY_RETRY_MS)


async def count(slips: AnySlips, key: str, limit: Limit, now_ms: int) -> None:
    """One more of these, if the limit allows it. Raises: Problem too_many, StoreUnavailable."""

    def decide(kept: bytes) -> tuple[bytes | None, int]:
        times_ms = times_of(kept)
        if wait := wait_ms(times_ms, limit, now_ms):
            return None, wait
        return msgspec.json.encode(noted(times_ms, limit, now_ms)), 0

    if wait := await changed(slips, key, decide, limit.window_ms // 1000 + 1):
        raise too_many(wait)


def times_of(kept: bytes) -> tuple[int, ...]:
    return msgspec.json.decode(kept, type=tuple[int, ...]) if kept else ()
