"""The names in docker-compose.yml, asked of the real servers of the same versions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from cassandra.cluster import Cluster

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]


def test_the_list_of_broker_settings_is_that_of_the_running_broker(bootstrap: str) -> None:
    async def ask() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            answers = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
        finally:
            await admin.close()
        named = {row[0] for answer in answers for resource in answer.resources for row in resource[4]}
        return {name for name in named if not name.startswith("listener.name.")}  # what one listener has for itself: sasl.jaas.config

    assert asyncio.run(ask()) == set((ROOT / "tests" / "kafka_broker_settings.txt").read_text().split())


def test_the_settings_given_to_cassandra_by_property_exist(cassandra_address: str) -> None:
    host, _, port = cassandra_address.rpartition(":")
    cluster = Cluster([host], port=int(port))
    try:
        known = {row.name for row in cluster.connect().execute("SELECT name FROM system_views.settings")}
    finally:
        cluster.shutdown()
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name in ("cassandra-1", "cassandra-2", "cassandra-3"):
        given = re.findall(r"-Dcassandra\.settings\.(\w+)=", services[name]["environment"]["JVM_EXTRA_OPTS"])
        assert given
        assert set(given) <= known
