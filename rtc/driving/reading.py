"""What an engine's driver reads of the log: all that is needed to know the live calls, and then everything as it comes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from log.port import Log, Record, TopicPartition
from log.whole import whole
from rtc.live import CALL_EVENTS, CALL_STATE, LiveLines

CALL_ENGINES = "call-engines"
Handler = Callable[[Sequence[Record]], None]


class Reading:
    """`reached` is set once everything that was there at the start has been handled."""

    def __init__(self, log: Log, handlers: Mapping[str, Handler], now_ms: Callable[[], int]) -> None:
        self._log, self._handlers, self._now_ms = log, handlers, now_ms
        self._positions: dict[TopicPartition, int] = {}
        self._goals: dict[TopicPartition, int] = {}
        self.reached = asyncio.Event()
        self.records = 0

    async def start(self, lines: LiveLines) -> None:
        """Reads what is compacted, and finds where to go on. Raises: LogUnavailable, UnknownTopic."""
        for topic in self._handlers:
            for partition in range(await self._log.partitions_count(topic)):
                self._positions[topic, partition] = await self._log.end_offset(topic, partition)
        for partition in range(await self._log.partitions_count(CALL_ENGINES)):
            async for records in whole(self._log, CALL_ENGINES, partition):
                self._handlers[CALL_ENGINES](records)
        for partition in range(await self._log.partitions_count(CALL_STATE)):
            async for records in whole(self._log, CALL_STATE, partition):
                for record in records:
                    lines.saved(record, self._now_ms())
        for topic, partition in [place for place in self._positions if place[0] == CALL_EVENTS]:
            self._goals[topic, partition] = end = await self._log.end_offset(topic, partition)
            start = max(lines.events_next.get(partition, 0), await self._log.start_offset(topic, partition))
            self._positions[topic, partition] = min(start, end)
        self._look()

    async def run(self) -> None:
        """For ever. Raises: PositionGone when the log was replaced under us: the process ends and starts anew."""
        async for records in self._log.tail(self._positions):
            # Events first: a signal is judged by the call that it is of.
            for topic, run in groupby(sorted(records, key=_events_first), key=_topic):
                chunk = list(run)
                self._handlers[topic](chunk)
                for record in chunk:
                    self._positions[topic, record.partition] = record.offset + 1
                self.records += len(chunk)
            self._look()

    def _look(self) -> None:
        if all(self._positions[place] >= goal for place, goal in self._goals.items()):
            self.reached.set()


def _topic(record: Record) -> str:
    return record.topic


def _events_first(record: Record) -> tuple[bool, str]:
    return record.topic != CALL_EVENTS, record.topic
