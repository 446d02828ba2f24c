"""The state of one partition, rebuilt from the log and advanced by commands. Pure: records in, entries out.

Rule 1: what counts is the log. `fold` takes only events that continue a conversation densely; what was folded before is skipped by its seq.
Rule 2: a command below `commands_next` was used; every event's header raises it.
Rule 3: a conversation whose events have a gap is quarantined: its commands go to the dead letters, and the gap is seen at every take-over.
"""

import itertools
from collections.abc import Iterator

from log.limits import batch_bytes_limit, entries_bytes
from log.port import Entry, Record
from schemas import codec
from schemas.commands import Command, MarkRead
from schemas.errors import Undecodable
from schemas.events import Event
from schemas.headers import command_header, read_command_header
from schemas.keys import receipt_key
from schemas.partition import partition_of
from schemas.records import CommandRefused, CommandRepeated, OwnerCheckpoint, Reply, WatermarkRaised, WriterChanged
from schemas.registry import SCHEMAS
from streams.conversations.decide import Accepted, Noted, Refused, Repeated, decide
from streams.conversations.evolve import evolve
from streams.conversations.fingerprint import fingerprint
from streams.conversations.outcome import SKIPPED, Answer, Append, Outcome, Poison
from streams.conversations.rules import Rules
from streams.conversations.saving import Changes
from streams.conversations.shelf import STATE_TOPIC, Shelf
from streams.conversations.state import Conversation

COMMANDS_TOPIC = "conversation-commands"
EVENTS_TOPIC = "conversation-events"
REPLIES_TOPIC = "replies"
RECEIPTS_TOPIC = "receipts"
CHECKPOINT_KEY = b"#checkpoint"
WRITER_KEY = b"#writer"
EVENTS_BATCH_BYTES = batch_bytes_limit(EVENTS_TOPIC)
PART_MARK = b"#"  # in no conversation's id


def _headers(record: str) -> frozenset[bytes]:
    return frozenset(b"\0" + each.id.to_bytes(4, "big") for each in SCHEMAS.values() if each.topic == STATE_TOPIC and each.record == record)


SNAPSHOT_HEADERS, PART_HEADERS = _headers("conversation_snapshot"), _headers("conversation_members_part")


