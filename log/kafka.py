"""The log on Kafka, through aiokafka. Every process of ours that touches conversations' topics holds one `KafkaLog`."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from log import kafka_read
from log.errors import EntryTooLong, Fenced, LogUnavailable
from log.kafka_producer import KafkaWriter, require_partition, start_producer
from log.kafka_scan import KafkaScan
from log.limits import batch_bytes_limit, entries_bytes, entry_bytes, split
from log.port import Entry, Record, Span, TopicPartition
from log.settings import LogSettings

# Two starts under one transactional id at once in one process fence each other; a lock per id orders them.
_OPENING: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)


class KafkaLog:
    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._plain: KafkaWriter | None = None
        self._replacing = asyncio.Lock()
        self._reader = kafka_read.Reader(settings)
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._publisher()

    async def close(self) -> None:
        plain, self._plain = self._plain, None
        if plain is not None:
            await plain.close()
        if self._closing:
            await asyncio.wait(self._closing)
        with contextlib.suppress(OSError):
            await self._reader.close()

    async def _publisher(self) -> KafkaWriter:
        """The plain producer; a new one after the last one broke, because its sequence numbers have a hole. Raises: LogUnavailable."""
        if self._plain is not None and self._plain.broken is None:
            return self._plain
        async with self._replacing:
            if self._plain is None or self._plain.broken is not None:
                broken, self._plain = self._plain, None
                if broken is not None:
                    task = asyncio.get_running_loop().create_task(broken.close())
                    self._closing.add(task)
                    task.add_done_callback(self._closing.discard)
                self._plain = KafkaWriter(await start_producer(self._settings, None), "")
            return self._plain

    async def partitions_count(self, topic: str) -> int:
        publisher = await self._publisher()
        await require_partition(publisher.producer, topic, 0, self._settings.request_timeout_ms / 1000)
        return len(publisher.producer.client.cluster.partitions_for_topic(topic) or ())

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        limit = batch_bytes_limit(topic)
        for entry in entries:
            if entry_bytes(entry) > limit:
                raise EntryTooLong(topic, entry_bytes(entry), limit)
        if not entries:
            raise ValueError("nothing to publish")
        timeout_s = self._settings.publish_timeout_ms / 1000
        publisher = await self._publisher()
        await require_partition(publisher.producer, topic, partition, timeout_s)
        answers = [publisher.submit(topic, partition, run, entries_bytes(run)) for run in split(entries, limit)]
        _, late = await asyncio.wait(answers, timeout=timeout_s)
        if late:
            raise LogUnavailable(f"{topic}-{partition} did not answer within {timeout_s} s")
        try:
            return min(answer.result() for answer in answers)
        except Fenced as exc:  # a plain producer has no successor: its id expired at the broker, and a new one will do
            raise LogUnavailable(str(exc)) from exc

    async def open_writer(self, writer_id: str) -> KafkaWriter:
        async with _OPENING[writer_id]:
            return KafkaWriter(await start_producer(self._settings, writer_id), writer_id)

    async def read(self, topic: str, partition: int, start_offset: int, limit: int) -> list[Record]:
        return await self._reader.read(topic, partition, start_offset, limit)

    async def start_offset(self, topic: str, partition: int) -> int:
        return await self._reader.start(topic, partition)

    async def end_offset(self, topic: str, partition: int) -> int:
        return await self._reader.end(topic, partition)

    async def offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int:
        return await self._reader.offset_at(topic, partition, timestamp_ms)

    def tail(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[list[Record]]:
        return kafka_read.tail(self._settings, starts)

    async def scan(self, spans: Sequence[Span]) -> KafkaScan:
        return await KafkaScan.open(self._settings, spans)
