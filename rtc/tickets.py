"""Tickets: each lets one leg into one room (a call's epoch) with one generation of its connections, once, until its time. Pure.

The driver keeps one `Tickets` for all its rooms; tokens are chance, so they are arguments. A process that starts anew knows none of the
tickets before it; its calls get a new epoch, and with it new ones.
Rule 1: a leg has one ticket at a time: a new one takes the place of the one before.
Rule 2: a ticket that is shown for what it is not for stays good for what it is for.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rtc.engines.port import Leg, Room
from schemas.call_signals import SignalCode

State = Literal["given", "used", "expired", "wrong_room", "unknown"]
_CODES: dict[State, SignalCode] = {
    "used": "ticket_used",
    "expired": "ticket_expired",
    "wrong_room": "ticket_wrong_room",
    "unknown": "ticket_needed",
}


class Ticket(Struct, frozen=True):
    room: Room
    leg: Leg
    until_ms: int
    used: bool = False


class Tickets:
    """Shape: one for every leg of the live rooms, and those of closed rooms until their time (`forget`)."""

    def __init__(self) -> None:
        self._by_token: dict[str, Ticket] = {}
        self._of_leg: dict[tuple[Room, str, str], str] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def give(self, token: str, room: Room, leg: Leg, until_ms: int) -> None:
        place = (room, leg.user, leg.device)
        self._by_token.pop(self._of_leg.get(place, ""), None)
        self._by_token[token] = Ticket(room, leg, until_ms)
        self._of_leg[place] = token

    def state(self, token: str, room: Room, leg: Leg, now_ms: int) -> State:
        """What showing this ticket here comes to; `given`: it is good."""
        ticket = self._by_token.get(token)
        if ticket is None:
            return "unknown"
        if ticket.room != room or ticket.leg != leg:
            return "wrong_room"
        if ticket.used:
            return "used"
        return "given" if now_ms < ticket.until_ms else "expired"

    def use(self, token: str, room: Room, leg: Leg, now_ms: int) -> SignalCode | None:
        """Uses the ticket up; else why not."""
        state = self.state(token, room, leg, now_ms)
        if state != "given":
            return _CODES[state]
        self._by_token[token] = replace(self._by_token[token], used=True)
        return None

    def generation(self, room: Room, user: str, device: str) -> int:
        """Of the leg's last ticket; 0: it had none in this room."""
        token = self._of_leg.get((room, user, device), "")
        ticket = self._by_token.get(token)
        return 0 if ticket is None else ticket.leg.generation

    def next_generation(self, room: Room, user: str, device: str, wanted: int) -> int:
        """Which generation a ticket is for that the leg asks for.

        The one it wants, but none that it has connected already, or two connections of it would count their signals alike.
        """
        ticket = self._by_token.get(self._of_leg.get((room, user, device), ""))
        if ticket is None:
            return max(1, wanted)
        return max(wanted, ticket.leg.generation + ticket.used)

    def forget(self, live: frozenset[Room], now_ms: int) -> None:
        """Lets go of the tickets of rooms that are no more. Until its time such a one is still told apart from a made-up one."""
        for place, token in list(self._of_leg.items()):
            if place[0] not in live and self._by_token[token].until_ms <= now_ms:
                del self._of_leg[place], self._by_token[token]
