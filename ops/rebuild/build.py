"""Builds one generation of a projection from the log, on from its own progress, and keeps it up to date while others look at it.

Rule 1: progress is noted after the rows, so whoever begins anew after a crash goes on from there. Rule 2: nothing is published.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence

from log.port import Log, Record, Span, TopicPartition
from ops.errors import OpsError
from ops.rebuild.writers import Damaged, writer_of
from schemas.errors import WarblerError
from store.cassandra import Store
from store.generations import PROJECTIONS
from store.progress import generation_progress

# A larger chunk writes fewer rows: what a chunk changes twice is written once. The bytes bound what is held of long messages.
CHUNK_RECORDS = 32_000
CHUNK_BYTES = 16 << 20
FEW_RECORDS = 1_000
FOLLOW_S = 0.25

Told = Callable[[int], None]


class BuildBehind(OpsError):
    """The log grows faster than the generation, or does not answer."""


class Builder:
    def __init__(self, log: Log, store: Store, projection: str, generation: int, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self.projection, self.generation = PROJECTIONS[projection], generation
        self.store = store.at({**store.place.live, projection: generation}, mirrors=False)
        self.damaged = Damaged()
        self._writer = writer_of(projection, self.store, self.damaged, clock_ms)
        self.at: dict[TopicPartition, int] = {}
        self.records_count = 0
        self.turn = asyncio.Lock()  # whoever has it, nobody else writes this generation

    async def spans(self) -> list[Span]:
        """What the generation lacks of the log as it ends now. Raises: LogError, StoreUnavailable."""
        found = []
        for topic in self.projection.topics:
            noted = await generation_progress(self.store, topic, self.generation) if not self._known(topic) else {}
            for partition in range(await self._log.partitions_count(topic)):
                at = self.at.get((topic, partition), noted.get(partition, 0))
                first, end = await self._log.start_offset(topic, partition), await self._log.end_offset(topic, partition)
                self.at[topic, partition] = max(at, first)
                found.append(Span(topic, partition, max(at, first), max(at, first, end)))
        return found

    def _known(self, topic: str) -> bool:
        return any(place[0] == topic for place in self.at)

    async def catch_up(self, told: Told | None = None) -> int:
        """How many records were written: everything that was in the log at the call. Raises: LogError. Safe to cancel and to repeat."""
        async with self.turn:
            return await self._catch_up(await self.spans(), told)

    async def steps(self) -> AsyncGenerator[None]:
        """The same record by record, while the caller has `turn`: what it is in between, is what the live one may have been."""
        for span in await self.spans():
            async with contextlib.aclosing(self._chunks([span])) as chunks:
                async for chunk in chunks:
                    for record in chunk:
                        await self._write([record], None)
                        yield

    async def _catch_up(self, spans: Sequence[Span], told: Told | None) -> int:
        before = self.records_count
        async with contextlib.aclosing(_ahead(self._chunks(spans))) as chunks:
            async for chunk in chunks:
                await self._write(chunk, told)
        for span in spans:  # also where nothing, or only what is no record, lies before the end
            self.at[span.topic, span.partition] = max(span.end_offset, self.at[span.topic, span.partition])
        return self.records_count - before

    async def _write(self, chunk: Sequence[Record], told: Told | None) -> None:
        await self._writer.apply(chunk)
        self.records_count += len(chunk)
        self.at[chunk[-1].topic, chunk[-1].partition] = chunk[-1].offset + 1
        if told is not None:
            told(len(chunk))

    async def _chunks(self, spans: Sequence[Span]) -> AsyncGenerator[list[Record]]:
        """Of one partition each."""
        chunk: list[Record] = []
        chunk_bytes = 0
        async with contextlib.aclosing(self._read([span for span in spans if span.start_offset < span.end_offset])) as parts:
            async for records in parts:
                if chunk and (len(chunk) >= CHUNK_RECORDS or chunk_bytes >= CHUNK_BYTES or records[0][:2] != chunk[0][:2]):
                    yield chunk
                    chunk, chunk_bytes = [], 0
                chunk += records
                chunk_bytes += sum(len(record.value or b"") for record in records)
        if chunk:
            yield chunk

    async def _read(self, spans: Sequence[Span]) -> AsyncGenerator[list[Record]]:
        """All records of the spans: over a connection of its own, unless they are few."""
        if sum(span.end_offset - span.start_offset for span in spans) <= FEW_RECORDS:
            for topic, partition, start, end in spans:
                while start < end and (found := await self._log.read(topic, partition, start, end - start)):
                    start = found[-1].offset + 1
                    yield found
            return
        async with contextlib.aclosing(await self._log.scan(spans)) as scan:
            for span in spans:
                while records := await scan.take(span.topic, span.partition):
                    yield records

    async def ends(self) -> dict[TopicPartition, int]:
        """Where the log ends now. Raises: LogError."""
        topics = {topic: await self._log.partitions_count(topic) for topic in self.projection.topics}
        return {(topic, number): await self._log.end_offset(topic, number) for topic, count in topics.items() for number in range(count)}

    def has(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before these offsets is written."""
        return all(self.at.get(place, 0) >= end for place, end in ends.items())

    async def up_to_date(self, wait_s: float) -> None:
        """While `following`: everything that is in the log now is written. Raises: BuildBehind, LogError."""
        ends, deadline = await self.ends(), time.monotonic() + wait_s
        while not self.has(ends):
            if time.monotonic() > deadline:
                raise BuildBehind(f"generation {self.generation} of {self.projection.name} did not come to the log's end in {wait_s:.0f} s")
            await asyncio.sleep(FOLLOW_S)

    async def follow(self) -> None:
        """Keeps up with the log until it is cancelled; a log or a Cassandra that is away is waited for."""
        while True:
            with contextlib.suppress(WarblerError):
                await self.catch_up()
            await asyncio.sleep(FOLLOW_S)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _ahead(chunks: AsyncGenerator[list[Record]]) -> AsyncGenerator[list[Record]]:
    """The same; the next one is read while the consumer is at work on one."""
    coming = asyncio.ensure_future(anext(chunks, None))
    try:
        while (chunk := await coming) is not None:
            coming = asyncio.ensure_future(anext(chunks, None))
            yield chunk
    finally:
        coming.cancel()
        await asyncio.wait([coming])
        await chunks.aclose()
