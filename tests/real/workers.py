"""Stream workers as child processes, and a client that speaks to them through the log alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from log.kafka import KafkaLog
from log.port import Entry, Record
from log.settings import LogSettings
from ops.embedded.ports import next_free
from schemas import codec
from schemas.commands import Command, CreateConversation, SendMessage
from schemas.events import Event
from schemas.partition import partition_of
from schemas.records import DeadLetter, Reply
from schemas.values import Content

ROOT = Path(__file__).resolve().parents[2]
READY_S = 180.0
PARTITIONS = 4


class Worker:
    """`python -m streams.worker` with an environment of its own."""

    module = "streams.worker"
    _port_next = 24_000 + os.getpid() % 100 * 20  # two workers may be made before either listens

    def __init__(self, kafka: str, data: Path, name: str, **settings: str) -> None:
        self.name = name
        Worker._port_next = self.port = next_free(Worker._port_next + 1)
        self.log_path = data / f"{name}.log"
        self._env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WARBLER_KAFKA": kafka,
            "WARBLER_DATA": str(data),
            "WARBLER_NODE": name,
            "STREAMS_ROLES": "conversations",
            "STREAMS_LIVE_PORT": str(self.port),
            "STREAMS_SESSION_TIMEOUT_MS": "6000",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], env=self._env, stdout=output, stderr=subprocess.STDOUT, cwd=self.log_path.parent
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = 90.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        return self.log_path.read_text()

    async def live(self) -> dict[str, Any]:
        """The answer of GET /live, {} while there is none."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            try:
                answer: dict[str, Any] = (await http.get(f"http://127.0.0.1:{self.port}/live")).json()
                return answer
            except (httpx.HTTPError, ValueError):
                return {}

    async def metrics(self) -> str:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{self.port}/metrics")).text

    async def until(self, holds: Callable[[dict[str, Any]], bool], what: str, timeout_s: float = READY_S) -> dict[str, Any]:
        """Wait until the liveness answer fulfils the condition."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = await self.live()
            if answer and holds(answer):
                return answer
            assert self.process is None or self.process.poll() is None, f"{self.name} ended: {self.output[-3000:]}"
            await asyncio.sleep(0.1)
        raise AssertionError(f"{self.name}: not {what} within {timeout_s} s; its output: {self.output[-3000:]}")

    async def until_ready(self, partitions: int = PARTITIONS) -> None:
        role = self._env["STREAMS_ROLES"].split(",")[0]
        await self.until(lambda answer: len(answer["detail"].get(role, {}).get("ready", ())) == partitions, "owner of its partitions")


@contextlib.contextmanager
def workers(*all_of_them: Worker) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in all_of_them:
            worker.end()


def uuid7() -> str:
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + uuid.uuid4().bytes[6:])
    raw[6] = raw[6] & 0x0F | 0x70
    return str(uuid.UUID(bytes=bytes(raw)))


class Talk:
    """A client: conversations of its own, commands into the log, and what the log holds of them at the end."""

    def __init__(self, log: KafkaLog, conversations: int = 8) -> None:
        self.log = log
        self.conversations = [f"g-{uuid.uuid4().hex}" for _ in range(conversations)]
        self.sent: list[Command] = []

    def _common(self, number: int) -> dict[str, Any]:
        return {
            "tenant": "default",
            "conversation_id": self.conversations[number % len(self.conversations)],
            "command_id": uuid7(),
            "user": "u-ana",
            "device": "d-1",
            "trace_id": "",
            "received_at_ms": 0,
        }

    async def create(self) -> None:
        made = [
            CreateConversation(**self._common(i), conversation_kind="group", title="t", members=()) for i in range(len(self.conversations))
        ]
        await self.publish(made)

    async def say(self, count: int) -> list[Command]:
        made: list[Command] = [SendMessage(**self._common(i), content=Content("text/plain", f"text {i}".encode())) for i in range(count)]
        await self.publish(made)
        return made

    async def publish(self, commands: list[Any]) -> None:
        self.sent += commands
        for command in commands:
            key = command.conversation_id.encode()
            entry = Entry(key, codec.encode("conversation-commands", command))
            await self.log.publish("conversation-commands", partition_of(key, PARTITIONS), [entry])

    async def events(self) -> dict[str, list[Event]]:
        """Every event of our conversations, in the log's order."""
        found: dict[str, list[Event]] = {conversation: [] for conversation in self.conversations}
        async for record in all_records(self.log, "conversation-events"):
            if record.key is not None and record.key.decode("utf-8", "replace") in found:
                with contextlib.suppress(Exception):  # poison is looked at elsewhere
                    event: Event = codec.decode(record.value, Event)  # type: ignore[arg-type]
                    found[event.conversation_id].append(event)
        return found

    async def replies(self) -> list[Reply]:
        ours = set(self.conversations)
        records = [record async for record in all_records(self.log, "replies")]
        ours_only = [record for record in records if (record.key or b"").decode("utf-8", "replace") in ours]
        return [codec.decode(record.value, Reply) for record in ours_only]  # type: ignore[arg-type]

    async def until_all_answered(self, timeout_s: float = READY_S) -> dict[str, list[Event]]:
        """The events, once every command we sent has one or a reply."""
        deadline = time.monotonic() + timeout_s
        while True:
            events = await self.events()
            answered = {event.command_id for all_of_one in events.values() for event in all_of_one}
            missing = {command.command_id for command in self.sent} - answered
            if missing:
                missing -= {reply.command_id for reply in await self.replies()}
            if not missing:
                return await self.events()  # again: a reply may repeat an event that came after our first look
            assert time.monotonic() < deadline, f"{len(missing)} commands without an answer"
            await asyncio.sleep(0.2)

    async def check(self) -> dict[str, list[Event]]:
        """Promises 1-3: every command once, in one dense order. Raises: AssertionError."""
        events = await self.until_all_answered()
        for all_of_one in events.values():
            assert [event.seq for event in all_of_one] == list(range(1, len(all_of_one) + 1))
            ids = [event.command_id for event in all_of_one]
            assert len(ids) == len(set(ids)), "a command was accepted twice"
        return events


async def all_records(log: KafkaLog, topic: str) -> AsyncIterator[Record]:
    for partition in range(await log.partitions_count(topic)):
        at, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
        while at < end:
            records = await log.read(topic, partition, at, 5_000)
            for record in records:
                yield record
            if not records:
                break
            at = records[-1].offset + 1


async def dead_letters(log: KafkaLog) -> list[DeadLetter]:
    return [codec.decode(record.value, DeadLetter) async for record in all_records(log, "dead-letters")]


@contextlib.asynccontextmanager
async def opened(kafka: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(LogSettings(kafka=kafka))
    await log.start()
    try:
        yield log
    finally:
        await log.close()
