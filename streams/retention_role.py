"""The worker's role of retention as a Faust application: one worker at a time has the topic's partition, follows it, and sweeps."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC
from log.errors import LogError
from log.port import Entry, Log
from log.settings import LogSettings
from schemas.codec import encode
from schemas.retention import ContentExpired
from store.cassandra import Store
from store.errors import StoreUnavailable
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.retention.deciding import RETENTION_EVENTS
from streams.retention.keeper import TENANT, Keeper
from streams.retention.sweep import Sweep, Swept
from streams.roles import OnFatal, app_of, polls_of
from streams.settings import StreamsSettings

GROUP = "warbler-retention"
RETRY_S = 2.0
SWEEP_LEAST_S = 1.0  # between two sweeps, however soon something is due

logger = structlog.get_logger("streams.retention")


class RetentionRole:
    name = "retention"

    def __init__(
        self, log: Log, store: Store, kafka: LogSettings, settings: StreamsSettings, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        self._log, self._settings, self._clock_ms, self._on_fatal = log, settings, clock_ms, on_fatal
        self._keeper = Keeper(log, store, self._bury)
        self._sweep = Sweep(store, TENANT, settings.retention_page_events, clock_ms)
        self._swept = Swept()
        self._mine = self._working = False
        self._wake = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self.app = app_of(GROUP, kafka, settings, FetchSettings())
        add_agent(self.app, [RETENTION_EVENTS], self._agent)
        self.app.on_partitions_assigned.connect(self._assigned)
        self.app.on_partitions_revoked.connect(self._revoked)

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        self._mine = await self._keeper.place() in {place.partition for place in assigned}
        self._wake.set()

    async def _revoked(self, app: Any, revoked: set[Any], **_: Any) -> None:
        self._mine = False

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        """A record says only that there is something: the keeper reads the topic itself, because what counts depends on all before."""
        async for burst in bursts:
            await self._tried(self._keeper.follow)
            self._wake.set()
            for delivery in burst:
                await delivery.ack()

    async def _tried(self, work: Callable[[], Any]) -> None:
        """`work` is done, once Kafka and Cassandra are there; a failure of ours ends the process."""
        self._working = True
        while True:
            try:
                await work()
                break
            except (LogError, StoreUnavailable) as exc:
                logger.warning("retention waits", reason=str(exc)[:300], retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
        self._working = False

    async def _sweep_now(self) -> None:
        await self._keeper.follow()
        retention = self._keeper.state
        self._swept = await self._sweep.run(retention, self._tell, lambda: self._mine and self._keeper.state.version == retention.version)
        await self._keeper.follow()

    async def _tell(self, told: Sequence[ContentExpired]) -> None:
        entries = [Entry(event.tenant.encode(), encode(RETENTION_EVENTS, event)) for event in told]
        await self._log.publish(RETENTION_EVENTS, await self._keeper.place(), entries)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._mine:
                await self._tried(self._sweep_now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._wait_s())

    def _wait_s(self) -> float:
        due_in_ms = self._swept.due_at_ms - self._clock_ms() if self._swept.due_at_ms else self._settings.retention_sweep_ms
        return max(SWEEP_LEAST_S, min(due_in_ms, self._settings.retention_sweep_ms) / 1000)

    async def _bury(self, letters: Sequence[Entry]) -> None:
        await self._log.publish(DEAD_LETTERS_TOPIC, 0, letters)

    async def start(self) -> None:
        await self._keeper.place()
        await start_app(self.app)
        self._sweeping = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self.app.stop()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self._keeper.records

    @property
    def busy(self) -> bool:
        return self._working

    def detail(self) -> dict[str, Any]:
        state, keeper = self._keeper.state, self._keeper
        return {
            "active": self._mine,
            "rules": len(state.kept),
            "holds": sum(matter.held for matter in state.matters.values()),
            "expired": keeper.expired_count,
            "void": keeper.void_count,
            "looked_at": self._swept.conversations_count,
            "due_at_ms": self._swept.due_at_ms,
        }
