"""Users with devices, messages that wait for them, and push workers with fake vendors, over a real Kafka and Cassandra."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from schemas import codec
from schemas.events import MessageSent
from schemas.notices import PushCancelled, PushRequested
from schemas.partition import partition_of
from schemas.pushes import PushResult
from schemas.values import Content
from store import cql
from store.buckets import bucket_of
from store.cassandra import Store
from store.push_tables import PushTables, place_of, token_ids
from store.schema import ensure_tables
from store.sealing import NONCE_BYTES, Sealer
from store.settings import StoreSettings
from tests.push.fakes.plain import PlainVendor
from tests.push.plain_worker import PLAIN
from tests.real.running import Servers
from tests.real.workers import PARTITIONS, Worker, all_records, opened

SECRET = b"k" * 32
ALICE = "u-alice"
RETRIES = {"SHORT": 300, "MIDDLE": 1_000, "LONG": 1_500}
PUT_TOKEN = (
    "INSERT INTO push_tokens (user, device, channel, token_id, sealed, app, locale, sign_in, registered_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PUT_HOLDER = "INSERT INTO push_holders (channel, token_id, user, device, at_ms) VALUES (?, ?, ?, ?, ?)"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class PlainWorker(Worker):
    module = "tests.push.plain_worker"


@dataclass
class World:
    own: Servers
    folder: Path
    log: KafkaLog
    store: Store
    vendors: Mapping[str, PlainVendor]
    seq: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    # ---- workers

    def config(self, **sections: Mapping[str, Any]) -> Path:
        """The file of push channels; by default all four, each at its fake."""
        file = self.folder / "push.yaml"
        usual = {channel: {"url": vendor.url, "timeout_ms": 2_000} for channel, vendor in self.vendors.items()}
        file.write_text(yaml.safe_dump({**usual, **sections}))
        return file

    def worker(self, name: str = "push", **settings: str) -> PlainWorker:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (key := self.folder / "push-key").write_bytes(SECRET.hex().encode())
        env = {
            "STREAMS_ROLES": "push",
            "WARBLER_CASSANDRA": self.own.cassandra,
            "WARBLER_KEYSPACE": self.own.keyspace,
            "WARBLER_PUSH_KEY": str(key),
            "STREAMS_PUSH_CONFIG": str(self.folder / "push.yaml"),
            **{f"STREAMS_PUSH_RETRY_{name}_MS": str(ms) for name, ms in RETRIES.items()},
            **settings,
        }
        return PlainWorker(self.own.kafka, folder, name, **env)

    # ---- rows, as edge and projector would write them

    async def register(self, users: Iterable[tuple[str, str]]) -> None:
        """Each user's phone has the token `t-<user>` of the channel."""
        sealer = Sealer.of_file(SECRET.hex().encode())
        tokens, holders = [], []
        for user, channel in users:
            token_id = token_ids(sealer, channel, f"t-{user}")[0]
            sealed = sealer.seal(f"t-{user}".encode(), place_of(user, "phone", channel), b"n" * NONCE_BYTES)
            tokens.append((user, "phone", channel, token_id, sealed, "", "en", "s-1", 1))
            holders.append((channel, token_id, user, "phone", 1))
        await self.store.execute_each(PUT_TOKEN, tokens)
        await self.store.execute_each(PUT_HOLDER, holders)

    async def message(self, conversation: str, members: Sequence[str], at_ms: int = 0) -> int:
        """Alice says something to these; its seq."""
        self.seq[conversation] += 1
        seq, at_ms = self.seq[conversation], at_ms or now_ms()
        event = MessageSent(
            event_id=f"{conversation}:{seq}",
            tenant="default",
            conversation_id=conversation,
            seq=seq,
            ordinal=seq,
            at_ms=at_ms,
            user=ALICE,
            device="d-1",
            command_id=f"c-{seq}",
            trace_id="",
            content=Content("text/plain", f"text {seq}".encode()),
        )
        value = codec.encode("conversation-events", event)
        if seq == 1:
            await self.store.execute(cql.PUT_KIND, (1, "group", [], conversation))
            everybody = (ALICE, *members)
            await self.store.execute_each(cql.PUT_JOINED, [(1, "member", 0, 0, conversation, user) for user in everybody])
            await self.store.execute_each(cql.PUT_CONVERSATION, [(user, conversation, True, 0, 1) for user in everybody])
        await self.store.execute(cql.PUT_EVENT, (conversation, bucket_of(seq), True, seq, value, seq))
        await self.store.execute(cql.PUT_MESSAGE_HEAD, (seq + 1, seq, seq, at_ms, value, seq, seq, conversation, ALICE))
        return seq

    async def delivered(self, conversation: str, user: str, seq: int) -> None:
        await self.store.execute(cql.PUT_RECEIPT, (conversation, "delivered", user, "phone", seq, seq, False, now_ms(), seq))

    # ---- the log

    async def ask(self, conversation: str, users: Iterable[str], seq: int, deadline_ms: int = 0) -> None:
        for user in users:
            request = PushRequested(
                push_id=f"{user}:{conversation}:{seq}:1",
                tenant="default",
                user=user,
                conversation_id=conversation,
                conversation_kind="group",
                from_seq=seq,
                to_seq=seq,
                attempt=1,
                reason="absent",
                at_ms=now_ms(),
                deadline_ms=deadline_ms,
            )
            await self._append(user, request)
        await self._flush()

    async def cancel(self, conversation: str, user: str, seq: int) -> None:
        await self._append(user, PushCancelled(tenant="default", user=user, conversation_id=conversation, up_to_seq=seq, at_ms=now_ms()))
        await self._flush()

    _entries: dict[int, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    async def _append(self, user: str, record: PushRequested | PushCancelled) -> None:
        self._entries[partition_of(user.encode(), PARTITIONS)].append(Entry(user.encode(), codec.encode("push-requests", record)))

    async def _flush(self) -> None:
        entries, self._entries = self._entries, defaultdict(list)
        await asyncio.gather(*(self.log.publish("push-requests", partition, some) for partition, some in entries.items()))

    async def results(self) -> list[PushResult]:
        return [codec.decode(record.value, PushResult) async for record in all_records(self.log, "push-results")]

    async def results_of(self, user: str) -> list[PushResult]:
        return [result for result in await self.results() if result.user == user]

    async def states(self, users: Iterable[str]) -> dict[str, str]:
        """What was said last of each of the users."""
        wanted = set(users)
        return {result.user: result.state for result in await self.results() if result.user in wanted}

    @property
    def seen_count(self) -> int:
        """How many requests reached a vendor."""
        return sum(len(vendor.seen) for vendor in self.vendors.values())

    async def tokens_left(self, users: Iterable[str]) -> set[str]:
        tables = PushTables(self.store, Sealer.of_file(SECRET.hex().encode()))
        found = await asyncio.gather(*(tables.tokens(user) for user in users))
        return {token.user for tokens in found for token in tokens}

    def shown(self) -> Counter[str]:
        """By token, how many alerts its device has shown: what comes under one key again is no second one."""
        return Counter({token: len(set(keys)) for vendor in self.vendors.values() for token, keys in vendor.shown.items()})


def is_ready(answer: dict[str, Any]) -> bool:
    return len(answer["detail"].get("push", {}).get("partitions", ())) == PARTITIONS


def is_idle(answer: dict[str, Any]) -> bool:
    push = answer["detail"]["push"]
    return not (push["pending"] or push["working"] or any(push["waiting"].values()))


@contextlib.asynccontextmanager
async def world(own: Servers, folder: Path) -> AsyncIterator[World]:
    """Topics, tables and four fake vendors."""
    await ensure_topics(LogSettings(own.kafka), PARTITIONS)
    await ensure_tables(StoreSettings(own.cassandra, own.keyspace), 1)
    store = await Store.connect(StoreSettings(own.cassandra, own.keyspace))
    try:
        async with contextlib.AsyncExitStack() as undo:
            vendors = {channel: await undo.enter_async_context(PlainVendor()) for channel in PLAIN}
            log = await undo.enter_async_context(opened(own.kafka))
            there = World(own, folder, log, store, vendors)
            there.config()
            yield there
    finally:
        await store.close()
