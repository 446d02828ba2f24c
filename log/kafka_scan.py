"""Reading spans of Kafka's partitions fast: one aiokafka consumer, assigned to all of them, asked for one partition at a time.

aiokafka fetches ahead of each partition once and no more until that was taken, so what waits is bounded by partitions and fetch size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from log import kafka_read
from log.errors import LogUnavailable, PositionGone
from log.port import Record, Span
from log.settings import LogSettings

FETCH_BYTES = 2 << 20
TAKE_RECORDS = 4_000
# aiokafka moves over control batches without a word and goes on waiting; so a wait is short, and then the position is looked at.
POLL_MS = 100


class KafkaScan:
    def __init__(self, consumer: AIOKafkaConsumer, spans: Sequence[Span], patience_ms: int) -> None:
        self._consumer = consumer
        self._polls = max(1, patience_ms // POLL_MS)
        self._ends = {KafkaPartition(span.topic, span.partition): span.end_offset for span in spans if span.start_offset < span.end_offset}

    @classmethod
    async def open(cls, settings: LogSettings, spans: Sequence[Span]) -> KafkaScan:
        """See `log.port.Log.scan`."""
        consumer = await kafka_read.open_consumer(settings, kafka_read.READ_WAIT_MS, FETCH_BYTES)
        try:
            for span in spans:
                await _check(consumer, span)
            starts = {(span.topic, span.partition): span.start_offset for span in spans if span.start_offset < span.end_offset}
            if starts:
                await kafka_read.assign(consumer, starts)
        except BaseException:
            await consumer.stop()
            raise
        return cls(consumer, spans, settings.request_timeout_ms)

    async def take(self, topic: str, partition: int) -> list[Record]:
        place = KafkaPartition(topic, partition)
        while place in self._ends:
            records = await self._next(place)
            if await self._consumer.position(place) >= self._ends[place]:
                end = self._ends.pop(place)
                self._consumer.pause(place)
                while records and records[-1].offset >= end:
                    records.pop()
            if records:
                return records
        return []

    async def _next(self, place: KafkaPartition) -> list[Record]:
        """What comes next; empty where the position moved over what is no record. Raises: PositionGone, LogUnavailable."""
        before = await self._consumer.position(place)
        for _ in range(self._polls):
            records = await self._poll(place, before)
            if records or await self._consumer.position(place) != before:
                return records
        raise LogUnavailable(f"{place.topic}-{place.partition} does not answer at offset {before}")

    async def _poll(self, place: KafkaPartition, before: int) -> list[Record]:
        try:
            fetched = await self._consumer.getmany(place, timeout_ms=POLL_MS, max_records=TAKE_RECORDS)
        except OffsetOutOfRangeError as exc:
            raise PositionGone(place.topic, place.partition, before) from exc
        except (KafkaError, OSError) as exc:
            raise LogUnavailable(f"read: {type(exc).__name__}: {exc}") from exc
        return [kafka_read.to_record(row) for row in fetched.get(place, ())]

    async def aclose(self) -> None:
        with contextlib.suppress(KafkaError, OSError):
            await self._consumer.stop()


async def _check(consumer: AIOKafkaConsumer, span: Span) -> None:
    place = KafkaPartition(span.topic, span.partition)
    begins, ends = await kafka_read.offsets(consumer, [place])
    for offset in (span.start_offset, span.end_offset):
        if not begins[place] <= offset <= ends[place]:
            raise PositionGone(span.topic, span.partition, offset)
