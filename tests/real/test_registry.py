"""The registry of a whole Warbler, spoken to by clients that nobody here wrote: confluent-kafka's and Confluent's own for Java."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from ops import statefile
from ops.embedded.ports import next_free
from tests.real.running import PORTS_FROM, Running
from tests.real.talking import online, registered
from tests.registry.face import record
from tests.registry.java_side import run_java

pytestmark = pytest.mark.real
PATIENCE_S = 60.0
OURS = "conversation-events-warbler.message_sent"


@pytest.fixture(scope="module")
def address(warbler: Running) -> str:
    return next(each.address for each in statefile.read(warbler.data).processes if each.name == "registry").rstrip("/")


@pytest.fixture
def client(address: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": address})


def fresh(name: str) -> str:
    """The world is shared with other files and lives as long as they do."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def read_all(warbler: Running, topic: str) -> list[Message]:
    """Every record of the topic as a stock consumer sees it."""
    consumer = Consumer({"bootstrap.servers": warbler.kafka, "group.id": fresh("g"), "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found, ended, deadline = [], 0, time.monotonic() + PATIENCE_S
    while ended < len(partitions) and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            ended += 1
        else:
            found.append(message)
    consumer.close()
    return found


def test_a_stock_deserializer_reads_our_events(warbler: Running, client: SchemaRegistryClient) -> None:
    text = fresh("hello")

    async def speak() -> None:
        ana, ben = registered(warbler), registered(warbler)
        async with online(warbler.addresses()[0], ana) as phone:
            await phone.send_text(await phone.new_group(ben), text)

    asyncio.run(speak())
    read = AvroDeserializer(client)
    context = SerializationContext("conversation-events", MessageField.VALUE)
    events = [read(message.value(), context) for message in read_all(warbler, "conversation-events")]
    assert text in {event["content"]["body"].decode() for event in events if isinstance(event.get("content"), dict)}


def test_a_stock_serializer_registers_its_own_schema_and_another_process_reads_it(warbler: Running, address: str) -> None:
    topic = fresh("orders")
    admin = AdminClient({"bootstrap.servers": warbler.kafka})  # kept, because what it promised ends with it
    [made] = admin.create_topics([NewTopic(topic, 1, 1)]).values()
    made.result(PATIENCE_S)
    context = SerializationContext(topic, MessageField.VALUE)
    write = AvroSerializer(SchemaRegistryClient({"url": address}), json.dumps(record("order", ("id", "string"), ("price", "long"))))
    producer = Producer({"bootstrap.servers": warbler.kafka})
    orders = [{"id": f"o{number}", "price": number} for number in range(3)]
    for order in orders:
        producer.produce(topic, write(order, context))
    assert producer.flush(PATIENCE_S) == 0
    read = AvroDeserializer(SchemaRegistryClient({"url": address}))
    assert [read(message.value(), context) for message in read_all(warbler, topic)] == orders
    later = record("order", ("id", "string"), ("price", "string"))
    with pytest.raises(SchemaRegistryError) as refused:
        AvroSerializer(SchemaRegistryClient({"url": address}), json.dumps(later))({"id": "x", "price": "y"}, context)
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 409)


def test_a_stock_client_finds_our_subjects_by_their_strategy_and_may_not_write_them(client: SchemaRegistryClient) -> None:
    context = SerializationContext("conversation-events", MessageField.VALUE)
    assert topic_record_subject_name_strategy(context, "warbler.message_sent") == OURS
    assert OURS in client.get_subjects()
    latest = client.get_latest_version(OURS)
    again = client.lookup_schema(OURS, latest.schema)
    assert (again.schema_id, again.version) == (latest.schema_id, latest.version)
    assert client.register_schema(OURS, latest.schema) == latest.schema_id
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(OURS, Schema('"int"', "AVRO"))
    assert (refused.value.http_status_code, refused.value.error_code) == (422, 42205)


def test_confluents_own_client_for_java_finds_what_it_expects(address: str) -> None:
    subject = fresh("java-value")
    assert run_java("Talks.java", address, subject, OURS) == [
        "registered again true",
        "by id true",
        "version 1",
        "latest true",
        "compatible false",
        "why true",
        "refused 409 409",
        "set NONE NONE",
        "versions [1]",
        "listed true",
        "ours READONLY 422 42205",
        "deleted [1]",
    ]


@pytest.fixture(scope="module")
def second(warbler: Running) -> Iterator[str]:
    """Another registry over the same Kafka."""
    port = next_free(PORTS_FROM + 10)
    env = {**os.environ, "WARBLER_KAFKA": warbler.kafka, "WARBLER_NODE": "registry-2", "REGISTRY_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "registry"], env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        answers(f"http://127.0.0.1:{port}/subjects")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def answers(url: str) -> httpx.Response:
    """The first answer that is no failure."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = httpx.get(url, timeout=5)
            if found.status_code < 500:
                return found
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"no answer from {url}"
        time.sleep(0.1)


def test_two_registries_over_one_kafka_fence_each_other_and_never_give_a_number_twice(address: str, second: str) -> None:
    subject = fresh("shared")
    texts = [json.dumps(record("r", *((f"f{n}", "int", 0) for n in range(count + 1)))) for count in range(12)]

    async def register(number: int, text: str) -> int:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            body = {"schema": text}
            while True:  # 500 says that the outcome is unknown, and that the same may be sent again
                answer = await http.post(f"{(address, second)[number % 2]}/subjects/{subject}/versions", json=body)
                if answer.status_code != 500:
                    return int(answer.raise_for_status().json()["id"])

    async def whole() -> list[int]:
        return await asyncio.gather(*(register(number, text) for number, text in enumerate(texts)))

    ids = asyncio.run(whole())
    assert len(set(ids)) == len(texts)
    numbers = list(range(1, len(texts) + 1))
    assert httpx.get(f"{address}/subjects/{subject}/versions").json() == numbers
    deadline = time.monotonic() + PATIENCE_S
    while httpx.get(f"{second}/subjects/{subject}/versions").json() != numbers:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {each["id"] for each in httpx.get(f"{second}/schemas?subjectPrefix={subject}").json()} == set(ids)


def test_a_registry_that_was_killed_comes_back_with_everything(warbler: Running, address: str) -> None:
    subject = fresh("kept")
    client = SchemaRegistryClient({"url": address})
    first = client.register_schema(subject, Schema(json.dumps(record("r", ("a", "int"))), "AVRO"))
    client.set_compatibility(subject, "FULL")
    old = warbler.kill("registry")
    warbler.wait_for_successor("registry", old)
    assert answers(f"{address}/subjects/{subject}/versions/1").json()["id"] == first
    again = SchemaRegistryClient({"url": address})
    assert again.get_compatibility(subject) == "FULL"
    assert again.register_schema(subject, Schema(json.dumps(record("r", ("a", "int"), ("b", "int", 0))), "AVRO")) > first
