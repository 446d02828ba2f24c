"""Which records of the log are meant: by conversation, user, record and tenant. Pure.

Cheap tests come first: most records that are not meant are told by their key or their schema's id, and are never decoded.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from log.port import Record, Span
from ops.replay.asked import UnknownRecord
from schemas.codec import HEADER_BYTES
from schemas.partition import partition_of
from schemas.registry import SCHEMAS, TOPICS
from schemas.shown import Shown, shown, subject_of


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty: all of them. A record is meant if it satisfies each that is not empty."""

    conversations: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()


def check_types(types: Collection[str], topics: Iterable[str]) -> None:
    """Raises: UnknownRecord."""
    known = {record for topic in topics if topic in TOPICS for record in TOPICS[topic].records}
    if unknown := sorted(set(types) - known):
        raise UnknownRecord(f"{', '.join(unknown)}: no record of the topics that are read; those are {', '.join(sorted(known))}")


def by_conversation(topic: str) -> bool:
    return topic in TOPICS and TOPICS[topic].key == "conversation_id"


def places_left(spans: Iterable[Span], conversations: frozenset[str], counts: dict[str, int]) -> list[Span]:
    """The spans that can hold a record of these conversations: a topic that is keyed by them has each in one partition."""
    return [
        span
        for span in spans
        if not conversations
        or not by_conversation(span.topic)
        or span.partition in {partition_of(each.encode(), counts[span.topic]) for each in conversations}
    ]


class Matcher:
    def __init__(self, asked: Filter) -> None:
        self._asked = asked
        self._keys = {each.encode() for each in asked.conversations}
        self._headers = {b"\0" + schema.id.to_bytes(HEADER_BYTES - 1, "big") for schema in SCHEMAS.values() if schema.record in asked.types}
        self._all = asked == Filter()
        self._deep = bool(asked.users or asked.tenants)
        self._keyed = {name for name in TOPICS if by_conversation(name)}

    def match(self, record: Record) -> Shown | None:
        """The record as JSON if it is meant. What cannot be decoded is of no record and no user, but may be of a conversation."""
        if self._all:
            return shown(record)
        if self._headers and (record.value or b"")[:HEADER_BYTES] not in self._headers:
            return None
        by_key = record.topic in self._keyed
        if self._keys and by_key and record.key not in self._keys:
            return None
        row = shown(record)
        return row if (not self._deep and (by_key or not self._keys)) or self._concerns(row, by_key) else None

    def _concerns(self, row: Shown, by_key: bool) -> bool:
        if row["type"] is None:
            return False
        subject, asked = subject_of(row["value"]), self._asked
        return (
            (by_key or not asked.conversations or subject.conversation in asked.conversations)
            and (not asked.users or not asked.users.isdisjoint(subject.users))
            and (not asked.tenants or subject.tenant in asked.tenants)
        )
