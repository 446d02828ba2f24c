"""The log into the bundle's files of records and NDJSON, with an index of the events of conversations. Called by `ops.export.run`.

Everything is committed together every few thousand records: records and lines on the disk first, then the workbook. So a run that goes
on cuts its files back to the last commit, and the files are those that a run without a break would have made.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from audit.bundle import Mark, RecordsWriter
from audit.leaf import leaf_bytes
from log.port import Log, Record, Span
from log.spans import read_spans
from ops.export.choice import EVENTS, Choice, is_context, joined, text
from ops.export.entries import target_of
from ops.export.workbook import Part, Row, Workbook
from schemas.codec import decode_event
from schemas.errors import Undecodable
from schemas.shown import line, subject_of

COMMIT_RECORDS = 20_000
FRAME_HEAD_BYTES = 12
Tick = Callable[[int], None]
PlaceOf = Callable[[str, int, int], Awaitable[tuple[int, int]]]
LINES = "ndjson"


async def conversations_of(log: Log, spans: Sequence[Span], users: frozenset[str], tick: Tick) -> frozenset[str]:
    """In which conversations the users are or ever were, as far as the spans of conversation-events say it. Raises: LogError."""
    found: set[str] = set()
    async for records in read_spans(log, spans):
        found.update(text(record.key) for record in records if record.key is not None and joined(record, users))
        tick(len(records))
    return frozenset(found)


class Gatherer:
    """`begins`: (topic, partition) -> the first offset of the range; what is read before it tells who was there then."""

    def __init__(
        self,
        folder: Path,
        book: Workbook,
        choice: Choice,
        begins: Mapping[tuple[str, int], int],
        lines: bool,
        tick: Tick,
        commit_records: int = COMMIT_RECORDS,
    ) -> None:
        self._folder, self._book, self._choice = folder, book, choice
        self._begins, self._lines, self._tick, self._commit_records = begins, lines, tick, commit_records

    async def run(self, log: Log, spans: Sequence[Span], place_of: PlaceOf) -> None:
        """`place_of`: as of `ops.export.seals.Seals`. Raises: NotSealed, LogError, ObjectsUnavailable, OSError, sqlite3.Error."""
        for span in spans:
            part = self._book.part(span.topic, span.partition)
            if part is None:
                index, offset = await place_of(span.topic, span.partition, span.start_offset)
                part = Part(span.topic, span.partition, offset, index, Mark())
            if part.next_offset < span.end_offset:
                await self._gather(log, part, span)

    async def _gather(self, log: Log, part: Part, span: Span) -> None:
        with _Files(self._folder, part, self._lines) as files:
            batch = _Batch()
            async for records in read_spans(log, [Span(part.topic, part.partition, part.next_offset, span.end_offset)]):
                for record in records:
                    self._take(record, part, files, batch)
                self._tick(len(records))
                if batch.read >= self._commit_records:
                    self._commit(part, files, batch)
                    batch = _Batch()
            part.next_offset = span.end_offset
            self._commit(part, files, batch)

    def _take(self, record: Record, part: Part, files: _Files, batch: _Batch) -> None:
        index, part.next_index, part.next_offset = part.next_index, part.next_index + 1, record.offset + 1
        part.read += 1
        batch.read += 1
        if not self._choice.takes(record):
            return
        side = self._choice.side_of(record)
        if side > 0:
            return
        if side < 0 or record.offset < self._begins.get((record.topic, record.partition), 0):
            if record.topic == EVENTS and record.key is not None and record.value is not None and is_context(record):
                batch.context.append((text(record.key), record.offset, record.value))
            return
        at, length = files.add(index, record)
        self._note(record, part, batch, at, length)

    def _note(self, record: Record, part: Part, batch: _Batch, at: int, length: int) -> None:
        if record.value is not None and len(record.value) >= 5:
            batch.schemas.add(int.from_bytes(record.value[1:5], "big"))
        if record.topic != EVENTS or record.key is None:
            return
        try:
            event = decode_event(record.value)
        except Undecodable:
            part.damaged += 1
            return
        batch.rows.append(Row(event.conversation_id, event.seq, record.offset, record.partition, at, length, target_of(event)))
        batch.people |= subject_of(event).users

    def _commit(self, part: Part, files: _Files, batch: _Batch) -> None:
        part.mark, part.lines_bytes = files.flush()
        self._book.begin()
        self._book.put_part(part)
        self._book.put_rows(batch.rows)
        self._book.put_context(batch.context)
        self._book.put_people(sorted(batch.people))
        self._book.put_schemas(sorted(batch.schemas))
        self._book.commit()


class _Batch:
    """What the workbook gets with the next commit."""

    def __init__(self) -> None:
        self.read = 0
        self.rows: list[Row] = []
        self.context: list[tuple[str, int, bytes]] = []
        self.people: set[str] = set()
        self.schemas: set[int] = set()


class _Files:
    """A partition's records and their lines, as far as the part says they are good. The files come with their first record."""

    def __init__(self, folder: Path, part: Part, lines: bool) -> None:
        self._folder, self._part, self._wanted = folder, part, lines
        self._records: RecordsWriter | None = None
        self._lines: BinaryIO | None = None

    def __enter__(self) -> _Files:
        if self._part.mark.bytes:
            self._open()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._records is not None:
            self._records.close()
        if self._lines is not None:
            self._lines.close()

    def _open(self) -> RecordsWriter:
        part = self._part
        self._records = RecordsWriter(self._folder, part.topic, part.partition, part.mark)
        if self._wanted:
            path = self._folder / LINES / f"{part.topic}-{part.partition}.ndjson"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lines = path.open("r+b" if path.exists() else "w+b")
            self._lines.truncate(part.lines_bytes)
            self._lines.seek(part.lines_bytes)
        return self._records

    def add(self, index: int, record: Record) -> tuple[int, int]:
        """Where the leaf lies in its file, and how long it is."""
        records = self._records or self._open()
        leaf = leaf_bytes(record.offset, record.timestamp_ms, record.key, record.value, record.headers)
        at = records.mark.bytes + FRAME_HEAD_BYTES
        records.add(index, record.offset, leaf)
        if self._lines is not None:
            self._lines.write(line(record))
        return at, len(leaf)

    def flush(self) -> tuple[Mark, int]:
        """How much of both is on the disk."""
        if self._records is None:
            return self._part.mark, self._part.lines_bytes
        length = 0
        if self._lines is not None:
            self._lines.flush()
            os.fsync(self._lines.fileno())
            length = self._lines.tell()
        return self._records.flush(), length
