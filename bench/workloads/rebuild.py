"""A projection built again from the log: how many events a second go from Kafka into Cassandra, and what one costs.

The log is one of its own, in a Kafka of its own, so that no owner and no projector has to do with these events; the tables are a keyspace
of the site's Cassandra. What was built is folded from the log and compared before the figure counts.
"""

import time
from collections.abc import Iterator
from typing import Any

from bench.bench import Bench, Run
from bench.fleet import now_ms
from bench.report import Figure
from log.kafka import KafkaLog
from log.port import Entry, Log
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from ops.rebuild.build import Builder
from ops.verify_compare import Verifier
from schemas import events
from schemas.codec import encode
from schemas.values import Content, Member
from store.cassandra import Store
from store.generations import PROJECTIONS, table_name
from store.schema import TABLES, ensure_tables
from store.settings import StoreSettings

TOPIC = "conversation-events"
CONVERSATIONS = 60
GENERATION = 2
NEWCOMER_EVERY = 9  # events; in the IRC logs one user comes for nine messages, and each has a partition of its own
PUBLISHED_AT_ONCE = 2_000
WAIT_S = 60.0


async def run(bench: Bench) -> Run:
    count = bench.options.rebuild_events
    async with Stack(bench.site.data / "rebuild", with_cassandra=False) as stack:
        await ensure_topics(LogSettings(stack.kafka), 1, 1, 1)
        log = KafkaLog(LogSettings(stack.kafka))
        await log.start()
        try:
            await _fill(log, count, bench.options.text_bytes)
            return await _rebuilt(bench, log)
        finally:
            await log.close()


async def _fill(log: Log, count: int, text_bytes: int) -> None:
    entries: list[Entry] = []
    for event in _events(count, b"x" * text_bytes):
        entries.append(Entry(event.conversation_id.encode(), encode(TOPIC, event)))
        if len(entries) == PUBLISHED_AT_ONCE:
            await log.publish(TOPIC, 0, entries)
            entries = []
    if entries:
        await log.publish(TOPIC, 0, entries)


def _events(count: int, text: bytes) -> Iterator[events.Event]:
    """Groups in which two write in turn, all at once, and newcomers are let in."""
    at_ms = now_ms()
    for number in range(count):
        index, place = number // CONVERSATIONS, number % CONVERSATIONS
        conversation, user = f"g-{place:032x}", f"u-bench{index % 2}"
        base: dict[str, Any] = {
            "event_id": f"{conversation}:{index + 1}",
            "tenant": "default",
            "conversation_id": conversation,
            "seq": index + 1,
            "ordinal": index,
            "at_ms": at_ms + number,
            "user": user,
            "device": f"{user}-phone",
            "command_id": f"c-{place}-{index}",
            "trace_id": "",
        }
        if index == 0:
            members = (Member("u-bench0", "owner"), Member("u-bench1", "member"))
            yield events.ConversationCreated(**base, conversation_kind="group", title="bench", members=members)
        elif number % NEWCOMER_EVERY == 0:
            yield events.MemberAdded(**base, member=f"u-new{number}", role="member")
        else:
            yield events.MessageSent(**base, content=Content("text/plain", text))


async def _rebuilt(bench: Bench, log: Log) -> Run:
    clusters, keyspace = bench.site.clusters, f"bench_rebuild_{bench.ids.next_number}"
    names = PROJECTIONS["timelines"].tables
    tables = {table_name(name, GENERATION): TABLES[name] for name in names} | {name: TABLES[name] for name in ("progress", "generations")}
    await ensure_tables(StoreSettings(clusters.cassandra, keyspace), clusters.replication, tables)
    store = await Store.connect(StoreSettings(clusters.cassandra, keyspace))
    try:
        builder = Builder(log, store, "timelines", GENERATION, now_ms)
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        records = await builder.catch_up()
        took_s, used_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        report = await Verifier(log, builder.store, WAIT_S, lambda line: None).run()
    finally:
        await store.close()
    figures = [
        Figure("rebuild: rate", "/s", records / took_s),
        Figure("rebuild: cpu of the rebuild", "us", used_s / records * 1e6),
        Figure("rebuild: rows that differ from the log", "", report.differences_count + len(report.unsure)),
    ]
    return Run(figures, {"records": records, "seconds": took_s, "cpu_s": used_s})
