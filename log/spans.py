"""Ranges of the log: which offsets lie between two places, and reading them fast and exactly.

Called by whatever goes through what is there and then stops: replay, export, rebuild, show. Pure parsing of places is in `log.places`.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from log.errors import LogError, UnknownTopic
from log.places import AtOffset, AtSeq, AtTime, BadRange, End, Place, Start, check_order, moment_of
from log.port import Log, Record, Scan, Span, TopicPartition
from schemas.codec import decode_event
from schemas.errors import Undecodable
from schemas.partition import partition_of

__all__ = ["Left", "RangeGone", "Span", "UnknownPosition", "read_in_time", "read_span", "read_spans", "spans_of"]

EVENTS_TOPIC = "conversation-events"
MERGED_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Left:
    """What retention has left of a partition: its first offset and that record's time; None if nothing is left."""

    topic: str
    partition: int
    first_offset: int
    first_at_ms: int | None


class RangeGone(LogError):
    """The beginning of the range is no longer in the log. `left`: of each partition that was cut, what there still is."""

    def __init__(self, asked: str, left: Sequence[Left]) -> None:
        super().__init__(f"{asked} is no longer in the log; what is left (also by `start`): {'; '.join(map(_said, left))}")
        self.left = tuple(left)


class UnknownPosition(LogError):
    """The log never held this position."""


def _said(left: Left) -> str:
    what = "nothing" if left.first_at_ms is None else f"from offset {left.first_offset} on, of {moment_of(left.first_at_ms)}"
    return f"{left.topic}-{left.partition} {what}"


# ---- which offsets


async def spans_of(log: Log, topics: Sequence[str], begin: Place, until: Place) -> list[Span]:
    """The offsets between the two places, one span for each partition of the topics.

    Shape: by topic as given, then by partition; a span may be empty. A place that is an offset or a seq leaves that partition alone.
    Raises: BadRange; RangeGone where retention or a cut has taken the beginning away; UnknownPosition; UnknownTopic; LogUnavailable.
    Blocks: a seq is looked for in its whole partition.
    """
    check_order(begin, until)
    partitions = await _partitions(log, topics, begin, until)
    await _check_left(log, partitions, begin)
    spans = []
    for topic, partition in partitions:
        first, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
        starts = await _offset(log, begin, topic, partition, first, end)
        ends = await _offset(log, until, topic, partition, first, end)
        spans.append(Span(topic, partition, starts, max(starts, ends)))
    return spans


async def _partitions(log: Log, topics: Sequence[str], *places: Place) -> list[TopicPartition]:
    counts = {topic: await log.partitions_count(topic) for topic in dict.fromkeys(topics)}
    alone = {place for place in [await _named(log, place) for place in places] if place is not None}
    if not alone:
        return [(topic, partition) for topic, count in counts.items() for partition in range(count)]
    if len(alone) > 1:
        raise BadRange("the two ends are of different partitions")
    [(topic, partition)] = alone
    if topic not in counts:
        raise BadRange(f"a place in {topic} is no end of a range of {', '.join(counts)}")
    if partition >= counts[topic]:
        raise UnknownTopic(topic, partition)
    return [(topic, partition)]


async def _named(log: Log, place: Place) -> TopicPartition | None:
    if isinstance(place, AtOffset):
        return place.topic, place.partition
    if isinstance(place, AtSeq):
        return EVENTS_TOPIC, partition_of(place.conversation.encode(), await log.partitions_count(EVENTS_TOPIC))
    return None


async def _check_left(log: Log, partitions: Sequence[TopicPartition], begin: Place) -> None:
    """Raises: RangeGone where a time is asked from before what is left."""
    if not isinstance(begin, AtTime):
        return
    cut = [await left_of(log, topic, partition) for topic, partition in partitions if await log.start_offset(topic, partition)]
    gone = [left for left in cut if left.first_at_ms is None or left.first_at_ms > begin.at_ms]
    if gone:
        raise RangeGone(f"all since {moment_of(begin.at_ms)}", gone)


async def left_of(log: Log, topic: str, partition: int) -> Left:
    """What there still is of a partition. Raises: UnknownTopic, LogUnavailable."""
    first = await log.start_offset(topic, partition)
    records = await log.read(topic, partition, first, 1)
    return Left(topic, partition, first, records[0].timestamp_ms if records else None)


