"""Webhooks on a real Kafka and Cassandra: a receiver that is down, slow, rude and restarted, and a worker that is killed, lose nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edge.people.webhooks import WebhookDesk, Wishes
from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas import codec
from schemas.events import MessageSent
from schemas.partition import partition_of
from schemas.values import Content
from schemas.webhooks import WebhookPlace
from store.cassandra import Store
from store.epochs import ensure_epoch
from store.schema import ensure_tables
from store.sealing import Sealer
from store.settings import StoreSettings
from store.webhook_standings import WebhookStandings
from tests.real.workers import PARTITIONS, Worker, opened, uuid7, workers
from tests.webhooks.receiver import Hit, Receiver

pytestmark = pytest.mark.real

SECRET = b"k" * 32
PATIENCE_S = 90.0
SETTINGS = {
    "STREAMS_ROLES": "webhooks",
    "STREAMS_WEBHOOKS_SCHEDULE_S": "0.1,0.2,0.3,0.5" + ",1" * 60,
    "STREAMS_WEBHOOKS_PROBE_MS": "200",
    "STREAMS_WEBHOOKS_TIMEOUT_MS": "3000",
    "STREAMS_WEBHOOKS_COMMIT_MS": "100",
    "STREAMS_WEBHOOKS_LANE_EVENTS": "5",  # so that what waits is read again from the log
    "WARBLER_OUTBOUND_NETWORKS": "127.0.0.0/8",
}


class World:
    """The log, the rows, the desk of an edge, and conversations that talk."""

    def __init__(self, log: KafkaLog, store: Store) -> None:
        self.log = log

        def place(topic: str, key: bytes) -> int:
            return partition_of(key, PARTITIONS)

        self.desk = WebhookDesk(log, place, WebhookStandings(store), Sealer([SECRET]), (), 100)
        self.conversations = [f"g-{uuid7()}" for _ in range(3)]
        self.seq = 0

    async def say(self, count: int) -> None:
        """So many messages in each conversation."""
        for _ in range(count):
            self.seq += 1
            for conversation in self.conversations:
                key = conversation.encode()
                entry = Entry(key, codec.encode("conversation-events", message(conversation, self.seq)))
                await self.log.publish("conversation-events", partition_of(key, PARTITIONS), [entry])

    async def hook(self, receiver: Receiver) -> str:
        """A webhook of these conversations at the receiver; its id."""
        receiver.start()
        made, receiver.secret = await self.desk.make(Wishes(receiver.url, "", (), tuple(self.conversations), True), "test")
        return made.webhook_id

    def whole(self, receiver: Receiver) -> bool:
        return all(receiver.seqs(each) == list(range(1, self.seq + 1)) for each in self.conversations)


def message(conversation: str, seq: int) -> MessageSent:
    return MessageSent(
        event_id=f"{conversation}:{seq}",
        tenant="default",
        conversation_id=conversation,
        seq=seq,
        ordinal=seq,
        at_ms=time.time_ns() // 1_000_000,
        user="u-ana",
        device="d-1",
        command_id=uuid7(),
        trace_id="",
        content=Content("text/plain", b"text"),
    )


def slowly(hit: Hit) -> int:
    time.sleep(0.02)
    return 204


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def world(stack: Stack, keyspace: str) -> AsyncIterator[World]:
    await ensure_topics(LogSettings(stack.kafka), PARTITIONS)
    await ensure_tables(StoreSettings(stack.cassandra, keyspace), 1)
    store = await Store.connect(StoreSettings(stack.cassandra, keyspace))
    try:
        await ensure_epoch(store, None)
        async with opened(stack.kafka) as log:
            yield World(log, store)
    finally:
        await store.close()


def worker_of(stack: Stack, keyspace: str, folder: Path) -> Worker:
    (key := folder / "push-key").write_bytes(SECRET)
    own = {"WARBLER_CASSANDRA": stack.cassandra, "WARBLER_KEYSPACE": keyspace, "WARBLER_PUSH_KEY": str(key)}
    return Worker(stack.kafka, folder, "after-w", **SETTINGS, **own)


def test_a_receiver_that_fails_and_a_worker_that_is_killed_lose_nothing_and_keep_the_order(
    stack: Stack, keyspace: str, tmp_path: Path
) -> None:
    async def body(there: World, worker: Worker) -> None:
        receiver, hanging = Receiver(), Receiver()
        let_go = threading.Event()
        hanging.mood = lambda hit: 204 if let_go.wait(PATIENCE_S) else 500
        hook = await there.hook(receiver)
        await there.hook(hanging)
        await rude_down_and_slow(there, receiver, worker)
        assert not hanging.taken, "nothing was let go, and yet the other one had everything"
        let_go.set()
        await until(lambda: there.whole(hanging), "the slow one has everything, too")
        await once_more(there, hook, receiver)
        assert receiver.forged == hanging.forged == []
        for each in (receiver, hanging):
            each.stop()

    async def whole() -> None:
        async with world(stack, keyspace) as there:
            with workers(worker := worker_of(stack, keyspace, tmp_path)):
                worker.start()
                await body(there, worker)
                assert worker.stop() == 0, worker.output[-3000:]

    asyncio.run(whole())


async def rude_down_and_slow(there: World, receiver: Receiver, worker: Worker) -> None:
    await there.say(3)
    await until(lambda: there.whole(receiver), "while all is well")
    rude = there.conversations[0]
    receiver.mood = lambda hit: 500 if hit.conversation == rude else 204
    await there.say(12)
    await until(lambda: receiver.seqs(there.conversations[1])[-1:] == [there.seq], "the others do not wait for the one that fails")
    assert receiver.seqs(rude)[-1] == 3
    worker.send(signal.SIGKILL)  # with a lane that is behind
    worker.wait()
    worker.start()
    receiver.stop()
    await there.say(4)
    await worker.until(lambda answer: answer["detail"].get("webhooks", {}).get("failed", 0) > 2, "failing at a receiver that is down")
    receiver.mood = lambda hit: 503 if hit.seq % 4 == 0 and len(receiver.hits) % 2 else 204
    receiver.extra = {"retry-after": "1"}
    receiver.start()
    await until(lambda: there.whole(receiver), f"after the receiver came back: {[receiver.seqs(each) for each in there.conversations]}")
    receiver.mood = slowly
    await there.say(10)
    worker.send(signal.SIGKILL)
    worker.wait()
    worker.start()
    await until(lambda: there.whole(receiver), "after the worker was killed under way")


async def once_more(there: World, hook: str, receiver: Receiver) -> None:
    """Replayed from a seq, and one event redelivered: with the same ids, and marked."""
    first, before = there.conversations[0], list(receiver.taken)
    known = {(each.conversation, each.seq): each.delivery for each in before}
    webhook = await there.desk.get(hook)
    await there.desk.rewind(webhook, f"seq:{first}:{there.seq - 4}", "test")

    def again() -> list[Hit]:
        return [each for each in receiver.taken[len(before) :] if each.conversation == first]

    await until(lambda: len(again()) >= 5, "replayed from there on")
    assert list(dict.fromkeys(each.seq for each in again())) == list(range(there.seq - 4, there.seq + 1))
    assert all(each.headers.get("warbler-replay") == "1" and each.delivery == known[first, each.seq] for each in again())
    tried = await there.desk.deliveries(hook, "delivered", 200)
    one = next(each for each in tried if each.delivery_id == known[first, 1] or each.conversation_id == first)
    count = len(receiver.taken)
    await there.desk.redeliver(webhook, WebhookPlace(topic=one.topic, partition=one.partition, offset=one.offset), "test")
    await until(lambda: len(receiver.taken) > count, "redelivered")
    assert receiver.taken[-1].delivery == one.delivery_id
