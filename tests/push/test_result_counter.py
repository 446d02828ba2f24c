"""Counting on a log in memory: killed anywhere and begun again, and two workers that count the same for a moment."""

import asyncio
from collections.abc import Iterable
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from log.memory import MemoryLog, Moment
from log.port import Entry
from schemas import codec
from schemas.pushes import PushResult
from store.cassandra import Store
from store.push_count_rows import CountRows
from store.push_counts import campaign_scope, hour_scope, read_counts, states_of, summed
from streams.push.beside import Beside
from streams.push.counting.counter import RESULTS_TOPIC, ResultCounter
from streams.settings import StreamsSettings
from tests.push.campaign_parts import NOW_MS, People, Rows, result

PARTITIONS = 2
LIFE_S = 20
HOUR = hour_scope(NOW_MS // 3_600_000)
RESULTS = [result(f"k{number // 2}", ref="k-1" if number % 3 else "", push_id=f"p{number // 2}") for number in range(40)]


class Killed(Exception):
    """The process died here."""


class World:
    def __init__(self) -> None:
        self.log, self.rows, self.steps_left = MemoryLog(PARTITIONS), Rows(self._step), 10**9

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Killed

    async def _fault(self, operation: str, moment: Moment) -> None:
        await asyncio.sleep(0)
        self._step()

    async def tell(self, results: Iterable[PushResult]) -> None:
        for number, each in enumerate(results):
            await self.log.publish(RESULTS_TOPIC, number // 2 % PARTITIONS, [Entry(b"u-1", codec.encode(RESULTS_TOPIC, each))])

    def counter(self) -> ResultCounter:
        log = self.log.seen_with(self._fault)
        return ResultCounter(log, cast(Store, self.rows), StreamsSettings(), range(PARTITIONS), lambda: NOW_MS)

    @property
    def counted(self) -> int:
        """Up to where, in all partitions."""
        return sum(self.rows.progress.get(f"{RESULTS_TOPIC} counted in e-1", {}).values())

    async def live(self, counted: int, steps: int = 10**9) -> bool:
        """A worker's life, until so much is counted (True), or it is killed."""
        self.steps_left = steps
        task = asyncio.get_running_loop().create_task(self.counter().run())
        async with asyncio.timeout(LIFE_S):
            while not task.done() and self.counted < counted:  # noqa: ASYNC110  it counts on, turn by turn
                await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, Killed | asyncio.CancelledError), ended
        return not done

    def states(self, scope: str) -> dict[str, int]:
        found = [read_counts(text) for (name, epoch, _), (text, _) in self.rows.counts.items() if (name, epoch) == (scope, "e-1")]
        return dict(states_of(summed(found)))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 30), max_size=6))
def test_killed_anywhere_every_result_is_counted_once(lives: list[int]) -> None:
    async def run() -> None:
        world = World()
        await world.tell(RESULTS)
        for steps in lives:
            await world.live(len(RESULTS), steps)
        assert await world.live(len(RESULTS))
        straight = World()
        await straight.tell(RESULTS)
        assert await straight.live(len(RESULTS))
        for scope in (HOUR, campaign_scope("k-1")):
            assert world.states(scope) == straight.states(scope)
        assert 0 < straight.states(HOUR)["accepted"] < len(RESULTS), "what was told twice counts once"

    asyncio.run(run())


def test_what_is_damaged_is_a_dead_letter_and_the_rest_counts() -> None:
    async def run() -> None:
        world = World()
        await world.log.publish(RESULTS_TOPIC, 0, [Entry(b"u-1", b"not ours")])
        await world.tell([result("a")])
        assert await world.live(2)
        assert world.states(HOUR) == {"accepted": 1}
        assert len(await world.log.read("dead-letters", 0, 0, 10)) == 1

    asyncio.run(run())


def test_who_comes_late_with_less_changes_nothing() -> None:
    async def run() -> None:
        world = World()
        await world.tell([result("a")])
        assert await world.live(1)
        text, next_offset = next(iter(world.rows.counts.values()))
        await world.tell([result("b")])
        assert await world.live(2)
        rows = CountRows(cast(Store, world.rows), "e-1")
        await rows.put([(HOUR, 0, read_counts(text), next_offset, 0)])  # it slept since then
        assert world.states(HOUR) == {"accepted": 2}

    asyncio.run(run())


def test_topics_of_another_size_belong_to_somebody_too() -> None:
    beside = Beside(cast(MemoryLog, None), cast(Store, None), People(), StreamsSettings(), lambda: 0, lambda _: None)
    beside._counts = {"push-requests": 4, "push-campaigns": 6, RESULTS_TOPIC: 2}
    assert (beside._ours("push-campaigns", {0, 1}), beside._ours("push-campaigns", {2, 3})) == ([0, 1, 4, 5], [2, 3])
    assert (beside._ours(RESULTS_TOPIC, {0}), beside._ours(RESULTS_TOPIC, {3})) == ([0], [])
