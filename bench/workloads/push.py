"""Pushes end to end: how many requests a push worker brings to a vendor that answers after 50 ms, and what 100,000 that wait hold.

Rows are written straight into Cassandra, as edge and projector would; the vendor is the fake APNs in a process of its own. A request's time
is from its append to its result's append. The queue is written straight into a retry topic, as a worker would whose vendor is away.
"""

import asyncio
import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from bench.bench import Bench, Run
from bench.device import clock_s
from bench.fleet import now_ms
from bench.push_apns import LATENCY_MS, vendor
from bench.report import Figure
from bench.stats import summary
from log.port import Entry
from schemas import codec
from schemas.events import MessageSent
from schemas.notices import PushRequested
from schemas.partition import partition_of
from schemas.pushes import PushResult, PushRetrying
from schemas.values import Content
from store import cql
from store.buckets import bucket_of
from store.push_tables import place_of, token_ids
from store.sealing import NONCE_BYTES, Sealer

WORKER = "push-1"
REQUESTS, QUICK_REQUESTS = 10_000, 1_000
QUEUED = 100_000
DAY_MS = 86_400_000
TIMEOUT_S = 240.0
POLL_S = 0.1
MIB = 1 << 20
SENDER = "u-bench-sender"
PUT_TOKEN = (
    "INSERT INTO push_tokens (user, device, channel, token_id, sealed, app, locale, sign_in, registered_at_ms)"
    " VALUES (?, 'phone', 'apns', ?, ?, '', 'en', 's', 1)"
)
PUT_HOLDER = "INSERT INTO push_holders (channel, token_id, user, device, at_ms) VALUES ('apns', ?, ?, 'phone', 1)"


async def run(bench: Bench) -> Run:
    count = QUICK_REQUESTS if bench.options.repeats == 1 else REQUESTS
    with vendor() as about:
        file = configure(bench.site.data, about)
        try:
            await bench.site.restart(WORKER)
            audience = await Audience.of(bench, count)
            figures = await _sent(bench, audience)
            figures += await _queued(bench)
        finally:
            file.unlink()
            await bench.site.restart(WORKER)
    return Run(figures, {"requests": count, "latency_ms": LATENCY_MS, "queued": QUEUED})


def configure(data: Path, about: dict[str, str]) -> Path:
    """The file of push channels, with APNs at the fake."""
    key = data / "bench-apns-key"
    key.write_text(about["key"])
    fields: dict[str, Any] = {name: about[name] for name in ("key_id", "team_id", "topic", "url", "ca_file")}
    file = data / "push.yaml"
    file.write_text(yaml.safe_dump({"apns": {**fields, "key": str(key), "in_flight_limit": 1_000}}))
    return file


@dataclasses.dataclass(frozen=True, slots=True)
class Audience:
    """Users with an iPhone each, in one group, that all have one message to be told of."""

    conversation: str
    users: list[str]

    @classmethod
    async def of(cls, bench: Bench, count: int) -> "Audience":
        """Raises: StoreUnavailable."""
        number = now_ms()  # each run asks about users and a message that nobody was told of
        made = cls(f"g-{bench.prefix}-push-{number}", [f"u-{bench.prefix}-push-{number}-{at}" for at in range(count)])
        await made._register(bench)
        await made._say(bench)
        return made

    async def _register(self, bench: Bench) -> None:
        sealer = Sealer.of_file((bench.site.data / "secrets" / "push-key").read_bytes())
        tokens, holders = [], []
        for number, user in enumerate(self.users):
            token = f"{number:064x}"
            token_id = token_ids(sealer, "apns", f"{user} {token}")[0]
            tokens.append((user, token_id, sealer.seal(token.encode(), place_of(user, "phone", "apns"), b"n" * NONCE_BYTES)))
            holders.append((token_id, user))
        await bench.site.store.execute_each(PUT_TOKEN, tokens)
        await bench.site.store.execute_each(PUT_HOLDER, holders)

    async def _say(self, bench: Bench) -> None:
        store, event = bench.site.store, _message(self.conversation, bench.options.text_bytes)
        value = codec.encode("conversation-events", event)
        await store.execute(cql.PUT_KIND, (1, "group", [], self.conversation))
        await store.execute_each(cql.PUT_JOINED, [(1, "member", 0, 0, self.conversation, user) for user in (SENDER, *self.users)])
        await store.execute_each(cql.PUT_CONVERSATION, [(user, self.conversation, True, 0, 1) for user in self.users])
        await store.execute(cql.PUT_EVENT, (self.conversation, bucket_of(1), True, 1, value, 1))
        await store.execute(cql.PUT_MESSAGE_HEAD, (2, 1, 1, event.at_ms, value, 1, 1, self.conversation, SENDER))

    def requests(self) -> list[PushRequested]:
        return [_request(user, self.conversation) for user in self.users]


