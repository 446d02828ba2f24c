"""The conversation owner: a lane for each partition that Faust assigned to this worker.

Called by `streams.worker` with Faust's deliveries and assignments.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import structlog

from log.port import Log
from streams.conversations.lane import Lane, Work
from streams.conversations.partition import COMMANDS_TOPIC, Partition
from streams.conversations.rules import Rules
from streams.conversations.stats import OwnerStats
from streams.faust_app import Delivery
from streams.settings import StreamsSettings

GROUP = "warbler-conversations"

logger = structlog.get_logger("streams.owner")


class Owner:
    def __init__(
        self,
        log: Log,
        rules: Rules,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._log = log
        self._rules = rules
        self._settings = settings
        self._clock_ms = clock_ms
        self._on_fatal = on_fatal
        self._partitions_count = 0
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self.stats = OwnerStats()

    @property
    def lanes(self) -> list[Lane]:
        return [lane for lane, _ in self._lanes.values()]

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly these. A partition that stays keeps its lane: its fence says whether somebody else had it meanwhile."""
        self._partitions_count = await self._log.partitions_count(COMMANDS_TOPIC)
        for number in self._lanes.keys() - partitions:
            await self._drop(number)
        for number in sorted(partitions - self._lanes.keys()):
            self._add(number)
        logger.info("partitions assigned", partitions=sorted(partitions))

    def _add(self, number: int) -> None:
        lane = Lane(self._log, lambda: self._fresh(number), number, self._settings, self._clock_ms, self.stats)
        task = asyncio.get_running_loop().create_task(lane.run(), name=f"lane {number}")
        task.add_done_callback(self._ended)
        self._lanes[number] = (lane, task)

    def _fresh(self, number: int) -> Partition:
        return Partition(
            number,
            self._partitions_count,
            self._rules,
            unpacked_limit=self._settings.unpacked_conversations_limit,
            snapshot_interval_ms=self._settings.snapshot_interval_ms,
        )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def _drop(self, number: int) -> None:
        _, task = self._lanes.pop(number)
        task.cancel()
        await asyncio.wait([task])

    async def agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        """Hand every delivery to its partition's lane. Nothing raises out of here."""
        async for burst in bursts:
            for delivery in burst:
                if delivery.partition not in self._lanes:
                    await self.assigned({*self._lanes, delivery.partition})
                lane, _ = self._lanes[delivery.partition]
                await lane.put(Work(delivery.chunk.records, delivery.ack))

    async def close(self) -> None:
        for number in list(self._lanes):
            await self._drop(number)
