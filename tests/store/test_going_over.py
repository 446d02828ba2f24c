"""Going over from one generation to another: whatever happens when, no reader lacks an event that it has forgotten."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from store.following import go_over
from store.generations import progress_name
from store.progress import note_progress, progress_of
from tests.store.generation_world import EVENTS, World

PARTITIONS = 2
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 3), st.integers(0, PARTITIONS - 1), st.integers(1, 5)),
        st.tuples(st.just("point"), st.integers(1, 3), st.just(0), st.just(0)),
        st.tuples(st.sampled_from(["look", "learn", "go"]), st.just(0), st.just(0), st.just(0)),
        st.tuples(st.sampled_from(["let", "slow"]), st.just(0), st.just(0), st.integers(1, 4)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_what_a_reader_was_told_is_there_is_in_the_generation_it_reads(steps: list[tuple[str, int, int, int]]) -> None:
    """Method: writers of three generations, the pointer, and a process whose looks and goings-over are cut anywhere between requests."""

    async def body() -> None:
        world = World()
        store = world.process()
        pointer = 1
        forgotten: dict[int, int] = {}
        running: set[asyncio.Task[None]] = set()

        async def look() -> None:
            for partition, offset in (await progress_of(store, EVENTS)).items():
                forgotten[partition] = max(offset, forgotten.get(partition, 0))

        for step, generation, partition, amount in steps:
            match step:
                case "write":
                    name = progress_name(EVENTS, generation)
                    world.progress[name, partition] = world.progress.get((name, partition), 0) + amount
                case "point":
                    pointer = generation
                case "look":
                    running.add(asyncio.create_task(look()))
                case "learn":
                    store.place.learn({"timelines": pointer}, {})
                case "go":
                    running.add(asyncio.create_task(go_over(store)))
                case "slow":
                    world.turns = amount
                case _:
                    for _ in range(amount):
                        await asyncio.sleep(0)
            name = progress_name(EVENTS, store.place.live_of("timelines"))
            assert all(world.progress.get((name, number), 0) >= offset for number, offset in forgotten.items())
        await asyncio.gather(*running)

    asyncio.run(body())


def test_progress_that_was_read_before_going_over_is_not_told_after_it() -> None:
    """Method: the first look's answer is on its way while the process learns of the pointer and goes over."""

    async def body() -> None:
        world = World()
        store = world.process()
        world.progress |= {(EVENTS, 0): 10, (f"{EVENTS} g2", 0): 5}
        world.turns = 9
        look = asyncio.create_task(progress_of(store, EVENTS))
        await asyncio.sleep(0)
        world.turns = 1
        store.place.learn({"timelines": 2}, {})
        await go_over(store)
        assert store.place.live_of("timelines") == 2
        assert await look == {0: 5}

    asyncio.run(body())


def test_while_the_pointer_names_another_the_smaller_progress_is_told_and_then_that_of_the_other() -> None:
    async def body() -> None:
        world = World()
        store = world.process()
        world.progress |= {(EVENTS, 0): 10, (f"{EVENTS} g2", 0): 7, (f"{EVENTS} g2", 1): 3}
        assert await progress_of(store, EVENTS) == {0: 10}
        store.place.learn({"timelines": 2}, {"timelines": (1, 2)})
        assert await progress_of(store, EVENTS) == {0: 7}
        await go_over(store)
        assert store.place.live_of("timelines") == 1  # it was told of 10
        world.progress[f"{EVENTS} g2", 0] = 12
        await go_over(store)
        assert await progress_of(store, EVENTS) == {0: 12, 1: 3}

    asyncio.run(body())


def test_progress_is_noted_under_the_generation_and_other_topics_keep_their_name() -> None:
    async def body() -> None:
        world = World()
        view = world.process().at({"timelines": 3})
        await note_progress(view, {(EVENTS, 0): 5, ("receipts", 1): 6, ("push-campaigns", 0): 7})
        assert world.progress == {(f"{EVENTS} g3", 0): 5, ("receipts", 1): 6, ("push-campaigns", 0): 7}

    asyncio.run(body())
