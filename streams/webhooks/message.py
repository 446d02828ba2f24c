"""Which records a webhook is told of, and with what body. Pure.

A record is judged by its first bytes and its key; only what is sent is decoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from log.places import moment_of
from log.port import Record
from schemas.registry import SCHEMAS, TOPICS
from schemas.shown import shown, subject_of
from schemas.webhooks import WebhookSet
from store.webhooks import ACCOUNT_EVENTS, ADMIN_EVENTS, CALL_EVENTS, CONVERSATION_EVENTS, NEVER_TOLD
from streams.webhooks.signing import delivery_id_of

OF_CONVERSATIONS, OF_OTHERS = (CONVERSATION_EVENTS, CALL_EVENTS), (ACCOUNT_EVENTS, ADMIN_EVENTS)
READ = frozenset(OF_CONVERSATIONS + OF_OTHERS)
_NAMES: Mapping[bytes, tuple[str, str]] = {
    b"\0" + schema.id.to_bytes(4, "big"): (schema.topic, schema.record) for schema in SCHEMAS.values() if schema.topic in READ
}


class Wanted(NamedTuple):
    """A webhook's choice, ready for comparing. None: all."""

    types: frozenset[str] | None
    keys: frozenset[bytes] | None

    @classmethod
    def of(cls, definition: WebhookSet) -> "Wanted":
        keys = frozenset(each.encode() for each in definition.conversations) or None
        return cls(frozenset(definition.types) or None, keys)

    def takes(self, record: Record) -> bool:
        """Whether this record of one of its topics is to be told."""
        if self.keys is not None and record.key not in self.keys:
            return False
        name = event_type(record)
        return name is not None and (self.types is None or name in self.types)


def event_type(record: Record) -> str | None:
    """The record's name; None for what no webhook is told of, be it ours or not."""
    topic, name = _NAMES.get((record.value or b"")[:5], ("", ""))
    return name if topic == record.topic and name not in NEVER_TOLD else None


def topics_of(definition: WebhookSet) -> list[str]:
    """The topics in which something for this webhook may stand."""
    types = set(definition.types)
    able = OF_CONVERSATIONS if definition.conversations else OF_CONVERSATIONS + OF_OTHERS
    return [name for name in able if not types or types & TOPICS[name].records.keys()]


@dataclass(frozen=True, slots=True)
class Message:
    """`conversation`: empty where the event is of none."""

    delivery_id: str
    event_type: str
    conversation: str
    body: bytes


def message_of(webhook: WebhookSet, record: Record) -> Message | None:
    """What is sent; None for what is not this tenant's, or cannot be decoded (its dead letter is the projector's).

    Shape: `type`, `timestamp` and `data`, as Standard Webhooks wants them; `data` is the one form that `warbler replay` has, too.
    """
    data = shown(record)
    if data["type"] is None:
        return None
    subject = subject_of(data["value"])
    if subject.tenant != webhook.tenant:
        return None
    at_ms = data["value"].get("at_ms", record.timestamp_ms)
    body = msgspec.json.encode({"type": data["type"], "timestamp": moment_of(at_ms), "data": data})
    event_id = str(data["value"].get("event_id", ""))
    name = delivery_id_of(webhook.webhook_id, record.topic, event_id, record.partition, record.offset)
    return Message(name, data["type"], subject.conversation, body)
