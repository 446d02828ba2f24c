"""`python -m streams.worker`: the owners, projector, notifier, inbox, pushes and retention, those asked for in one process, on one uvloop.

Waits for Kafka and Cassandra instead of ending; SIGTERM drains; a failure of ours ends the process with the offsets uncommitted.
"""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from log.cluster import cluster_id
from log.errors import LogError
from log.kafka import KafkaLog
from log.liveness import serve_live
from log.process import configure_logs, run_to_the_end
from log.settings import LogSettings
from rtc.rules import Rules as CallRules
from schemas.errors import WarblerError
from schemas.registry import TOPICS
from store.cassandra import Store
from store.epochs import wait_for_same_log, watch_epoch
from store.following import follow_generations
from store.settings import StoreSettings
from streams.bridge.settings import BridgeSettings
from streams.conversations.rules import Rules
from streams.metrics import WorkerCollector
from streams.roles import CallsRole, ConversationsRole, Role, TimelinesRole
from streams.settings import StreamsSettings
from streams.standstill import watch
from streams.user_roles import InboxRole, NotifierRole

RETRY_S = 2.0
EXIT_CONFIG = 64
EXIT_FAULT = 70
GC_THRESHOLD = 10_000  # objects made and not freed before the young ones are looked through; Python's own is 700
FROM_THE_LOG_ALONE = frozenset({"conversations", "calls", "bridge", "seal", "witness"})
AUDITING = frozenset({"seal", "witness"})
LIVE_HOST = os.environ.get("STREAMS_LIVE_HOST", "127.0.0.1")

