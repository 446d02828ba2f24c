"""Follows the pointers of projections while a process runs: learns of new generations, goes over, and says so.

Run by every edge and worker beside `store.epochs.watch_epoch`. Nothing restarts: a reader goes over as soon as the other generation has
all that it was ever told to be there, which `warbler rebuild` sees to before it moves the pointer.
"""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from store.cassandra import Store
from store.errors import StoreUnavailable
from store.generations import PROJECTIONS
from store.progress import generation_progress
from store.standings import Follower, Standings

FOLLOW_S = 1.0
SAY_EVERY = 10  # looks; far below FOLLOWER_TTL_S

_log = structlog.get_logger("store")


async def learn(store: Store) -> None:
    """What the table of generations says, once. Raises: StoreUnavailable."""
    standings = await Standings(store).all()
    known = {name: each.numbers for name, each in standings.items() if each.generations}
    store.place.learn({name: each.live for name, each in standings.items()}, known)


async def go_over(store: Store) -> None:
    """To every generation that the pointers name and that has what it must have. Raises: StoreUnavailable."""
    for name in PROJECTIONS:
        target = store.place.target_of(name)
        if target == store.place.live_of(name):
            continue
        if await store.adopt(name, target, await projected(store, name, target)):
            _log.info("store.generation_adopted", projection=name, generation=target)


async def projected(store: Store, projection: str, generation: int) -> Mapping[tuple[str, int], int]:
    """How far a generation got, by (topic, partition). Raises: StoreUnavailable."""
    return {
        (topic, partition): offset
        for topic in PROJECTIONS[projection].topics
        for partition, offset in (await generation_progress(store, topic, generation)).items()
    }


async def follow_generations(store: Store, node: str) -> None:
    """Never ends. While Cassandra is away the process stays where it is."""
    standings, said, looks = Standings(store), Follower(node, {}, {}), 0
    try:
        while True:
            try:
                await learn(store)
                await go_over(store)
                now = Follower(node, {name: store.place.live_of(name) for name in PROJECTIONS}, dict(store.place.known))
                if now != said or looks % SAY_EVERY == 0:
                    await standings.say(now)
                said, looks = now, looks + 1
            except StoreUnavailable as exc:
                _log.warning("store.generations_unknown", reason=str(exc)[:300])
            await asyncio.sleep(FOLLOW_S)
    finally:
        with contextlib.suppress(StoreUnavailable, RuntimeError):
            await asyncio.wait_for(standings.gone(node), FOLLOW_S)
