"""Topics, tables and the log's epoch: everything a cluster must hold before an edge or a worker may start."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from log.refusals import refusal
from ops.probes import cluster_id, cql_refusal, cql_serves, kafka_serves, partitions_count, topic_names
from ops.reach import log_at, store_at
from ops.rewind import rewind_projector
from ops.settings import ClusterSettings

if TYPE_CHECKING:
    from log.settings import LogSettings
    from store.cassandra import Store

PROBE_PAUSE_S = 0.5
TELL_EVERY_S = 4.0
EVENTS = "conversation-events"
CONFIRMATIONS_MAX = 10


async def wait_for(name: str, addresses: str, serves: Callable[[], Awaitable[bool]], say: Callable[[str], None]) -> None:
    """Wait, for ever if need be, until the cluster answers; says so every few seconds."""
    loop = asyncio.get_running_loop()
    begun_s = told_s = loop.time()
    while not await serves():
        if loop.time() - told_s >= TELL_EVERY_S or told_s == begun_s:
            told_s = loop.time()
            say(f"waiting for {name} at {addresses} ({told_s - begun_s:.0f} s)")
        await asyncio.sleep(PROBE_PAUSE_S)


async def wait_for_clusters(clusters: ClusterSettings, say: Callable[[str], None]) -> None:
    """Wait until both clusters do real work. Raises: LogRefused, StoreRefused, where waiting would not help."""

    async def kafka() -> bool:
        settings = log_at(clusters.kafka)
        if await kafka_serves(settings, clusters.replication, all_led=False):
            return True
        if refused := await refusal(settings):
            raise refused
        return False

    async def cassandra() -> bool:
        settings = store_at(clusters)
        if await cql_serves(settings):
            return True
        if refused := await cql_refusal(settings):
            raise refused
        return False

    await asyncio.gather(wait_for("Kafka", clusters.kafka, kafka, say), wait_for("Cassandra", clusters.cassandra, cassandra, say))


async def laid_out(clusters: ClusterSettings, workers: int = 1) -> ClusterSettings:
    """The settings with their partitions: as asked, else as the topics have, else one a worker. Raises: KafkaError.

    Few, because each costs an owner requests of its own: docs/decisions/0012-few-partitions-a-worker.md.
    """
    if clusters.partitions:
        return clusters
    return dataclasses.replace(clusters, partitions=await partitions_count(log_at(clusters.kafka), EVENTS) or workers)


async def provision(clusters: ClusterSettings, say: Callable[[str], None]) -> set[str]:
    """Create what is missing, leave what is there; the names of the topics that were created.

    The epoch is renewed *before* the events topic is made: a crash in between only renews it once more, while the other order
    could leave a new log under an old epoch, and devices would trust positions of a log that is gone.
    Raises: log.errors.TopicMismatch and store.errors.TimelinesOfAnotherLog when the clusters hold something that does not fit;
        StillConsuming when the timelines are to be made anew and a projector still runs.
    Delivery: safe to repeat; not from two machines at once (Cassandra does not serialise schema changes).
    """
    from log.topics import ensure_topics
    from store.cassandra import Store
    from store.epochs import ensure_epoch, note_cluster
    from store.schema import ensure_tables

    kafka, cassandra = log_at(clusters.kafka), store_at(clusters)
    is_new = EVENTS not in await topic_names(kafka)
    await ensure_tables(cassandra, clusters.replication)
    store = await Store.connect(cassandra)
    try:
        cluster = await cluster_id(kafka)
        another = "the log was created just now" if is_new else await _why_another(store, kafka, cluster)

        async def rewind() -> None:
            if not is_new:
                await rewind_projector(kafka, say)

        await ensure_epoch(store, another, rewind)
        await note_cluster(store, cluster)
    finally:
        await store.close()
    created = await ensure_topics(kafka, clusters.partitions, clusters.replication, clusters.min_insync)
    if created:
        say(f"created topics: {', '.join(sorted(created))}")
    return created


async def _why_another(store: Store, kafka: LogSettings, cluster: str) -> str | None:
    """Asked until two answers in a row are the same: a new leader may know less than it has for a moment."""
    from log.kafka import KafkaLog
    from store.epochs import why_another

    log = KafkaLog(kafka)
    await log.start()
    try:
        reason = await why_another(store, log, cluster)
        for _ in range(CONFIRMATIONS_MAX):
            if reason is None:
                break
            await asyncio.sleep(PROBE_PAUSE_S)
            before, reason = reason, await why_another(store, log, cluster)
            if reason == before:
                break
        return reason
    finally:
        await log.close()
