"""The embedded stack, with real JVMs: readiness, crash, second start, neighbours, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from log.settings import LogSettings
from ops.embedded.process import Child, carries_mark
from ops.embedded.settings import EmbeddedSettings
from ops.embedded.stack import Stack
from ops.errors import DataDirInUse
from ops.probes import cql_serves, kafka_serves
from store.settings import StoreSettings
from tests.real import running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of this file's own, which it kills."""
    with running.started(Stack(tmp_path_factory.mktemp("embedded"))) as stack:
        yield stack


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, 1, 1)])
        assert [error[1] for error in answer.topic_errors] == [0]
    finally:
        await admin.close()


async def write(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=8 << 20) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async with asyncio.timeout(60):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def test_both_stay_under_the_memory_limit_when_idle(stack: Stack) -> None:
    """The first of this file: nobody has used the servers yet."""
    assert sum(node.rss_bytes() for node in stack.nodes) < 1.6 * (1 << 30)


def test_killed_kafka_comes_back_on_the_same_port_with_what_was_acked(stack: Stack) -> None:
    async def scenario() -> None:
        address = stack.kafka
        await create(address, "survives-kill")
        await write(address, "survives-kill", [b"%d" % n for n in range(100)])
        stack.kafka_node.kill()
        assert not await kafka_serves(LogSettings(address))
        await stack.kafka_node.start()
        assert stack.kafka == address
        assert await read(address, "survives-kill", 100) == [b"%d" % n for n in range(100)]

    asyncio.run(scenario())


def test_killed_cassandra_comes_back_on_the_same_port(stack: Stack) -> None:
    async def scenario() -> None:
        address = stack.cassandra
        stack.cassandra_node.kill()
        assert not await cql_serves(StoreSettings(address))
        await stack.cassandra_node.start()
        assert stack.cassandra == address
        assert await cql_serves(StoreSettings(address))

    asyncio.run(scenario())


def test_kafka_takes_records_of_several_mebibytes(stack: Stack) -> None:
    async def scenario() -> None:
        await create(stack.kafka, "large")
        await write(stack.kafka, "large", [b"x" * (7 << 20)])
        assert len((await read(stack.kafka, "large", 1))[0]) == 7 << 20

    asyncio.run(scenario())


def test_a_live_data_directory_is_refused_with_the_owners_pid(stack: Stack) -> None:
    with pytest.raises(DataDirInUse, match=str(os.getpid())):
        asyncio.run(Stack(stack.home).start())
    assert asyncio.run(kafka_serves(LogSettings(stack.kafka)))


def test_a_second_start_beside_another_stack_finds_the_data_and_stop_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        pids: list[int] = []
        settings = EmbeddedSettings()
        async with Stack(tmp_path / "own data", settings, with_cassandra=False) as first:
            assert first.kafka != stack.kafka
            await create(first.kafka, "kept")
            await write(first.kafka, "kept", [b"one"])
            pids.append(first.kafka_node.pid)
        async with Stack(tmp_path / "own data", settings, with_cassandra=False) as second:
            assert await read(second.kafka, "kept", 1) == [b"one"]
            assert await kafka_serves(LogSettings(stack.kafka))
            pids.append(second.kafka_node.pid)
        return pids

    assert not [pid for pid in asyncio.run(scenario()) if psutil.pid_exists(pid)]


HOLD = """
import asyncio, sys
from ops.embedded.stack import Stack
async def main():
    async with Stack(sys.argv[1], with_cassandra=False) as stack:
        print(stack.kafka_node.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_killing_the_supervisor_leaves_no_jvm(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=env)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert carries_mark(pid, Child("kafka", tmp_path).mark)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    deadline_s = time.monotonic() + 30
    while carries_mark(pid, Child("kafka", tmp_path).mark) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not carries_mark(pid, Child("kafka", tmp_path).mark)
