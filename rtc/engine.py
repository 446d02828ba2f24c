"""`python -m rtc.engine`: one media engine's process: the driver that follows the calls, and for the embedded kind the engine itself.

Waits for Kafka instead of ending; SIGTERM moves its calls to other engines first; a failure of ours ends the process.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import structlog

from log.errors import LogError
from log.kafka import KafkaLog
from log.liveness import serve_live
from log.process import configure_logs, run_to_the_end
from log.publisher import Publisher
from log.settings import LogSettings
from rtc.choose import Engines
from rtc.driving.driver import Driver
from rtc.driving.leg import Shared
from rtc.driving.metrics import REGISTRY
from rtc.driving.mouth import PUBLISHED, Mouth
from rtc.driving.reading import Reading
from rtc.engines.make import make
from rtc.engines.port import Engine, EngineUnavailable
from rtc.live import LiveLines
from rtc.rules import Rules
from rtc.settings import DriverSettings, engine_name, read_turn
from rtc.tickets import Tickets
from rtc.turn import Turn
from schemas.errors import WarblerError

RETRY_S = 2.0
PUBLISH_AGE_LIMIT_MS = 5_000
EXIT_CONFIG = 64
EXIT_FAULT = 70
LIVE_HOST = os.environ.get("RTC_LIVE_HOST", "127.0.0.1")

LOGGER = structlog.get_logger("rtc.engine")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class EngineNode:
    """The process. `end` stops it: without a reason after it has drained."""

    def __init__(self, name: str, settings: DriverSettings, kafka: LogSettings, rules: Rules, turn: Turn, engine: Engine) -> None:
        self._name, self._settings, self._rules, self._turn, self._engine = name, settings, rules, turn, engine
        self._log = KafkaLog(kafka)
        self._waited = 0
        self._driver: Driver | None = None
        self._reading: Reading | None = None
        self._ending: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def end(self, reason: BaseException | None = None) -> None:
        if not self._ending.done():
            self._ending.set_result(reason)

    def report(self) -> dict[str, Any]:
        """The answer to GET /live."""
        driver, reading = self._driver, self._reading
        progress = self._waited + (driver.progress if driver is not None else 0) + (reading.records if reading is not None else 0)
        detail = {} if driver is None else driver.report()
        # Not well until it is ready, so that who starts it may wait for that; but who waits for others is.
        ok = not self._ending.done() and (driver is not None or self._waited > 0)
        return {"ok": ok, "progress": progress, "idle": False, "detail": {self._settings.engine: detail}}

    async def run(self) -> int:
        """The exit code, after somebody called `end`."""
        live = await serve_live(LIVE_HOST, self._settings.live_port, self.report, REGISTRY) if self._settings.live_port else None
        serving = asyncio.create_task(self._serve())
        serving.add_done_callback(lambda done: self.end(None if done.cancelled() else done.exception()))
        reason = await self._ending
        if reason is not None:
            LOGGER.error("the engine's process ends", error=f"{type(reason).__name__}: {reason}", exc_info=reason)
            return EXIT_FAULT
        if self._driver is not None:
            LOGGER.info("draining")
            await self._driver.drain()
        serving.cancel()
        await asyncio.wait([serving])
        if live is not None:
            live.close()
        return 0

    async def _serve(self) -> None:
        await self._connect()
        publisher = Publisher(self._log, self._settings.produce_interval_ms, self._settings.publish_bytes_limit, PUBLISH_AGE_LIMIT_MS)
        await publisher.start(PUBLISHED)
        publishing = asyncio.create_task(publisher.run())
        publishing.add_done_callback(lambda done: None if done.cancelled() else self.end(done.exception()))
        try:
            await self._drive(Mouth(publisher, self._name, now_ms))
        finally:
            if self._driver is not None:
                self._driver.say_so(last=True)
            publisher.stop()
            await publishing
            await self._engine.stop()
            await self._log.close()

    async def _connect(self) -> None:
        while True:
            try:
                await self._log.start()
                for topic in PUBLISHED:
                    await self._log.partitions_count(topic)
                return
            except LogError as exc:
                LOGGER.warning("waiting for Kafka and its topics", error=str(exc))
            self._waited += 1
            await asyncio.sleep(RETRY_S)

    async def _start_engine(self) -> None:
        while True:
            try:
                await self._engine.start()
                return
            except EngineUnavailable as exc:
                LOGGER.warning("waiting for the engine's server", error=str(exc))
            self._waited += 1
            await asyncio.sleep(RETRY_S)

    async def _drive(self, mouth: Mouth) -> None:
        await self._start_engine()
        async with asyncio.TaskGroup() as group:
            settings = self._settings
            shared = Shared(self._engine, settings, settings.sdp_limits(), mouth, Tickets(), self._turn, group)
            lines = LiveLines()
            driver = Driver(shared, lines, Engines(), self._rules.lease_ms)
            reading = Reading(self._log, driver.handlers, now_ms)
            await reading.start(lines)
            for forever in (reading.run(), driver.listen()):
                group.create_task(forever)
            await reading.reached.wait()
            await driver.begin()
            self._driver, self._reading = driver, reading
            LOGGER.info("engine is ready", engine=self._name, kind=self._engine.kind)
            for forever in (driver.announce(), driver.tick(), driver.reconcile()):
                group.create_task(forever)


async def run(env: Mapping[str, str]) -> int:
    configure_logs()
    try:
        settings = DriverSettings.from_env(env)
        name = engine_name(env, settings)
        turn = read_turn(settings.turn_urls, settings.turn_secret_file, settings.turn_ttl_ms)
        kafka, rules = LogSettings.from_env(env), Rules.from_env(env)
        engine = make(settings.engine, name, env)
    except (ValueError, WarblerError) as exc:
        LOGGER.error("bad setting", error=str(exc))
        return EXIT_CONFIG
    node = EngineNode(name, settings, kafka, rules, turn, engine)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.end)
    LOGGER.info("engine starts", engine=name, kind=settings.engine, kafka=kafka.kafka)
    return await node.run()


def main() -> None:
    run_to_the_end(run)


if __name__ == "__main__":
    main()
