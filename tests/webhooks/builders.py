"""Records, webhooks and limits for tests."""

from __future__ import annotations

from typing import Any

from log.port import Record
from schemas.codec import encode
from schemas.events import MessageSent
from schemas.values import Content
from schemas.webhooks import WebhookSet
from streams.webhooks.plan import Limits

EVENTS = "conversation-events"
NOW_MS = 1_760_000_000_000
LIMITS = Limits((1_000, 10_000, 60_000), 4, 50, 5, 100, 5_000, 500_000, 30_000)


def event(conversation: str, seq: int, **changes: Any) -> MessageSent:
    fields: dict[str, Any] = {
        "event_id": f"{conversation}:{seq}",
        "tenant": "default",
        "conversation_id": conversation,
        "seq": seq,
        "ordinal": seq,
        "at_ms": NOW_MS + seq,
        "user": "u-ana",
        "device": "d-1",
        "command_id": f"c-{seq}",
        "trace_id": "",
        "content": Content("text/plain", b"hello"),
    }
    return MessageSent(**fields | changes)


def record(conversation: str, offset: int, partition: int = 0, **changes: Any) -> Record:
    value = encode(EVENTS, event(conversation, offset + 1, **changes))
    return Record(EVENTS, partition, offset, NOW_MS + offset, conversation.encode(), value)


def webhook(**changes: Any) -> WebhookSet:
    fields: dict[str, Any] = {
        "event_id": "e-1",
        "webhook_id": "wh-1",
        "tenant": "default",
        "at_ms": NOW_MS,
        "by": "root",
        "version": 1,
        "url": "https://archive.example/hook",
        "about": "",
        "types": (),
        "conversations": (),
        "enabled": True,
        "secrets": (),
        "begin_ms": NOW_MS,
    }
    return WebhookSet(**fields | changes)
