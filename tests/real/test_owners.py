"""Who has which partition, as a real Kafka's coordinator says."""

from __future__ import annotations

import asyncio
import uuid

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ops.owners import NOBODY, Group, groups_of


def test_a_group_is_read_from_its_coordinator(bootstrap: str) -> None:
    topic, name = f"t-{uuid.uuid4().hex[:8]}", f"g-{uuid.uuid4().hex[:8]}"

    async def body() -> dict[str, Group]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        consumer = None
        try:
            await admin.create_topics([NewTopic(topic, 2, 1)])
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=name, client_id="owner-7")
            await consumer.start()
            return await groups_of(admin, [name, "nobody-ever-joined"])
        finally:
            if consumer is not None:
                await consumer.stop()
            await admin.close()

    groups = asyncio.run(body())
    assert groups[name] == Group("Stable", {(topic, 0): "owner-7", (topic, 1): "owner-7"})
    assert groups["nobody-ever-joined"] == NOBODY
