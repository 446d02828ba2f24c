"""The state of one partition of conversations, rebuilt from the log and advanced by commands. Pure: records in, entries out.

What any owner does is in `streams.owning.state`; here is what a conversation is, how it is decided, kept in parts and answered.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from log.limits import batch_bytes_limit, entries_bytes
from log.port import Entry, Record
from schemas import codec
from schemas.commands import Command, MarkRead
from schemas.events import Event
from schemas.fingerprint import fingerprint
from schemas.headers import command_header
from schemas.keys import receipt_key
from schemas.records import CommandRefused, CommandRepeated, OwnerCheckpoint, Reply, WatermarkRaised
from schemas.registry import SCHEMAS
from streams.conversations.decide import Accepted, Noted, Refused, Repeated, decide
from streams.conversations.evolve import evolve
from streams.conversations.rules import Rules
from streams.conversations.shelf import STATE_TOPIC, Shelf
from streams.conversations.state import Conversation
from streams.owning.outcome import Answer, Append, Outcome
from streams.owning.state import PartitionState

COMMANDS_TOPIC = "conversation-commands"
EVENTS_TOPIC = "conversation-events"
REPLIES_TOPIC = "replies"
RECEIPTS_TOPIC = "receipts"
EVENTS_BATCH_BYTES = batch_bytes_limit(EVENTS_TOPIC)
PART_MARK = b"#"  # in no conversation's id


def _headers(record: str) -> frozenset[bytes]:
    return frozenset(b"\0" + each.id.to_bytes(4, "big") for each in SCHEMAS.values() if each.topic == STATE_TOPIC and each.record == record)


SNAPSHOT_HEADERS, PART_HEADERS = _headers("conversation_snapshot"), _headers("conversation_members_part")


class Partition(PartitionState):
    events = Event
    commands = Command
    checkpoint_type = OwnerCheckpoint

    def __init__(self, number: int, partitions_count: int, rules: Rules, *, unpacked_limit: int, snapshot_interval_ms: int) -> None:
        super().__init__(number, partitions_count, snapshot_interval_ms)
        self.shelf = Shelf(unpacked_limit)
        self._rules = rules

    def __len__(self) -> int:
        return len(self.shelf)

    def __contains__(self, key: bytes) -> bool:
        return key in self.shelf

    # Take-over.

    def load_line(self, key: bytes, value: bytes | None) -> str | None:
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

    def forget_snapshots(self) -> None:
        self.shelf = Shelf(self.shelf.unpacked_limit)

    def head_seq(self, key: bytes) -> int:
        state = self.shelf.get(key)
        return state.head_seq if state is not None else 0

    def evolve(self, key: bytes, event: Any, print_: bytes, events_offset: int) -> None:
        self.shelf.put(key, evolve(self.shelf.get(key), event, print_, self._rules), events_offset)

    # Commands.

    def decided(self, record: Record, command: Any, now_ms: int) -> Outcome:
        key = command.conversation_id.encode()
        state = self.shelf.get(key)
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
