"""One partition of the topic `cloudevents`: taken over from its last writer, then written once per event. Called by the bridge's role."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from log.errors import LogUnavailable
from log.limits import batch_bytes_limit, entries_bytes, split
from log.port import Entry, FencedWriter, Log, Record
from streams.bridge.cloud import bridged, positions_of, resumed
from streams.bridge.settings import CLOUDEVENTS_TOPIC, BridgeSettings

logger = structlog.get_logger("streams.bridge")


class BridgeLane:
    """Rule 1: the positions are those of the partition's last record, so what was appended is never appended again.
    Rule 2: that record is looked for only behind our own first append, when no predecessor can add another one.
    """

    def __init__(self, log: Log, partition: int, settings: BridgeSettings, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._partition = partition
        self._settings = settings
        self._clock_ms = clock_ms
        self._writer: FencedWriter | None = None
        self._positions: dict[str, int] = {}
        self.events = 0
        self.too_long = 0

    async def forward(self, records: Sequence[Record]) -> None:
        """The records are CloudEvents in the log when this returns. Waits for a log that is away.

        Raises: Fenced, when another worker has taken the partition over.
        Delivery: once, whatever dies, as long as the topic keeps its last record.
        """
        while True:
            try:
                writer = self._writer or await self._take_over()
                positions = dict(self._positions)
                await self._append(writer, bridged(records, positions, self._settings))
                self._positions = positions
                return
            except LogUnavailable as exc:
                logger.warning("the bridge waits for the log", partition=self._partition, error=str(exc))
                await self.close()  # what is unknown is found out by taking over from ourselves
                await asyncio.sleep(self._settings.retry_ms / 1_000)

    async def _append(self, writer: FencedWriter, entries: list[Entry]) -> None:
        limit = batch_bytes_limit(CLOUDEVENTS_TOPIC)
        for run in split(entries, limit):
            if entries_bytes(run) > limit:  # alone in its run; JSON may be longer than the Avro that it was made of
                self.too_long += 1
                logger.error("an event is too long for the bridge", partition=self._partition, key=run[0].key, bytes=entries_bytes(run))
                continue
            await writer.append(CLOUDEVENTS_TOPIC, self._partition, run)
            self.events += len(run)

    async def _take_over(self) -> FencedWriter:
        writer = await self._log.open_writer(f"warbler-bridge-{self._partition}")
        try:
            self._positions = await self._positions_before(await self._log.end_offset(CLOUDEVENTS_TOPIC, self._partition))
            mark = await self._mark(writer)
            late = await self._positions_before(mark)
            if late != self._positions:  # the predecessor was still at it between our look and our append
                self._positions = late
                await self._mark(writer)
            self._positions = await self._believable(self._positions)
        except BaseException:
            await writer.close()
            raise
        logger.info("the bridge has a partition", partition=self._partition, positions=self._positions)
        self._writer = writer
        return writer

    async def _mark(self, writer: FencedWriter) -> int:
        entry = resumed(self._partition, self._positions, self._clock_ms(), self._settings)
        return await writer.append(CLOUDEVENTS_TOPIC, self._partition, [entry])

    async def _positions_before(self, offset: int) -> dict[str, int]:
        """Those of the last record before this offset; none where the topic keeps none, and then the group's own position counts."""
        start = await self._log.start_offset(CLOUDEVENTS_TOPIC, self._partition)
        if offset <= start:
            return {}
        records = await self._log.read(CLOUDEVENTS_TOPIC, self._partition, offset - 1, 1)
        return positions_of(records[0].headers) if records else {}

    async def _believable(self, positions: dict[str, int]) -> dict[str, int]:
        """Without those beyond the end of their topic: that log was lost or restored, and its new records would be taken for old ones."""
        ends = {topic: await self._log.end_offset(topic, self._partition) for topic in positions}
        for topic, offset in positions.items():
            if offset > ends[topic]:
                logger.warning("the log is another one", topic=topic, partition=self._partition, position=offset, end=ends[topic])
        return {topic: offset for topic, offset in positions.items() if offset <= ends[topic]}

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
