"""A chunk of records as writes: what each event puts into the tables, with only the last value where a chunk writes one cell often. Pure.

Rule: every cell's timestamp is a number that grows with the cell's meaning (the event's seq, or the watermark itself), so the writes may be
repeated, cut into other chunks and applied in any order. Source: docs/decisions/0003-projection-timestamps.md
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas import events
from schemas.accounts import ApplicationChanged, InvitationChanged, RosterChanged, RosterEvent, RosterNoted
from schemas.codec import decode, decode_event, decode_receipt
from schemas.errors import Undecodable
from schemas.records import DeadLetter, WatermarkRaised, WriterChanged
from schemas.shown import StoredRecord
from schemas.values import GroupSettings
from store import cql
from store.buckets import bucket_of
from store.facts import FactChange, changes_of, value_bytes
from store.views import ReadMark, is_activity, members_of, pair_of, read_marks
from streams.rosters.rows import ROSTERS_TOPIC, read_roster, roster_writes
from streams.timelines.receipts import Marks
from streams.timelines.ties import tie_writes
from streams.timelines.write import Write

CONSUMER = "streams.timelines"
EVENTS_TOPIC = "conversation-events"
RECEIPTS_TOPIC = "receipts"
Record = StoredRecord


class Chunk(NamedTuple):
    """What a chunk of records comes to. `progress`: (topic, partition) -> the next offset. `public`: perhaps to be found by title."""

    writes: list[Write]
    dead_letters: list[DeadLetter]
    progress: dict[tuple[str, int], int]
    public: set[str]


def read_event(record: Record) -> events.Event | WriterChanged | DeadLetter:
    """The event of a record of conversation-events, the control record that has no key, or the dead letter it becomes."""
    try:
        if record.key is None:
            return decode(record.value, WriterChanged)
        event = decode_event(record.value)
    except Undecodable as exc:
        return dead_letter(record, exc.reason)
    if event.conversation_id.encode() != record.key:
        return dead_letter(record, "the key is not the event's conversation")
    if event.seq < 1:
        return dead_letter(record, f"seq {event.seq} is not above 0")
    return event


def read_receipt(record: Record) -> WatermarkRaised | DeadLetter:
    try:
        return decode_receipt(record.value)
    except Undecodable as exc:
        return dead_letter(record, exc.reason)


def _read_roster(record: Record) -> RosterEvent | DeadLetter:
    event = read_roster(record)
    return dead_letter(record, event) if isinstance(event, str) else event


def dead_letter(record: Record, reason: str) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        reason=reason,
        consumer=CONSUMER,
        at_ms=record.timestamp_ms,
    )


_READERS = {EVENTS_TOPIC: read_event, RECEIPTS_TOPIC: read_receipt, ROSTERS_TOPIC: _read_roster}


def project(records: Sequence[Record]) -> Chunk:
    """The writes of a chunk. Shape: one for each event and what `_Heads` holds; `progress` names every partition."""
    writes: list[Write] = []
    dead_letters: list[DeadLetter] = []
    progress: dict[tuple[str, int], int] = {}
    public: set[str] = set()
    heads = _Heads()
    marks = Marks()
    for record in records:
        progress[record.topic, record.partition] = record.offset + 1
        found = _READERS[record.topic](record)
        match found:
            case DeadLetter():
                dead_letters.append(found)
            case WriterChanged():
                pass
            case WatermarkRaised():
                marks.take(found)
            case RosterChanged() | RosterNoted() | InvitationChanged() | ApplicationChanged():
                writes += roster_writes(found, record.offset)
            case _:
                assert record.value is not None  # it was decoded
                writes.append(_event_row(found, record.value))
                heads.take(found, record.value)
                if not isinstance(found, events.MessageSent) or found.announcement:
                    writes += _changes(found, record.value) + _facts(found) + tie_writes(found)
                if is_title_of_public(found):
                    public.add(found.conversation_id)
    writes += heads.writes()
    writes += marks.writes()
    return Chunk(writes, dead_letters, progress, public)


def progress_writes(chunk: Chunk, named: Callable[[str], str] = str) -> list[Write]:
    """`named`: under which name of `progress` a topic stands, which another generation of the tables has its own of."""
    ends = chunk.progress.items()
    return [Write(cql.PUT_PROGRESS, (named(topic), partition, offset, offset)) for (topic, partition), offset in ends]


def ends_of(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """(topic, partition) -> the offset after its last record."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def _event_row(event: events.Event, value: bytes) -> Write:
    seq, is_message = event.seq, isinstance(event, events.MessageSent)
    return Write(cql.PUT_EVENT, (event.conversation_id, bucket_of(seq), is_message, seq, value, seq))


def _changes(event: events.Event, value: bytes) -> list[Write]:
    """What an event that is no message puts besides its own row, the head and the read marks."""
    conversation, seq = event.conversation_id, event.seq
    match event:
        case events.MessageEdited(target_seq=target):
            return [Write(cql.PUT_EDIT, (seq, value, conversation, bucket_of(target), target))]
        case events.MessageRecalled(target_seq=target):
            return [Write(cql.PUT_RECALL, (seq, conversation, bucket_of(target), target))]
        case events.ReactionAdded(target_seq=target) | events.ReactionRemoved(target_seq=target):
            key, there = (event.reaction, event.user), isinstance(event, events.ReactionAdded)
            return [Write(cql.PUT_REACTION, (seq, key, there, conversation, bucket_of(target), target))]
        case events.ConversationRenamed():
            return [Write(cql.PUT_TITLE, (seq, event.title, conversation))]
        case events.ConversationCreated():
            return _created(event)
        case events.MemberAdded():
            return _joined(event, event.member, event.role)
        case events.RoleChanged():
            return [Write(cql.PUT_ROLE, (seq, event.role, seq, conversation, event.member)), _listed(event, event.member, True)]
        case events.MemberRemoved() | events.MemberBanned():
            return _gone(event, event.member)
        case events.MemberLeft():
            return _gone(event, event.user)
        case _:
            return []


