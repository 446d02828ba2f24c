"""aiokafka consumers as the log uses them: assigned, without a group, never jumping over what is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from log.clients import plain_consumer
from log.errors import LogUnavailable, PositionGone, UnknownTopic
from log.port import Record, TopicPartition
from log.refusals import unavailable
from log.settings import LogSettings
from log.together import Together

Ask = Callable[[Sequence[KafkaPartition]], Awaitable[dict[KafkaPartition, int]]]

POLL_MS = 1_000
# aiokafka fetches ahead, and a broker answers a connection's requests one after the other: a fetch that waits at the log's end for
# LOG_FETCH_WAIT_MS would keep the next single read waiting for as long.
READ_WAIT_MS = 5
TAIL_RECORDS_MAX = 2_000


def to_record(row: Any) -> Record:
    """aiokafka's record as ours."""
    return Record(row.topic, row.partition, row.offset, row.timestamp, row.key, row.value, tuple(row.headers))


async def open_consumer(settings: LogSettings, wait_ms: int, fetch_bytes: int = 1 << 20) -> AIOKafkaConsumer:
    """`wait_ms`: the longest wait of a fetch; `fetch_bytes`: of one partition. Raises: LogUnavailable."""
    consumer = plain_consumer(
        settings,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=wait_ms,
        fetch_min_bytes=settings.fetch_bytes_min,
        max_partition_fetch_bytes=fetch_bytes,
        request_timeout_ms=settings.request_timeout_ms,
    )
    try:
        await asyncio.wait_for(consumer.start(), settings.open_timeout_ms / 1000)
    except (KafkaError, OSError, TimeoutError) as exc:
        with contextlib.suppress(KafkaError, OSError):
            await consumer.stop()
        raise await unavailable(settings, "no consumer", exc) from exc
    return consumer


async def assign(consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]) -> None:
    """Point the consumer at these offsets. Raises: PositionGone, UnknownTopic, LogUnavailable."""
    partitions = {KafkaPartition(topic, partition): start for (topic, partition), start in starts.items()}
    begins, ends = await offsets(consumer, partitions)
    for place, start in partitions.items():
        if not begins[place] <= start <= ends[place]:
            raise PositionGone(place.topic, place.partition, start)
    consumer.assign(list(partitions))
    for place, start in partitions.items():
        consumer.seek(place, start)


async def offsets(
    consumer: AIOKafkaConsumer, partitions: Iterable[KafkaPartition]
) -> tuple[dict[KafkaPartition, int], dict[KafkaPartition, int]]:
    """First and next offsets. Raises: UnknownTopic, LogUnavailable."""
    wanted = list(partitions)
    return await begins_of(consumer, wanted), await ends_of(consumer, wanted)


async def begins_of(consumer: AIOKafkaConsumer, partitions: Sequence[KafkaPartition]) -> dict[KafkaPartition, int]:
    """Raises: UnknownTopic, LogUnavailable."""
    return await _listed(consumer, partitions, consumer.beginning_offsets)


async def ends_of(consumer: AIOKafkaConsumer, partitions: Sequence[KafkaPartition]) -> dict[KafkaPartition, int]:
    """Raises: UnknownTopic, LogUnavailable."""
    return await _listed(consumer, partitions, consumer.end_offsets)


async def _listed(consumer: AIOKafkaConsumer, partitions: Sequence[KafkaPartition], ask: Ask) -> dict[KafkaPartition, int]:
    try:
        for place in partitions:
            known = consumer.partitions_for_topic(place.topic)
            if known is None:
                await consumer._client._wait_on_metadata(place.topic)
                known = consumer.partitions_for_topic(place.topic)
            if place.partition not in (known or ()):
                raise UnknownTopic(place.topic, place.partition)
        return await ask(partitions)
    except (KafkaError, OSError) as exc:
        raise LogUnavailable(f"offsets: {type(exc).__name__}: {exc}") from exc


async def poll(consumer: AIOKafkaConsumer, timeout_ms: int, limit: int) -> list[Record]:
    """What has come within the time, offsets ascending per partition. Raises: PositionGone, LogUnavailable."""
    try:
        fetched = await consumer.getmany(timeout_ms=timeout_ms, max_records=limit)
    except OffsetOutOfRangeError as exc:
        place, offset = next(iter(exc.args[0].items()))
        raise PositionGone(place.topic, place.partition, offset) from exc
    except (KafkaError, OSError) as exc:
        raise LogUnavailable(f"read: {type(exc).__name__}: {exc}") from exc
    return [to_record(row) for rows in fetched.values() for row in rows]


async def tail(settings: LogSettings, starts: Mapping[TopicPartition, int]) -> AsyncIterator[list[Record]]:
    """See `log.port.Log.tail`."""
    consumer = await open_consumer(settings, settings.fetch_wait_ms)
    try:
        await assign(consumer, starts)
        while True:
            records = await poll(consumer, POLL_MS, TAIL_RECORDS_MAX)
            if records:
                yield records
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await consumer.stop()


class Reader:
    """One consumer that serves single reads, one after the other."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()
        self._ends = Together(self._ends_of)

    async def start(self, topic: str, partition: int) -> int:
        async with self._turn:
            place = KafkaPartition(topic, partition)
            return (await begins_of(await self._ready(), [place]))[place]

    async def end(self, topic: str, partition: int) -> int:
        """Asked after the call; those who want to know at the same time are answered by one request."""
        return await self._ends.of(KafkaPartition(topic, partition))

    async def _ends_of(self, places: Sequence[KafkaPartition]) -> dict[KafkaPartition, int]:
        async with self._turn:
            return await ends_of(await self._ready(), places)

    async def offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int:
        async with self._turn:
            consumer, place = await self._ready(), KafkaPartition(topic, partition)
            end = (await ends_of(consumer, [place]))[place]
            try:
                found = (await consumer.offsets_for_times({place: timestamp_ms}))[place]
            except (KafkaError, OSError) as exc:
                raise LogUnavailable(f"offset at a time: {type(exc).__name__}: {exc}") from exc
            return end if found is None else int(found.offset)

    async def read(self, topic: str, partition: int, start_offset: int, limit: int) -> list[Record]:
        async with self._turn:
            consumer = await self._ready()
            place = KafkaPartition(topic, partition)
            await assign(consumer, {(topic, partition): start_offset})
            try:
                return await self._read_assigned(consumer, place, limit)
            finally:
                consumer.unsubscribe()  # nothing is fetched ahead between two reads

    async def _read_assigned(self, consumer: AIOKafkaConsumer, place: KafkaPartition, limit: int) -> list[Record]:
        end = (await ends_of(consumer, [place]))[place]
        # Compaction may leave nothing between here and the end: then the position moves though no record comes.
        while (at := await consumer.position(place)) < end:
            records = await poll(consumer, POLL_MS, limit)
            if records:
                return records
            if await consumer.position(place) == at:
                raise LogUnavailable(f"{place.topic}-{place.partition} does not answer at offset {at}")
        return []

    async def _ready(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await open_consumer(self._settings, READ_WAIT_MS)
        return self._consumer

    async def close(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None
