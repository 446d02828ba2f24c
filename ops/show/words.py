"""A folded conversation as lines for a terminal, and as JSON. Pure.

Rule: what users wrote never reaches the terminal as control characters; it could move the cursor or hide a line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec

from log.places import moment_of
from ops.show.fold import Conversation, Message, Version
from schemas.events import Event, EventBase
from schemas.shown import content_shown
from schemas.values import Content

INDENT = " " * 8
BASE_FIELDS = frozenset(EventBase.__struct_fields__)
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")  # of writing: they make a line read as another


def safe(text: str) -> str:
    """The text with every character that would act on a terminal written out."""
    return "".join(char if not _acts(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _acts(char: str) -> bool:
    return char in TURNING or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


# ---- lines


def lines_of(conversation: Conversation, history: bool) -> Iterator[str]:
    """`history`: also the texts that were edited or recalled by then."""
    kind = conversation.kind or "its kind is no longer in the log"
    title = f" “{safe(conversation.title)}”" if conversation.title else ""
    yield f"{safe(conversation.conversation)} ({kind}){title}, as of seq {conversation.seq}, {moment_of(conversation.at_ms)}"
    if conversation.first_seq > 1:
        yield f"the log begins at seq {conversation.first_seq}: what was before is gone, and members that came before are not listed"
    if conversation.dissolved:
        yield "dissolved"
    yield "members: " + (", ".join(f"{safe(user)} {safe(role)}" for user, role in sorted(conversation.members.items())) or "none")
    for entry in conversation.entries:
        yield from _message_lines(entry, history) if isinstance(entry, Message) else [_event_line(entry)]


def _message_lines(message: Message, history: bool) -> Iterator[str]:
    reply = f" (to {message.reply_to})" if message.reply_to is not None else ""
    content = message.content
    yield f"{_head(message.seq, message.at_ms, message.user)}{reply}: " + ("(recalled)" if content is None else text_of(content))
    if history:
        for version in message.versions[: None if content is None else -1]:
            yield f"{INDENT}was at seq {version.seq}, {moment_of(version.at_ms)}: {text_of(version.content)}"
    if len(message.versions) > 1:
        last = message.versions[-1]
        yield f"{INDENT}edited by {safe(last.user)} at seq {last.seq}, {moment_of(last.at_ms)}"
    if message.recalled:
        yield f"{INDENT}recalled by {safe(message.recalled.user)} at seq {message.recalled.seq}, {moment_of(message.recalled.at_ms)}"
    for reaction, users in message.reactions.items():
        yield f"{INDENT}{safe(reaction)} {', '.join(map(safe, users))}"


def _event_line(event: Event) -> str:
    fields = {name: value for name, value in msgspec.to_builtins(event, builtin_types=(bytes,)).items() if name not in BASE_FIELDS}
    kind = fields.pop("kind")
    said = " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value not in (None, "", ()))
    return f"{_head(event.seq, event.at_ms, event.user)} · {kind} {said}".rstrip()


def _value(value: Any) -> str:
    return safe(value) if isinstance(value, str) else safe(msgspec.json.encode(value).decode())


def _head(seq: int, at_ms: int, user: str) -> str:
    return f"{seq:>6}  {moment_of(at_ms)}  {safe(user)}"


def text_of(content: Content) -> str:
    """A content in one line: its text, or what it is."""
    shown = content_shown(content)
    if "text" in shown:
        return safe(shown["text"])
    sealed = f", sealed with {safe(content.key_id)}" if content.key_id is not None else ""
    return f"({safe(content.media_type)}, {len(content.body)} bytes{sealed})"


# ---- JSON


def as_json(conversation: Conversation, history: bool) -> dict[str, Any]:
    """The same as one object. Shape: `entries` by seq, each with `type`."""
    return {
        "conversation": conversation.conversation,
        "kind": conversation.kind,
        "title": conversation.title,
        "as_of": {"seq": conversation.seq, "at_ms": conversation.at_ms},
        "first_seq": conversation.first_seq,
        "dissolved": conversation.dissolved,
        "members": [{"user": user, "role": role} for user, role in sorted(conversation.members.items())],
        "entries": [_message(entry, history) if isinstance(entry, Message) else _event(entry) for entry in conversation.entries],
    }


def _message(message: Message, history: bool) -> dict[str, Any]:
    recalled, content = message.recalled, message.content
    row = {
        "type": "message",
        **{name: getattr(message, name) for name in ("seq", "ordinal", "at_ms", "user", "reply_to", "mentions")},
        "content": None if content is None else content_shown(content),
        "edits": [_version(version, history) for version in message.versions[1:]],
        "recalled": None if recalled is None else {"seq": recalled.seq, "at_ms": recalled.at_ms, "user": recalled.user},
        "reactions": [{"reaction": reaction, "users": users} for reaction, users in message.reactions.items()],
    }
    return {**row, "original": content_shown(message.versions[0].content)} if history else row


def _version(version: Version, history: bool) -> dict[str, Any]:
    row = {"seq": version.seq, "at_ms": version.at_ms, "user": version.user}
    return {**row, "content": content_shown(version.content)} if history else row


def _event(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)  # bytes of a content whose message is gone become base64
    return {"type": fields.pop("kind"), **fields}
