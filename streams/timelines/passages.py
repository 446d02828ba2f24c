"""How far the projector got, told in the topic `passages`: from it a message's journey knows when it could be read from the tables.

At most once a second and partition, and only where it moved: the projector's progress in Cassandra is exact, this has the times.
"""

import asyncio

import structlog

from log.errors import LogError
from log.port import Entry, Log
from schemas import codec
from schemas.records import LogPassed

EVENTS_TOPIC = "conversation-events"
PASSAGES_TOPIC = "passages"
EVERY_S = 1.0

logger = structlog.get_logger("streams.timelines")


class Passages:
    def __init__(self, log: Log, process: str) -> None:
        self._log = log
        self._process = process
        self._moved: dict[int, tuple[int, int]] = {}  # partition -> next offset, when it was reached

    def passed(self, partition: int, next_offset: int, at_ms: int) -> None:
        """Every event of the partition before this offset is in the tables."""
        self._moved[partition] = (next_offset, at_ms)

    async def run(self) -> None:
        """Tell what moved, once a second, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.tell()

    async def tell(self) -> None:
        """Publish what moved since the last time. A log that is away is no reason to stop: a later record says as much."""
        moved, self._moved = self._moved, {}
        for partition, (next_offset, at_ms) in moved.items():
            passed = LogPassed(
                process=self._process, stage="projected", topic=EVENTS_TOPIC, partition=partition, next_offset=next_offset, at_ms=at_ms
            )
            key = f"{EVENTS_TOPIC}-{partition}".encode()
            try:
                await self._log.publish(PASSAGES_TOPIC, partition, [Entry(key, codec.encode(PASSAGES_TOPIC, passed), at_ms)])
            except LogError as exc:
                logger.warning("a passage was not told", partition=partition, next_offset=next_offset, error=str(exc))
                self._moved.setdefault(partition, (next_offset, at_ms))
