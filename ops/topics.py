"""`warbler topics`: create the topics and tables that are missing in the clusters, and show them all."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops import statefile
from ops.provision import laid_out, provision, wait_for_clusters
from ops.settings import ClusterSettings
from ops.tables import put_table


def located(data: Path, env: Mapping[str, str]) -> ClusterSettings:
    """The settings of the environment; addresses and keyspace that it lacks are those of the `up` that runs on `data`.

    Raises: NotRunning when an address is missing and nothing runs there.
    """
    clusters = ClusterSettings.from_env(env)
    if clusters.kafka and clusters.cassandra:
        return clusters
    state = statefile.read(data)
    keyspace = clusters.keyspace if "WARBLER_KEYSPACE" in env else state.keyspace
    return dataclasses.replace(
        clusters, kafka=clusters.kafka or state.kafka, cassandra=clusters.cassandra or state.cassandra, keyspace=keyspace
    )


def located_kafka(data: Path, env: Mapping[str, str] = os.environ) -> str:
    """Kafka's address alone, as `located`. Raises: NotRunning."""
    return ClusterSettings.from_env(env).kafka or statefile.read(data).kafka


async def run_topics(data: Path, env: Mapping[str, str], console: Console) -> None:
    from log.topics import partitions_of
    from schemas.registry import TOPICS
    from store.schema import TABLES

    clusters = located(data, env)
    await wait_for_clusters(clusters, console.print)
    clusters = await laid_out(clusters)
    created = await provision(clusters, console.print)
    topics = Table("topic", "key", "partitions", "kept", "")
    for topic in TOPICS.values():
        kept = "compacted" if topic.config.get("cleanup.policy") == "compact" else retention(topic.config.get("retention.ms", ""))
        partitions = str(partitions_of(topic.name, clusters.partitions))
        topics.add_row(topic.name, topic.key, partitions, kept, "created now" if topic.name in created else "")
    put_table(console, topics)
    tables = Table(f"table in keyspace {clusters.keyspace}")
    for name in TABLES:
        tables.add_row(name)
    put_table(console, tables)


def retention(retention_ms: str) -> str:
    """A retention in words."""
    if not retention_ms:
        return "cluster's default"
    milliseconds = int(retention_ms)
    if milliseconds < 0:
        return "for ever"
    minutes = milliseconds // 60_000
    return f"{minutes // 1_440} days" if minutes >= 1_440 else f"{minutes} min"


async def run_init(data: Path, env: Mapping[str, str], console: Console) -> None:
    """Prepare existing clusters and the data folder for edges and workers that somebody else starts (docker-compose.yml)."""
    from ops.keys import ensure_keys

    clusters = located(data, env)
    await wait_for_clusters(clusters, console.print)
    clusters = await laid_out(clusters)
    await provision(clusters, console.print)
    keys = ensure_keys(data, env)
    console.print(f"ready: topics, tables, {keys.token_key}, {keys.admin_key}", soft_wrap=True)