logger = structlog.get_logger("streams.worker")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Worker:
    def __init__(
        self, settings: StreamsSettings, kafka: LogSettings, cassandra: StoreSettings | None, rules: Rules, env: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._cassandra = cassandra
        self._rules = rules
        self._env = env
        self._registry = CollectorRegistry()
        self._waited = 0
        self._roles: list[Role] = []
        self._ending: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def end(self, reason: BaseException | None = None) -> None:
        """Stop soon: None drains, an error ends at once."""
        if not self._ending.done():
            self._ending.set_result(reason)

    def report(self) -> dict[str, Any]:
        """The answer to GET /live."""
        progress = self._waited + sum(role.progress for role in self._roles)
        detail = {role.name: role.detail() for role in self._roles}
        return {"ok": not self._ending.done(), "progress": progress, "idle": False, "detail": detail}

    async def run(self) -> int:
        """The exit code, after somebody called `end`."""
        self._registry.register(WorkerCollector(self.report))
        live = await serve_live(LIVE_HOST, self._settings.live_port, self.report, self._registry) if self._settings.live_port else None
        serving = asyncio.ensure_future(self._serve())
        serving.add_done_callback(lambda done: self.end(None if done.cancelled() else done.exception()))
        reason = await self._ending
        if reason is not None:
            logger.error("the worker ends", error=f"{type(reason).__name__}: {reason}", exc_info=reason)
            return EXIT_FAULT
        await self._drain(serving)
        if live is not None:
            live.close()
        return 0

    async def _serve(self) -> None:
        log = await self._connected_log()
        watched: tuple[Coroutine[Any, Any, None], ...] = ()
        if "conversations" in self._settings.roles:
            self._roles.append(ConversationsRole(log, self._kafka, self._settings, self._rules, now_ms, self.end))
        if "calls" in self._settings.roles:
            self._roles.append(CallsRole(log, self._kafka, self._settings, CallRules.from_env(self._env), now_ms, self.end))
        if "bridge" in self._settings.roles and (bridge := BridgeSettings.from_env(self._env)).sources:
            from streams.bridge.role import BridgeRole  # here: most have none

            self._roles.append(BridgeRole(log, self._kafka, self._settings, bridge, now_ms, self.end))
        if AUDITING.intersection(self._settings.roles):
            self._roles += await self._audit_roles(log)
        if self._cassandra is not None:
            ticking = asyncio.ensure_future(self._tick())
            store = await Store.connect(self._cassandra)
            epoch = await wait_for_same_log(store, log)
            watched = (watch_epoch(store, log, epoch), follow_generations(store, self._settings.node or f"worker-{os.getpid()}"))
            ticking.cancel()
            self._roles += self._roles_with(log, store)
        look_away_from_what_was_loaded()
        async with asyncio.TaskGroup() as group:
            for watching in watched:
                group.create_task(watching)
            if not self._roles:  # nothing to bridge, and asked for nothing else: that is no reason to end
                group.create_task(self._tick())
            for role in self._roles:
                await role.start()
                logger.info("role started", role=role.name)
                group.create_task(_crash_of(role))
                group.create_task(watch(role, log))

    async def _audit_roles(self, log: KafkaLog) -> list[Role]:
        from streams.audit.role import SealRole, WitnessRole  # here and in `run`: what storages need costs the others a start

        cluster, wanted, made = await cluster_id(self._kafka), self._settings.roles, list[Role]()
        if "seal" in wanted:
            made.append(SealRole(log, self._kafka, cluster, self._settings, self._env, now_ms, self.end))
        if "witness" in wanted:
            made.append(WitnessRole(log, self._kafka, cluster, self._settings, self._env, now_ms, self.end))
        return made

    def _roles_with(self, log: KafkaLog, store: Store) -> list[Role]:
        """The roles that need Cassandra."""
        wanted, made = self._settings.roles, list[Role]()
        if "timelines" in wanted:
            made.append(TimelinesRole(log, store, self._kafka, self._settings, now_ms, self.end))
        if "notifier" in wanted:
            made.append(NotifierRole(log, store, self._kafka, self._settings, self.end))
        if "inbox" in wanted:
            made.append(InboxRole(log, store, self._kafka, self._settings, now_ms, self.end))
        if "push" in wanted:
            from streams.push_role import PushRole  # here and in `run`: it costs the other workers 3 MB and 0.15 s of a start

            pushes = PushRole(log, store, self._kafka, self._settings, self._env, now_ms, self.end)
            self._registry.register(pushes.collector)
            made.append(pushes)
        if "webhooks" in wanted:
            from streams.webhook_role import WebhookRole

            made.append(WebhookRole(log, store, self._kafka, self._settings, self._env, now_ms, self.end))
        if "retention" in wanted:
            from streams.retention_role import RetentionRole

            made.append(RetentionRole(log, store, self._kafka, self._settings, now_ms, self.end))
        return made

    async def _connected_log(self) -> KafkaLog:
        """The log, once Kafka answers and has all the topics."""
        log = KafkaLog(self._kafka)
        while True:
            try:
                await log.start()
                for name in TOPICS:
                    await log.partitions_count(name)
                return log
            except LogError as exc:
                logger.warning("waiting for Kafka and its topics", kafka=self._kafka.kafka, error=str(exc))
            self._waited += 1
            await asyncio.sleep(RETRY_S)

    async def _tick(self) -> None:
        """While Cassandra is waited for, which says so itself, or there is nothing to do: the process lives."""
        while True:
            self._waited += 1
            await asyncio.sleep(RETRY_S)

    async def _drain(self, serving: "asyncio.Future[None]") -> None:
        logger.info("draining")
        try:
            async with asyncio.timeout(self._settings.drain_timeout_ms / 1000):
                await asyncio.gather(*(role.stop() for role in self._roles))
        except TimeoutError:
            logger.warning("not drained in time; what was not committed will be handled again", timeout_ms=self._settings.drain_timeout_ms)
        serving.cancel()


async def _crash_of(role: Role) -> None:
    """Ends only with an error: Faust marks an application as crashed and goes on; a worker must not."""
    await role.app._crashed.wait()
    raise role.app.crash_reason or WarblerError(f"{role.name} crashed")


def look_away_from_what_was_loaded() -> None:
    """Modules and agents stay for ever: every full collection looked through them for 60-80 ms between two commands."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


async def run(env: Mapping[str, str]) -> int:
    configure_logs()
    try:
        settings = StreamsSettings.from_env(env)
        kafka = LogSettings.from_env(env)
        cassandra = StoreSettings.from_env(env) if {*settings.roles} - FROM_THE_LOG_ALONE else None
        rules = Rules.from_env(env)
        CallRules.from_env(env)
        BridgeSettings.from_env(env)
        if "push" in settings.roles:
            from streams.push_role import check_push

            check_push(settings, env)
        if "webhooks" in settings.roles:
            from streams.webhook_role import check_webhooks

            check_webhooks(env)
        if AUDITING.intersection(settings.roles):
            from streams.audit.role import check_audit

            check_audit(env, settings.roles)
    except (ValueError, WarblerError) as exc:
        logger.error("bad setting", error=str(exc))
        return EXIT_CONFIG
    worker = Worker(settings, kafka, cassandra, rules, env)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.end)
    logger.info("worker starts", roles=",".join(settings.roles), kafka=kafka.kafka, node=settings.node)
    return await worker.run()


def main() -> None:
    run_to_the_end(run)


if __name__ == "__main__":
    main()
