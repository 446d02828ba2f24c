"""A group in parts on the real Kafka: its owner is killed while it grows and while it saves, and its successor knows every member."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from log.kafka import KafkaLog
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas import codec
from schemas.commands import AddMember, RemoveMember
from schemas.events import MemberAdded, MemberRemoved
from schemas.records import CommandRefused, ConversationSnapshot
from streams.conversations.parts import PARTS
from tests.real.workers import PARTITIONS, Talk, Worker, all_records, opened, workers

pytestmark = pytest.mark.real
MEMBERS = 600
SETTINGS = {"STREAMS_MEMBERS_WHOLE_LIMIT": "100", "STREAMS_SNAPSHOT_INTERVAL_MS": "300", "STREAMS_CHECKPOINT_INTERVAL_MS": "300"}


def adding(talk: Talk, numbers: range) -> list[Any]:
    return [AddMember(**talk._common(0), member=f"u-{number}") for number in numbers]


async def saved(log: KafkaLog, talk: Talk) -> dict[bytes, bytes]:
    """The last record of each key of our conversation in conversation-state."""
    conversation = talk.conversations[0].encode()
    found: dict[bytes, bytes] = {}
    async for record in all_records(log, "conversation-state"):
        if record.key is not None and record.key.startswith(conversation):
            found[record.key] = record.value or b""
    return found


async def until_in_parts(log: KafkaLog, talk: Talk) -> None:
    """Until all parts and a head that says so are there; bounded by 30 s."""
    deadline = time.monotonic() + 120
    while True:
        records = await saved(log, talk)
        head = records.get(talk.conversations[0].encode())
        if head is not None and len(records) == PARTS + 1:
            kept = codec.decode(head, ConversationSnapshot)
            if kept.parts == PARTS and kept.head_seq == MEMBERS + 1:
                assert kept.members == ()
                return
        assert time.monotonic() < deadline, len(records)
        await asyncio.sleep(0.2)


def test_who_owns_a_group_next_knows_all_of_its_members(stack: Stack, tmp_path: Path) -> None:
    async def body() -> None:
        await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
        worker = Worker(stack.kafka, tmp_path, "parts", **SETTINGS)
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(stack.kafka) as log:
                talk = Talk(log, conversations=1)
                await talk.create()
                growing = adding(talk, range(MEMBERS))
                await talk.publish(growing[: MEMBERS // 2])
                await asyncio.sleep(0.5)  # it saves meanwhile
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()
                await talk.publish(growing)  # the first half once more, with the same ids
                events = (await talk.check())[talk.conversations[0]]
                assert sum(isinstance(event, MemberAdded) for event in events) == MEMBERS
                await worker.until_ready()
                await until_in_parts(log, talk)
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()
                await worker.until_ready()
                again = adding(talk, range(0, MEMBERS, 7))
                removing = [RemoveMember(**talk._common(0), member="u-5"), RemoveMember(**talk._common(0), member="u-5")]
                await talk.publish([*again, *removing])
                events = (await talk.check())[talk.conversations[0]]
                assert sum(isinstance(event, MemberAdded) for event in events) == MEMBERS
                assert [event.member for event in events if isinstance(event, MemberRemoved)] == ["u-5"]
                codes = {reply.command_id: reply.code for reply in await talk.replies() if isinstance(reply, CommandRefused)}
                assert {codes[command.command_id] for command in again} == {"already_member"}
                assert codes[removing[1].command_id] == "unknown_target"
            assert worker.stop() == 0

    asyncio.run(asyncio.wait_for(body(), 240))
