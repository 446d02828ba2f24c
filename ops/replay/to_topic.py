"""Records as they stand, with key, value, time and headers, into a topic that is not ours.

Each carries a header `warbler-replay` with its origin. When a replay goes on after a crash, what it had published and not noted is found
by that header, so each record stands in the topic once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from log.errors import EntryTooLong
from log.port import Entry, Log, Record, Span
from log.spans import read_spans
from ops.replay.asked import REPLAY_HEADER
from ops.replay.targets import Found, TargetGone
from schemas.partition import partition_of

Origin = tuple[str, int, int]  # topic, partition, offset


class Topic:
    def __init__(self, log: Log, name: str, partitions_count: int, run: str, there: set[Origin]) -> None:
        """`there`: what an earlier try of the same run had published already."""
        self._log, self._name, self._count, self._run = log, name, partitions_count, run
        self._there = there

    @classmethod
    async def open(cls, log: Log, name: str, run: str, saved: dict[str, Any]) -> Topic:
        """`saved`: what `flush` gave, empty at first. Raises: TargetGone, UnknownTopic, LogUnavailable."""
        count = await log.partitions_count(name)
        there: set[Origin] = set()
        if saved:
            spans = [
                Span(name, int(partition), end, await log.end_offset(name, int(partition))) for partition, end in saved["ends"].items()
            ]
            if any(span.start_offset > span.end_offset for span in spans):
                raise TargetGone(f"{name} is not the topic that this replay was writing to: it is shorter")
            async for records in read_spans(log, spans):
                there |= {origin for record in records if (origin := origin_of(record, run)) is not None}
        return cls(log, name, count, run, there)

    async def write(self, found: Sequence[Found]) -> int:
        entries: dict[int, list[Entry]] = defaultdict(list)
        for record, _ in found:
            origin = (record.topic, record.partition, record.offset)
            if origin in self._there:
                self._there.discard(origin)
                continue
            told = ":".join((self._run, *map(str, origin))).encode()
            headers = (*record.headers, (REPLAY_HEADER, told))
            # A record without a key keeps its neighbours; Kafka takes one without a value as well, but none without both.
            value = record.value if record.key is not None or record.value is not None else b""
            entries[self._partition(record)].append(Entry(record.key, value, record.timestamp_ms, headers))
        try:
            for partition, part in entries.items():
                await self._log.publish(self._name, partition, part)
        except EntryTooLong as exc:
            raise TargetGone(f"{self._name} takes smaller records only: {exc}") from exc
        return len(found)

    def _partition(self, record: Record) -> int:
        return record.partition % self._count if record.key is None else partition_of(record.key, self._count)

    async def flush(self) -> dict[str, Any]:
        return {"ends": {str(partition): await self._log.end_offset(self._name, partition) for partition in range(self._count)}}

    async def close(self) -> None:
        """The log is the caller's."""


def origin_of(record: Record, run: str) -> Origin | None:
    """Where a replayed record of this run came from; None for any other."""
    for name, value in record.headers:
        if name == REPLAY_HEADER:
            told_run, *place = value.decode("utf-8", "replace").split(":")
            if told_run == run and len(place) == 3:
                return place[0], int(place[1]), int(place[2])
    return None
