"""The projector leaves no hole in any generation, whoever had the partition before and whenever it noticed that the pointer has moved."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from log.memory import MemoryLog
from log.port import Entry
from schemas.records import DeadLetter
from store.cassandra import Store
from store.generations import progress_name
from store.progress import note_progress
from streams.timelines import writing
from streams.timelines.rows import Record, ends_of
from streams.timelines.writing import Writing
from tests.store.generation_world import EVENTS, World

WORKERS = 2
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("point"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["notice", "take", "write"]), st.integers(0, WORKERS - 1)),
        st.tuples(st.just("write"), st.integers(0, WORKERS - 1)),
    ),
    max_size=50,
)


class Seen(World):
    """`written`: generation -> the offsets whose rows are there."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[int, set[int]] = {}


class FakeProjectors:
    def __init__(self, store: Store, on_dead_letters: object, clock_ms: object) -> None:
        self._store = store

    async def apply(self, records: Sequence[Record]) -> None:
        world = self._store.world  # type: ignore[attr-defined]
        world.written.setdefault(self._store.place.live_of("timelines"), set()).update(record.offset for record in records)
        await note_progress(self._store, ends_of(records))


async def bury(letters: Sequence[DeadLetter]) -> None:
    raise AssertionError(letters)


async def filled(log: MemoryLog, count: int) -> None:
    await log.publish(EVENTS, 0, [Entry(b"k", b"%d" % number) for number in range(count)])


@pytest.fixture
def no_cassandra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "Projectors", FakeProjectors)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_everything_before_a_generations_progress_is_in_it(no_cassandra: None, steps: list[tuple[str, int]]) -> None:
    """Method: two workers pass one partition on; each reads on from what was committed, and notices the pointer when it likes."""

    async def body() -> None:
        log, world = MemoryLog(1), Seen()
        await filled(log, 40)
        stores = [world.process() for _ in range(WORKERS)]
        workers = [Writing(log, store, bury, lambda: 0) for store in stores]
        pointer, holder, committed = 1, 0, 0
        for step, number in steps:
            match step:
                case "point":
                    pointer = number
                case "notice":
                    stores[number].place.learn({"timelines": pointer}, {"timelines": (1, 2, 3)})
                case "take":
                    holder = number
                case _:
                    records = await log.read(EVENTS, 0, committed, 1 + number)
                    if number == holder and records:
                        await workers[holder].apply(records)
                        committed = records[-1].offset + 1
            for generation in (1, 2, 3):
                through = world.progress.get((progress_name(EVENTS, generation), 0), 0)
                assert set(range(through)) <= world.written.get(generation, set())

    asyncio.run(body())


def test_a_worker_that_comes_back_to_a_partition_fills_what_the_other_wrote_elsewhere(no_cassandra: None) -> None:
    async def body() -> None:
        log, world = MemoryLog(1), Seen()
        await filled(log, 9)
        late, early = world.process(), world.process()
        first, second = Writing(log, late, bury, lambda: 0), Writing(log, early, bury, lambda: 0)
        await first.apply(await log.read(EVENTS, 0, 0, 3))
        early.place.learn({"timelines": 2}, {"timelines": (1, 2)})
        await second.apply(await log.read(EVENTS, 0, 3, 3))
        assert world.written == {1: {0, 1, 2}, 2: {0, 1, 2, 3, 4, 5}}
        await first.apply(await log.read(EVENTS, 0, 6, 3))
        assert world.written[1] == set(range(9))

    asyncio.run(body())


def test_a_partition_whose_beginning_is_gone_is_no_hole(no_cassandra: None) -> None:
    async def body() -> None:
        log, world = MemoryLog(1), Seen()
        await log.publish("receipts", 0, [Entry(b"%d" % (number % 2), b"x") for number in range(6)])
        log.compact("receipts", 0)
        worker = Writing(log, world.process(), bury, lambda: 0)
        for record in await log.read("receipts", 0, 0, 10):
            await worker.apply([record])
        assert world.written == {1: {4, 5}}

    asyncio.run(body())
