"""Accounts of consumers on a real Kafka: they read what they may, with stock clients, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from log.kafka import KafkaLog
from log.settings import LogSettings
from ops.consumers.access import BadConsumer
from ops.consumers.lag import group_lines
from schemas.accounts import AdminActed
from schemas.codec import decode
from tests.real import a_day
from tests.real.consumers_world import PARTITIONS, PATIENCE_S, World, settings, world_in

pytestmark = pytest.mark.real
DENIED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("consumers")) as world:
        yield world


def read_day(consumer: Consumer) -> list[a_day.Placed]:
    """The day's records, partition by partition, as any client finds them: by time."""
    parts = consumer.list_topics(a_day.TOPIC, timeout=PATIENCE_S).topics[a_day.TOPIC].partitions
    begins = consumer.offsets_for_times([TopicPartition(a_day.TOPIC, p, a_day.START_MS) for p in parts], PATIENCE_S)
    ends = consumer.offsets_for_times([TopicPartition(a_day.TOPIC, p, a_day.START_MS + a_day.DAY_MS) for p in parts], PATIENCE_S)
    wanted = {place.partition: place.offset for place in ends}
    consumer.assign(begins)
    found: list[a_day.Placed] = []
    while sum(each.offset - begin.offset for each, begin in zip(ends, begins, strict=True)) > len(found):
        message = consumer.poll(PATIENCE_S)
        assert message is not None, "nothing came"
        assert message.error() is None, message.error()
        if message.offset() < wanted[message.partition()]:
            found.append((message.partition(), message.timestamp()[1], message.key(), message.value()))
    return found


def refusal(consumer: Consumer, *topics: str) -> int:
    """The code with which Kafka answers who subscribes to these."""
    consumer.subscribe(list(topics))
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is not None:
            return int(message.error().code())
        assert message is None, "a record came"
    raise TimeoutError("neither records nor a refusal")


@pytest.mark.parametrize("listener", ["tls", "sasl"])
def test_confluent_kafka_reads_a_whole_day_and_no_other_topic(world: World, listener: str) -> None:
    conf = world.account(f"reader-{listener}", a_day.TOPIC) | {"group.id": f"reader-{listener}"}
    if listener == "sasl":
        conf |= {"bootstrap.servers": world.stack.kafka_sasl, "security.protocol": "SASL_PLAINTEXT"}
    consumer = Consumer(conf)
    try:
        assert sorted(read_day(consumer)) == sorted(world.day)
    finally:
        consumer.close()
    for topic, group in (("account-events", f"reader-{listener}"), (a_day.TOPIC, "somebody-else"), (a_day.TOPIC, "warbler-timelines")):
        stranger = Consumer(conf | {"group.id": group})
        try:
            assert refusal(stranger, topic) in DENIED
        finally:
            stranger.close()


def test_an_account_writes_nothing_and_changes_nothing(world: World) -> None:
    conf = world.account("writer", a_day.TOPIC)
    errors: list[int] = []
    producer = Producer(conf | {"message.timeout.ms": "30000"})
    producer.produce(a_day.TOPIC, b"x", on_delivery=lambda error, _: errors.append(error.code()))
    producer.flush(PATIENCE_S)
    assert errors == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    admin = AdminClient(conf)
    made = admin.create_topics([NewTopic("of-mine", 1, 1)])["of-mine"]
    with pytest.raises(KafkaException, match="AUTHORIZATION"):
        made.result(PATIENCE_S)


def test_a_removed_account_reads_nothing_more_and_a_rotated_one_only_with_its_new_password(world: World) -> None:
    conf = world.account("going", a_day.TOPIC) | {"group.id": "going"}
    assert "going" in world.run("list")
    world.run("rotate", "going", "--out", str(world.data / "new"))
    refused_soon(conf)
    new = settings(world.data / "new" / "going.librdkafka.conf") | {"group.id": "going", "enable.auto.commit": "false"}
    open_one = Consumer(new)
    try:
        open_one.assign([TopicPartition(a_day.TOPIC, 0, 0)])
        assert open_one.poll(PATIENCE_S) is not None
        world.run("remove", "going")
        assert denied_soon(open_one)
    finally:
        open_one.close()
    refused_soon(new)
    assert "going" not in world.run("list")


def denied_soon(consumer: Consumer) -> bool:
    """Whether an open consumer hears that it may not any more, after what it had fetched already."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is not None and message.error().code() in DENIED:
            return True
    return False


def refused_soon(conf: dict[str, str]) -> None:
    """Brokers hear of a change a moment after it was answered."""
    deadline = time.monotonic() + PATIENCE_S
    while comes_in(conf):
        assert time.monotonic() < deadline, "still let in"


def comes_in(conf: dict[str, str]) -> bool:
    """Whether Kafka takes this name and password; the client itself would try again for ever."""
    failures: list[int] = []
    consumer = Consumer(conf | {"error_cb": lambda error: failures.append(error.code()), "log_level": "0"})
    try:
        consumer.assign([TopicPartition(a_day.TOPIC, 0, 0)])
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if consumer.poll(0.1) is not None:
                return True
            if KafkaError._AUTHENTICATION in failures:
                return False
        raise TimeoutError(failures)
    finally:
        consumer.close()


def test_what_cannot_be_given_is_said(world: World) -> None:
    world.account("twice", a_day.TOPIC)
    for arguments in (("add", "twice", "--topics", a_day.TOPIC), ("remove", "nobody"), ("rotate", "nobody")):
        with pytest.raises(BadConsumer):
            world.run(*arguments)


def test_accounts_made_rotated_and_removed_are_in_the_operators_log(world: World) -> None:
    world.account("told", a_day.TOPIC)
    world.run("remove", "told")

    async def acts() -> list[tuple[str, str]]:
        log = KafkaLog(LogSettings(world.stack.kafka))
        await log.start()
        try:
            records = [each for p in range(PARTITIONS) for each in await log.read("admin-events", p, 0, 1_000)]
        finally:
            await log.close()
        events = [decode(each.value, AdminActed) for each in records]
        return [(event.action, event.outcome) for event in events if event.target == "told"]

    assert asyncio.run(acts()) == [
        ("consumer_made", "begun"), ("consumer_made", "done"), ("consumer_removed", "begun"), ("consumer_removed", "done")
    ]  # fmt: skip


def test_the_lag_of_a_consumers_group_is_known(world: World) -> None:
    conf = world.account("late", a_day.TOPIC) | {"group.id": "late.nightly", "enable.auto.commit": "false"}
    consumer = Consumer(conf)
    try:
        end = consumer.get_watermark_offsets(TopicPartition(a_day.TOPIC, 1), PATIENCE_S)[1]
        consumer.commit(offsets=[TopicPartition(a_day.TOPIC, 1, end - 7)], asynchronous=False)
        (line,) = [line for line in asyncio.run(group_lines(LogSettings(world.stack.kafka), ())) if line.group == "late.nightly"]
        assert (line.topic, line.partitions, line.lag) == (a_day.TOPIC, 1, 7)
    finally:
        consumer.close()
