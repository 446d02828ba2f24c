"""The members of a large conversation in parts, so that what changed about one member is saved without all the others. Pure.

Rule 1: a conversation is in parts from the event on that takes it above `rules.members_whole_limit`, and stays so: replay decides the same.
Rule 2: a part has everything that is kept by user: its place, its floor, when it spoke. A user's part never changes.
Rule 3: `touch` is told of every user about whom something changed; a part that nobody touched is as it was saved.
Law: a part that is newer than the rest may take events again that it has taken, in their order and up to its newest: nothing changes.
Source: docs/decisions/0018-members-in-parts.md
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from schemas import events
from store.views import placed, read_marks

if TYPE_CHECKING:
    from streams.conversations.state import Conversation

PARTS = 256  # of 100,000 members each holds some 400, about 24 KB


def part_of(user: str) -> int:
    return crc32(user.encode()) % PARTS


@dataclass(slots=True)
class Parts:
    """`users`: by part, everybody something is or was kept of. `touched`: what changed since the shelf was last told."""

    users: tuple[set[str], ...] = field(default_factory=lambda: tuple(set() for _ in range(PARTS)))
    touched: set[int] = field(default_factory=set)

    def touch(self, users: Iterable[str]) -> None:
        for user in users:
            part = part_of(user)
            self.touched.add(part)
            self.users[part].add(user)

    def learn(self, users: Iterable[str]) -> None:
        """These are kept in some part; nothing changed."""
        for user in users:
            self.users[part_of(user)].add(user)


def touched_by(event: events.Event) -> set[str]:
    """The users of whom the event changes what is kept."""
    return {user for user, _, _ in placed(event)} | {user for user, _ in read_marks(event)}


def forgets_who_spoke(event: events.Event) -> bool:
    """Whether it may change what is kept of everybody."""
    return isinstance(event, events.SettingsChanged | events.ConversationDissolved)


def touch(state: "Conversation", event: events.Event, members_whole_limit: int) -> None:
    """Note what the event, which the state has taken, changed about whom."""
    if state.parts is not None:
        state.parts.touch(touched_by(event))
        if forgets_who_spoke(event):
            state.parts.touched.update(range(PARTS))
    elif len(state.members) > members_whole_limit:
        state.parts = Parts(touched=set(range(PARTS)))
        state.parts.learn((*state.members, *state.floors, *state.standing.spoke))