class Partition:
    def __init__(self, number: int, partitions_count: int, rules: Rules, *, unpacked_limit: int, snapshot_interval_ms: int) -> None:
        self.number = number
        self.shelf = Shelf(unpacked_limit)
        self.changes = Changes(snapshot_interval_ms)
        self.commands_next = 0
        self.events_next = 0  # the offset the next event gets, as far as nobody else writes
        self.quarantined: set[bytes] = set()
        self._partitions_count = partitions_count
        self._rules = rules
        self._checkpoint: OwnerCheckpoint | None = None
        self.poisoned: set[bytes] = set()  # keys of conversation-state whose only value could not be understood

    # Take-over: first every record of conversation-state, then the events from `fold_start` on.

    def load(self, record: Record) -> str | None:
        """Take one record of conversation-state; the reason if it cannot be understood."""
        key, value = record.key, record.value
        if key == WRITER_KEY:
            return None
        if key == CHECKPOINT_KEY:
            try:
                self._checkpoint = codec.decode(value, OwnerCheckpoint)
            except Undecodable as exc:
                self._checkpoint = None  # an older one may claim less than it should; the whole log is always right
                return exc.reason
            return None
        if key is None:
            return "a state record without a key"
        conversation, hash_, part = key.partition(PART_MARK)
        if hash_:
            return self._load_part(conversation, part, value)
        if value is None:
            self.shelf.drop(key)
            return None
        if value[:5] not in SNAPSHOT_HEADERS:
            self.poisoned.add(key)
            return "not a snapshot"
        self.poisoned.discard(key)
        self.shelf.put_packed(key, value)
        return None

    def _load_part(self, conversation: bytes, part: bytes, value: bytes | None) -> str | None:
        """A part that is missing where its conversation needs it is found when that is unpacked."""
        if not part.isdigit() or (value is not None and value[:5] not in PART_HEADERS):
            return "not a part of a conversation's members"
        self.shelf.put_part(conversation, int(part), value)
        return None

    def fold_start(self, *, trust_snapshots: bool = True) -> int:
        """The events offset to fold from; 0 where a snapshot is missing, because only the whole log holds that conversation then."""
        if not trust_snapshots:
            self.shelf = Shelf(self.shelf.unpacked_limit)
            return 0
        if self._checkpoint is None or any(key not in self.shelf for key in self.poisoned):
            return 0
        self.commands_next = self._checkpoint.commands_next
        return self._checkpoint.events_next

    def fold(self, record: Record, now_ms: int) -> str | None:
        """Take one record of conversation-events; the reason if it cannot be understood."""
        self.events_next = record.offset + 1
        try:
            if record.key is None:
                codec.decode(record.value, WriterChanged)
                return None
            event: Event = codec.decode(record.value, Event)  # type: ignore[arg-type]
        except Undecodable as exc:
            return exc.reason
        header = read_command_header(record.headers)
        if header is None or record.key != event.conversation_id.encode():
            return "an event that no owner wrote"
        commands_offset, print_ = header
        self.commands_next = max(self.commands_next, commands_offset + 1)
        state = self.shelf.get(record.key)
        head_seq = state.head_seq if state is not None else 0
        if event.seq <= head_seq or record.key in self.quarantined:
            return None
        if event.seq > head_seq + 1:
            return self._quarantine(record.key, record.offset, f"gap: seq {event.seq} follows {head_seq}")
        try:
            evolved = evolve(state, event, print_, self._rules)
        except (AssertionError, KeyError, ValueError) as exc:  # no owner of ours wrote that: somebody else writes to the topic
            return self._quarantine(record.key, record.offset, f"impossible event: {type(exc).__name__}: {exc}")
        self.shelf.put(record.key, evolved, record.offset)
        self.changes.note(record.key, record.offset, now_ms)
        return None

    def _quarantine(self, key: bytes, events_offset: int, reason: str) -> str:
        """Decide nothing more for this conversation; the checkpoint stays before it, so every successor sees it too."""
        self.quarantined.add(key)
        self.changes.pin(events_offset)
        return f"{reason}; the conversation is quarantined"

    def tombstones(self) -> list[Entry]:
        """What removes poisoned keys that, as the whole log was folded, turned out to be no conversations."""
        return [Entry(key, None) for key in self.poisoned if key not in self.shelf]

    # Commands.

    def handle(self, record: Record, now_ms: int) -> Outcome:
        """What the command comes to; an accepted one has changed the state. Raises: SnapshotCorrupt."""
        if record.offset < self.commands_next:
            return SKIPPED
        try:
            command: Command = codec.decode(record.value, Command)  # type: ignore[arg-type]
        except Undecodable as exc:
            self.commands_next = record.offset + 1
            return Poison(exc.reason)
        key = command.conversation_id.encode()
        misplaced = self._misplaced(key, record.key)
        if misplaced is not None:
            self.commands_next = record.offset + 1
            return Poison(misplaced)
        state = self.shelf.get(key)
        self.commands_next = record.offset + 1
        at_ms = max(record.timestamp_ms, state.head_at_ms if state is not None else 0)
        decision = decide(state, command, at_ms, self._rules)
        if isinstance(decision, Accepted):
            print_ = fingerprint(command)
            entries = _entries(decision.events, key, record.offset, print_)
            if entries_bytes(entries) <= EVENTS_BATCH_BYTES:
                self._advance(key, state, decision.events, print_, now_ms)
                return Append(entries)
            decision = Refused("too_long", "its events do not fit in one batch")
        receipt = _receipt(command, decision, at_ms) if isinstance(decision, Noted) and isinstance(command, MarkRead) else None
        return Answer(_reply(command, decision, at_ms), isinstance(decision, Refused), receipt)

    def _misplaced(self, key: bytes, record_key: bytes | None) -> str | None:
        if key != record_key:
            return "the record's key is not its conversation"
        if partition_of(key, self._partitions_count) != self.number:
            return "the conversation belongs to another partition"
        if key in self.quarantined:
            return "the conversation is quarantined: see the dead letter of its events"
        return None

    def _advance(self, key: bytes, state: Conversation | None, events: tuple[Event, ...], print_: bytes, now_ms: int) -> None:
        for event in events:
            state = evolve(state, event, print_, self._rules)
        assert state is not None  # accepted means at least one event
        self.changes.note(key, self.events_next, now_ms)
        self.events_next += len(events)
        self.shelf.put(key, state, self.events_next - 1)

    # Snapshots.

    def pack(self, key: bytes) -> Iterator[Entry]:
        """The conversation's records, each to be appended once every event so far is in the log, and in this order.

        Shape: the parts that changed, as they are when they are asked for; then the rest, as it was at the call. So no part is ever older
        than the rest; and that a newer one takes some events again, in their order and up to its newest, changes nothing.
        """
        head = Entry(key, self.shelf.pack(key, self.events_next - 1))
        parts = self.shelf.take_unsaved(key)
        self.changes.take(key)
        return itertools.chain((Entry(part_key(key, part), self.shelf.pack_part(key, part)) for part in parts), (head,))

    def checkpoint(self, commands_next: int, at_ms: int) -> OwnerCheckpoint:
        """Where a successor may start; `commands_next` is after the last command whose effects are all in the log."""
        return OwnerCheckpoint(
            partition=self.number, events_next=self.changes.events_next(self.events_next), commands_next=commands_next, at_ms=at_ms
        )