def _message(conversation: str, text_bytes: int) -> MessageSent:
    return MessageSent(
        event_id=f"{conversation}:1",
        tenant="default",
        conversation_id=conversation,
        seq=1,
        ordinal=1,
        at_ms=now_ms(),
        user=SENDER,
        device="bench",
        command_id="0190c0de-0000-7000-8000-000000000000",
        trace_id="",
        content=Content("text/plain", b"x" * text_bytes),
    )


def _request(user: str, conversation: str) -> PushRequested:
    return PushRequested(
        push_id=f"{user}:{conversation}:1:1",
        tenant="default",
        user=user,
        conversation_id=conversation,
        conversation_kind="group",
        from_seq=1,
        to_seq=1,
        attempt=1,
        reason="absent",
        at_ms=now_ms(),
    )


async def _append(bench: Bench, topic: str, records: list[Any]) -> None:
    count = await bench.site.log.partitions_count(topic)
    entries: dict[int, list[Entry]] = defaultdict(list)
    for record in records:
        key = record.user.encode()
        entries[partition_of(key, count)].append(Entry(key, codec.encode(topic, record)))
    await asyncio.gather(*(bench.site.log.publish(topic, partition, some) for partition, some in entries.items()))


# ---- how fast


async def _sent(bench: Bench, audience: Audience) -> list[Figure]:
    log = bench.site.log
    count = await log.partitions_count("push-results")
    starts = {("push-results", partition): await log.end_offset("push-results", partition) for partition in range(count)}
    left, took_ms, accepted = set(audience.users), [], 0
    process = psutil.Process(bench.site.pids()[WORKER])
    before, begun_s, begun_ms = process.cpu_times(), clock_s(), now_ms()
    await _append(bench, "push-requests", audience.requests())
    async with asyncio.timeout(TIMEOUT_S):
        async for records in log.tail(starts):
            for record in records:
                result = codec.decode(record.value, PushResult)
                if result.user in left:
                    left.remove(result.user)
                    accepted += result.state == "accepted"
                    took_ms.append(float(result.at_ms - begun_ms))
            if not left:
                break
    took_s, after = clock_s() - begun_s, process.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    total, times = len(audience.users), summary(took_ms)
    return [
        Figure("push: requests end to end", "/s", total / took_s),
        Figure("push: worker's cpu", "us/request", used_s * 1e6 / total),
        Figure("push: not accepted", "", total - accepted),
        Figure("push: half of a burst told after", "ms", times.p50),
    ]


# ---- how much memory


async def _queued(bench: Bench) -> list[Figure]:
    """RSS with QUEUED sends that wait, above what it was just before; nothing where those of an earlier run wait still."""
    if await _waiting(bench):
        return []
    process = psutil.Process(bench.site.pids()[WORKER])
    before = process.memory_info().rss
    due_ms = now_ms() + DAY_MS // 24
    for low in range(0, QUEUED, 10_000):
        await _append(bench, "push-retry-10m", [_retry(number, due_ms + number) for number in range(low, low + 10_000)])
    async with asyncio.timeout(TIMEOUT_S):
        while await _waiting(bench) < QUEUED * 0.99:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    grown = process.memory_info().rss - before
    return [
        Figure("push: RSS with nothing queued", "MiB", before / MIB),
        Figure(f"push: RSS more with {QUEUED} queued", "MiB", grown / MIB),
    ]


async def _waiting(bench: Bench) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        detail = (await http.get(bench.site.live_url(WORKER))).json()["detail"]
    return int(detail["push"]["waiting"]["push-retry-10m"])


def _retry(number: int, due_ms: int) -> PushRetrying:
    user = f"u-bench-queued-{number}"
    return PushRetrying(
        push_id=f"{user}:g-bench-queued:1:1",
        tenant="default",
        user=user,
        conversation_id="g-bench-queued",
        conversation_kind="group",
        from_seq=1,
        to_seq=1,
        attempt=1,
        reason="absent",
        at_ms=due_ms - DAY_MS,
        purpose="message",
        ref="",
        deadline_ms=due_ms,
        device="phone",
        channel="apns",
        token_id=f"t-{number:030}",
        send_key=f"{number:032x}",
        tries=1,
        not_before_ms=due_ms,
        why="timeout",
    )
