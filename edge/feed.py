"""The node's one reader of the log: tails every partition of the topics that sessions live from, without a consumer group.

A port (`run`) so that a router with a partition per edge can take its place when a cluster has very many edges.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from edge.metrics import FEED_RECORDS
from log.port import Log, Record, TopicPartition

Handler = Callable[[Sequence[Record]], None]

EVENTS_START_LIMIT = 100_000  # how far behind its end the feed may begin on an events partition


class Feed:
    """`first`: the topic whose records are handled before what came with them.

    `positions`: what to read next. `goals`: the ends at the start; `reached`: whether everything before them has been handled.
    """

    def __init__(self, log: Log, handlers: Mapping[str, Handler], first: str = "") -> None:
        self._log, self._handlers, self._first = log, handlers, first
        self.positions: dict[TopicPartition, int] = {}
        self.goals: dict[TopicPartition, int] = {}
        self._moved = asyncio.Event()
        self.records = 0

    async def locate(
        self, projected: Mapping[int, int], events_topic: str, from_start: frozenset[str], since_ms: Mapping[str, int] | None = None
    ) -> dict[int, int]:
        """Chooses where to start; the answer is where on the events partitions.

        Shape: events from the projector's progress on (at most EVENTS_START_LIMIT back), topics in `from_start` from their beginning,
        those in `since_ms` from that time on, the others from their end.
        """
        events_starts: dict[int, int] = {}
        for topic in self._handlers:
            for partition in range(await self._log.partitions_count(topic)):
                end = await self._log.end_offset(topic, partition)
                start = end
                if topic == events_topic:
                    oldest = await self._log.start_offset(topic, partition)
                    start = min(end, max(projected.get(partition, 0), end - EVENTS_START_LIMIT, oldest))
                    events_starts[partition] = start
                elif topic in from_start:
                    start = await self._log.start_offset(topic, partition)
                elif since_ms is not None and topic in since_ms:
                    start = min(end, await self._log.offset_at(topic, partition, since_ms[topic]))
                self.positions[topic, partition] = start
                self.goals[topic, partition] = end
        return events_starts

    async def back_to(self, topic: str, projected: Mapping[int, int]) -> dict[int, int]:
        """Starts a topic from where the projector is instead, as events are; after `locate`, before `run`. Raises: LogUnavailable."""
        starts: dict[int, int] = {}
        for name, partition in [place for place in self.positions if place[0] == topic]:
            end, oldest = self.goals[name, partition], await self._log.start_offset(name, partition)
            starts[partition] = min(end, max(projected.get(partition, 0), end - EVENTS_START_LIMIT, oldest))
            self.positions[name, partition] = starts[partition]
        return starts

    @property
    def reached(self) -> bool:
        return all(self.positions[place] >= goal for place, goal in self.goals.items())

    async def run(self) -> None:
        """For ever. Raises: PositionGone when the log was replaced under us: the process ends and starts anew."""
        async for records in self._log.tail(self.positions):
            for topic, run in groupby(first_of_all(records, self._first), key=_topic):
                chunk = list(run)
                self._handlers[topic](chunk)
                for record in chunk:
                    self.positions[topic, record.partition] = record.offset + 1
                self.records += len(chunk)
                FEED_RECORDS.labels(topic).inc(len(chunk))
            self._moved.set()

    async def reach_end(self, topic: str, partition: int) -> None:
        """Returns when everything that is in the partition now has been handled. Raises: LogUnavailable."""
        end = await self._log.end_offset(topic, partition)
        while self.positions[topic, partition] < end:
            self._moved.clear()
            await self._moved.wait()

    async def reach_ends(self, topic: str) -> None:
        """Returns when everything that is in the topic now has been handled. Raises: LogUnavailable."""
        for partition in [partition for name, partition in self.positions if name == topic]:
            await self.reach_end(topic, partition)

    async def lag(self, topic: str) -> int:
        """How many of the topic's records are not read yet. Raises: LogUnavailable."""
        places = [(place, position) for place, position in self.positions.items() if place[0] == topic]
        return sum([max(0, await self._log.end_offset(*place) - position) for place, position in places])


def first_of_all(records: Sequence[Record], topic: str) -> Sequence[Record]:
    """Those of `topic` before the others; the order within a partition stays."""
    if not any(record.topic == topic for record in records):
        return records
    return sorted(records, key=lambda record: record.topic != topic)


def _topic(record: Record) -> str:
    return record.topic