def part_key(key: bytes, part: int) -> bytes:
    return key + PART_MARK + str(part).encode()


def _entries(events: tuple[Event, ...], key: bytes, commands_offset: int, print_: bytes) -> tuple[Entry, ...]:
    headers = (command_header(commands_offset, print_),)
    # the record's time is when it was appended, the event's own is when its command was accepted: a journey tells both
    return tuple(Entry(key, codec.encode(EVENTS_TOPIC, event), None, headers) for event in events)


def _receipt(command: MarkRead, noted: Noted, at_ms: int) -> Entry | None:
    if not noted.raised:
        return None
    mark = WatermarkRaised(
        tenant=command.tenant,
        conversation_id=command.conversation_id,
        user=command.user,
        device=command.device,
        state="read",
        up_to_seq=noted.up_to_seq,
        up_to_ordinal=noted.up_to_ordinal,
        hidden=command.quiet,
        at_ms=at_ms,
    )
    return Entry(receipt_key(mark), codec.encode(RECEIPTS_TOPIC, mark), at_ms)


def _reply(command: Command, decision: Refused | Repeated | Noted, at_ms: int) -> Entry:
    common = {
        "tenant": command.tenant,
        "conversation_id": command.conversation_id,
        "command_id": command.command_id,
        "user": command.user,
        "device": command.device,
        "trace_id": command.trace_id,
        "at_ms": at_ms,
    }
    reply: Reply
    if isinstance(decision, Noted):
        reply = CommandRepeated(**common, seq=0, ordinal=0, accepted_at_ms=at_ms)  # type: ignore[arg-type]
    elif isinstance(decision, Refused):
        reply = CommandRefused(**common, code=decision.code, detail=decision.detail, retry_after_ms=decision.retry_after_ms)  # type: ignore[arg-type]
    else:
        reply = CommandRepeated(**common, seq=decision.seq, ordinal=decision.ordinal, accepted_at_ms=decision.accepted_at_ms)  # type: ignore[arg-type]
    return Entry(command.conversation_id.encode(), codec.encode(REPLIES_TOPIC, reply), at_ms)
