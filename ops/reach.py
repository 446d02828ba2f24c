"""How the command reaches a Kafka and a Cassandra whose addresses it found: with the security that its environment says."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from log.security import UNSECURED as PLAIN_KAFKA
from log.security import KafkaSecuritySettings
from log.settings import LogSettings
from ops.errors import BadSetting
from ops.settings import ClusterSettings
from store.security import UNSECURED as PLAIN_CASSANDRA
from store.security import CassandraSecuritySettings
from store.settings import StoreSettings


def log_at(kafka: str, env: Mapping[str, str] = os.environ) -> LogSettings:
    """Raises: BadKafkaSecurity."""
    return LogSettings.at(kafka, env)


def store_at(clusters: ClusterSettings, connect_wait_ms: int = 0, env: Mapping[str, str] = os.environ) -> StoreSettings:
    """`connect_wait_ms`: 0 means that of the environment. Raises: BadCassandraSecurity."""
    settings = StoreSettings.at(clusters.cassandra, clusters.keyspace, env)
    return dataclasses.replace(settings, connect_wait_ms=connect_wait_ms) if connect_wait_ms else settings


def check_embedded(clusters: ClusterSettings, env: Mapping[str, str]) -> None:
    """Raises: BadSetting where security is asked of an embedded server, whose inner listener has none."""
    if KafkaSecuritySettings.from_env(env).security != PLAIN_KAFKA.security and not clusters.kafka:
        raise BadSetting("WARBLER_KAFKA_SECURITY is for a Kafka of your own (WARBLER_KAFKA); the embedded one is reached on loopback")
    if CassandraSecuritySettings.from_env(env) != PLAIN_CASSANDRA and not clusters.cassandra:
        raise BadSetting("WARBLER_CASSANDRA_SECURITY and WARBLER_CASSANDRA_USER are for a Cassandra of your own (WARBLER_CASSANDRA)")
