"""How many members of a conversation got how far. Pure; held and filled by `edge.counting`.

A mark costs O(1), a count O(distinct watermarks). Rule: who read or played a message also has it, so both count as delivered.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from schemas import events
from store.views import Membership, placed, read_marks

ShownState = Literal["delivered", "read", "played"]
STATES: tuple[ShownState, ...] = ("delivered", "read", "played")


@dataclass(frozen=True, slots=True)
class Count:
    """Of the other members, as one of them sees it."""

    members: int
    delivered: int
    read: int
    played: int


@dataclass(slots=True)
class Tally:
    """`members`: user -> how far in each of STATES; whoever is none is not counted, but what it said before it joined is kept for then."""

    members: dict[str, list[int]] = field(default_factory=dict)
    _reached: tuple[Counter[int], ...] = field(default_factory=lambda: tuple(Counter() for _ in STATES))
    _strangers: dict[str, list[int]] = field(default_factory=dict)

    def join(self, user: str) -> None:
        if user in self.members:
            return
        marks = self._strangers.pop(user, [0] * len(STATES))
        self.members[user] = marks
        for counter, seq in zip(self._reached, marks, strict=True):
            counter[seq] += 1

    def leave(self, user: str) -> None:
        marks = self.members.pop(user, None)
        if marks is not None:
            self._strangers[user] = marks
            for counter, seq in zip(self._reached, marks, strict=True):
                _less(counter, seq)

    def mark(self, user: str, state: ShownState, up_to_seq: int) -> None:
        self._raise(user, STATES.index(state), up_to_seq)
        if state != "delivered":
            self._raise(user, 0, up_to_seq)

    def _raise(self, user: str, state: int, up_to_seq: int) -> None:
        marks = self.members.get(user)
        if marks is None:
            marks = self._strangers.setdefault(user, [0] * len(STATES))
        elif marks[state] < up_to_seq:
            _less(self._reached[state], marks[state])
            self._reached[state][up_to_seq] += 1
        marks[state] = max(marks[state], up_to_seq)

    def count(self, seq: int, asking: str) -> Count:
        """How many members but the asking one got as far as `seq`."""
        own = self.members.get(asking)
        reached = [sum(members for at, members in counter.items() if at >= seq) for counter in self._reached]
        if own is not None:
            reached = [total - (mark >= seq) for total, mark in zip(reached, own, strict=True)]
        return Count(len(self.members) - (own is not None), *reached)


def _less(counter: Counter[int], seq: int) -> None:
    counter[seq] -= 1
    if not counter[seq]:
        del counter[seq]


def put_places(tally: Tally, places: Iterable[Membership]) -> None:
    """Rows of members: who is one, and how far those read that said so by an event."""
    for place in places:
        tally.mark(place.user, "read", place.read_seq)
        if place.active:
            tally.join(place.user)


def put_event(tally: Tally, event: events.Event) -> bool:
    """Whether it may have changed the tally. Putting events again changes nothing, as long as they come in order and up to the newest."""
    moved, read = placed(event), read_marks(event)
    for user, _, active in moved:
        (tally.join if active else tally.leave)(user)
    for user, mark in read:
        tally.mark(user, "read", mark.seq)
    return bool(moved or read)
