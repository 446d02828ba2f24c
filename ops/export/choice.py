"""What an export is of, and whether a record belongs to it. Pure.

Rule 1: a conversation is chosen as a whole, for the time that is asked for; so its seqs have no holes.
Rule 2: a user's conversations are all in which it is or ever was, as with a matter's hold (store.retention.MatterScope).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from log.port import Record
from schemas import events
from schemas.codec import decode_event, fields_of
from schemas.errors import Undecodable
from schemas.registry import SCHEMAS
from schemas.shown import subject_of
from store.views import placed

EVENTS, CALLS, ACCOUNTS, ADMIN, RETENTION = "conversation-events", "call-events", "account-events", "admin-events", "retention-events"
TOPICS = (EVENTS, CALLS, ACCOUNTS, ADMIN, RETENTION)
CONTEXT = (
    *(events.ConversationCreated, events.MemberAdded, events.MemberLeft, events.MemberRemoved, events.MemberBanned),
    *(events.ConversationRenamed, events.SettingsChanged),
)
COMING = (events.ConversationCreated, events.MemberAdded)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """`everything`: all records of the topics. `conversations`: also those found for the users. `matter`: its own events too.

    `from_ms`, `until_ms`: of a matter, when the events of conversations happened (0: no bound). A hold counts that time too; the time of
    their records is when the conversation's owner came to them, hours later after a standstill.
    """

    everything: bool = False
    conversations: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    matter: str = ""
    from_ms: int = 0
    until_ms: int = 0

    @property
    def timed(self) -> bool:
        return bool(self.from_ms or self.until_ms)

    def side_of(self, record: Record) -> int:
        """-1: it happened before what the matter is about, 1: after, 0: within, or nobody can say when."""
        if not self.timed or record.topic != EVENTS:
            return 0
        try:
            at_ms = decode_event(record.value).at_ms
        except Undecodable:
            return 0
        return -1 if at_ms < self.from_ms else int(0 < self.until_ms <= at_ms)

    @property
    def topics(self) -> tuple[str, ...]:
        return TOPICS if self.everything or self.users else tuple(topic for topic in TOPICS if topic != ACCOUNTS)

    def takes(self, record: Record) -> bool:
        if self.everything:
            return True
        if record.key is None:
            return False  # a control record, which belongs to no conversation
        if record.topic in (EVENTS, CALLS):
            return text(record.key) in self.conversations
        if record.topic == ACCOUNTS:
            return text(record.key) in self.users
        return self._concerns(record)

    def _concerns(self, record: Record) -> bool:
        try:
            _, _, fields = fields_of(record.value)
        except Undecodable:
            return False
        subject = subject_of(fields)
        named = subject.conversation in self.conversations or not self.users.isdisjoint(subject.users)
        return named or (bool(self.matter) and fields.get("matter") == self.matter) or self._scoped(fields)

    def _scoped(self, fields: dict[str, Any]) -> bool:
        """Of a rule or a matter: whether it is about one of the conversations."""
        listed = fields.get("conversations") or ()
        target = fields.get("target") if fields.get("scope") == "conversation" else ""
        return target in self.conversations or not self.conversations.isdisjoint(listed)


def text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def heads_of(kinds: Iterable[type[events.EventBase]]) -> frozenset[bytes]:
    """The first bytes of values that hold such events, so that the others need no decoding."""
    tags = {str(kind.__struct_config__.tag) for kind in kinds}
    return frozenset(
        b"\0" + schema.id.to_bytes(4, "big") for schema in SCHEMAS.values() if schema.topic == EVENTS and schema.record in tags
    )


CONTEXT_HEADS, COMING_HEADS = heads_of(CONTEXT), heads_of(COMING)


def joined(record: Record, users: frozenset[str]) -> bool:
    """Whether one of the users comes into the record's conversation by it."""
    if record.value is None or record.value[:5] not in COMING_HEADS:
        return False
    try:
        return any(active and user in users for user, _, active in placed(decode_event(record.value)))
    except Undecodable:
        return False


def is_context(record: Record) -> bool:
    """Whether the record says who is in a conversation, or what it is called."""
    return record.value is not None and record.value[:5] in CONTEXT_HEADS
