"""JSON as in an export of Slack: a folder for each conversation, a file for each day, lists of channels, groups, pairs and users. Pure.

A message's `text` is what it says at the end of the export; `history` (ours, which readers of such exports pass over) has every version,
and each change stands at its own time as well, with Slack's words for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ops.export.attachments import path_of
from ops.export.eml import change_shown
from ops.export.entries import (
    Entry,
    Person,
    Piece,
    Thread,
    content_of,
    edits_of,
    entered,
    gone,
    is_text,
    reactions_of,
    recall_of,
    stands_alone,
)
from ops.export.escapes import slack_text
from ops.export.names import ending, file_name
from ops.export.telling import spoken, told
from ops.export.times import day_of
from schemas import events
from schemas.events import Event
from schemas.values import ConversationKind

LISTS = ("channels", "groups", "dms")


class SlackForm:
    """The files of days. Shape: a day's array grows piece by piece and is closed when the next day begins."""

    def __init__(self) -> None:
        self._day = ""

    def feed(self, entry: Entry, thread: Thread) -> list[Piece]:
        items = [dumped(item) for item in messages(entry, thread)]
        if not items:
            return []
        day, before = day_of(entry.event.at_ms), self._day
        self._day = day
        body = ",\n".join(items)
        path = _path(thread, day)
        if before == day:
            return [Piece(path, f",\n{body}".encode())]
        return [*self._closed(before, thread), Piece(path, f"[\n{body}".encode())]

    def end(self, thread: Thread) -> list[Piece]:
        return self._closed(self._day, thread)

    def _closed(self, day: str, thread: Thread) -> list[Piece]:
        return [Piece(_path(thread, day), b"\n]\n")] if day else []


def dumped(value: object) -> str:
    # Only ASCII: a lone surrogate cannot break the file, nor can a line end that only some readers know.
    return json.dumps(value, separators=(",", ":"))


def _path(thread: Thread, day: str) -> str:
    return f"slack/{file_name(thread.conversation_id)}/{day}.json"


def stamp(event: Event) -> str:
    """Slack's `ts`, which names a message within its conversation: seconds, and microseconds made of the milliseconds and the seq."""
    return f"{event.at_ms // 1000}.{event.at_ms % 1000 * 1000 + event.seq % 1000:06}"


def messages(entry: Entry, thread: Thread) -> list[dict[str, Any]]:
    event = entry.event
    if not stands_alone(entry):
        return []
    base: dict[str, Any] = {"type": "message", "user": event.user, "ts": stamp(event), "seq": event.seq, "client_msg_id": event.event_id}
    match event:
        case events.MessageSent():
            return [base | _sent(entry, event)]
        case events.MessageEdited():
            text = slack_text(spoken(event.content))
            changed = {"type": "message", "user": event.user, "text": text, "target_seq": event.target_seq}
            return [base | {"subtype": "message_changed", "hidden": True, "text": text, "message": changed} | _files(event)]
        case events.MessageRecalled():
            return [base | {"subtype": "message_deleted", "hidden": True, "text": "", "deleted_seq": event.target_seq}]
        case events.ConversationRenamed():
            return [base | {"subtype": "channel_name", "name": event.title, "text": slack_text(told(event, thread))}]
        case _:
            return _moves(event, base, thread) or [base | {"subtype": "bot_message", "text": slack_text(told(event, thread))}]


def _moves(event: Event, base: dict[str, Any], thread: Thread) -> list[dict[str, Any]]:
    joined = [("channel_join", user, "has joined the channel") for user in entered(event, thread.members)]
    left = [("channel_leave", user, "has left the channel") for user in gone(event)]
    base = base | {"inviter": event.user}
    return [base | {"subtype": subtype, "user": user, "text": f"<@{user}> {text}"} for subtype, user, text in (*joined, *left)]


def _sent(entry: Entry, event: events.MessageSent) -> dict[str, Any]:
    edits, recall = edits_of(entry), recall_of(entry)
    newest = edits[-1].content if edits else event.content
    item: dict[str, Any] = {"text": slack_text(spoken(newest))} | _files(event)
    if edits:
        item["edited"] = {"user": edits[-1].user, "ts": stamp(edits[-1])}
        item["original_text"] = slack_text(spoken(event.content))
    if recall is not None:
        item["recalled"] = {"user": recall.user, "ts": stamp(recall)}
    held = reactions_of(entry)
    if held:
        item["reactions"] = [{"name": reaction, "users": users, "count": len(users)} for reaction, users in held.items()]
    if entry.changes:
        item["history"] = [change_shown(change) for change in entry.changes]
    if event.reply_to is not None:
        item["reply_to_seq"] = event.reply_to
    return item


def _files(event: Event) -> dict[str, Any]:
    content = content_of(event)
    if content is None or is_text(content):
        return {}
    path = path_of(event)
    name = path.rsplit("/", 1)[-1]
    file = {"id": event.event_id, "name": name, "title": name, "mimetype": content.media_type, "filetype": ending(content.media_type)}
    return {"files": [file | {"size": len(content.body), "url_private": f"../{path}", "mode": "hosted", "user": event.user}]}


# ---- the lists


def listed(kind: ConversationKind, public: bool) -> str:
    """Which of the lists the conversation is in."""
    return "dms" if kind == "direct" else "channels" if public else "groups"


def conversation(
    conversation_id: str, kind: ConversationKind, title: str, created_ms: int, creator: str, members: Iterable[str]
) -> dict[str, Any]:
    """Its entry in the list. Shape: `name` is its folder's; the title as people know it is `topic`."""
    folder = file_name(conversation_id)
    told = {"value": slack_text(title), "creator": creator, "last_set": created_ms // 1000}
    entry: dict[str, Any] = {"id": folder, "name": folder, "created": created_ms // 1000, "creator": creator, "members": list(members)}
    return entry if kind == "direct" else entry | {"is_archived": False, "is_general": False, "topic": told, "purpose": told}


def user(person: Person) -> dict[str, Any]:
    """Its entry in users.json."""
    profile = {"real_name": person.shown, "display_name": person.shown, "email": person.address}
    return {"id": person.user, "name": person.shown, "real_name": person.shown, "deleted": False, "is_bot": False, "profile": profile}


def array(path: str, items: Iterable[dict[str, Any]]) -> Iterator[Piece]:
    """A file with an array of the items, however many they are."""
    yield Piece(path, b"[")
    separator = "\n"
    for item in items:
        yield Piece(path, f"{separator}{dumped(item)}".encode())
        separator = ",\n"
    yield Piece(path, b"\n]\n")
