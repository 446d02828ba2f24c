"""Retention on real servers: what is old is gone from what devices read, what is held stays, and the tables are what the log says."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from ops.verify_compare import Verifier
from schemas import codec
from schemas.commands import EditMessage, SendMessage
from schemas.events import Event, MessageEdited, MessageSent
from schemas.partition import partition_of
from schemas.retention import HoldLifted, HoldPlaced, MatterOpened, RetentionSet, Ruling
from schemas.values import Content
from store import cql
from store.cassandra import Store
from store.schema import ensure_tables
from store.settings import StoreSettings
from store.timelines import Timelines
from tests.real.workers import PARTITIONS, READY_S, Talk, Worker, opened, uuid7, workers

pytestmark = pytest.mark.real
TOPIC, KEY = "retention-events", b"default"


def common() -> dict[str, Any]:
    return {"event_id": uuid7(), "tenant": "default", "actor": "root", "at_ms": time.time_ns() // 1_000_000}


async def rule(log: KafkaLog, *events: Ruling) -> None:
    await log.publish(TOPIC, partition_of(KEY, PARTITIONS), [Entry(KEY, codec.encode(TOPIC, event)) for event in events])


async def until_left(timelines: Timelines, conversation: str, seqs: list[int]) -> list[Event]:
    """The rows of the conversation, once messages and edits are there of these seqs only."""
    async with asyncio.timeout(READY_S):
        while True:
            rows = await timelines.read_events(conversation, 1, 1_000)
            if [event.seq for event in rows if isinstance(event, MessageSent | MessageEdited)] == seqs:
                return rows
            await asyncio.sleep(0.1)


async def edit(talk: Talk, sent: SendMessage, target_seq: int) -> None:
    ids: dict[str, Any] = {"tenant": "default", "conversation_id": sent.conversation_id, "user": "u-ana", "device": "d-1", "trace_id": ""}
    content = Content("text/plain", b"another text")
    await talk.publish([EditMessage(**ids, command_id=uuid7(), received_at_ms=0, target_seq=target_seq, content=content)])


def test_what_is_old_is_gone_what_is_held_stays_and_the_tables_say_what_the_log_says(stack: Stack, keyspace: str, tmp_path: Path) -> None:
    async def body() -> None:
        await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
        await ensure_tables(StoreSettings(stack.cassandra, keyspace), 1)
        roles = {"STREAMS_ROLES": "conversations,timelines,retention", "STREAMS_RETENTION_SWEEP_MS": "1000"}
        worker = Worker(stack.kafka, tmp_path, "keeping", WARBLER_CASSANDRA=stack.cassandra, WARBLER_KEYSPACE=keyspace, **roles)
        store = await Store.connect(StoreSettings(stack.cassandra, keyspace))
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(stack.kafka) as log:
                await scene(log, store)
            assert worker.stop() == 0
        await store.close()

    asyncio.run(body())


async def scene(log: KafkaLog, store: Store) -> None:
    talk, timelines = Talk(log, conversations=2), Timelines(store)
    old, held = talk.conversations
    await talk.create()
    sent = await talk.say(6)  # seqs 2, 3, 4 of each
    await talk.until_all_answered()
    assert isinstance(sent[0], SendMessage)
    await edit(talk, sent[0], 2)  # seq 5 of `old`
    await talk.until_all_answered()
    await until_left(timelines, old, [2, 3, 4, 5])
    about: dict[str, Any] = {"conversations": (held,), "users": (), "from_ms": 0, "until_ms": 0}
    matter = f"m-{uuid7()}"
    opening = MatterOpened(**common(), matter=matter, name="a letter", **about), HoldPlaced(**common(), matter=matter, reason="")
    keep = [RetentionSet(**common(), scope="conversation", target=each, keep_ms=1_000) for each in talk.conversations]
    await rule(log, *opening, *keep)
    rows = await until_left(timelines, old, [])
    assert [event.seq for event in rows] == [1], "that the conversation was created is no content"
    assert await timelines.read_messages(old, None, 10) == []
    head = (await timelines.heads([old]))[old]
    assert (head.head_seq, head.last) == (5, None)
    assert [view.seq for view in await timelines.read_messages(held, None, 10)] == [2, 3, 4]
    await proven(log, store, talk)
    await rule(log, HoldLifted(**common(), matter=matter, reason="settled"))
    await until_left(timelines, held, [])
    await talk.say(1)  # what comes later is there, and expires in its turn
    await until_left(timelines, old, [])
    await proven(log, store, talk)
    value = codec.encode("conversation-events", (await talk.events())[old][1])
    await store.execute(cql.PUT_EVENT, (old, 0, True, 2, value, 1_000))  # somebody brings back what expired
    assert await compared(log, store, talk) == [f"events {old}/2: extra (nothing in the log makes it)"]


async def proven(log: KafkaLog, store: Store, talk: Talk) -> None:
    """`warbler verify timelines` finds no difference in our conversations; the session's Kafka holds those of others too."""
    await talk.until_all_answered()
    assert await compared(log, store, talk) == []


async def compared(log: KafkaLog, store: Store, talk: Talk) -> list[str]:
    report = await Verifier(log, store, READY_S, lambda _: None).run()
    assert report.unsure == []
    assert report.tallies["expired"].log_rows >= 1
    return [line for line in report.differences if any(each in line for each in talk.conversations)]
