"""Digests of events and commands as the different sides see them, so that all of them can be compared. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from warbler import own
from warbler.frames import Ack, CommandFrame, EventItem

from edge.translate import item_of
from schemas.events import ConversationCreated, Event, MemberAdded, MemberLeft, MemberRemoved
from store.views import members_of
from tests.faults.history import LogEvent, digest_of


def digest_of_item(item: Any) -> int:
    """Of an event as devices see it: the SDK's `EventItem` or the edge's."""
    content = item.content
    if content is not None:
        body = content.text.encode() if content.text is not None else content.body or b""
    else:
        body = repr((item.member, item.title, item.target_seq, item.reaction, item.up_to_seq, item.up_to_ordinal)).encode()
    return digest_of(item.kind, item.id, item.user, body)


def digest_of_command(frame: CommandFrame, conversation: str, user: str, device: str) -> int:
    """Of the event that the command asks for, at whatever seq."""
    return digest_of_item(own.event_of(frame, Ack(frame.id, conversation, 1, 0, 0), user, device))


def digest_of_json(event: dict[str, Any]) -> int:
    """Of an event in a frame as it came over the wire."""
    return digest_of_item(msgspec.convert(event, EventItem))


def log_event_of(event: Event) -> LogEvent:
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    match event:
        case ConversationCreated():
            joined = tuple(member.user for member in members_of(event))
        case MemberAdded():
            joined = (event.member,)
        case MemberRemoved():
            left = (event.member,)
        case MemberLeft():
            left = (event.user,)
        case _:
            pass
    item = item_of(event)
    return LogEvent(event.seq, item.kind, event.command_id, event.user, digest_of_item(item), joined, left)
