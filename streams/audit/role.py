"""The roles `seal` and `witness` of the worker: Faust says which partition numbers are ours, each of them has a sealer or a witness.

Both follow the log without a consumer group, because where they stand is in their trees.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from log.port import Log
from log.settings import LogSettings
from store.objects import address_of, open_objects
from streams.audit.keys import WatchedRing, ring_of
from streams.audit.sealer import Sealer, SealStats
from streams.audit.settings import (
    AUDIT_TOPIC,
    KEY_VARIABLE,
    WITNESS_KEY_VARIABLE,
    AuditSettings,
    sealers_of,
)
from streams.audit.witness import Witness, WitnessStats
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.roles import OnFatal, app_of, polls_of
from streams.settings import StreamsSettings

SEAL_GROUP, WITNESS_GROUP = "warbler-seal", "warbler-witness"


class Lane(Protocol):
    async def run(self) -> None: ...


class LanesRole:
    """One lane for each partition number of audit-checkpoints that this worker has."""

    name: str

    def __init__(self, group: str, kafka: LogSettings, settings: StreamsSettings, on_fatal: OnFatal) -> None:
        self._on_fatal = on_fatal
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.lanes: dict[int, Lane] = {}
        self.app = app_of(group, kafka, settings, FetchSettings())
        add_agent(self.app, [AUDIT_TOPIC], self._agent)
        self.app.on_partitions_assigned.connect(self._assigned)

    def lane(self, number: int) -> Lane:
        raise NotImplementedError

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            for delivery in burst:
                await delivery.ack()

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        ours = {place.partition for place in assigned if place.topic == AUDIT_TOPIC}
        for number in set(self._tasks) - ours:
            self._tasks.pop(number).cancel()
            del self.lanes[number]
        for number in sorted(ours - set(self._tasks)):
            lane = self.lanes[number] = self.lane(number)
            task = self._tasks[number] = asyncio.get_running_loop().create_task(lane.run(), name=f"{self.name} {number}")
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def start(self) -> None:
        await start_app(self.app)

    async def stop(self) -> None:
        tasks, self._tasks, self.lanes = list(self._tasks.values()), {}, {}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.app.stop()

    @property
    def busy(self) -> bool:
        return False


class SealRole(LanesRole):
    name = "seal"

    def __init__(
        self,
        log: Log,
        kafka: LogSettings,
        cluster: str,
        settings: StreamsSettings,
        env: Mapping[str, str],
        clock_ms: Callable[[], int],
        on_fatal: OnFatal,
    ) -> None:
        """Raises: ValueError."""
        self._own = AuditSettings.from_env(env)
        self._ring = WatchedRing(env, KEY_VARIABLE, self._own.name)
        self._objects = open_objects(address_of(env, settings.data))
        self._log, self._cluster, self._clock_ms = log, cluster, clock_ms
        self.stats = SealStats()
        super().__init__(SEAL_GROUP, kafka, settings, on_fatal)

    def lane(self, number: int) -> Sealer:
        return Sealer(self._log, self._objects, self._ring, self._cluster, number, self._own, self.stats, self._clock_ms)

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self.stats.records

    def detail(self) -> dict[str, Any]:
        stats = self.stats
        return {
            "partitions": sorted(self.lanes),
            "records": stats.records,
            "checkpoints": stats.checkpoints,
            "waiting": sum(lane.waiting for lane in self.lanes.values() if isinstance(lane, Sealer)),
            "alarms": stats.alarms,
            "storage_failures": stats.storage_failures,
        }


class WitnessRole(LanesRole):
    name = "witness"

    def __init__(
        self,
        log: Log,
        kafka: LogSettings,
        cluster: str,
        settings: StreamsSettings,
        env: Mapping[str, str],
        clock_ms: Callable[[], int],
        on_fatal: OnFatal,
    ) -> None:
        """Raises: ValueError."""
        self._own = AuditSettings.from_env(env)
        self._ring = WatchedRing(env, WITNESS_KEY_VARIABLE, self._own.witness_name)
        self._sealers = sealers_of(env)
        self._objects = open_objects(address_of(env, settings.data))
        self._log, self._cluster, self._clock_ms = log, cluster, clock_ms
        self.stats = WitnessStats()
        super().__init__(WITNESS_GROUP, kafka, settings, on_fatal)

    def lane(self, number: int) -> Witness:
        return Witness(self._log, self._objects, self._ring, self._sealers, self._cluster, number, self._own, self.stats, self._clock_ms)

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self.stats.agreed

    def detail(self) -> dict[str, Any]:
        stats = self.stats
        return {
            "partitions": sorted(self.lanes),
            "agreed": stats.agreed,
            "alarms": stats.alarms,
            "disagreeing": sorted(stats.disagreeing),
        }


def check_audit(env: Mapping[str, str], roles: tuple[str, ...]) -> None:
    """What can be refused before anything is connected. Raises: ValueError."""
    own = AuditSettings.from_env(env)
    if "seal" in roles:
        ring_of(env, KEY_VARIABLE, own.name)
    if "witness" in roles:
        ring_of(env, WITNESS_KEY_VARIABLE, own.witness_name)
        sealers_of(env)
