"""The programs of docs/consumers, run as the guide shows them, and the bridge's events as stock clients see them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from confluent_kafka import Consumer, TopicPartition

from ops.embedded.jars import cache_folder, copy_dependencies
from schemas.golden import load_examples
from tests.real import a_day
from tests.real.consumers_world import PARTITIONS, PATIENCE_S, Registry, World, world_in
from tests.real.workers import Worker, workers

pytestmark = pytest.mark.real
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "consumers"
NAMES = {example.wire: example.schema.record for example in load_examples()}
RUN_S = 240.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("guide")) as world:
        world.account("crm", f"{a_day.TOPIC},cloudevents")
        yield world


@pytest.fixture(scope="module")
def registry(world: World) -> Iterator[str]:
    """Its address."""
    process = Registry(world)
    with workers(process):
        process.start()
        asyncio.run(process.until_ready())
        yield process.url


@pytest.fixture(scope="module")
def jars() -> Path:
    """The libraries of the guide's pom, resolved once per machine."""
    pom = GUIDE / "pom.xml"
    folder = cache_folder() / f"consumer-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        copying = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        copy_dependencies(pom, copying)
        try:
            copying.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(copying)
    return folder


@pytest.fixture(scope="module", autouse=True)
def recent_librdkafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As the guide has it for a kcat whose librdkafka is older than 2.6.1: that of confluent-kafka's wheel in its place."""
    folder = tmp_path_factory.mktemp("librdkafka")
    (found,) = (Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka-*.so*")
    (folder / "librdkafka.so.1").symlink_to(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(folder))
        yield


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=RUN_S, check=False)


def rows(output: str) -> list[list[str]]:
    return [line.split("\t") for line in output.splitlines()]


def wanted(world: World) -> Counter[tuple[str, ...]]:
    return Counter((str(at_ms), str(partition), key.decode(), NAMES[value]) for partition, at_ms, key, value in world.day)


def test_the_python_program_reads_the_whole_day_with_its_schemas(world: World, registry: str) -> None:
    done = run(sys.executable, GUIDE / "consumer.py", world.data / "crm.librdkafka.conf", registry, a_day.TOPIC, a_day.DAY)
    assert done.returncode == 0, done.stderr
    assert Counter(tuple(row[:4]) for row in rows(done.stdout)) == wanted(world)
    sent = [json.loads(row[4]) for row in rows(done.stdout) if row[3] == "message_sent"]
    assert {each["content"]["body"] for each in sent} == {"Hallo, Möwe! 🐦"}


def test_the_java_program_reads_the_whole_day_with_its_schemas(world: World, registry: str, jars: Path) -> None:
    properties = world.data / "crm.java.properties"
    done = run("java", "-cp", f"{jars}/*", GUIDE / "EventReader.java", properties, registry, a_day.TOPIC, a_day.DAY)
    assert done.returncode == 0, done.stderr
    assert Counter(tuple(row[:4]) for row in rows(done.stdout)) == wanted(world)
    assert {json.loads(row[4])["tenant"] for row in rows(done.stdout) if row[3] == "message_sent"} == {"default"}


def test_the_shell_program_reads_the_whole_day_and_names_its_schemas(world: World, registry: str) -> None:
    done = run("bash", GUIDE / "consumer.sh", world.data / "crm.librdkafka.conf", registry, a_day.TOPIC, a_day.DAY)
    assert done.returncode == 0, done.stderr
    assert Counter(tuple(row) for row in rows(done.stdout)) == wanted(world)


def test_none_of_them_reads_a_topic_that_its_account_may_not(world: World, registry: str, jars: Path) -> None:
    conf, properties = world.data / "crm.librdkafka.conf", world.data / "crm.java.properties"
    python = run(sys.executable, GUIDE / "consumer.py", conf, registry, "account-events", a_day.DAY)
    java = run("java", "-cp", f"{jars}/*", GUIDE / "EventReader.java", properties, registry, "account-events", a_day.DAY)
    shell = run("bash", GUIDE / "consumer.sh", conf, registry, "account-events", a_day.DAY)
    for done in (python, java, shell):
        assert done.returncode != 0, done.args
        assert done.stdout == ""
        assert "authoriz" in (done.stderr + done.stdout).lower(), done.stderr


# ---- the bridge


def bridge(world: World) -> Worker:
    return Worker(world.stack.kafka, world.data, "after-1", STREAMS_ROLES="bridge", STREAMS_BRIDGE_TOPICS=a_day.TOPIC)


def until_bridged(worker: Worker, events: int) -> None:
    asyncio.run(worker.until(lambda answer: answer["detail"].get("bridge", {}).get("events", 0) >= events, f"{events} events on"))


def bridged(world: World) -> list[KafkaMessage]:
    """All of the topic, partition by partition, as confluent-kafka gives it to an account."""
    consumer = Consumer(
        dict(line.split("=", 1) for line in (world.data / "crm.librdkafka.conf").read_text().splitlines()) | {"group.id": "crm"}
    )
    found = []
    try:
        for partition in range(PARTITIONS):
            place = TopicPartition("cloudevents", partition, 0)
            end = consumer.get_watermark_offsets(place, PATIENCE_S)[1]
            consumer.assign([place])
            for _ in range(end):
                message = consumer.poll(PATIENCE_S)
                assert message is not None
                assert message.error() is None
                found.append(KafkaMessage(dict(message.headers()), message.key(), message.value() or b""))
    finally:
        consumer.close()
    return found


def test_a_bridge_that_is_killed_goes_on_where_it_was_and_the_sdk_reads_every_event(world: World) -> None:
    worker, everything = bridge(world), sorted(a_day.events(PARTITIONS), key=lambda each: (each[0], each[1]))
    with workers(worker):
        worker.start()
        until_bridged(worker, 1)
        worker.send(signal.SIGKILL)
        worker.wait()
        worker.start()
        asyncio.run(worker.until(lambda answer: "bridge" in answer["detail"] and answer["detail"]["bridge"]["lag"] == 0, "at the end"))
        messages = bridged(world)
        while sum(message.key is not None for message in messages) < len(everything):
            messages = bridged(world)
        assert worker.stop() == 0
    events = [(message, from_binary_event(message)) for message in messages]
    assert {event.get_type() for message, event in events if message.key is None} == {"warbler.bridge_resumed"}
    facts = [(message.key, event.get_type().removeprefix("warbler.")) for message, event in events if message.key is not None]
    assert facts == [(key, NAMES[value]) for _, _, key, value in everything]

    done = run("bash", GUIDE / "cloudevents.sh", world.data / "crm.librdkafka.conf", "-e")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "ce_type=warbler.bridge_resumed" not in line]
    assert len(lines) == len(everything)
    assert all("ce_specversion=1.0" in line and json.loads(line.partition("\t")[2]) for line in lines)
