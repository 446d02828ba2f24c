"""The inbox of all users: a lane for each partition that Faust assigned to this worker. Called by `streams.roles` with Faust's deliveries.

Sessions and notifications of a partition belong together, because both are placed by user: Faust assigns topics alike that have as many
partitions.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import structlog

from log.errors import Fenced
from log.port import Log
from streams.faust_app import Delivery
from streams.inbox.lane import Lane, Position, Work
from streams.inbox.limits import InboxLimits
from streams.inbox.rings import RingLimits
from streams.inbox.rows import PresenceTable
from streams.inbox.schedule import Waits
from streams.inbox.stats import InboxStats
from streams.inbox.takeover import NOTIFICATIONS_TOPIC
from streams.settings import StreamsSettings

GROUP = "warbler-inbox"
FENCED_GRACE_S = 5.0  # a rebalance tells its members what they have within this

logger = structlog.get_logger("streams.inbox")


def limits_of(settings: StreamsSettings) -> InboxLimits:
    return InboxLimits(
        settle_ms=settings.presence_settle_ms,
        waits=Waits(timeout_ms=settings.delivery_timeout_ms, repeat_ms=settings.push_repeat_ms),
        keep_ms=settings.pending_keep_ms,
        conversations_limit=settings.pending_conversations_limit,
        watermarks_limit=settings.inbox_watermarks_limit,
        rings=RingLimits(settings.ring_push_after_ms, settings.ring_keep_ms, settings.rings_limit),
    )


class Inbox:
    def __init__(
        self,
        log: Log,
        table: PresenceTable,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        position: Position,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._log = log
        self._table = table
        self._settings = settings
        self._clock_ms = clock_ms
        self._position = position
        self._on_fatal = on_fatal
        self._partitions_count = 0
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self.stats = InboxStats()

    @property
    def lanes(self) -> list[Lane]:
        return [lane for lane, _ in self._lanes.values()]

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly these. A partition that stays keeps its lane: its fence says whether somebody else had it meanwhile."""
        self._partitions_count = await self._log.partitions_count(NOTIFICATIONS_TOPIC)
        ended = {number for number, (_, task) in self._lanes.items() if task.done()}
        for number in (self._lanes.keys() - partitions) | ended:
            await self._drop(number)
        for number in sorted(partitions - self._lanes.keys()):
            self._add(number)
        logger.info("partitions assigned", partitions=sorted(partitions))

    def _add(self, number: int) -> None:
        lane = Lane(
            self._log,
            self._table,
            number,
            self._partitions_count,
            self._settings,
            limits_of(self._settings),
            self._clock_ms,
            self._position,
            self.stats,
        )
        task = asyncio.get_running_loop().create_task(lane.run(), name=f"inbox {number}")
        task.add_done_callback(lambda done: self._ended(number, done))
        self._lanes[number] = (lane, task)

    def _ended(self, number: int, task: "asyncio.Task[None]") -> None:
        """A lane acts on its own time, so in a rebalance its successor's fence may be faster than our new assignment: that is no fault."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Fenced):
            logger.warning("fenced", partition=number)
            asyncio.get_running_loop().call_later(FENCED_GRACE_S, self._still_ours, number, task, error)
        else:
            self._on_fatal(error)

    def _still_ours(self, number: int, task: "asyncio.Task[None]", error: Fenced) -> None:
        if number in self._lanes and self._lanes[number][1] is task:
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
                await lane.put(Work(delivery.topic, delivery.chunk.records, delivery.ack))

    async def close(self) -> None:
        for number in list(self._lanes):
            await self._drop(number)
