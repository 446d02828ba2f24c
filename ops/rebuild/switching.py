"""Moves a projection's pointer, and removes what nobody reads any more. Called by `ops.rebuild.command`.

Rule: a step that others must know of is taken once they all do. Who does not answer for FOLLOWER_TTL_S is gone; when it wakes up it still
reads whole tables, because it goes over only to what has everything it was told of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ops.errors import OpsError
from ops.rebuild.build import Builder
from store.cassandra import Store
from store.generations import PROJECTIONS, table_name
from store.standings import Follower, Standings

POLL_S = 0.2
Say = Callable[[str], None]


class NotFollowed(OpsError):
    """Some process did not take up a change in time. It does by itself once it can; the same command asks again."""


class Switching:
    def __init__(self, store: Store, projection: str, wait_s: float, clock_ms: Callable[[], int]) -> None:
        self._store, self._projection, self._wait_s, self._clock_ms = store, projection, wait_s, clock_ms
        self._standings = Standings(store)

    async def known(self, generation: int) -> None:
        """Every process writes to this generation too what it mirrors. Raises: NotFollowed, StoreUnavailable."""
        await self._all(lambda each: generation in each.knows.get(self._projection, ()), f"knows of generation {generation}")

    async def switch(self, builder: Builder, before: int, say: Say) -> None:
        """Everybody reads the builder's generation, which goes on following. Raises: PointerMoved, NotFollowed, StoreUnavailable."""
        after = builder.generation
        await builder.up_to_date(self._wait_s)
        await self._standings.put_state(self._projection, after, "ready", self._clock_ms())
        await self._standings.point(self._projection, before, after)
        say(f"{self._projection}: the pointer names generation {after}, and named {before}")
        await self._all(lambda each: each.reads.get(self._projection, 1) == after, f"reads generation {after}")

    async def drop(self, generation: int) -> None:
        """Its tables are gone. Raises: NotFollowed, StoreUnavailable. Delivery: safe to repeat."""
        await self._standings.put_state(self._projection, generation, "dropping", self._clock_ms())
        await self._all(lambda each: not self._uses(each, generation), f"has done with generation {generation}")
        for table in PROJECTIONS[self._projection].tables:
            await self._store.define(f"DROP TABLE IF EXISTS {self._store.keyspace}.{table_name(table, generation)}")
        await self._standings.drop(self._projection, generation)

    def _uses(self, each: Follower, generation: int) -> bool:
        return generation in each.knows.get(self._projection, ()) or each.reads.get(self._projection, 1) == generation

    async def _all(self, holds: Callable[[Follower], bool], what: str) -> None:
        deadline = time.monotonic() + self._wait_s
        while missing := [each.node for each in await self._standings.followers() if not holds(each)]:
            if time.monotonic() > deadline:
                raise NotFollowed(f"after {self._wait_s:.0f} s not every process {what}: {', '.join(sorted(missing))}")
            await asyncio.sleep(POLL_S)
