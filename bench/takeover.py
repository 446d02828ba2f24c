"""How long a worker takes to own a million conversations, and how much memory they cost: `python -m bench.takeover`.

On an embedded Kafka of its own: writes the snapshots as the owner would, and events after the checkpoint; starts `python -m streams.worker`
and looks at it from outside. The last step sends a message to conversations drawn at random, so that what was taken over is really used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil
from rich.console import Console
from rich.table import Table

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.ports import next_free
from ops.embedded.stack import Stack
from schemas import codec
from schemas.commands import SendMessage
from schemas.events import Event, MessageSent
from schemas.headers import command_header
from schemas.ids import uuid7
from schemas.partition import partition_of
from schemas.records import ConversationSnapshot, MemberState, OwnerCheckpoint, RecentCommand
from schemas.values import Content
from streams.conversations.snapshots import packed
from streams.owning.port import CHECKPOINT_KEY

PARTITIONS = 4
BATCH = 2_000
MEBIBYTE = 1 << 20
READY_S = 600.0
TOUCHED = 1_000


@dataclass
class Result:
    conversations: int
    events_after_checkpoint: int
    written_s: float
    process_start_s: float  # from exec to the first answer of /live: imports, Kafka's group
    take_over_s: float  # from there until every partition is owned
    rss_empty_mib: float  # a worker with no conversations
    rss_mib: float
    bytes_per_conversation: float
    touched_answered_s: float


def conversation(number: int) -> str:
    return f"g-{number:032x}"


def user(number: int) -> str:
    return f"u-{number:020d}"


def command_id(now_ms: int, salt: int) -> str:
    return uuid7(now_ms, random.Random(salt).getrandbits(74))


def snapshot_of(number: int, now_ms: int) -> Entry:
    """Two members and three remembered messages: what an idle conversation of two looks like."""
    people = (user(number), user(number + 1))
    recent = [
        RecentCommand(
            command_id=uuid.UUID(int=(now_ms << 80) | (0x7 << 76) | (0x8 << 60) | (number * 4 + index)).bytes,
            fingerprint=number.to_bytes(8, "big"),
            seq=index + 1,
            ordinal=index,
            at_ms=now_ms,
            author=people[index % 2],
            message=min(index, 1),
        )
        for index in range(4)
    ]
    record = ConversationSnapshot(
        tenant="default",
        conversation_id=conversation(number),
        events_offset=0,
        conversation_kind="group",
        title="",
        head_seq=4,
        head_ordinal=3,
        head_at_ms=now_ms,
        members=tuple(MemberState(person, "member", 1, 4, 3) for person in people),
        remembered=packed(recent),
    )
    return Entry(conversation(number).encode(), codec.encode("conversation-state", record))


def message(number: int, now_ms: int) -> SendMessage:
    return SendMessage(
        tenant="default",
        conversation_id=conversation(number),
        command_id=command_id(now_ms, number),
        user=user(number),
        device="d",
        trace_id="",
        received_at_ms=now_ms,
        content=Content("text/plain", b"x" * 200),
    )


def event_of(number: int, now_ms: int) -> Event:
    made = message(number, now_ms)
    return MessageSent(
        event_id=f"{made.conversation_id}:5",
        tenant=made.tenant,
        conversation_id=made.conversation_id,
        seq=5,
        ordinal=4,
        at_ms=now_ms,
        user=made.user,
        device=made.device,
        command_id=made.command_id,
        trace_id="",
        content=made.content,
    )


async def write_state(log: KafkaLog, conversations: int, events: int) -> None:
    """The snapshots, a checkpoint per partition, and events that came after it."""
    now_ms = time.time_ns() // 1_000_000
    waiting: dict[int, list[Entry]] = {partition: [] for partition in range(PARTITIONS)}

    async def flush(topic: str, partition: int) -> None:
        if waiting[partition]:
            await log.publish(topic, partition, waiting[partition])
            waiting[partition] = []

    for number in range(conversations):
        entry = snapshot_of(number, now_ms)
        partition = partition_of(entry.key or b"", PARTITIONS)
        waiting[partition].append(entry)
        if len(waiting[partition]) == BATCH:
            await flush("conversation-state", partition)
    for partition in range(PARTITIONS):
        await flush("conversation-state", partition)
        mark = OwnerCheckpoint(
            partition=partition, events_next=await log.end_offset("conversation-events", partition), commands_next=0, at_ms=now_ms
        )
        await log.publish("conversation-state", partition, [Entry(CHECKPOINT_KEY, codec.encode("conversation-state", mark))])
        # The events below name offset 0 of the commands as their origin, so there has to be a command.
        await log.publish("conversation-commands", partition, [Entry(b"#filler", b"used before")])
    for number in range(min(events, conversations)):
        key = conversation(number).encode()
        partition = partition_of(key, PARTITIONS)
        waiting[partition].append(
            Entry(key, codec.encode("conversation-events", event_of(number, now_ms)), now_ms, (command_header(0, bytes(8)),))
        )
        if len(waiting[partition]) == BATCH:
            await flush("conversation-events", partition)
    for partition in range(PARTITIONS):
        await flush("conversation-events", partition)


class BenchedWorker:
    def __init__(self, kafka: str, data: Path) -> None:
        self.port = next_free(25_000)
        env = {
            **os.environ,
            "WARBLER_KAFKA": kafka,
            "WARBLER_DATA": str(data),
            "STREAMS_ROLES": "conversations",
            "STREAMS_LIVE_PORT": str(self.port),
        }
        with (data / "worker.log").open("ab") as output:
            self.process = subprocess.Popen([sys.executable, "-m", "streams.worker"], env=env, stdout=output, stderr=output)

    def detail(self) -> dict[str, object] | None:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/live", timeout=5) as answer:
                found: dict[str, object] | None = json.load(answer)["detail"].get("conversations")
                return found
        except (OSError, ValueError):
            return None

    async def until_ready(self) -> tuple[float, float]:
        """Seconds to the first assignment, and from there to owning every partition."""
        begun_s, assigned_s = time.monotonic(), 0.0
        while time.monotonic() - begun_s < READY_S:
            detail = await asyncio.to_thread(self.detail)
            if detail and detail["partitions"] and not assigned_s:
                assigned_s = time.monotonic()
            if detail and len(detail["ready"]) == PARTITIONS:  # type: ignore[arg-type]
                return assigned_s - begun_s, time.monotonic() - assigned_s
            if self.process.poll() is not None:
                raise RuntimeError(f"the worker ended with {self.process.returncode}")
            await asyncio.sleep(0.02)
        raise TimeoutError("the worker did not take over")

    def rss_mib(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / MEBIBYTE

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


async def touch(log: KafkaLog, conversations: int) -> float:
    """Seconds until a message to each of many random conversations is an event."""
    now_ms = time.time_ns() // 1_000_000
    chosen = random.Random(7).sample(range(conversations), min(TOUCHED, conversations))
    starts = {("conversation-events", partition): await log.end_offset("conversation-events", partition) for partition in range(PARTITIONS)}
    begun_s = time.monotonic()
    waiting: dict[int, list[Entry]] = {partition: [] for partition in range(PARTITIONS)}
    for number in chosen:
        key = conversation(number).encode()
        waiting[partition_of(key, PARTITIONS)].append(Entry(key, codec.encode("conversation-commands", message(number, now_ms + 1))))
    await asyncio.gather(*(log.publish("conversation-commands", partition, entries) for partition, entries in waiting.items() if entries))
    missing = {conversation(number).encode() for number in chosen}
    async with asyncio.timeout(60):
        async for records in log.tail(starts):
            missing -= {record.key for record in records if record.key is not None}
            if not missing:
                break
    return time.monotonic() - begun_s


async def measure(conversations: int, events: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="warbler-takeover-") as folder:
        home = Path(folder)
        async with Stack(home, with_cassandra=False) as stack:
            await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
            empty = BenchedWorker(stack.kafka, home)
            await empty.until_ready()
            rss_empty_mib = empty.rss_mib()
            empty.stop()
            log = KafkaLog(LogSettings(stack.kafka))
            await log.start()
            begun_s = time.monotonic()
            await write_state(log, conversations, events)
            written_s = time.monotonic() - begun_s
            worker = BenchedWorker(stack.kafka, home)
            try:
                started_s, take_over_s = await worker.until_ready()
                rss_mib = worker.rss_mib()
                touched_s = await touch(log, conversations)
            finally:
                worker.stop()
                await log.close()
            per_conversation = (rss_mib - rss_empty_mib) * MEBIBYTE / conversations
            return Result(conversations, events, written_s, started_s, take_over_s, rss_empty_mib, rss_mib, per_conversation, touched_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=30_000, help="events after the last checkpoint: 30 s at 1,000/s")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    result = asyncio.run(measure(asked.conversations, asked.events))
    table = Table("figure", "value")
    for name, value in asdict(result).items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else f"{value:,}")
    Console().print(table)
    if asked.json:
        asked.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
