"""The conversation owner as a process on the real Kafka: killed, restarted, drained, fed with poison, without Kafka."""

import asyncio
import re
import signal
import socket
import time
from datetime import datetime
from pathlib import Path

import pytest

from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas.partition import partition_of
from schemas.records import CommandRepeated
from tests.real.workers import PARTITIONS, Talk, Worker, dead_letters, opened, workers

pytestmark = pytest.mark.real

KAFKA_GONE_S = 20.0


@pytest.fixture(scope="module")
def kafka(stack: Stack) -> str:
    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))
    return stack.kafka


def test_a_retry_across_the_workers_death_gets_the_same_seq_and_nothing_is_doubled(kafka: str, tmp_path: Path) -> None:
    async def body() -> None:
        worker = Worker(kafka, tmp_path, "retry")
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(kafka) as log:
                talk = Talk(log)
                await talk.create()
                before = await talk.say(200)
                worker.send(signal.SIGKILL)  # some are decided and not committed, some not read at all
                during = await talk.say(200)
                worker.wait()
                worker.start()
                await talk.publish([*before, *during])  # the client saw no ack, so it sends everything again with the same ids
                events = await talk.check()
                seqs = {event.command_id: event.seq for all_of_one in events.values() for event in all_of_one}
                assert sum(map(len, events.values())) == len(talk.conversations) + 400
                repeated = [reply for reply in await talk.replies() if isinstance(reply, CommandRepeated)]
                deadline = time.monotonic() + 30
                while {reply.command_id for reply in repeated} != {c.command_id for c in (*before, *during)}:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.2)
                    repeated = [reply for reply in await talk.replies() if isinstance(reply, CommandRepeated)]
                assert all(reply.seq == seqs[reply.command_id] for reply in repeated)
            assert worker.stop() == 0

    asyncio.run(body())


def test_a_named_worker_has_its_partitions_back_faster_than_its_session_runs_out(kafka: str, tmp_path: Path) -> None:
    async def body() -> None:
        worker = Worker(kafka, tmp_path, "named", STREAMS_SESSION_TIMEOUT_MS="15000")
        with workers(worker):
            worker.start()
            await worker.until_ready()
            worker.send(signal.SIGKILL)
            worker.wait()
            worker.start()
            await worker.until_ready()
            started = [when for when, event in timeline(worker.output) if event == "worker starts"][-1]
            assigned = [when for when, event in timeline(worker.output) if event == "partitions assigned"][-1]
            assert (assigned - started).total_seconds() < 13
            assert worker.stop() == 0

    asyncio.run(body())


def test_a_drained_worker_leaves_nothing_to_do_twice(kafka: str, tmp_path: Path) -> None:
    async def body() -> None:
        worker = Worker(kafka, tmp_path, "drain")
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(kafka) as log:
                talk = Talk(log)
                await talk.create()
                await talk.say(300)
                await talk.check()
                assert worker.stop() == 0
                worker.start()
                await worker.until_ready()
                await asyncio.sleep(1)
                detail = (await worker.live())["detail"]["conversations"]
                assert detail["commands"] == 0, "committed commands were handed over again"
                await talk.say(10)
                await talk.check()

    asyncio.run(body())


def timeline(output: str) -> list[tuple[datetime, str]]:
    """The worker's log lines as (time, event)."""
    found = re.findall(r'^timestamp=(\S+) level=\w+ event="([^"]+)"', output, re.MULTILINE)
    return [(datetime.fromisoformat(when), event) for when, event in found]


def poison(key: bytes) -> list[bytes]:
    """Not Avro, an unknown schema id, a truncated body, another kind of record."""
    return [b"not avro", b"\0\0\0\x27\x0fbody", b"\0" + (207).to_bytes(4, "big") + b"\x0edef", b"\0" + (501).to_bytes(4, "big") + key]


def test_poison_in_the_middle_of_every_topic_of_the_owner_is_buried_and_the_partition_goes_on(kafka: str, tmp_path: Path) -> None:
    async def body() -> None:
        worker = Worker(kafka, tmp_path, "poison", STREAMS_CHECKPOINT_INTERVAL_MS="600000")
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(kafka) as log:
                talk = Talk(log, conversations=1)
                await talk.create()
                await talk.say(5)
                await talk.check()
                key = talk.conversations[0].encode()
                partition = partition_of(key, PARTITIONS)
                placed = set()
                for topic in ("conversation-commands", "conversation-events", "conversation-state"):
                    for value in poison(key):
                        offset = await log.publish(topic, partition, [Entry(key, value)])
                        placed.add((topic, partition, offset, value))
                await talk.say(5)
                await talk.check()
                worker.send(signal.SIGKILL)
                worker.wait()
                worker.start()  # its take-over folds over all of it
                await worker.until_ready()
                await talk.say(5)
                events = await talk.check()
                assert len(events[talk.conversations[0]]) == 16
                buried = {(one.topic, one.partition, one.offset, one.value) for one in await dead_letters(log)}
                owners = {place for place in placed if place[0] != "conversation-state"}
                assert owners <= buried
                # of a compacted topic only the newest value of a key counts; it was the last poison, until the next snapshot
                assert any(place in buried for place in placed - owners)
            assert worker.stop() == 0

    asyncio.run(body())


def test_a_worker_waits_for_a_kafka_that_is_not_there_and_says_so(tmp_path: Path) -> None:
    async def body() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            worker = Worker(f"127.0.0.1:{nobody.getsockname()[1]}", tmp_path, "early")
            with workers(worker):
                worker.start()
                first = await worker.until(lambda answer: answer["progress"] >= 1, "waiting")
                await worker.until(lambda answer: answer["progress"] > first["progress"], "still trying")
                assert "waiting for Kafka" in worker.output
                assert worker.stop() == 0

    asyncio.run(body())


def test_a_wrong_setting_ends_the_worker_with_its_name(kafka: str, tmp_path: Path) -> None:
    worker = Worker(kafka, tmp_path, "wrong", STREAMS_MEMBERS_LIMIT="many")
    with workers(worker):
        worker.start()
        assert worker.wait() == 64
        assert "STREAMS_MEMBERS_LIMIT" in worker.output


def test_without_kafka_for_a_while_the_worker_lives_and_nothing_is_lost(stack: Stack, kafka: str, tmp_path: Path) -> None:
    async def body() -> None:
        worker = Worker(kafka, tmp_path, "gone")
        with workers(worker):
            worker.start()
            await worker.until_ready()
            async with opened(kafka) as log:
                talk = Talk(log)
                await talk.create()
                await talk.say(100)
                stack.kafka_node.kill()  # some of the commands are in flight
                await asyncio.sleep(KAFKA_GONE_S)
                assert (await worker.live())["ok"]
                await stack.kafka_node.start()
                await talk.say(100)
                await talk.check()
            assert worker.stop() == 0, worker.output[-2000:]

    asyncio.run(body())
