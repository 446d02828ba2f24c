"""The worker's role `bridge`: what it consumes, the lanes that write, and what it says of itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from log.port import Log, Record
from log.settings import LogSettings
from streams.bridge.lane import BridgeLane
from streams.bridge.settings import BridgeSettings
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.roles import OnFatal, app_of, lag_of, polls_of
from streams.settings import StreamsSettings
from streams.user_roles import ApartError

BRIDGE_GROUP = "warbler-bridge"
TAKE_CHUNKS = 8
WITHIN_S = 0.05
FETCH = FetchSettings(wait_ms=500, bytes_min=1)


class BridgeRole:
    name = "bridge"

    def __init__(
        self,
        log: Log,
        kafka: LogSettings,
        settings: StreamsSettings,
        bridge: BridgeSettings,
        clock_ms: Callable[[], int],
        on_fatal: OnFatal,
    ) -> None:
        self._log = log
        self._bridge = bridge
        self._clock_ms = clock_ms
        self._on_fatal = on_fatal
        self._lanes: dict[int, BridgeLane] = {}
        self._sources = bridge.sources
        self._next: dict[tuple[str, int], int] = {}
        self._forwarding = False
        self._records = 0
        self.app = app_of(BRIDGE_GROUP, kafka, settings, FETCH)
        add_agent(self.app, list(bridge.sources), self._agent, take=TAKE_CHUNKS, within_s=WITHIN_S)
        self.app.on_partitions_assigned.connect(self._assigned)

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        """Whatever was another's for a while is taken over anew: its positions are those of the log."""
        parts = {topic: {place.partition for place in assigned if place.topic == topic} for topic in self._sources}
        if len({frozenset(each) for each in parts.values()}) > 1:  # two workers would write to one partition, and fence each other for ever
            self._on_fatal(ApartError(f"assigned were {parts}"))
            return
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            await lane.close()

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            self._forwarding = True
            try:
                await self._forward([record for delivery in burst for record in delivery.chunk])
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
            for delivery in burst:
                self._next[delivery.topic, delivery.partition] = delivery.chunk.next_offset
                self._records += len(delivery.chunk)
                await delivery.ack()
            self._forwarding = False

    async def _forward(self, records: list[Record]) -> None:
        by_partition: dict[int, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        async with asyncio.TaskGroup() as group:
            for partition, own in by_partition.items():
                lane = self._lanes.get(partition)
                if lane is None:
                    lane = self._lanes[partition] = BridgeLane(self._log, partition, self._bridge, self._clock_ms)
                group.create_task(lane.forward(own))

    async def start(self) -> None:
        await start_app(self.app)

    async def stop(self) -> None:
        await self.app.stop()
        for lane in self._lanes.values():
            await lane.close()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self._records

    @property
    def busy(self) -> bool:
        return self._forwarding

    def detail(self) -> dict[str, Any]:
        lags = lag_of(self.app, self._next)
        return {
            "partitions": sorted({partition for _, partition in lags}),
            "records": self._records,
            "events": sum(lane.events for lane in self._lanes.values()),
            "too_long": sum(lane.too_long for lane in self._lanes.values()),
            "lag": sum(lags.values()),
        }
