"""What the state of a partition is to any owner: how far commands and events are, what is quarantined, where a fold starts. Pure.

Rule 1: what counts is the log. `fold` takes only events that continue a conversation densely; what was folded before is skipped by its seq.
Rule 2: a command below `commands_next` was used; every event's header raises it.
Rule 3: a state record that does not stand where it was written for is of another log, whose owner went on while this one was put in its
place: nothing of the state topic is believed then, and all of it is written anew.
Rule 4: a conversation whose events have a gap is quarantined: its commands go to the dead letters, and the gap is seen at every take-over.
"""

from collections.abc import Iterator
from typing import Any

from log.port import Entry, Record
from schemas import codec
from schemas.call_records import CallsCheckpoint
from schemas.errors import Undecodable
from schemas.headers import read_command_header, read_due_header
from schemas.partition import partition_of
from schemas.records import OwnerCheckpoint, WriterChanged
from streams.owning.outcome import SKIPPED, Outcome, Poison
from streams.owning.port import CHECKPOINT_KEY, WRITER_KEY
from streams.owning.saving import Changes


class PartitionState:
    """`events`, `commands`: the unions that their topics carry; `checkpoint_type`: of the state topic."""

    events: Any
    commands: Any
    checkpoint_type: type[OwnerCheckpoint | CallsCheckpoint]

    def __init__(self, number: int, partitions_count: int, snapshot_interval_ms: int) -> None:
        self.number = number
        self.changes = Changes(snapshot_interval_ms)
        self.commands_next = 0
        self.events_next = 0  # the offset the next event gets, as far as nobody else writes
        self.quarantined: set[bytes] = set()
        self.poisoned: set[bytes] = set()  # keys of the state topic whose only value could not be understood
        self.misplaced: set[bytes] = set()  # keys of the state topic whose newest value is of another log
        self._partitions_count = partitions_count
        self._checkpoint: OwnerCheckpoint | CallsCheckpoint | None = None

    # What the kind of owner adds.

    def __contains__(self, key: bytes) -> bool:
        raise NotImplementedError

    def load_line(self, key: bytes, value: bytes | None) -> str | None:
        """Take the record of a conversation; the reason if it cannot be understood."""
        raise NotImplementedError

    def forget_snapshots(self) -> None:
        raise NotImplementedError

    def head_seq(self, key: bytes) -> int:
        raise NotImplementedError

    def evolve(self, key: bytes, event: Any, print_: bytes, events_offset: int) -> None:
        """Take an event that follows. Raises: AssertionError, KeyError, ValueError for one that no owner of ours writes."""
        raise NotImplementedError

    def decided(self, record: Record, command: Any, now_ms: int) -> Outcome:
        raise NotImplementedError

    # Take-over: first every record of the state topic, then the events from `fold_start` on.

    def load(self, record: Record) -> str | None:
        key, value = record.key, record.value
        if key == WRITER_KEY:
            return None
        if key is None:
            return "a state record without a key"
        if read_due_header(record.headers) not in (None, record.offset):
            self.misplaced.add(key)
            return None
        self.misplaced.discard(key)
        if key == CHECKPOINT_KEY and value is None:
            self._checkpoint = None
            return None
        if key == CHECKPOINT_KEY:
            try:
                self._checkpoint = codec.decode(value, self.checkpoint_type)
            except Undecodable as exc:
                self._checkpoint = None  # an older one may claim less than it should; the whole log is always right
                return exc.reason
            return None
        return self.load_line(key, value)

    def fold_start(self, *, trust_snapshots: bool = True) -> int:
        """The events offset to fold from; 0 where a snapshot is missing, because only the whole log holds that conversation then."""
        if self.misplaced or not trust_snapshots:
            self.forget_snapshots()
            return 0
        if self._checkpoint is None or any(key not in self for key in self.poisoned):
            return 0
        self.commands_next = self._checkpoint.commands_next
        return self._checkpoint.events_next

    def fold(self, record: Record, now_ms: int) -> str | None:
        self.events_next = record.offset + 1
        try:
            if record.key is None:
                codec.decode(record.value, WriterChanged)
                return None
            event = codec.decode(record.value, self.events)
        except Undecodable as exc:
            return exc.reason
        header = read_command_header(record.headers)
        if header is None or record.key != event.conversation_id.encode():
            return "an event that no owner wrote"
        commands_offset, print_ = header
        self.commands_next = max(self.commands_next, commands_offset + 1)
        head_seq = self.head_seq(record.key)
        if event.seq <= head_seq or record.key in self.quarantined:
            return None
        if event.seq > head_seq + 1:
            return self._quarantine(record.key, record.offset, f"gap: seq {event.seq} follows {head_seq}")
        try:
            self.evolve(record.key, event, print_, record.offset)
        except (AssertionError, KeyError, ValueError) as exc:  # no owner of ours wrote that: somebody else writes to the topic
            return self._quarantine(record.key, record.offset, f"impossible event: {type(exc).__name__}: {exc}")
        self.changes.note(record.key, record.offset, now_ms)
        return None

    def _quarantine(self, key: bytes, events_offset: int, reason: str) -> str:
        """Decide nothing more for this conversation; the checkpoint stays before it, so every successor sees it too."""
        self.quarantined.add(key)
        self.changes.pin(events_offset)
        return f"{reason}; the conversation is quarantined"

    def tombstones(self) -> list[Entry]:
        """What removes poisoned keys that, as the whole log was folded, turned out to be no conversations, and what is of another log.

        Shape: with that the checkpoint, before all else: what stood under those keys before it is gone, and is to be folded again
        until it is saved anew.
        """
        another_log = [Entry(key, None) for key in (CHECKPOINT_KEY, *sorted(self.misplaced - {CHECKPOINT_KEY}))] if self.misplaced else []
        return [*another_log, *(Entry(key, None) for key in sorted(self.poisoned - self.misplaced) if key not in self)]

    # Commands.

    def handle(self, record: Record, now_ms: int) -> Outcome:
        """What the command comes to; an accepted one has changed the state. Raises: SnapshotCorrupt."""
        if record.offset < self.commands_next:
            return SKIPPED
        try:
            command = codec.decode(record.value, self.commands)
        except Undecodable as exc:
            self.commands_next = record.offset + 1
            return Poison(exc.reason)
        misplaced = self._misplaced(command.conversation_id.encode(), record.key)
        outcome = Poison(misplaced) if misplaced is not None else self.decided(record, command, now_ms)
        self.commands_next = record.offset + 1  # not before: deciding may find a snapshot corrupt, and then the command was not used
        return outcome

    def _misplaced(self, key: bytes, record_key: bytes | None) -> str | None:
        if key != record_key:
            return "the record's key is not its conversation"
        if partition_of(key, self._partitions_count) != self.number:
            return "the conversation belongs to another partition"
        if key in self.quarantined:
            return "the conversation is quarantined: see the dead letter of its events"
        return None

    # Time.

    @property
    def due_ms(self) -> int | None:
        return None

    def pass_time(self, now_ms: int) -> Iterator[tuple[Entry, ...]]:
        return iter(())
