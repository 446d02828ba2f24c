"""A day of conversation-events, of every kind and version that was ever published, with the night before and the morning after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from schemas.golden import load_examples
from schemas.partition import partition_of

TOPIC = "conversation-events"
DAY = "2026-03-01"
START_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1_000)
DAY_MS = 86_400_000
STEP_MS = 30_000  # an event every half minute
AROUND = 10  # events before the day and after it
Placed = tuple[int, int, bytes, bytes]  # partition, time, key, value


def events(partitions_count: int) -> Iterator[Placed]:
    """Golden records in the order of their times."""
    wires = [example.wire for example in load_examples() if example.schema.topic == TOPIC and example.wire is not None]
    for number in range(-AROUND, DAY_MS // STEP_MS + AROUND):
        key = f"g-day-{number % 17}".encode()
        yield partition_of(key, partitions_count), START_MS + number * STEP_MS, key, wires[number % len(wires)]


def of_the_day(partitions_count: int) -> list[Placed]:
    return [each for each in events(partitions_count) if START_MS <= each[1] < START_MS + DAY_MS]


async def publish(kafka: str, topic: str = TOPIC) -> list[Placed]:
    """Append them all; what a reader of the day must see."""
    log = KafkaLog(LogSettings(kafka=kafka))
    await log.start()
    try:
        count = await log.partitions_count(topic)
        by_partition: dict[int, list[Entry]] = defaultdict(list)
        for partition, at_ms, key, value in events(count):
            by_partition[partition].append(Entry(key, value, at_ms))
        for partition, entries in by_partition.items():
            await log.publish(topic, partition, entries)
        return of_the_day(count)
    finally:
        await log.close()
