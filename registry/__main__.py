"""`python -m registry`: the schema registry's process. Waits for Kafka instead of ending; a failure of ours ends it, to be restarted."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from log.errors import LogError
from log.kafka import KafkaLog
from log.process import configure_logs, run_to_the_end
from log.settings import LogSettings
from registry.app import Face, make_app, now_ms
from registry.book import fresh_book
from registry.keeper import TOPIC, Keeper
from registry.settings import RegistrySettings
from schemas.errors import WarblerError
from schemas.registry import SCHEMAS

RETRY_S = 2.0
EXIT_CONFIG = 64
EXIT_FAULT = 70

logger = structlog.get_logger("registry")


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to `Registry`."""
        yield


class Registry:
    """The process. `end` stops it."""

    def __init__(self, name: str, settings: RegistrySettings, kafka: LogSettings, key: str) -> None:
        self._log = KafkaLog(kafka)
        self._settings = settings
        self._waited = 0
        self._ending: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.keeper = Keeper(self._log, fresh_book(SCHEMAS), now_ms, settings.change_timeout_ms, name)
        self.face = Face(self.keeper, settings, key, kafka.kafka)

    def end(self, reason: BaseException | None = None) -> None:
        if not self._ending.done():
            self._ending.set_result(reason)

    def report(self) -> dict[str, Any]:
        """The answer to GET /live. Not well until it is ready, so that who starts it may wait; but who waits for Kafka is."""
        keeper = self.keeper
        ok = not self._ending.done() and (keeper.ready or self._waited > 0)
        detail = {"subjects": len(keeper.book.names()), "schemas": len(keeper.book.contents), "records": keeper.records}
        return {"ok": ok, "progress": self._waited + keeper.records, "idle": keeper.ready, "detail": {"registry": detail}}

    async def run(self) -> int:
        """The exit code, after somebody called `end`."""
        config = uvicorn.Config(
            make_app(self.face, self.report),
            host=self._settings.host,
            port=self._settings.port,
            access_log=False,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve())
        keeping = asyncio.create_task(self._keep())
        for task in (serving, keeping):
            task.add_done_callback(lambda done: self.end(None if done.cancelled() else done.exception()))
        reason = await self._ending
        if reason is not None:
            logger.error("the registry ends", error=f"{type(reason).__name__}: {reason}", exc_info=reason)
            return EXIT_FAULT
        server.should_exit = True
        keeping.cancel()
        await asyncio.wait([serving, keeping])
        await self.keeper.close()
        await self._log.close()
        return 0

    async def _keep(self) -> None:
        while True:
            try:
                await self._log.start()
                await self._log.partitions_count(TOPIC)
                break
            except LogError as exc:
                logger.warning("waiting for Kafka and its topics", error=str(exc))
            self._waited += 1
            await asyncio.sleep(RETRY_S)
        await self.keeper.run()


async def run(env: Mapping[str, str]) -> int:
    configure_logs()
    try:
        settings, kafka = RegistrySettings.from_env(env), LogSettings.from_env(env)
        key = await asyncio.to_thread(Path(settings.key_file).read_text) if settings.key_file else ""
    except (ValueError, OSError, WarblerError) as exc:
        logger.error("bad setting", error=str(exc))
        return EXIT_CONFIG
    registry = Registry(env.get("WARBLER_NODE", f"registry-{os.getpid()}"), settings, kafka, key.strip())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, registry.end)
    logger.info("registry starts", address=f"http://{settings.host}:{settings.port}", kafka=kafka.kafka)
    return await registry.run()


def main() -> None:
    run_to_the_end(run)


if __name__ == "__main__":
    main()
