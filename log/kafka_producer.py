"""aiokafka producers as the log uses them: plain idempotent ones, and fenced ones without transactions.

Touches aiokafka below its public surface (`_txn_manager.transactional_id`); held by tests/real/test_log_kafka.py. Source: recipe `fenced`.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from log.clients import client_options
from log.errors import EntryTooLong, LogError, LogUnavailable, UnknownTopic
from log.kafka_lane import Lane
from log.limits import batch_bytes_limit, entries_bytes
from log.port import Entry, TopicPartition
from log.refusals import unavailable
from log.settings import LogSettings

BATCH_BYTES_MAX = 16 << 20  # above every topic's limit: the limits are checked before, per topic
STOP_TIMEOUT_S = 5.0


async def start_producer(settings: LogSettings, writer_id: str | None) -> AIOKafkaProducer:
    """A connected producer; with a writer id its epoch is raised first. Raises: LogUnavailable."""
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        transactional_id=writer_id,
        max_batch_size=BATCH_BYTES_MAX,
        request_timeout_ms=settings.request_timeout_ms,
    )
    try:
        await asyncio.wait_for(producer.start(), settings.open_timeout_ms / 1000)
    except (KafkaError, OSError, TimeoutError) as exc:
        await stop_producer(producer)
        raise await unavailable(settings, "no producer", exc) from exc
    if writer_id is not None:
        producer._txn_manager.transactional_id = None  # keep producer id and epoch, append outside transactions
    return producer


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop, but do not wait for ever for batches that a broker which is gone cannot take."""
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_TIMEOUT_S)
        return
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.client.close(), STOP_TIMEOUT_S)


class KafkaWriter:
    """A producer and its lanes. `writer_id` is "" for the plain one."""

    def __init__(self, producer: AIOKafkaProducer, writer_id: str) -> None:
        self.writer_id = writer_id
        self.producer = producer
        self.broken: LogError | None = None
        self._lanes: dict[TopicPartition, Lane] = {}

    def submit(self, topic: str, partition: int, entries: Sequence[Entry], size_bytes: int) -> "asyncio.Future[int]":
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = Lane(self.producer, self.writer_id, topic, partition, self._break)
            if self.broken is not None:
                lane.fail(self.broken)
        return lane.submit(entries, size_bytes)

    def _break(self, error: LogError) -> None:
        if self.broken is None:
            self.broken = error
            for lane in self._lanes.values():
                lane.fail(error)

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        """See `log.port.FencedWriter.append`."""
        size, limit = entries_bytes(entries), batch_bytes_limit(topic)
        if size > limit:
            raise EntryTooLong(topic, size, limit)
        if not entries:
            raise ValueError("nothing to append")
        return await asyncio.shield(self.submit(topic, partition, entries, size))

    async def close(self) -> None:
        await stop_producer(self.producer)
        self._break(LogUnavailable("the writer is closed"))


async def require_partition(producer: AIOKafkaProducer, topic: str, partition: int, timeout_s: float) -> None:
    """Raises: UnknownTopic, LogUnavailable. Free when the partition is in the producer's metadata."""
    known = producer.client.cluster.partitions_for_topic(topic)
    if known is None:
        try:
            known = await asyncio.wait_for(producer.partitions_for(topic), timeout_s)
        except TimeoutError as exc:
            raise LogUnavailable(f"no metadata of {topic}") from exc
        except (KafkaError, OSError) as exc:
            raise UnknownTopic(topic) from exc
    if partition not in (known or ()):
        raise UnknownTopic(topic, partition)
