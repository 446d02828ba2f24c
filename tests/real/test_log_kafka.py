"""The log on the real Kafka keeps the port's promises, also across a broker restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from log.errors import Fenced, TopicMismatch
from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics, partitions_of
from ops.embedded.stack import Stack
from schemas.registry import TOPICS
from tests.log.contract import EVENTS, LogContract, entry, values

pytestmark = pytest.mark.real
PARTITIONS = 4
WAIT_MS = 90_000  # a Kafka that starts beside other tests may take long; how long a caller waits is not what is asked here


@pytest.fixture(scope="module")
def topics(stack: Stack) -> str:
    """The bootstrap address of a Kafka that has the topics."""
    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))
    return stack.kafka


@contextlib.asynccontextmanager
async def opened(kafka: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(LogSettings(kafka=kafka, publish_timeout_ms=WAIT_MS, request_timeout_ms=WAIT_MS, open_timeout_ms=WAIT_MS))
    await log.start()
    try:
        yield log
    finally:
        await log.close()


class TestKafkaLog(LogContract):
    @pytest.fixture(autouse=True)
    def _kafka(self, topics: str) -> None:
        self.kafka = topics

    def opened(self) -> contextlib.AbstractAsyncContextManager[KafkaLog]:
        return opened(self.kafka)


def test_topics_are_created_once_and_another_partition_count_is_refused(topics: str) -> None:
    async def body() -> None:
        assert await ensure_topics(LogSettings(topics), PARTITIONS) == set()
        with pytest.raises(TopicMismatch):
            await ensure_topics(LogSettings(topics), PARTITIONS + 1)
        async with opened(topics) as log:
            for name in TOPICS:
                assert await log.partitions_count(name) == partitions_of(name, PARTITIONS)

    asyncio.run(body())


def test_a_predecessor_stays_fenced_across_a_broker_restart(stack: Stack, topics: str) -> None:
    async def body() -> None:
        async with opened(topics) as log:
            old = await log.open_writer("restart-fence")
            start = await old.append(EVENTS, 3, [entry("A")])
            new = await log.open_writer("restart-fence")
            await new.append(EVENTS, 3, [entry("F")])
            stack.kafka_node.kill()
            await stack.kafka_node.start()
            with pytest.raises(Fenced):
                await old.append(EVENTS, 3, [entry("C")])
            await new.append(EVENTS, 3, [entry("G")])
            assert values(await log.read(EVENTS, 3, start, 10)) == ["A", "F", "G"]
            await new.close()
            await old.close()

    asyncio.run(body())


def test_appends_and_publishes_across_a_kill_of_the_broker_are_there_once_and_in_order(stack: Stack, topics: str) -> None:
    async def body() -> None:
        async with opened(topics) as log:
            writer = await log.open_writer("restart-order")
            start = await writer.append(EVENTS, 2, [entry("first")])
            calls = [asyncio.ensure_future(writer.append(EVENTS, 2, [entry(f"{i}")])) for i in range(3)]
            publishing = [asyncio.ensure_future(log.publish(EVENTS, 1, [Entry(b"p", f"{i}".encode())])) for i in range(3)]
            stack.kafka_node.kill()
            calls += [asyncio.ensure_future(writer.append(EVENTS, 2, [entry(f"{i}")])) for i in range(3, 6)]
            await stack.kafka_node.start()
            assert await asyncio.gather(*calls) == [start + 1 + i for i in range(6)]
            places = await asyncio.gather(*publishing)
            assert places == sorted(set(places))
            assert values(await log.read(EVENTS, 2, start, 10)) == ["first", "0", "1", "2", "3", "4", "5"]
            await writer.close()

    asyncio.run(body())
