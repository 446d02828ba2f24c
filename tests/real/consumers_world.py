"""A Kafka of its own with a day of events in it, accounts that read them, and whatever process a test needs beside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from typer.testing import CliRunner

from log.settings import LogSettings
from log.topics import ensure_topics
from ops import statefile
from ops.consumers.cli import app
from ops.embedded.stack import Stack
from ops.statefile import State
from tests.real import a_day
from tests.real.workers import Worker

PARTITIONS = 4
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """`day`: what a reader of that day must see; `data`: a data folder whose state names this Kafka."""

    stack: Stack
    data: Path
    day: list[a_day.Placed]

    def run(self, *arguments: str) -> str:
        """`warbler consumers ...`: its output. Raises: whatever the command raises."""
        done = CliRunner().invoke(app, [*arguments, "--data", str(self.data)], catch_exceptions=False)
        return done.output

    def account(self, name: str, topics: str, *options: str) -> dict[str, str]:
        """A new account's settings for librdkafka; its files are in `data`."""
        self.run("add", name, "--topics", topics, "--out", str(self.data), *options)
        return settings(self.data / f"{name}.librdkafka.conf")


def settings(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


@contextlib.contextmanager
def world_in(data: Path) -> Iterator[World]:
    """Its Kafka is stopped at the end."""
    stack = Stack(data / "stack", with_cassandra=False)
    asyncio.run(stack.start())
    try:
        asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))
        me = psutil.Process()
        state = State(me.pid, me.create_time(), "", stack.kafka, "", "", "", "", (), stack.kafka_tls, str(stack.kafka_ca))
        statefile.write(data, state)
        yield World(stack, data, asyncio.run(a_day.publish(stack.kafka)))
    finally:
        asyncio.run(stack.stop())


class Registry(Worker):
    """`python -m registry` as a child."""

    module = "registry"

    def __init__(self, world: World) -> None:
        super().__init__(world.stack.kafka, world.data, "registry")
        self._env["REGISTRY_PORT"] = str(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until_ready(self, partitions: int = 0) -> None:
        await self.until(lambda answer: bool(answer["ok"]), "ready")