def is_title_of_public(event: events.Event) -> bool:
    """Whether the words of a public group's title may be others after the event."""
    match event:
        case events.ConversationCreated(settings=GroupSettings(visibility="public")):
            return True
        case events.SettingsChanged(settings=GroupSettings(visibility="public")) | events.ConversationRenamed():
            return True
        case _:
            return False


def _facts(event: events.Event) -> list[Write]:
    return [_fact(event, change) for change in changes_of(event)]


def _fact(event: events.Event, change: FactChange) -> Write:
    seq, key = event.seq, (event.conversation_id, *change.fact)
    if change.value is None:
        return Write(cql.END_FACT, (seq, seq, seq, *key))
    return Write(cql.PUT_FACT, (seq, value_bytes(change.value), seq, *key))


def _created(event: events.ConversationCreated) -> list[Write]:
    conversation, seq = event.conversation_id, event.seq
    writes = [
        Write(cql.PUT_TITLE, (seq, event.title, conversation)),
        Write(cql.PUT_KIND, (seq, event.conversation_kind, list(pair_of(event)), conversation)),
    ]
    for member in members_of(event):
        writes += _joined(event, member.user, member.role)
    return writes


def _joined(event: events.Event, user: str, role: str) -> list[Write]:
    seq = event.seq
    return [Write(cql.PUT_JOINED, (seq, role, seq, seq, event.conversation_id, user)), _listed(event, user, True)]


def _gone(event: events.Event, user: str) -> list[Write]:
    return [Write(cql.PUT_GONE, (event.seq, event.seq, event.conversation_id, user)), _listed(event, user, False)]


def _listed(event: events.Event, user: str, active: bool) -> Write:
    return Write(cql.PUT_CONVERSATION, (user, event.conversation_id, active, event.seq, event.seq))


class _Heads:
    """The cells that nearly every event writes: the head and the read marks. Only the last of a chunk is written."""

    def __init__(self) -> None:
        self._heads: dict[str, events.Event] = {}
        self._active: dict[str, events.Event] = {}
        self._lasts: dict[str, tuple[events.MessageSent, bytes]] = {}
        self._changed: dict[str, int] = {}
        self._reads: dict[tuple[str, str], ReadMark] = {}

    def take(self, event: events.Event, value: bytes) -> None:
        conversation = event.conversation_id
        newest = self._heads.get(conversation)
        if newest is None or event.seq > newest.seq:
            self._heads[conversation] = event
        if isinstance(event, events.MessageSent):
            last = self._lasts.get(conversation)
            if last is None or event.seq > last[0].seq:
                self._lasts[conversation] = (event, value)
        if isinstance(event, events.MessageEdited | events.MessageRecalled | events.ReactionAdded | events.ReactionRemoved):
            self._changed[conversation] = max(event.seq, self._changed.get(conversation, 0))
        if is_activity(event):
            active = self._active.get(conversation)
            if active is None or event.seq > active.seq:
                self._active[conversation] = event
        for user, mark in read_marks(event):
            seen = self._reads.get((conversation, user))
            if mark.seq > 0 and (seen is None or (mark.seq, mark.ordinal) > (seen.seq, seen.ordinal)):
                self._reads[conversation, user] = mark

    def writes(self) -> list[Write]:
        writes: list[Write] = []
        for conversation, head in self._heads.items():
            if isinstance(head, events.MessageSent):
                writes.append(self._message_head(conversation, head))
            else:
                writes += self._other_head(conversation, head)
            if conversation in self._changed:
                seq = self._changed[conversation]
                writes.append(Write(cql.PUT_CHANGED, (seq, seq, conversation)))
        for (conversation, user), mark in self._reads.items():
            writes.append(Write(cql.PUT_READ, (mark.seq, mark.seq, mark.ordinal, conversation, user)))
        return writes

    def _message_head(self, conversation: str, head: events.MessageSent) -> Write:
        """Head, newest message and the sender's read mark have one timestamp, so they go as one statement."""
        self._reads.pop((conversation, head.user), None)
        value = self._lasts[conversation][1]
        cells = (head.seq, head.ordinal, head.at_ms, value, head.seq, head.ordinal)
        return Write(cql.PUT_MESSAGE_HEAD, (head.seq, *cells, conversation, head.user))

    def _other_head(self, conversation: str, head: events.Event) -> list[Write]:
        writes = [Write(cql.PUT_HEAD, (head.seq, head.seq, head.ordinal, conversation))]
        if conversation in self._active:
            active = self._active[conversation]
            writes.append(Write(cql.PUT_ACTIVE, (active.seq, active.at_ms, conversation)))
        if conversation in self._lasts:
            message, value = self._lasts[conversation]
            writes.append(Write(cql.PUT_LAST, (message.seq, value, conversation)))
        return writes
