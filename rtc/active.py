"""Who is in a call now, by user, from the events of all conversations: what "busy" means. Pure.

Edges keep one and write what it says into requests and invitations (`busy`, `waiting`, `invites_elsewhere`). It may be a moment behind: two
calls to one user at once then both ring, and its device says busy to one.
Rule 1: being rung is not being busy; being in a call, or waiting in one for an answer, is.
Rule 2: taking events again, in order, changes nothing in the end.
"""

from collections.abc import Iterable
from typing import TypeVar

from rtc.state import Call
from schemas import call_events as events

K = TypeVar("K")
V = TypeVar("V")

Place = tuple[str, str]  # conversation, call


class ActiveLegs:
    """Shape: grows with the live calls, and with the invitations of the last window."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._calls: dict[Place, set[str]] = {}
        self._users: dict[str, set[Place]] = {}
        # An inviter's old entries go with its next one; whose last one is old is forgotten by `forget`.
        self._invites: dict[str, dict[str, tuple[int, str, int]]] = {}  # inviter -> event id -> (at_ms, conversation, count)

    def __len__(self) -> int:
        return len(self._users)

    def know(self, conversation_id: str, call: Call) -> None:
        """A call that was under way before the first event that is taken."""
        for party in call.participants:
            self._enter((conversation_id, call.call_id), party.user)

    def take(self, event: events.Event) -> None:
        place = (event.conversation_id, event.call_id)
        match event:
            case events.CallRequested() | events.PartiesInvited():
                if isinstance(event, events.CallRequested):
                    self._enter(place, event.user)
                self._note(event, len(event.callees))
            case events.CallAccepted() | events.ParticipantJoined():
                self._enter(place, event.user)
            case events.ParticipantLeft():
                self._leave(place, event.participant)
            case events.CallEnded():
                for user in tuple(self._calls.get(place, ())):
                    self._leave(place, user)

    def busy(self, user: str, conversation_id: str) -> bool:
        """Whether the user is in a call of another conversation."""
        return any(place[0] != conversation_id for place in self._users.get(user, ()))

    def split(self, callees: Iterable[str], taking_two: frozenset[str], conversation_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The busy callees that are not rung, and those that hear a knock because they take a second call."""
        busy = [user for user in callees if self.busy(user, conversation_id)]
        return tuple(user for user in busy if user not in taking_two), tuple(user for user in busy if user in taking_two)

    def invites_elsewhere(self, user: str, conversation_id: str, now_ms: int) -> int:
        """How many the user rang within the window, but for this conversation, whose owner counts exactly."""
        noted = self._invites.get(user, {}).values()
        return sum(count for at_ms, place, count in noted if place != conversation_id and at_ms > now_ms - self._window_ms)

    def forget(self, now_ms: int) -> None:
        """Lets go of the inviters of whom nothing counts any more; called now and then."""
        since_ms = now_ms - self._window_ms
        for user in [user for user, noted in self._invites.items() if all(at_ms <= since_ms for at_ms, _, _ in noted.values())]:
            del self._invites[user]

    def _enter(self, place: Place, user: str) -> None:
        self._calls.setdefault(place, set()).add(user)
        self._users.setdefault(user, set()).add(place)

    def _leave(self, place: Place, user: str) -> None:
        _discard(self._calls, place, user)
        _discard(self._users, user, place)

    def _note(self, event: events.Event, count: int) -> None:
        noted = self._invites.setdefault(event.user, {})
        noted[event.event_id] = (event.at_ms, event.conversation_id, count)
        for event_id in [name for name, (at_ms, _, _) in noted.items() if at_ms <= event.at_ms - self._window_ms]:
            del noted[event_id]


def _discard(index: dict[K, set[V]], key: K, value: V) -> None:
    values = index.get(key, set())
    values.discard(value)
    if not values:
        index.pop(key, None)
