"""Campaigns at work on a log in memory: killed anywhere and begun again, cancelled, scheduled for later, for nobody."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from log.memory import MemoryLog, Moment
from log.port import Entry
from schemas import codec
from schemas.notices import PushRequested
from schemas.partition import partition_of
from schemas.pushes import CampaignEvent, CampaignFinished, CampaignStarted
from store.cassandra import Store
from streams.push.campaigns.runner import CAMPAIGNS_TOPIC, REQUESTS_TOPIC, CampaignRunner
from streams.settings import StreamsSettings
from tests.push.campaign_parts import MINUTE_MS, NOW_MS, People, Rows, cancelled, scheduled

PARTITIONS = 4
LIFE_S = 20
DAMAGED = b"\x00nothing of ours"
USERS = [f"u-{number}" for number in range(23)]
SETTINGS = StreamsSettings(push_campaign_per_s=1_000_000, push_campaign_page_users=5)


class Killed(Exception):
    """The process died here."""


class World:
    def __init__(self, people: People) -> None:
        self.people, self.now_ms = people, NOW_MS
        self.log, self.rows = MemoryLog(PARTITIONS), Rows(self._step)
        self.steps_left = 10**9

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Killed

    async def _fault(self, operation: str, moment: Moment) -> None:
        await asyncio.sleep(0)
        self._step()

    async def tell(self, event: CampaignEvent) -> None:
        key = event.campaign_id.encode()
        await self.log.publish(CAMPAIGNS_TOPIC, partition_of(key, PARTITIONS), [Entry(key, codec.encode(CAMPAIGNS_TOPIC, event))])

    def runner(self) -> CampaignRunner:
        log = self.log.seen_with(self._fault)
        return CampaignRunner(log, cast(Store, self.rows), self.people, SETTINGS, range(PARTITIONS), lambda: self.now_ms)

    async def live(self, until: Callable[[], Any], steps: int = 10**9) -> bool:
        """A worker's life: until something holds (True), or it is killed after so many steps."""
        self.steps_left = steps
        task = asyncio.get_running_loop().create_task(self.runner().run())
        async with asyncio.timeout(LIFE_S):
            while not task.done():
                if await until():
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)  # it may have been killed just now as well
                    return True
                await asyncio.sleep(0)
        error = task.exception()
        assert isinstance(error, Killed) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Killed) is not None), error
        return False

    async def events(self) -> list[CampaignEvent]:
        found = [record for n in range(PARTITIONS) for record in await self.log.read(CAMPAIGNS_TOPIC, n, 0, 1_000)]
        return [codec.decode_campaign_event(record.value) for record in found if record.value != DAMAGED]

    async def requests(self) -> list[PushRequested]:
        found = [record for n in range(PARTITIONS) for record in await self.log.read(REQUESTS_TOPIC, n, 0, 1_000)]
        assert all(record.key is not None and record.partition == partition_of(record.key, PARTITIONS) for record in found)
        return [codec.decode(record.value, PushRequested) for record in found]

    async def finished(self) -> bool:
        return any(isinstance(event, CampaignFinished) for event in await self.events())

    async def nothing(self) -> bool:
        """After enough turns that whatever is to happen has happened."""
        for _ in range(300):
            await asyncio.sleep(0)
        return True


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=8))
def test_killed_anywhere_every_user_is_asked_for_and_always_by_the_same_request(lives: list[int]) -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.tell(scheduled())
        for steps in lives:
            await world.live(world.finished, steps)
        assert await world.live(world.finished)
        assert await world.live(world.nothing)  # what died between event and row is healed
        requests = await world.requests()
        assert {each.user for each in requests} == set(USERS)
        assert len({(each.user, each.push_id, each.at_ms, each.deadline_ms) for each in requests}) == len(USERS)
        if not lives:
            assert len(requests) == len(USERS)
        [finished] = {event.users for event in await world.events() if isinstance(event, CampaignFinished)}
        assert finished == len(USERS)
        assert world.rows.campaigns["k-1"]["users"] == len(USERS)

    asyncio.run(run())


def test_what_is_finished_is_not_begun_again_by_a_successor() -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.tell(scheduled())
        assert await world.live(world.finished)
        before = len(await world.requests()), len(await world.events())
        assert await world.live(world.nothing)
        assert (len(await world.requests()), len(await world.events())) == before

    asyncio.run(run())


def test_a_cancelled_campaign_stops_within_a_page_and_one_that_was_cancelled_before_never_begins() -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.tell(scheduled("k-2"))
        await world.tell(cancelled("k-2"))
        await world.tell(scheduled("k-1"))

        async def begun() -> bool:
            return bool(await world.requests())

        await world.live(begun)
        asked = len(await world.requests())
        assert asked < len(USERS)
        await world.tell(cancelled("k-1"))
        assert await world.live(world.nothing)
        assert len(await world.requests()) == asked
        assert {each.ref for each in await world.requests()} == {"k-1"}
        assert not await world.finished()

    asyncio.run(run())


def test_a_scheduled_campaign_waits_for_its_time_also_across_workers() -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.tell(scheduled(at_ms=NOW_MS + 50))
        assert await world.live(world.nothing)
        assert await world.requests() == []
        world.now_ms += 50
        assert await world.live(world.finished)
        assert {each.at_ms for each in await world.requests()} == {NOW_MS + 50}

    asyncio.run(run())


def test_a_campaign_for_nobody_is_finished_for_none_and_a_late_one_asks_nothing() -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.tell(scheduled("k-none", "alias", ("nobody",)))
        assert await world.live(world.finished)
        assert [event.users for event in await world.events() if isinstance(event, CampaignFinished)] == [0]
        world.now_ms = NOW_MS + 2 * MINUTE_MS
        await world.tell(scheduled("k-late"))
        assert await world.live(world.nothing)
        assert {event.campaign_id for event in await world.events() if isinstance(event, CampaignStarted)} == {"k-none"}
        assert await world.requests() == []

    asyncio.run(run())


def test_a_damaged_event_becomes_one_dead_letter_and_the_rest_goes_on() -> None:
    async def run() -> None:
        world = World(People(USERS))
        await world.log.publish(CAMPAIGNS_TOPIC, partition_of(b"k-1", PARTITIONS), [Entry(b"k-1", DAMAGED)])
        await world.tell(scheduled())
        assert await world.live(world.finished)
        assert await world.live(world.nothing)
        assert len(await world.log.read("dead-letters", 0, 0, 10)) == 1

    asyncio.run(run())
