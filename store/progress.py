"""How far the projector came, per generation of what it writes. Called by readers, which lay newer events over rows, and by writers."""

from collections.abc import Mapping

from store import cql
from store.cassandra import Store
from store.generations import OF_TOPIC, progress_name


async def progress_of(store: Store, topic: str) -> dict[int, int]:
    """Partition -> the next offset to project: everything before it is in the tables that this process reads.

    While the pointer names another generation, everything before it is in both: so who forgets newer events on this can go over.
    Raises: StoreUnavailable.
    """
    projection = OF_TOPIC.get(topic)
    if projection is None:
        return dict(await store.execute(cql.PROGRESS, (topic,)))
    while True:
        place = store.place
        version, live, target = place.version, place.live_of(projection), place.target_of(projection)
        found = await generation_progress(store, topic, live)
        if target != live:
            other = await generation_progress(store, topic, target)
            found = {partition: min(offset, other.get(partition, 0)) for partition, offset in found.items()}
        if version == place.version:
            place.hand(topic, found)
            return found


async def generation_progress(store: Store, topic: str, generation: int) -> dict[int, int]:
    """The same of one generation. Raises: StoreUnavailable."""
    return dict(await store.execute(cql.PROGRESS, (progress_name(topic, generation),)))


async def note_progress(store: Store, ends: Mapping[tuple[str, int], int]) -> None:
    """Everything of (topic, partition) before these offsets is in the generation that the store is at. Raises: StoreUnavailable."""
    rows = [(progress_row(store, topic), partition, end, end) for (topic, partition), end in ends.items()]
    await store.execute_each(cql.PUT_PROGRESS, rows)


def progress_row(store: Store, topic: str) -> str:
    """Under which name of `progress` the topic stands, for the generation that the store is at."""
    projection = OF_TOPIC.get(topic)
    return topic if projection is None else progress_name(topic, store.place.live_of(projection))
