"""A conversation cut into days, and days into parts that fit memory: for formats whose files are made whole. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ops.export.entries import Entry, Thread, content_of
from ops.export.times import day_of

ENTRIES_LIMIT = 10_000  # what review platforms take in one file
BYTES_LIMIT = 8 << 20
_ENTRY_BYTES = 300  # of an entry without its content


@dataclass(slots=True)
class Slice:
    """What happened on `day` (UTC). `members`, `title`: before the first entry. `part` counts from 1 within the day."""

    day: str
    part: int
    members: dict[str, int]
    title: str
    entries: list[Entry] = field(default_factory=list)
    bytes_count: int = 0

    @property
    def name(self) -> str:
        return self.day if self.part == 1 else f"{self.day}-{self.part}"


class Slicer:
    def __init__(self, entries_limit: int = ENTRIES_LIMIT, bytes_limit: int = BYTES_LIMIT) -> None:
        self._limits = (entries_limit, bytes_limit)
        self._open: Slice | None = None

    def add(self, entry: Entry, thread: Thread) -> Slice | None:
        """The slice that is complete because this entry belongs to the next one."""
        day, size = day_of(entry.event.at_ms), _size(entry)
        before = self._open
        if before is not None and before.day == day and self._fits(before, size):
            before.entries.append(entry)
            before.bytes_count += size
            return None
        part = before.part + 1 if before is not None and before.day == day else 1
        self._open = Slice(day, part, dict(thread.members), thread.title, [entry], size)
        return before

    def end(self) -> Slice | None:
        last, self._open = self._open, None
        return last

    def _fits(self, slice_: Slice, size: int) -> bool:
        entries_limit, bytes_limit = self._limits
        return len(slice_.entries) < entries_limit and slice_.bytes_count + size <= bytes_limit


def _size(entry: Entry) -> int:
    contents = [content_of(event) for event in (entry.event, *entry.changes)]
    return sum(_ENTRY_BYTES + (len(content.body) if content is not None else 0) for content in contents)
