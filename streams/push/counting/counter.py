"""Counts the results of this worker's partitions of push-results. Called by the worker's role push, which says what is assigned.

Each row says up to which offset it counts, and progress is noted after the rows: who begins after a crash reads from the progress on, and
a row passes over what it has. Two workers that count the same partition for a moment write the same rows; the one who got farther wins.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import LogUnavailable
from log.port import Log, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.pushes import PushResult
from store import cql
from store.cassandra import Store
from store.epochs import current_epoch
from store.errors import StoreUnavailable
from store.push_count_rows import CountRows
from store.push_counts import Window, is_hour, key_of, settled
from streams.push.counting.fold import Partition
from streams.settings import StreamsSettings

RESULTS_TOPIC = "push-results"
CONSUMER = "streams.push"
RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
GATHER_S = 0.5  # what comes within it is one write a row
READ_RECORDS = 2_000

logger = structlog.get_logger("streams.push")


class ResultCounter:
    """Of one assignment: ends with `run`, and another one is made for the next."""

    def __init__(self, log: Log, store: Store, settings: StreamsSettings, partitions: Iterable[int], clock_ms: Callable[[], int]) -> None:
        self._log, self._store, self._settings, self._clock_ms = log, store, settings, clock_ms
        self._numbers = sorted(partitions)
        self._partitions: dict[int, Partition] = {}
        self._rows: CountRows | None = None
        self._progress_name = ""
        self._retry_s = RETRY_S_MIN
        self.counted = 0

    async def run(self) -> None:
        """Until it is cancelled. Raises: a bug of ours; a log or Cassandra that is away is waited for."""
        if not self._numbers:
            return
        while True:
            try:
                await self._serve()
            except (LogUnavailable, StoreUnavailable) as exc:
                logger.warning("counting waits", reason=str(exc)[:300], retry_s=self._retry_s)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)

    async def _serve(self) -> None:
        epoch = await current_epoch(self._store) or ""
        self._rows, self._progress_name = CountRows(self._store, epoch), f"{RESULTS_TOPIC} counted in {epoch}"
        progress: dict[int, int] = dict(await self._store.execute(cql.PROGRESS, (self._progress_name,)))
        self._partitions = {number: await self._begin(number, progress.get(number, 0)) for number in self._numbers}
        self._retry_s = RETRY_S_MIN
        starts = {(RESULTS_TOPIC, number): part.next_offset for number, part in self._partitions.items()}
        async with contextlib.aclosing(self._log.tail(starts)) as tail:  # type: ignore[type-var]
            async for records in tail:
                await self._count(records)
                if len(records) < READ_RECORDS // 2:
                    await asyncio.sleep(GATHER_S)  # the tail holds what comes meanwhile

    async def _begin(self, number: int, counted: int) -> Partition:
        """The partition where it was left, with the keys of the results before that."""
        start, end = await self._log.start_offset(RESULTS_TOPIC, number), await self._log.end_offset(RESULTS_TOPIC, number)
        next_offset = min(max(counted, start), end)
        window, at = Window(self._settings.push_count_window), max(start, next_offset - self._settings.push_count_window)
        while at < next_offset:
            records = await self._log.read(RESULTS_TOPIC, number, at, min(READ_RECORDS, next_offset - at))
            if not records:
                break
            for record in records:
                if not isinstance(result := _read(record), str) and record.offset < next_offset:
                    window.is_repeat(key_of(settled(result)), record.offset)
            at = records[-1].offset + 1
        return Partition(window, next_offset)

    async def _count(self, records: Sequence[Record]) -> None:
        read: dict[int, list[tuple[int, PushResult | None]]] = {}
        for record in records:
            read.setdefault(record.partition, []).append((record.offset, await self._result(record)))
        for number, results in read.items():
            part = self._partitions[number]
            await self._load(number, part, [result for _, result in results if result is not None])
            for offset, result in results:
                part.add(result, offset)
        await self._save(sorted(read))
        self.counted += len(records)

    async def _result(self, record: Record) -> PushResult | None:
        found = _read(record)
        if isinstance(found, str):
            letter = dead_letter(record, found, CONSUMER, self._clock_ms())
            await self._log.publish(DEAD_LETTERS_TOPIC, 0, [letter])
            return None
        return found

    async def _load(self, number: int, part: Partition, results: Sequence[PushResult]) -> None:
        """The rows that these results belong to, as they stand."""
        assert self._rows is not None
        for scope in part.missing(results):
            part.load(scope, *await self._rows.of_partition(scope, number))

    async def _save(self, numbers: Sequence[int]) -> None:
        """The rows that changed, then how far the partitions are counted."""
        assert self._rows is not None
        parts = {number: self._partitions[number] for number in numbers}
        rows = [
            (scope, number, counts, part.next_offset, self._keep_s(scope))
            for number, part in parts.items()
            for scope, counts in part.changed()
        ]
        await self._rows.put(rows)
        progress = [(self._progress_name, number, part.next_offset, part.next_offset) for number, part in parts.items()]
        await self._store.execute_each(cql.PUT_PROGRESS, progress)
        for part in parts.values():
            part.trim()

    def _keep_s(self, scope: str) -> int:
        return self._settings.push_count_keep_ms // 1_000 if is_hour(scope) else 0


def _read(record: Record) -> PushResult | str:
    """The result, or why it is none."""
    try:
        return codec.decode(record.value, PushResult)
    except Undecodable as exc:
        return exc.reason
