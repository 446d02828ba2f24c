"""One replay: reads the spans, tells what is meant, paces it, writes it, notes how far it came."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from log.port import Log, Record, Span, TopicPartition
from log.spans import read_in_time, read_spans
from ops.replay.asked import AtOnce, Speed, due_s
from ops.replay.matching import Matcher
from ops.replay.state import Part, State
from ops.replay.targets import Found, Target

DAMAGED = "(damaged)"  # how records that cannot be decoded are counted
NOTE_EVERY_S = 2.0
NOTED_RECORDS_LIMIT = 50_000

Order = Literal["time", "partition"]


@dataclass(slots=True)
class Replay:
    """`note`: keeps the state where it outlives this process. `progress`: is told of every step, for a progress bar."""

    log: Log
    state: State
    matcher: Matcher
    target: Target
    speed: Speed
    order: Order
    note: Callable[[State], None]
    progress: Callable[[State], None]
    clock_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Until the spans are read. Raises: LogError, TargetGone; the state that was noted is then one to go on from.

        Delivery: what was written after the last note may be written again by who goes on, unless the target knows it.
        """
        await self._note()
        pace = Pace(self.speed, self.clock_s, self.sleep)
        noted_s, noted_read = self.clock_s(), self.state.counts.read
        async for records in self._reading():
            for step in self._steps(records):
                await self._take(step, pace)
                read = self.state.counts.read
                if self.clock_s() - noted_s >= NOTE_EVERY_S or read - noted_read >= NOTED_RECORDS_LIMIT:
                    await self._note()
                    noted_s, noted_read = self.clock_s(), read
                self.progress(self.state)
        for part in self.state.parts:
            part.next_offset = part.end_offset  # where compaction left nothing, no record said so
        self.state.done = True
        await self._note()
        self.progress(self.state)

    def _steps(self, records: list[Record]) -> Iterable[list[Record]]:
        """What is done at once: at full speed all of them, else one, because the next may be hours away."""
        return [records] if isinstance(self.speed, AtOnce) else ([record] for record in records)

    def _reading(self) -> AsyncIterator[list[Record]]:
        spans = [Span(part.topic, part.partition, part.next_offset, part.end_offset) for part in self.state.parts]
        return read_in_time(self.log, spans) if self.order == "time" else read_spans(self.log, spans)

    async def _take(self, records: Sequence[Record], pace: Pace) -> None:
        found = [Found(record, row) for record in records if (row := self.matcher.match(record)) is not None]
        counts, parts = self.state.counts, self._parts
        if found:
            await pace.wait(found[0].record.timestamp_ms)
            counts.written += await self.target.write(found)
        for record in records:
            parts[record.topic, record.partition].next_offset = record.offset + 1
        types = Counter(row["type"] or DAMAGED for _, row in found)
        counts.read += len(records)
        counts.matched += len(found)
        counts.damaged += types[DAMAGED]
        counts.add(types)

    @property
    def _parts(self) -> Mapping[TopicPartition, Part]:
        return {(part.topic, part.partition): part for part in self.state.parts}

    async def _note(self) -> None:
        self.state.target = await self.target.flush()
        self.note(self.state)


class Pace:
    """Waits until a record may go out; at less than full speed it is asked for each."""

    def __init__(self, speed: Speed, clock_s: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._speed, self._clock_s, self._sleep = speed, clock_s, sleep
        self._began: tuple[float, int] | None = None  # our clock and the time of the first record
        self._count = 0

    async def wait(self, at_ms: int) -> None:
        if isinstance(self._speed, AtOnce):
            return
        if self._began is None:
            self._began = (self._clock_s(), at_ms)
        began_s, first_ms = self._began
        left_s = began_s + due_s(self._speed, self._count, first_ms, at_ms) - self._clock_s()
        self._count += 1
        if left_s > 0:
            await self._sleep(left_s)
