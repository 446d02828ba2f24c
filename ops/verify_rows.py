"""What the timeline tables must hold of one partition of the log: the folds of `store.views` as rows with digests. Pure.

Memory: 10 bytes an event, and a conversation's head, members and changed messages; one partition of the log at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from schemas import events
from schemas.codec import decode
from schemas.errors import Undecodable
from store.buckets import bucket_of
from store.expiry import Expired
from store.facts import Fact, FactKey, changes_of, fold_fact, value_bytes
from store.schema import BUCKET_SEQS
from store.timelines import membership_of
from store.views import ChangeEvent, Head, Membership, MessageChanges, fold_changes, fold_head, fold_membership, placed, read_marks

DIGEST_BYTES = 8
ENTRY_BYTES = 2 + DIGEST_BYTES
CONTENT_BIT = 1 << 15  # of an entry whose row goes when its content expires; a place in a bucket is far smaller
NOTHING_EXPIRED = Expired()

Key = tuple[Any, ...]
Rows = dict[Key, bytes]  # the rest of the row's key -> its digest


def digest_of(*cells: Any) -> bytes:
    return blake2b(msgspec.msgpack.encode(cells), digest_size=DIGEST_BYTES).digest()


def event_digest(conversation: str, seq: int, is_message: bool, value: bytes) -> bytes:
    return digest_of(conversation, seq, is_message, value)


def changes_digest(changes: MessageChanges) -> bytes:
    edit = None if changes.edit is None else msgspec.structs.astuple(changes.edit)
    return digest_of(edit, changes.recalled, sorted((*key, there) for key, there in changes.reactions.items()))


def head_digest(head: Head, last_value: bytes, change_seq: int) -> bytes:
    """Of the head's cells; the newest message as its event's bytes, its changes are rows of their own."""
    return digest_of(head.conversation_kind, head.title, head.pair, head.head_seq, head.head_ordinal, head.at_ms, last_value, change_seq)


def place_digest(place: Membership) -> bytes:
    return digest_of(*msgspec.structs.astuple(place))


def fact_digest(fact: Fact) -> bytes:
    value = None if fact.value is None else value_bytes(fact.value)
    return digest_of(fact.active, value, fact.changed_seq, fact.ended_seq)


@dataclass(slots=True)
class Conversation:
    """One conversation folded. `buckets`: per bucket, the place of each seq in it (2 bytes, with
    CONTENT_BIT) and the digest of its row."""

    conversation: str
    head: Head | None = None
    last_value: bytes = b""
    change_seq: int = 0
    places: dict[str, Membership] = field(default_factory=dict)
    listed: dict[str, tuple[bool, int]] = field(default_factory=dict)
    changes: dict[int, MessageChanges] = field(default_factory=dict)
    buckets: dict[int, bytearray] = field(default_factory=dict)
    facts: dict[FactKey, Fact] = field(default_factory=dict)

    def take(self, event: events.Event, value: bytes) -> None:
        """Fold the next event, which stands in the log as `value`."""
        bucket = self.buckets.setdefault(bucket_of(event.seq), bytearray())
        is_message = isinstance(event, events.MessageSent)
        content = CONTENT_BIT if isinstance(event, events.MessageSent | events.MessageEdited) else 0
        bucket += (event.seq % BUCKET_SEQS | content).to_bytes(2, "big") + event_digest(self.conversation, event.seq, is_message, value)
        self.head = fold_head(self.head, event)
        if is_message:
            self.last_value = value
        if isinstance(event, ChangeEvent):
            self.change_seq = event.seq
            self.changes[event.target_seq] = fold_changes(self.changes.get(event.target_seq), event)
        for change in changes_of(event):
            self.facts[change.fact] = fold_fact(self.facts.get(change.fact), change, event.seq)
        self.listed.update({who: (active, event.seq) for who, _, active in placed(event)})
        users = set(self.places) if isinstance(event, events.ConversationRenamed) else {who for who, _, _ in placed(event)}
        for user in users | {who for who, _ in read_marks(event)}:
            place = fold_membership(self.places.get(user), event, user, self.head)
            if place is not None:
                self.places[user] = place

    def rows(self, expired: Expired = NOTHING_EXPIRED) -> dict[str, Rows]:
        """Table -> its rows of this conversation, without what expired."""
        assert self.head is not None  # there was an event
        last_gone = self.head.last is not None and expired.covers(self.conversation, self.head.last.seq)
        changes = {seq: each for seq, each in self.changes.items() if not expired.covers(self.conversation, seq)}
        return {
            "events": {(self.conversation, seq): digest for seq, digest in self._events(expired)},
            "message_changes": {(self.conversation, seq): changes_digest(each) for seq, each in changes.items()},
            "heads": {(self.conversation,): head_digest(self.head, b"" if last_gone else self.last_value, self.change_seq)},
            "members": {(self.conversation, user): place_digest(place) for user, place in self.places.items()},
            "conversations": {(user, self.conversation): digest_of(*cells) for user, cells in self.listed.items()},
            "conversation_facts": {(self.conversation, *place): fact_digest(fact) for place, fact in self.facts.items()},
        }

    def _events(self, expired: Expired) -> Iterator[tuple[int, bytes]]:
        for bucket, entries in self.buckets.items():
            for at in range(0, len(entries), ENTRY_BYTES):
                place = int.from_bytes(entries[at : at + 2], "big")
                seq = bucket * BUCKET_SEQS + (place & ~CONTENT_BIT)
                if not (place & CONTENT_BIT and expired.covers(self.conversation, seq)):
                    yield seq, bytes(entries[at + 2 : at + ENTRY_BYTES])


# ---- the same digests of what Cassandra answered


def event_row(conversation: str, row: Key) -> tuple[Key, bytes]:
    seq, is_message, value = row
    return (conversation, seq), event_digest(conversation, seq, is_message, value or b"")


def changes_row(conversation: str, row: Key) -> tuple[Key, bytes]:
    seq, edit_value, recalled, reactions = row
    cells = {} if reactions is None else {tuple(key): there for key, there in reactions.items()}
    try:
        edit = None if edit_value is None else decode(edit_value, events.MessageEdited)
    except Undecodable:
        return (conversation, seq), digest_of("not an edit", edit_value)
    return (conversation, seq), changes_digest(MessageChanges(edit=edit, recalled=bool(recalled), reactions=cells))


def head_row(conversation: str, row: Key) -> bytes | None:
    """None where no head was written."""
    kind, title, pair, head_seq, head_ordinal, active_at_ms, last, change_seq = row
    if all(cell is None for cell in row):
        return None
    return digest_of(
        kind or "group", title or "", tuple(pair or ()), head_seq, head_ordinal, active_at_ms or 0, last or b"", change_seq or 0
    )


def member_row(row: Key) -> tuple[Key, bytes] | None:
    """None where only a read mark stands, because the joining record was damaged."""
    place = membership_of(row)
    return None if place is None else ((place.conversation_id, place.user), place_digest(place))


def conversation_row(conversation: str, row: Key) -> tuple[Key, bytes]:
    user, active, changed_seq = row
    return (user, conversation), digest_of(active, changed_seq)


def fact_row(conversation: str, row: Key) -> tuple[Key, bytes]:
    kind, key, active, value, changed_seq, ended_seq = row
    return (conversation, kind, key), digest_of(bool(active), value, changed_seq or 0, ended_seq or 0)


def checksum(rows: Rows) -> int:
    """Order does not matter, and sums of parts add up: the sum of the digests modulo 2**64."""
    return sum(int.from_bytes(digest_of(key, digest), "big") for key, digest in rows.items()) % 2**64


def text_of(key: Key) -> str:
    return "/".join(map(str, key))


def differences(table: str, expected: Rows, found: Rows) -> Iterator[str]:
    """One line for each row that is missing, was not expected, or is another."""
    for key in expected.keys() | found.keys():
        if key not in found:
            yield f"{table} {text_of(key)}: missing (it is in the log)"
        elif key not in expected:
            yield f"{table} {text_of(key)}: extra (nothing in the log makes it)"
        elif expected[key] != found[key]:
            yield f"{table} {text_of(key)}: differs from the log"
