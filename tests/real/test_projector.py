"""The projector on a real Cassandra: twice is once, poison does not stop it, and an outage neither loses nor acks anything."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from log.port import Record
from ops.embedded.stack import Stack
from store.cassandra import Store
from store.schema import TIMELINE_TABLES
from store.timelines import Timelines
from tests.store.histories import interleaved, records, stories
from tests.store.opening import Projection, opened

pytestmark = pytest.mark.real


async def everything(store: Store) -> dict[str, list[Any]]:
    """Every row of every projected table, with the timestamps of what was written last."""
    found = {table: sorted(map(repr, await store.execute(f"SELECT * FROM {table}"))) for table in TIMELINE_TABLES}
    found["times"] = sorted(map(repr, await store.execute("SELECT seq, WRITETIME(value) FROM events")))
    return found


def log_of(seed: int, events_count: int) -> list[Record]:
    return records(interleaved(seed, stories(seed, 8, events_count)), partitions_count=4)


def test_projecting_twice_in_other_cuts_changes_nothing(cassandra_address: str, keyspace: str) -> None:
    log, rng = log_of(5, 1_500), random.Random(5)

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_twice") as store:
            projection = Projection(store)
            await projection.apply(log, 200)
            once = await everything(store)
            at = 0
            while at < len(log):
                length = rng.randrange(1, 120)
                await projection.projector.apply(log[max(0, at - rng.randrange(300)) : at + length])
                at += length
            await asyncio.gather(*(projection.projector.apply(log[cut : cut + 100]) for cut in range(0, len(log), 100)))  # zombies
            assert await everything(store) == once
            assert not projection.dead_letters

    asyncio.run(body())


def test_a_damaged_record_goes_to_the_dead_letters_and_the_partition_goes_on(cassandra_address: str, keyspace: str) -> None:
    story = stories(6, 1, 1)[0]
    for index in range(9):
        story.send("u-ana", f"text {index}")
    log = records(story.history)
    log[4] = log[4]._replace(value=(log[4].value or b"")[:20])

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_poison") as store:
            projection = Projection(store)
            await projection.apply(log)
            assert [(letter.offset, letter.value) for letter in projection.dead_letters] == [(4, log[4].value)]
            read = await Timelines(store).read_events(story.conversation, 1, 100)
            assert [event.seq for event in read] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
            assert await Timelines(store).progress() == {0: 10}

    asyncio.run(body())


def test_a_long_message_and_many_small_ones_fit_in_cassandras_batches(cassandra_address: str, keyspace: str) -> None:
    story = stories(8, 1, 1)[0]
    for length in (200_000, 10, 30_000, 30_000, 60_000, 1):
        story.send("u-ana", "x" * length)
    for index in range(300):
        story.send("u-ben", f"{index}")

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_long") as store:
            await Projection(store).apply(records(story.history), 1_000)
            assert await Timelines(store).read_events(story.conversation, 1, 1_000) == story.history

    asyncio.run(body())


def test_an_outage_of_cassandra_is_survived_with_nothing_lost(tmp_path: Path) -> None:
    """A Cassandra of its own dies by SIGKILL in mid-run and stays away for some seconds; `apply` does not return meanwhile."""
    log = log_of(9, 3_000)

    async def body() -> None:
        async with Stack(tmp_path, with_kafka=False) as alone:
            async with opened(alone.cassandra, "outage", request_timeout_ms=2_000) as store:
                projection = Projection(store)
                await projection.apply(log[:500])
                alone.cassandra_node.kill()
                applying = asyncio.create_task(projection.apply(log[500:]))
                await asyncio.sleep(6)
                assert not applying.done()
                await alone.cassandra_node.start()
                async with asyncio.timeout(120):
                    await applying
                after = await everything(store)
            async with opened(alone.cassandra, "fresh") as fresh:
                await Projection(fresh).apply(log)
                assert await everything(fresh) == after

    asyncio.run(body())
