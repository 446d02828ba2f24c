"""The worker's role of webhooks: which partitions of the topic `webhooks` are its own, and what it says about itself.

The group only shares out partitions; where each webhook stands is in its row, so nothing is lost with the group's offsets.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from log.port import Log
from log.settings import LogSettings
from log.web.settings import OutboundSettings
from store.cassandra import Store
from store.epochs import current_epoch
from store.push_keys import push_sealer
from store.webhook_standings import WebhookStandings
from store.webhooks import WEBHOOKS_TOPIC
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.roles import OnFatal, app_of, polls_of
from streams.settings import StreamsSettings
from streams.webhooks.desk import Desk, Stats, Ways
from streams.webhooks.keeper import Keeper
from streams.webhooks.settings import WebhookSettings

GROUP = "warbler-webhooks"


class WebhookRole:
    name = "webhooks"

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
        """Raises: ValueError, BadPushKey."""
        self._log, self._store, self._env = log, store, env
        self._own, self._networks = WebhookSettings.from_env(env), OutboundSettings.from_env(env).networks
        self._clock_ms, self._on_fatal = clock_ms, on_fatal
        self._ways: Ways | None = None
        self._desk: Desk | None = None
        self._stats = Stats()
        self._assigned: set[int] | None = None
        self._keeper: Keeper | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.app = app_of(GROUP, kafka, settings, FetchSettings())
        add_agent(self.app, [WEBHOOKS_TOPIC], self._agent)
        self.app.on_partitions_assigned.connect(self._on_assigned)

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            for delivery in burst:
                await delivery.ack()

    async def _on_assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        partitions = {place.partition for place in assigned}
        if partitions == self._assigned:
            return
        await self._stop_keeping()
        assert self._desk is not None
        self._assigned, self._keeper = partitions, Keeper(self._desk, partitions)
        self._keeping = asyncio.get_running_loop().create_task(self._keeper.run(), name="webhooks")
        self._keeping.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def _stop_keeping(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def start(self) -> None:
        epoch = await current_epoch(self._store) or ""
        self._ways = Ways(self._own, self._networks)
        standings, sealer = WebhookStandings(self._store), push_sealer(self._env)
        self._desk = Desk(self._log, standings, self._ways, sealer, self._own, epoch, self._clock_ms, random.random, self._stats)
        await start_app(self.app)

    async def stop(self) -> None:
        await self._stop_keeping()
        await self.app.stop()
        if self._ways is not None:
            await self._ways.close()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self._stats.records + self._stats.delivered + self._stats.failed

    @property
    def busy(self) -> bool:
        return False

    def detail(self) -> dict[str, Any]:
        stats = self._stats
        live = 0 if self._keeper is None else self._keeper.pumps_count
        told = {"delivered": stats.delivered, "failed": stats.failed, "given_up": stats.given_up}
        return {"partitions": sorted(self._assigned or ()), "live": live, "records": stats.records, **told}


def check_webhooks(env: Mapping[str, str]) -> None:
    """What can be refused before anything is connected. Raises: ValueError, BadPushKey, which name what is wrong."""
    WebhookSettings.from_env(env)
    OutboundSettings.from_env(env)
    push_sealer(env)
