"""An owner: a lane for each partition that Faust assigned to this worker.

Called by `streams.worker` with Faust's deliveries and assignments.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import structlog

from log.port import Log
from streams.faust_app import Delivery
from streams.owning.lane import Lane, Work
from streams.owning.port import Owned, Partition
from streams.owning.stats import OwnerStats
from streams.settings import StreamsSettings

Fresh = Callable[[int, int], Partition]  # of its number, and of how many there are

logger = structlog.get_logger("streams.owner")


class Owner:
    def __init__(
        self,
        log: Log,
        owned: Owned,
        fresh: Fresh,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._log = log
        self._owned = owned
        self._fresh = fresh
        self._settings = settings
        self._clock_ms = clock_ms
        self._on_fatal = on_fatal
        self._partitions_count = 0
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self.stats = OwnerStats()

    @property
    def lanes(self) -> list[Lane]:
        return [lane for lane, _ in self._lanes.values()]

    @property
    def partitions(self) -> list[Partition]:
        """The states that are ours now."""
        return [partition for lane in self.lanes if (partition := lane.partition) is not None]

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly these. A partition that stays keeps its lane: its fence says whether somebody else had it meanwhile."""
        self._partitions_count = await self._log.partitions_count(self._owned.commands)
        for number in self._lanes.keys() - partitions:
            await self._drop(number)
        for number in sorted(partitions - self._lanes.keys()):
            self._add(number)
        logger.info("partitions assigned", group=self._owned.group, partitions=sorted(partitions))

    def _add(self, number: int) -> None:
        fresh = partial(self._fresh, number, self._partitions_count)
        lane = Lane(self._log, self._owned, fresh, number, self._settings, self._clock_ms, self.stats)
        task = asyncio.get_running_loop().create_task(lane.run(), name=f"{self._owned.group} {number}")
        task.add_done_callback(self._ended)
        self._lanes[number] = (lane, task)

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
