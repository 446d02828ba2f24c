"""Events of one conversation, made in order, as records of a log and as what the forms of an export are fed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from log.port import Record
from ops.export.entries import Change, Entry, Form, Person, Thread, target_of
from schemas import events
from schemas.codec import encode
from schemas.events import Event
from schemas.values import Content, ConversationKind, Member

EVENTS = "conversation-events"
T0_MS = 1_760_000_000_000  # 2025-10-09T08:53:20Z
DAY_MS = 86_400_000


def text(body: str, media_type: str = "text/plain") -> Content:
    return Content(media_type, body.encode("utf-8", "surrogatepass"))


class Story:
    """`say` and the others return the event; the clock goes on by a second for each."""

    def __init__(
        self, conversation: str = "g-1", users: tuple[str, ...] = ("u-ana", "u-ben"), title: str = "Möwen", kind: ConversationKind = "group"
    ):
        self.conversation, self.now_ms, self.said, self.history = conversation, T0_MS, 0, list[Event]()
        members = tuple(Member(user) for user in users)
        self.made(events.ConversationCreated, users[0], conversation_kind=kind, title=title, members=members)

    def made(self, kind: type[Any], user: str, **fields: Any) -> Any:
        seq = len(self.history) + 1
        self.now_ms += 1000
        self.said += kind is events.MessageSent
        event = kind(
            event_id=f"{self.conversation}:{seq}",
            tenant="default",
            conversation_id=self.conversation,
            seq=seq,
            ordinal=self.said,
            at_ms=self.now_ms,
            user=user,
            device="d-1",
            command_id=f"0199c82c-c000-7123-8123-{seq:012x}",
            trace_id="",
            **fields,
        )
        self.history.append(event)
        return event

    def say(self, body: str | Content, user: str = "u-ana", **fields: Any) -> events.MessageSent:
        content = text(body) if isinstance(body, str) else body
        made: events.MessageSent = self.made(events.MessageSent, user, content=content, **fields)
        return made

    def edit(self, target: Event, body: str, user: str = "u-ana") -> events.MessageEdited:
        made: events.MessageEdited = self.made(events.MessageEdited, user, target_seq=target.seq, content=text(body))
        return made

    def recall(self, target: Event, user: str = "u-ana") -> events.MessageRecalled:
        made: events.MessageRecalled = self.made(events.MessageRecalled, user, target_seq=target.seq)
        return made

    def react(self, target: Event, reaction: str, user: str = "u-ben") -> events.ReactionAdded:
        made: events.ReactionAdded = self.made(events.ReactionAdded, user, target_seq=target.seq, reaction=reaction)
        return made


def record_of(event: Event, offset: int) -> Record:
    return Record(EVENTS, 0, offset, event.at_ms, event.conversation_id.encode(), encode(EVENTS, event))


def entries_of(history: Iterable[Event]) -> list[Entry]:
    """As the export makes them of a whole conversation."""
    events_ = list(history)
    there = {event.seq for event in events_}
    return [
        Entry(
            record_of(event, event.seq),
            event,
            tuple(other for other in events_ if isinstance(other, Change) and other.target_seq == event.seq),
            (target := target_of(event)) is not None and target not in there,
        )
        for event in events_
    ]


def files_of(form: Form, entries: Iterable[Entry], people: Mapping[str, Person] | None = None) -> dict[str, bytes]:
    """What the form writes of a whole conversation. Asserts that a file is never gone back to."""
    listed = list(entries)
    thread = Thread(listed[0].event.conversation_id, people or {})
    thread.announce(listed[0].event)
    files: dict[str, bytes] = {}
    last = ""
    for entry in [*listed, None]:
        for piece in form.feed(entry, thread) if entry is not None else form.end(thread):
            assert piece.path == last or piece.path not in files, f"{piece.path} is gone back to"
            files[piece.path] = files.get(piece.path, b"") + piece.data
            last = piece.path
        if entry is not None:
            thread.fold(entry.event)
    return files
