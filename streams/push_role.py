"""The worker's role of pushes as a Faust application: what it consumes, who handles it, what it says about itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from log.port import Log
from log.settings import LogSettings
from store.cassandra import Store
from store.push_alerts import AlertTables
from store.push_keys import push_sealer
from store.push_tables import PushTables
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.push.beginning import begin_at_the_end
from streams.push.beside import Beside
from streams.push.config import config_file, load_config, make_channels
from streams.push.context import Contexts
from streams.push.handling import Handling
from streams.push.lane import REQUESTS_TOPIC
from streams.push.metrics import PushCollector
from streams.push.outbox import GROUP, RETRY_TOPICS, TOPICS, Outbox
from streams.push.senders import Senders
from streams.push.settings import OutboxSettings
from streams.push.stats import OutboxStats
from streams.push.writing import Writing
from streams.roles import OnFatal, app_of, polls_of
from streams.settings import StreamsSettings

HOLD_EVERY_S = 0.1


class PushRole:
    name = "push"

    def __init__(
        self,
        log: Log,
        store: Store,
        kafka: LogSettings,
        settings: StreamsSettings,
        env: Mapping[str, str],
        clock_ms: Callable[[], int],
        on_fatal: OnFatal,
    ) -> None:
        """Raises: ValueError, BadPushKey, BadPushConfig."""
        own = OutboxSettings.from_env(env)
        self._log = log
        self._kafka = kafka
        self._on_fatal = on_fatal
        sealer = push_sealer(env)
        senders = Senders(make_channels(load_config(config_file(own.config, settings.data), env)), own, clock_ms)
        tables, stats = PushTables(store, sealer), OutboxStats()
        writing = Writing(log, AlertTables(store), tables, stats)
        contexts = Contexts(store, tables, own, senders.now, clock_ms)
        handling = Handling(contexts, senders, writing, own, sealer, clock_ms)
        self.outbox = Outbox(senders, handling, writing, own, stats, clock_ms, settings.dead_letters_row_limit, on_fatal)
        self.beside = Beside(log, store, tables, settings, clock_ms, on_fatal)
        self.collector = PushCollector(self.outbox, clock_ms)
        self._holding: asyncio.Task[None] | None = None
        self.app = app_of(GROUP, kafka, settings, FetchSettings(), wait_empty=False)  # what waits for its time is not acked for minutes
        add_agent(self.app, list(TOPICS), self._agent)
        self.app.on_partitions_assigned.connect(self._assigned)

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        try:
            await self.outbox.agent(bursts, lambda held: self.app.consumer.hold(held))
        except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
            self._on_fatal(exc)
            await asyncio.Event().wait()

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        self.outbox.assigned({place.partition for place in assigned})
        self.beside.assigned({place.partition for place in assigned if place.topic == REQUESTS_TOPIC})

    async def _hold(self) -> None:
        """Let Kafka go on when there is room again."""
        while True:
            await asyncio.sleep(HOLD_EVERY_S)
            self.app.consumer.hold(self.outbox.held())

    def _hold_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def start(self) -> None:
        count = await self._log.partitions_count(REQUESTS_TOPIC)
        await begin_at_the_end(self._kafka, GROUP, REQUESTS_TOPIC, count)
        await self.outbox.start()
        await self.beside.start()
        await start_app(self.app)
        self._holding = asyncio.get_running_loop().create_task(self._hold())
        self._holding.add_done_callback(self._hold_ended)

    async def stop(self) -> None:
        await self.beside.close()
        await self.outbox.drain()
        if self._holding is not None:
            self._holding.cancel()
        await self.app.stop()
        await self.outbox.close()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self.outbox.stats.records

    @property
    def busy(self) -> bool:
        return bool(self.outbox.pending_count or self.outbox.working_count or self.outbox.held())

    def detail(self) -> dict[str, Any]:
        outbox, stats = self.outbox, self.outbox.stats
        return {
            "partitions": sorted(lane.number for lane in outbox.lanes),
            "pending": outbox.pending_count,
            "working": outbox.working_count,
            "waiting": {topic: outbox.waiting_count(topic) for topic in RETRY_TOPICS},
            "records": stats.records,
            "dead_letters": stats.dead_letters,
            "results": dict(stats.results),
            "suppressed": dict(stats.suppressed),
            "channels": outbox.senders.detail(),
            **self.beside.detail(),
        }


def check_push(settings: StreamsSettings, env: Mapping[str, str]) -> None:
    """What can be refused before anything is connected. Raises: ValueError, BadPushKey, BadPushConfig, which name what is wrong."""
    push_sealer(env)
    make_channels(load_config(config_file(OutboxSettings.from_env(env).config, settings.data), env))
