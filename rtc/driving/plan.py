"""What is to be done in an engine's rooms for a call to have there what it says. Pure.

By level, not by edge: the steps lead from what has been done to what the call is, so it is the same after an event, after a start, and
after something was tried in vain.
"""

from msgspec import Struct
from msgspec.structs import replace

from rtc.engines.port import Room
from rtc.state import Call
from schemas.call_values import CallMedia


class Open(Struct, frozen=True):
    """Make the room, or let it carry this media from now on."""

    room: Room
    media: CallMedia


class LetIn(Struct, frozen=True):
    """Give the device a ticket. `generation`: the least one."""

    room: Room
    user: str
    device: str
    generation: int = 0


class PutOut(Struct, frozen=True):
    room: Room
    user: str
    device: str


class Mute(Struct, frozen=True):
    room: Room
    user: str
    muted: bool


class Close(Struct, frozen=True):
    """`later`: the call goes on elsewhere, and its devices make the new connections before they leave this room."""

    room: Room
    later: bool


Step = Open | LetIn | PutOut | Mute | Close


class Served(Struct, frozen=True):
    """What was done in one room. `let_in`: user and device of who has had a ticket and was not put out."""

    room: Room
    media: CallMedia
    let_in: frozenset[tuple[str, str]] = frozenset()
    muted: frozenset[str] = frozenset()


def steps(served: Served | None, call: Call | None, engine: str) -> tuple[Served | None, list[Step]]:
    """What is served after the steps, and the steps. `call` None: it has ended. Shape: `served` is of this call, of whatever epoch."""
    mine = call is not None and call.engine == engine
    if served is not None and (call is None or not mine or served.room.epoch != call.epoch):
        closing: list[Step] = [Close(served.room, later=call is not None)]
        after, opening = steps(None, call, engine)
        return after, [*opening, *closing]
    if call is None or not mine:
        return None, []
    return _towards(served, call)


def _towards(served: Served | None, call: Call) -> tuple[Served, list[Step]]:
    room = Room(call.call_id, call.epoch)
    made: list[Step] = []
    if served is None or served.media != call.media:
        made.append(Open(room, call.media))
    served = replace(served, media=call.media) if served is not None else Served(room, call.media)
    inside = {(party.user, party.device) for party in call.participants}
    muted = frozenset(party.user for party in call.participants if party.muted)
    made += [PutOut(room, user, device) for user, device in sorted(served.let_in - inside)]
    # Before the ticket: who comes back muted is not heard for a moment.
    made += [Mute(room, user, user in muted) for user in sorted(muted ^ served.muted)]
    made += [LetIn(room, user, device) for user, device in sorted(inside - served.let_in)]
    return Served(room, call.media, frozenset(inside), muted), made
