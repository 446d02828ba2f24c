"""A conversation's events up to a moment, folded into what its members saw then. Pure.

Rule: an edit or recall changes what is shown, never what is kept: every text a message ever had is in `versions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import events
from schemas.events import Event
from schemas.values import Content, ConversationKind, Role
from store.views import placed

DROPPED_ROLE: Role = "member"


@dataclass(frozen=True, slots=True)
class Version:
    """One text of a message; that of `seq` of the message itself is the first."""

    seq: int
    at_ms: int
    user: str
    content: Content


@dataclass(slots=True)
class Message:
    seq: int
    ordinal: int
    at_ms: int
    user: str
    versions: list[Version]
    reply_to: int | None
    mentions: tuple[str, ...]
    recalled: events.MessageRecalled | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)  # reaction -> who, in the order of their coming

    @property
    def content(self) -> Content | None:
        """What members saw; None once it was recalled."""
        return None if self.recalled else self.versions[-1].content


@dataclass(slots=True)
class Conversation:
    """`first_seq` above 1: what was before is no longer in the log. `entries`: messages and other events, by seq."""

    conversation: str
    first_seq: int = 0
    seq: int = 0
    at_ms: int = 0
    kind: ConversationKind | None = None
    title: str = ""
    dissolved: bool = False
    members: dict[str, Role] = field(default_factory=dict)
    entries: list[Message | Event] = field(default_factory=list)
    _messages: dict[int, Message] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Fold the next event."""
        self.first_seq = self.first_seq or event.seq
        self.seq, self.at_ms = event.seq, event.at_ms
        if isinstance(event, events.MessageSent):
            self._send(event)
        elif not self._change(event):
            self.entries.append(event)
            self._belong(event)

    def _send(self, event: events.MessageSent) -> None:
        first = Version(event.seq, event.at_ms, event.user, event.content)
        made = Message(event.seq, event.ordinal, event.at_ms, event.user, [first], event.reply_to, event.mentions)
        self._messages[event.seq] = made
        self.entries.append(made)

    def _change(self, event: Event) -> bool:
        """Whether it changed a message that is here, and so stands with it."""
        target = self._messages.get(getattr(event, "target_seq", 0))
        if target is None:
            return False
        match event:
            case events.MessageEdited():
                target.versions.append(Version(event.seq, event.at_ms, event.user, event.content))
                target.mentions = event.mentions
            case events.MessageRecalled():
                target.recalled = event
            case events.ReactionAdded():
                who = target.reactions.setdefault(event.reaction, [])
                if event.user not in who:
                    who.append(event.user)
            case events.ReactionRemoved():
                who = [each for each in target.reactions.get(event.reaction, []) if each != event.user]
                target.reactions = {**target.reactions, event.reaction: who} if who else _without(target.reactions, event.reaction)
            case _:
                return False
        return True

    def _belong(self, event: Event) -> None:
        """What it does to the members, the title and the end of the conversation."""
        for user, role, active in placed(event):
            if active:
                self.members[user] = role or self.members.get(user, DROPPED_ROLE)
            else:
                self.members.pop(user, None)
        if isinstance(event, events.ConversationCreated):
            self.kind, self.title = event.conversation_kind, event.title
        elif isinstance(event, events.ConversationRenamed):
            self.title = event.title
        elif isinstance(event, events.ConversationDissolved):
            self.dissolved = True
        elif isinstance(event, events.RoleDropped):
            self.members = {user: DROPPED_ROLE if role == event.role else role for user, role in self.members.items()}


def _without(reactions: Mapping[str, list[str]], reaction: str) -> dict[str, list[str]]:
    return {name: who for name, who in reactions.items() if name != reaction}
