"""What an owner needs of what it owns: the topics by name, and a partition's state that takes records and gives entries. Pure.

Implemented by `streams.conversations.partition` and `streams.calls.partition`; performed by `lane`, `takeover` and `saver`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from log.port import Entry, Record
from schemas.call_records import CallsCheckpoint
from schemas.errors import WarblerError
from schemas.headers import due_header
from schemas.records import OwnerCheckpoint
from streams.owning.outcome import Outcome
from streams.owning.saving import Changes

CHECKPOINT_KEY = b"#checkpoint"
WRITER_KEY = b"#writer"


@dataclass(frozen=True, slots=True)
class Owned:
    """The topics of one kind of owner. `group`: its consumer group, and the stem of its writers' ids.

    `consumer`: its name in dead letters. `receipts`: of an answer that tells of one; empty where no answer does.
    """

    group: str
    consumer: str
    commands: str
    events: str
    state: str
    replies: str
    receipts: str = ""


class SnapshotCorrupt(WarblerError):
    """A snapshot that was trusted at take-over cannot be unpacked: the state has to be folded from the whole log."""

    def __init__(self, key: bytes, reason: str) -> None:
        super().__init__(f"snapshot of {key!r}: {reason}")
        self.key = key


def with_due(entries: Sequence[Entry], start: int) -> list[Entry]:
    """Entries of the state topic, each with the offset it will have when the first of them lands at `start`."""
    return [entry._replace(headers=(*entry.headers, due_header(start + number))) for number, entry in enumerate(entries)]


class Partition(Protocol):
    """The state of one partition. At take-over: `load`, `fold_start`, `fold`, `tombstones`, in this order; then commands and time."""

    number: int
    changes: Changes
    commands_next: int  # commands below were used
    events_next: int  # the offset the next event gets, as far as nobody else writes
    misplaced: set[bytes]  # keys of the state topic whose newest value is of another log

    def __len__(self) -> int:
        """How many conversations there are."""
        ...

    def __contains__(self, key: bytes) -> bool: ...

    def load(self, record: Record) -> str | None:
        """Take one record of the state topic; the reason if it cannot be understood."""
        ...

    def fold_start(self, *, trust_snapshots: bool = True) -> int:
        """The events offset to fold from."""
        ...

    def fold(self, record: Record, now_ms: int) -> str | None:
        """Take one record of the events topic; the reason if it cannot be understood."""
        ...

    def tombstones(self) -> list[Entry]:
        """What removes keys of the state topic that are nobody's."""
        ...

    def handle(self, record: Record, now_ms: int) -> Outcome:
        """What the command comes to; an accepted one has changed the state. Raises: SnapshotCorrupt."""
        ...

    @property
    def due_ms(self) -> int | None:
        """When time next does something by itself, by this process's clock; None where it does nothing."""
        ...

    def pass_time(self, now_ms: int) -> Iterable[tuple[Entry, ...]]:
        """What time has brought by then, if every command of before was handled; each item is to be appended whole.

        Shape: lazy; the state has taken an item when it is handed over.
        """
        ...

    def pack(self, key: bytes) -> Iterator[Entry]:
        """A conversation's records of the state topic, each to be appended once every event so far is in the log, and in this order."""
        ...

    def checkpoint(self, commands_next: int, at_ms: int) -> OwnerCheckpoint | CallsCheckpoint:
        """Where a successor may start; `commands_next` is after the last command whose effects are all in the log."""
        ...
