"""Tells in the topic `passages` how far the projector is. Called by the worker's role; calls the log.

Delivery: may be lost when Kafka is away or the process ends; a journey then shows the next one.
"""

import asyncio
from collections.abc import Callable

import structlog

from log.errors import LogError
from log.passages import PASSAGES_TOPIC, Passages, passage_key
from log.port import Entry, Log
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.records import LogPassed
from streams.timelines.rows import EVENTS_TOPIC

_log = structlog.get_logger("streams.timelines")


class PassageTeller:
    def __init__(self, log: Log, process: str, interval_ms: int, clock_ms: Callable[[], int]) -> None:
        self._log, self._clock_ms, self._interval_ms = log, clock_ms, interval_ms
        self._passages = Passages(process, "projected", EVENTS_TOPIC, interval_ms)
        self._moved = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def passed(self, topic: str, partition: int, next_offset: int) -> None:
        """Everything before `next_offset` is in the tables."""
        if topic == EVENTS_TOPIC:
            self._passages.passed(partition, next_offset)
            self._moved.set()

    def start(self, on_fault: Callable[[BaseException], None]) -> None:
        self._running = asyncio.get_running_loop().create_task(self._run())
        self._running.add_done_callback(lambda done: None if done.cancelled() else on_fault(done.exception() or RuntimeError("ended")))

    def stop(self) -> None:
        """Safe to repeat."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        """For ever: at once after a silence, then at most once in an interval."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self._tell(self._passages.due(self._clock_ms()))
            await asyncio.sleep(self._interval_ms / 1000)
            await self._tell(self._passages.due(self._clock_ms()))

    async def _tell(self, passages: list[LogPassed]) -> None:
        for passage in passages:
            key = passage_key(passage.topic, passage.partition)
            try:
                partition = partition_of(key, await self._log.partitions_count(PASSAGES_TOPIC))
                await self._log.publish(PASSAGES_TOPIC, partition, [Entry(key, encode(PASSAGES_TOPIC, passage))])
            except LogError as exc:
                _log.warning("passages.not_told", partition=passage.partition, error=str(exc))
