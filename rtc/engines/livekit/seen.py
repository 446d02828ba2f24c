"""Who is in LiveKit's rooms, from webhooks that may come twice, late and in any order, and from asking. Pure.

Rule 1: a stay (LiveKit's `sid`) that has ended never begins again, in whatever order its two ends are told.
Rule 2: a leg is gone when its last stay is; a device that changes its network has two for a while.
Rule 3: what LiveKit lists is believed before what it told.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rtc.engines.livekit.messages import ParticipantInfo, Webhook
from rtc.engines.names import named_leg
from rtc.engines.port import EngineEvent, Leg, MediaSeen, Room, RoomGone

ENDED_LIMIT = 1_000  # stays of a room that are remembered after their end
EVENTS_LIMIT = 10_000  # webhooks that are remembered by their ids

COMING = frozenset({"participant_joined", "track_published"})
GOING = frozenset({"participant_left", "participant_connection_aborted"})


class RoomSeen(NamedTuple):
    """`stays`: sid -> leg. `ended`: sids, the oldest first."""

    stays: Mapping[str, Leg] = {}
    ended: tuple[str, ...] = ()

    def others(self, leg: Leg) -> bool:
        return any((stay.user, stay.device) == (leg.user, leg.device) for stay in self.stays.values())


class Told(NamedTuple):
    """What is there after a claim, and what is to be told of it."""

    seen: RoomSeen
    events: tuple[EngineEvent, ...] = ()


def told(seen: RoomSeen, room: Room, webhook: Webhook) -> Told:
    """After one webhook about the room; one that we do not read changes nothing."""
    if webhook.event == "room_finished":
        return Told(RoomSeen(ended=_bounded((*seen.ended, *seen.stays))), (RoomGone(room),))
    leg, sid = named_leg(webhook.participant.identity), webhook.participant.sid
    if leg is None or not sid:
        return Told(seen)
    if webhook.event in COMING:
        return _came(seen, room, sid, leg)
    return _went(seen, room, sid, leg) if webhook.event in GOING else Told(seen)


def _came(seen: RoomSeen, room: Room, sid: str, leg: Leg) -> Told:
    if sid in seen.ended or sid in seen.stays:
        return Told(seen)
    return Told(seen._replace(stays={**seen.stays, sid: leg}), (MediaSeen(room, leg, "up"),))


def _went(seen: RoomSeen, room: Room, sid: str, leg: Leg) -> Told:
    if sid in seen.ended:
        return Told(seen)
    stays = {each: stay for each, stay in seen.stays.items() if each != sid}
    left = RoomSeen(stays, _bounded((*seen.ended, sid)))
    return Told(left, () if left.others(leg) else (MediaSeen(room, leg, "gone"),))


def listed(seen: RoomSeen, room: Room, participants: Iterable[ParticipantInfo]) -> Told:
    """After LiveKit listed who is in the room."""
    there = {each.sid: leg for each in participants if each.active and each.sid and (leg := named_leg(each.identity)) is not None}
    ended = tuple(sid for sid in seen.ended if sid not in there)
    now = RoomSeen(there, _bounded((*ended, *(sid for sid in seen.stays if sid not in there))))
    came = [MediaSeen(room, leg, "up") for sid, leg in there.items() if sid not in seen.stays]
    went = {(leg.user, leg.device): leg for sid, leg in seen.stays.items() if sid not in there and not now.others(leg)}
    return Told(now, (*came, *(MediaSeen(room, leg, "gone") for leg in went.values())))


def _bounded(ended: tuple[str, ...]) -> tuple[str, ...]:
    return ended[-ENDED_LIMIT:]


class Ids:
    """The last webhooks by their ids."""

    def __init__(self, limit: int = EVENTS_LIMIT) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}

    def repeated(self, id: str) -> bool:
        """Whether it was there before; remembers it. One without an id never was."""
        if not id or id in self._ids:
            return bool(id)
        self._ids[id] = None
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]
        return False
