"""The log in memory, for tests: the port's promises without a broker, and faults at every step.

`fault` is awaited before and after each operation with its name; what it raises is what the caller sees. Before:
nothing happened; after: it happened all the same, which is how an unknown outcome looks.
"""

import asyncio
import bisect
import copy
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Literal

from log.errors import EntryTooLong, Fenced, LogUnavailable, PositionGone, UnknownTopic
from log.limits import batch_bytes_limit, entries_bytes, entry_bytes
from log.port import Entry, Record, Span, TopicPartition
from schemas.registry import TOPICS

Moment = Literal["before", "after"]
Fault = Callable[[str, Moment], Awaitable[None]]
SCAN_RECORDS = 3  # few, so that tests see how a span is put together


async def no_fault(operation: str, moment: Moment) -> None:
    await asyncio.sleep(0)


class MemoryLog:
    def __init__(self, partitions_count: int = 4, *, clock_ms: Callable[[], int] | None = None, fault: Fault = no_fault) -> None:
        self._partitions_count = partitions_count
        self.others: dict[str, int] = {}  # topics that are none of the data files': name -> partitions
        self._ticks_ms = 1_700_000_000_000
        self._clock_ms = clock_ms or self._tick
        self.fault = fault
        self._rows: dict[TopicPartition, list[Record]] = defaultdict(list)
        self._cuts: dict[TopicPartition, int] = defaultdict(int)  # where a partition begins since `drop_before`
        self._epochs: dict[str, int] = defaultdict(int)
        self._seen: dict[tuple[str, str, int], int] = defaultdict(int)  # (writer, topic, partition) -> newest epoch that appended there
        self._grown = asyncio.Condition()

    def _tick(self) -> int:
        self._ticks_ms += 1
        return self._ticks_ms

    def _check(self, topic: str, partition: int) -> None:
        count = self._count(topic)
        if not 0 <= partition < count:
            raise UnknownTopic(topic, partition)

    def _count(self, topic: str) -> int:
        if topic in self.others:
            return self.others[topic]
        if topic not in TOPICS:
            raise UnknownTopic(topic)
        return 1 if topic in ("dead-letters", "registry-subjects") else self._partitions_count

    async def start(self) -> None:
        await self.fault("start", "before")

    async def close(self) -> None:
        return None

    async def partitions_count(self, topic: str) -> int:
        return self._count(topic)

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        self._check(topic, partition)
        limit = batch_bytes_limit(topic)
        for entry in entries:
            if entry_bytes(entry) > limit:
                raise EntryTooLong(topic, entry_bytes(entry), limit)
        await self.fault("publish", "before")
        first = await self._store(topic, partition, entries)
        await self.fault("publish", "after")
        return first

    async def _store(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        """Append without an await between the entries: whole or not at all."""
        rows = self._rows[topic, partition]
        first = rows[-1].offset + 1 if rows else self._cuts[topic, partition]
        broker_time = topic in TOPICS and TOPICS[topic].config.get("message.timestamp.type") == "LogAppendTime"
        now_ms = self._clock_ms()
        for offset, entry in enumerate(entries, first):
            at_ms = now_ms if broker_time or entry.timestamp_ms is None else entry.timestamp_ms
            rows.append(Record(topic, partition, offset, at_ms, entry.key, entry.value, entry.headers))
        async with self._grown:
            self._grown.notify_all()
        return first

    async def open_writer(self, writer_id: str) -> "MemoryWriter":
        await self.fault("open_writer", "before")
        self._epochs[writer_id] += 1
        writer = MemoryWriter(self, writer_id, self._epochs[writer_id])
        await self.fault("open_writer", "after")
        return writer

    async def read(self, topic: str, partition: int, start_offset: int, limit: int) -> list[Record]:
        self._check(topic, partition)
        await self.fault("read", "before")
        rows = self._from(topic, partition, start_offset)[:limit]
        await self.fault("read", "after")
        return rows

    def _from(self, topic: str, partition: int, start_offset: int) -> list[Record]:
        rows = self._rows[topic, partition]
        end = rows[-1].offset + 1 if rows else self._cuts[topic, partition]
        if not self._cuts[topic, partition] <= start_offset <= end:
            raise PositionGone(topic, partition, start_offset)
        return rows[bisect.bisect_left(rows, start_offset, key=lambda row: row.offset) :]

    async def start_offset(self, topic: str, partition: int) -> int:
        self._check(topic, partition)
        return self._cuts[topic, partition]

    async def end_offset(self, topic: str, partition: int) -> int:
        self._check(topic, partition)
        await self.fault("end_offset", "before")
        rows = self._rows[topic, partition]
        return rows[-1].offset + 1 if rows else self._cuts[topic, partition]

    async def offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int:
        self._check(topic, partition)
        await self.fault("offset_at", "before")
        rows = self._rows[topic, partition]
        end = rows[-1].offset + 1 if rows else self._cuts[topic, partition]
        return next((row.offset for row in rows if row.timestamp_ms >= timestamp_ms), end)

    async def tail(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[list[Record]]:
        positions = dict(starts)
        for topic, partition in positions:
            self._check(topic, partition)
        while True:
            await self.fault("tail", "before")
            batch = [row for (topic, partition), start in positions.items() for row in self._from(topic, partition, start)]
            for row in batch:
                positions[row.topic, row.partition] = row.offset + 1
            if batch:
                yield batch
                continue
            async with self._grown:
                if not any(self._from(topic, partition, start) for (topic, partition), start in positions.items()):
                    await self._grown.wait()

    async def scan(self, spans: Sequence[Span]) -> "MemoryScan":
        for span in spans:
            self._check(span.topic, span.partition)
            self._from(span.topic, span.partition, span.start_offset)
            self._from(span.topic, span.partition, span.end_offset)
        await self.fault("scan", "before")
        return MemoryScan(self, spans)

    def seen_with(self, fault: Fault) -> "MemoryLog":
        """The same log with faults of its own, as one of several processes sees it."""
        view = copy.copy(self)
        view.fault = fault
        return view

    def compact(self, topic: str, partition: int) -> None:
        """What the broker's cleaner does: of each key only the newest record stays, at its offset."""
        rows = self._rows[topic, partition]
        newest = {row.key: row.offset for row in rows}
        self._rows[topic, partition] = [row for row in rows if newest[row.key] == row.offset or row is rows[-1]]

    def drop_before(self, topic: str, partition: int, offset: int) -> None:
        """What retention does, and DeleteRecords: everything before the offset is gone, and the partition begins there."""
        self._cuts[topic, partition] = offset
        self._rows[topic, partition] = [row for row in self._rows[topic, partition] if row.offset >= offset]

    def put_bytes(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> int:
        """Append around every check, as a stranger with access to the cluster could. For tests of poison records."""
        rows = self._rows[topic, partition]
        offset = rows[-1].offset + 1 if rows else self._cuts[topic, partition]
        rows.append(Record(topic, partition, offset, self._clock_ms(), key, value, headers))
        return offset


class MemoryScan:
    def __init__(self, log: MemoryLog, spans: Sequence[Span]) -> None:
        self._log = log
        self._left = {(span.topic, span.partition): (span.start_offset, span.end_offset) for span in spans}

    async def take(self, topic: str, partition: int) -> list[Record]:
        start, end = self._left[topic, partition]
        if start >= end:
            return []
        await self._log.fault("take", "before")
        records = [row for row in self._log._from(topic, partition, start)[:SCAN_RECORDS] if row.offset < end]
        self._left[topic, partition] = (records[-1].offset + 1 if records else end, end)
        return records

    async def aclose(self) -> None:
        self._left = {}


class MemoryWriter:
    def __init__(self, log: MemoryLog, writer_id: str, epoch: int) -> None:
        self.writer_id = writer_id
        self._log = log
        self._epoch = epoch
        self._broken: LogUnavailable | Fenced | None = None
        # First in, first out within a partition; between partitions nothing is promised, and the tests must see that.
        self._order: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        self._log._check(topic, partition)
        size, limit = entries_bytes(entries), batch_bytes_limit(topic)
        if size > limit:
            raise EntryTooLong(topic, size, limit)
        async with self._order[topic, partition]:
            return await self._append(topic, partition, entries)

    async def _append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        if self._broken is not None:
            raise self._broken
        try:
            await self._log.fault("append", "before")
            seen = self._log._seen
            if seen[self.writer_id, topic, partition] > self._epoch:
                raise Fenced(self.writer_id)
            seen[self.writer_id, topic, partition] = self._epoch
            first = await self._log._store(topic, partition, entries)
            await self._log.fault("append", "after")
        except (LogUnavailable, Fenced) as exc:
            self._broken = exc
            raise
        return first

    async def close(self) -> None:
        self._broken = LogUnavailable("the writer is closed")