async def _offset(log: Log, place: Place, topic: str, partition: int, first: int, end: int) -> int:
    match place:
        case Start():
            return first
        case End():
            return end
        case AtTime(at_ms):
            return max(first, min(end, await log.offset_at(topic, partition, at_ms)))
        case AtOffset(offset=offset):
            if offset < first:
                raise RangeGone(f"{topic}-{partition} offset {offset}", [await left_of(log, topic, partition)])
            if offset > end:
                raise UnknownPosition(f"{topic}-{partition} offset {offset}: it ends before {end}")
            return offset
        case AtSeq(conversation, seq):
            return await _offset_of_seq(log, Span(topic, partition, first, end), conversation, seq)


async def _offset_of_seq(log: Log, span: Span, conversation: str, seq: int) -> int:
    """Where the event stands; the end of the partition for the one that will be the conversation's next."""
    key, last = conversation.encode(), None
    async for records in read_span(log, span):
        for record in records:
            if record.key != key:
                continue
            found = _seq_of(record)
            if found == seq:
                return record.offset
            if last is None and found is not None and found > seq:
                raise RangeGone(f"{conversation} seq {seq}", [await left_of(log, span.topic, span.partition)])
            last = found if found is not None else last
    if last is not None and seq == last + 1:
        return span.end_offset
    if last is None and span.start_offset:
        raise RangeGone(f"{conversation} seq {seq}, if it ever was,", [await left_of(log, span.topic, span.partition)])
    raise UnknownPosition(f"{conversation} seq {seq}: " + ("there is no such conversation" if last is None else f"its head is {last}"))


def _seq_of(record: Record) -> int | None:
    try:
        return decode_event(record.value).seq
    except Undecodable:
        return None


# ---- reading


async def read_span(log: Log, span: Span) -> AsyncIterator[list[Record]]:
    """Every record of the span, oldest first, in lists that are not empty.

    Shape: offsets ascending, not dense; ends at `end_offset`, also where compaction or control batches left nothing before it.
    Raises: PositionGone if retention overtakes the reader; UnknownTopic, LogUnavailable.
    """
    async for records in read_spans(log, [span]):
        yield records


async def read_spans(log: Log, spans: Sequence[Span]) -> AsyncIterator[list[Record]]:
    """As `read_span`, one span after the other, over one connection."""
    scan = await log.scan(spans)
    async with contextlib.aclosing(scan):
        for span in spans:
            while records := await scan.take(span.topic, span.partition):
                yield records


async def read_in_time(log: Log, spans: Sequence[Span]) -> AsyncIterator[list[Record]]:
    """As `read_spans`, but the partitions merged by time.

    Shape: each partition keeps its own order, and of the next records of all partitions the one with the lowest (timestamp_ms, topic,
    partition) comes first. So the order depends on the log alone, and a reader that goes on later from the offsets it had reached sees
    the rest as it would have. A list holds records of several partitions.
    """
    scan = await log.scan(spans)
    async with contextlib.aclosing(scan):
        parts = [_Part(scan, span) for span in spans]
        waiting = [(part.head(), number) for number, part in enumerate(parts) if await part.filled()]
        heapq.heapify(waiting)
        merged: list[Record] = []
        while waiting:
            number = waiting[0][1]
            merged += parts[number].run(_second(waiting))
            if parts[number].waits or await parts[number].filled():
                heapq.heapreplace(waiting, (parts[number].head(), number))
            else:
                heapq.heappop(waiting)
            if len(merged) >= MERGED_RECORDS:
                yield merged
                merged = []
        if merged:
            yield merged


Head = tuple[int, str, int]  # timestamp_ms, topic, partition


def _second(waiting: list[tuple[Head, int]]) -> Head | None:
    """The head after the lowest one: that of one of the root's two children."""
    return min((waiting[child][0] for child in (1, 2) if child < len(waiting)), default=None)


class _Part:
    """What has come of one span and was not given out yet."""

    def __init__(self, scan: Scan, span: Span) -> None:
        self._scan, self._span = scan, span
        self._records: list[Record] = []
        self._at = 0

    @property
    def waits(self) -> bool:
        return self._at < len(self._records)

    async def filled(self) -> bool:
        """Whether there is a next record, for which more is read if need be."""
        if not self.waits:
            self._records, self._at = await self._scan.take(self._span.topic, self._span.partition), 0
        return bool(self._records)

    def head(self) -> Head:
        record = self._records[self._at]
        return record.timestamp_ms, record.topic, record.partition

    def run(self, other: Head | None) -> list[Record]:
        """The records from the head on that come before every other partition's head, as far as they have come."""
        begin = self._at
        self._at += 1
        while self.waits and (other is None or self.head() < other):
            self._at += 1
        return self._records[begin : self._at]
