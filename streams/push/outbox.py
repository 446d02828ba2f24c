"""The outbox of all users: a lane for each partition that Faust assigned to this worker, and what they share.

Called by `streams.push_role` with Faust's deliveries. Requests and retries of a partition belong together, because all are placed by user.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog

from streams.faust_app import Delivery
from streams.push.follow import RETRY_LONG_TOPIC, RETRY_MIDDLE_TOPIC, RETRY_SHORT_TOPIC
from streams.push.handling import Handling
from streams.push.lane import REQUESTS_TOPIC, Lane
from streams.push.senders import Senders
from streams.push.settings import OutboxSettings
from streams.push.stats import OutboxStats
from streams.push.work import Work
from streams.push.writing import Writing

RETRY_TOPICS = (RETRY_SHORT_TOPIC, RETRY_MIDDLE_TOPIC, RETRY_LONG_TOPIC)
TOPICS = (REQUESTS_TOPIC, *RETRY_TOPICS)
GROUP = "warbler-push"

logger = structlog.get_logger("streams.push")
Hold = Callable[[frozenset[tuple[str, int]]], None]


class Outbox:
    def __init__(
        self,
        senders: Senders,
        handling: Handling,
        writing: Writing,
        settings: OutboxSettings,
        stats: OutboxStats,
        clock_ms: Callable[[], int],
        dead_letters_row_limit: int,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.senders = senders
        self.stats = stats
        self._handling = handling
        self._writing = writing
        self._settings = settings
        self._clock_ms = clock_ms
        self._dead_letters_row_limit = dead_letters_row_limit
        self._on_fatal = on_fatal
        self._places = asyncio.Semaphore(settings.jobs_limit)
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def lanes(self) -> list[Lane]:
        return [lane for lane, _ in self._lanes.values()]

    async def start(self) -> None:
        await self.senders.start()
        self._tasks = [self._task(self.senders.watch(), "push channels"), self._task(self._writing.run(), "push writing")]

    def assigned(self, partitions: set[int]) -> None:
        """Work on exactly these, from their beginning: what was not acked of those that stay is fetched again as well."""
        for _, task in self._lanes.values():
            task.cancel()
        self._lanes.clear()
        for number in sorted(partitions):
            self._add(number)
        logger.info("partitions assigned", partitions=sorted(partitions))

    def _add(self, number: int) -> Lane:
        lane = Lane(number, self._handling, self._writing, self._places, self.stats, self._clock_ms, self._dead_letters_row_limit)
        self._lanes[number] = (lane, self._task(lane.run(), f"push {number}"))
        return lane

    async def agent(self, bursts: AsyncIterator[list[Delivery]], hold: Hold) -> None:
        """Hand every delivery to its partition's lane. Never blocks: what is too much is held back in Kafka."""
        async for burst in bursts:
            for delivery in burst:
                known = self._lanes.get(delivery.partition)
                lane = known[0] if known is not None else self._add(delivery.partition)
                lane.put(Work.of(delivery.topic, delivery.chunk.records, delivery.ack))
            hold(self.held())

    def held(self) -> frozenset[tuple[str, int]]:
        """The partitions of which there is enough in memory. Each class of waiting ones has a limit of its own, so none starves another."""
        numbers = self._lanes.keys()
        held: set[tuple[str, int]] = set()
        if self.pending_count >= self._settings.pending_limit:
            held |= {(topic, number) for topic in TOPICS for number in numbers}
        for topic in RETRY_TOPICS:
            if self.waiting_count(topic) >= self._settings.waiting_limit:
                held |= {(topic, number) for number in numbers}
        return frozenset(held)

    @property
    def pending_count(self) -> int:
        return sum(lane.pending_count for lane in self.lanes)

    @property
    def working_count(self) -> int:
        return sum(lane.working_count for lane in self.lanes)

    def waiting_count(self, topic: str) -> int:
        return sum(lane.waiting_count(topic) for lane in self.lanes)

    async def drain(self) -> None:
        """Until what is in work is settled; the rest was not acked and comes again."""
        for lane in self.lanes:
            lane.draining = True
        while any(lane.working_count for lane in self.lanes):  # noqa: ASYNC110  it has no event, and ends by the worker's time-out
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        tasks = [*self._tasks, *(task for _, task in self._lanes.values())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.senders.close()

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)
