"""The table of generations: which one of each projection is read, which others there are, and which process reads what.

Read and followed by every process (`store.following`), changed by `warbler rebuild` alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store import cql_generations as cql
from store.cassandra import Row, Store
from store.contended import settled
from store.errors import PointerMoved
from store.generations import FIRST, PROJECTIONS, Generation, Standing, State

FOLLOWER_TTL_S = 30  # a process that says nothing for so long is gone


@dataclass(frozen=True, slots=True)
class Follower:
    """What a process says of itself: projection -> the generation it reads, and those that it knows of."""

    node: str
    reads: Mapping[str, int]
    knows: Mapping[str, tuple[int, ...]]


class Standings:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> dict[str, Standing]:
        """Every projection's. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.ALL, (list(PROJECTIONS),))
        return {name: standing_of(name, [row[1:] for row in rows if row[0] == name]) for name in PROJECTIONS}

    async def begin(self, projection: str, epoch: str, now_ms: int) -> int:
        """The number of a new generation, which is `building`. Raises: PointerMoved, StoreUnavailable."""
        if (await settled(self._store, cql.FIRST_OF_ALL, (projection,)))[0]:
            await self._store.execute(cql.ADD, (projection, FIRST, "ready", epoch, now_ms, now_ms))
        newest = (await self.all())[projection].newest
        if not (await settled(self._store, cql.TAKE_NUMBER, (newest + 1, projection, newest)))[0]:
            raise PointerMoved(f"another generation of {projection} was begun just now")
        await self._store.execute(cql.ADD, (projection, newest + 1, "building", epoch, now_ms, now_ms))
        return newest + 1

    async def put_state(self, projection: str, generation: int, state: State, now_ms: int) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute(cql.PUT_STATE, (state, now_ms, projection, generation))

    async def point(self, projection: str, before: int, after: int) -> None:
        """The pointer names `after`. Raises: PointerMoved when it named neither; StoreUnavailable. Delivery: safe to repeat."""
        applied, *now = await settled(self._store, cql.POINT, (after, projection, before))
        if not applied and now != [after]:
            raise PointerMoved(f"{projection} is at generation {now[0] if now else FIRST}, not {before}")

    async def drop(self, projection: str, generation: int) -> None:
        """Nobody knows of it any more; its tables are another matter. Raises: StoreUnavailable."""
        await self._store.execute(cql.DROP, (projection, generation))

    async def say(self, follower: Follower) -> None:
        """Raises: StoreUnavailable."""
        state = json.dumps({"reads": dict(follower.reads), "knows": {name: list(each) for name, each in follower.knows.items()}})
        await self._store.execute(cql.PUT_FOLLOWER, (follower.node, state, FOLLOWER_TTL_S))

    async def gone(self, node: str) -> None:
        """Raises: StoreUnavailable."""
        await self._store.execute(cql.DROP_FOLLOWER, (node,))

    async def followers(self) -> list[Follower]:
        """The processes that said something within FOLLOWER_TTL_S. Raises: StoreUnavailable."""
        return [follower_of(node, text) for node, text in await self._store.execute(cql.FOLLOWERS)]


def standing_of(projection: str, rows: Sequence[Row]) -> Standing:
    """Of rows of `generations` without their projection."""
    if not rows or rows[0][0] is None:
        return Standing(projection)
    live, newest = rows[0][0], rows[0][1]
    made = [Generation(row[2], row[3] or "building", row[4] or "", row[5] or 0, row[6] or 0) for row in rows if row[2] is not None]
    return Standing(projection, live, newest or FIRST, {each.number: each for each in made})


def follower_of(node: str, text: str) -> Follower:
    said = json.loads(text)
    return Follower(node, dict(said["reads"]), {name: tuple(numbers) for name, numbers in said["knows"].items()})
