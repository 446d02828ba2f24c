"""What the forms of an export are made of: one event at its place in the log, its conversation as it was then, and who the users are. Pure.

Rule 1: a form is fed every event of one conversation in the order of seq, and nothing of another.
Rule 2: a `Thread` is the conversation before the event that is fed; who comes or goes by it stands in the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from log.port import Record
from schemas import events
from schemas.events import Event
from schemas.values import Content, ConversationKind
from store.views import placed

Change = events.MessageEdited | events.MessageRecalled | events.ReactionAdded | events.ReactionRemoved


@dataclass(frozen=True, slots=True)
class Person:
    """How a user is shown. `name`: as its profile says now, empty for who has none any more. `address`: made of the id and a domain."""

    user: str
    name: str
    address: str

    @property
    def shown(self) -> str:
        return self.name or self.user


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its record. `changes`: of a message, what later befell it within the export, in order.

    `orphan`: it changes a message that is not in the export, because that is older than the range asked for.
    """

    record: Record
    event: Event
    changes: tuple[Change, ...] = ()
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes for the end of a file of the export. Shape: all pieces of one file come one after the other."""

    path: str
    data: bytes


@dataclass(slots=True)
class Thread:
    """One conversation. `members`: user -> since when, as far as the log that was read says it. `public`: anybody may find it."""

    conversation_id: str
    people: Mapping[str, Person]
    kind: ConversationKind = "group"
    title: str = ""
    public: bool = False
    members: dict[str, int] = field(default_factory=dict)
    changes_count: int = 0  # of members and title, so that what is made of them need not be made for every entry

    def person(self, user: str) -> Person:
        return self.people.get(user) or Person(user, "", f"{user}@{NO_DOMAIN}")

    def announce(self, event: Event) -> None:
        """What must be known before the first event is fed: a creation says what is created."""
        if isinstance(event, events.ConversationCreated):
            self.kind, self.title = event.conversation_kind, event.title
            self.public = event.settings is not None and event.settings.visibility == "public"

    def fold(self, event: Event) -> None:
        if isinstance(event, UNMOVED):
            return
        self.changes_count += 1
        if isinstance(event, events.ConversationRenamed):
            self.title = event.title
        if isinstance(event, events.SettingsChanged):
            self.public = event.settings.visibility == "public"
        for user in entered(event, self.members):
            self.members[user] = event.at_ms
        for user in gone(event):
            self.members.pop(user, None)


# most events of most conversations, which change nothing of a thread
UNMOVED = events.MessageSent | events.ReadMarked | events.MessageEdited | events.ReactionAdded | events.ReactionRemoved
NO_DOMAIN = "warbler.invalid"


class Form(Protocol):
    """One format for one conversation. What it returns is all there is to be written, so that memory stays bounded."""

    def feed(self, entry: Entry, thread: Thread) -> Iterable[Piece]:
        """The entry is in what this or a later call returns."""
        ...

    def end(self, thread: Thread) -> Iterable[Piece]:
        """After the last entry."""
        ...


def entered(event: Event, members: Mapping[str, int]) -> tuple[str, ...]:
    """Who becomes a member by the event."""
    if isinstance(event, events.ConversationCreated | events.MemberAdded):
        return tuple(user for user, _, active in placed(event) if active and user not in members)
    return ()


def gone(event: Event) -> tuple[str, ...]:
    """Who is no member any more."""
    return tuple(user for user, _, active in placed(event) if not active)


def is_text(content: Content) -> bool:
    return text_of(content) is not None


def text_of(content: Content) -> str | None:
    """The content as text: not sealed, of a text type, and UTF-8 in fact."""
    if content.key_id is not None or not content.media_type.startswith("text/"):
        return None
    try:
        return content.body.decode()
    except UnicodeDecodeError:
        return None


def content_of(event: Event) -> Content | None:
    return event.content if isinstance(event, events.MessageSent | events.MessageEdited) else None


def target_of(event: Event) -> int | None:
    """The seq of the message that the event changes."""
    return event.target_seq if isinstance(event, Change) else None


def edits_of(entry: Entry) -> tuple[events.MessageEdited, ...]:
    return tuple(change for change in entry.changes if isinstance(change, events.MessageEdited))


def recall_of(entry: Entry) -> events.MessageRecalled | None:
    return next((change for change in entry.changes if isinstance(change, events.MessageRecalled)), None)


def reactions_of(entry: Entry) -> dict[str, list[str]]:
    """Reaction -> who has it at the end of the export, in the order of their reacting."""
    held: dict[str, list[str]] = {}
    for change in entry.changes:
        if isinstance(change, events.ReactionAdded):
            held.setdefault(change.reaction, []).append(change.user)
        elif isinstance(change, events.ReactionRemoved) and change.user in held.get(change.reaction, ()):
            held[change.reaction].remove(change.user)
    return {reaction: users for reaction, users in held.items() if users}


def stands_alone(entry: Entry) -> bool:
    """Whether the entry needs a place of its own where changes are shown at their message: all but read marks and such reactions."""
    if isinstance(entry.event, events.ReadMarked):
        return False
    return entry.orphan or not isinstance(entry.event, events.ReactionAdded | events.ReactionRemoved)
