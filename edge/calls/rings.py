"""What users hear of a call: who is rung, who stops ringing, how the call stands, that it is over. Pure.

Called by `edge.calls.desk` with every change of a live call, and with every live call of a user that says hello.
Rule 1: a ring follows from the call's state alone: every edge rings its own sessions, and one that comes later is rung by the same.
Rule 2: what ends a ring is told to all of the user's sessions but the one that ended it: `not_by` is the device that did.
Rule 3: after the stop nothing rings, as a session hears of one call in the order of its events.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from edge import call_frames as frames
from rtc.live import Change
from rtc.state import Call, Party
from schemas import call_events as events
from schemas.call_signals import EngineKind
from schemas.call_values import EndReason

KindOf = Callable[[str], EngineKind]

# Written for the log's sake, several times a minute; nothing of it is shown.
SILENT: Final = (events.LeasesRenewed, events.QualityNoted, events.CallRecorded)
# Of those who still ring when the call ends.
_STOPPED: Final[Mapping[EndReason, frames.StopReason]] = {
    "cancelled": "cancelled",
    "rejected": "rejected",
    "busy": "busy",
    "missed": "timed_out",
}


class Telling(Struct, frozen=True):
    """A frame for every session of these users. `not_by`: but for the device that knows it, as it was the one that did it."""

    users: tuple[str, ...]
    frame: frames.CallFromEdge
    not_by: str = ""


def tellings(change: Change, now_ms: int, kind_of: KindOf) -> Iterator[Telling]:
    """All that is told of a change, in this order."""
    event = change.event
    if isinstance(event, SILENT):
        return
    if isinstance(event, events.CallEnded):
        yield from _ended(change, event)
        return
    call = change.after
    assert call is not None
    yield from _of_event(change, call, now_ms, kind_of)
    users = tuple(party.user for party in call.participants)
    if users:
        yield Telling(users, changed(event, call, kind_of))


def _of_event(change: Change, call: Call, now_ms: int, kind_of: KindOf) -> Iterator[Telling]:
    event, place = change.event, (change.event.conversation_id, call.call_id)
    match event:
        case events.CallRequested() | events.PartiesInvited():
            yield from _rung(event, call, now_ms, kind_of)
        case events.CallAccepted() | events.ParticipantJoined():
            if _was_open(change.before, event.user):
                yield Telling((event.user,), frames.CallStop(*place, "answered_elsewhere"), event.device)
        case events.CallRejected():
            yield Telling((event.user,), frames.CallStop(*place, "rejected"), event.device)
        case events.CallBusy():
            yield Telling((event.user,), frames.CallStop(*place, "busy"), event.device)
        case events.RingTimedOut():
            yield Telling((event.party,), frames.CallStop(*place, "timed_out"))
        case events.InviteCancelled():
            yield Telling((event.party,), frames.CallStop(*place, "cancelled"))
        case events.ParticipantLeft():
            yield Telling((event.participant,), frames.CallOver(*place, event.seq, event.at_ms, left=event.reason))
        case _:
            pass


def _was_open(before: Call | None, user: str) -> bool:
    party = before.parties.get(user) if before is not None else None
    return party is not None and party.open


def _rung(event: events.CallRequested | events.PartiesInvited, call: Call, now_ms: int, kind_of: KindOf) -> Iterator[Telling]:
    for knock in (False, True):
        users = tuple(user for user in event.callees if call.parties[user].open and (user in event.waiting) == knock)
        if users:
            frame = ring(event.conversation_id, call, call.parties[users[0]], knock, now_ms, kind_of)
            yield Telling(users, frame)


def _ended(change: Change, event: events.CallEnded) -> Iterator[Telling]:
    call, place = change.before, (event.conversation_id, event.call_id)
    assert call is not None
    rung = tuple(party.user for party in call.ringing)
    if rung:
        yield Telling(rung, frames.CallStop(*place, _STOPPED.get(event.reason, "ended")))
    inside = tuple(party.user for party in call.participants)
    if inside:
        yield Telling(inside, frames.CallOver(*place, event.seq, event.at_ms, reason=event.reason))


def greetings(
    conversation: str, seq: int, call: Call, user: str, busy: bool, now_ms: int, kind_of: KindOf
) -> Iterator[frames.CallFromEdge]:
    """What a session that has just said hello hears of its user's live call: how it stands, or that it rings. `busy`: in another one."""
    party = call.parties[user]
    # a group's call can be joined by who did not answer it, or has left it
    if party.in_call or (call.kind == "group" and not party.open):
        yield frames.CallChanged("now", "", "", now_ms, shown(conversation, seq, call, kind_of))
    elif party.open and party.ring_deadline_ms > now_ms:
        yield ring(conversation, call, party, busy, now_ms, kind_of)


def ring(conversation: str, call: Call, party: Party, knock: bool, now_ms: int, kind_of: KindOf) -> frames.CallRing:
    kind = kind_of(call.engine)
    return frames.CallRing(conversation, call.call_id, call.caller, call.kind, call.media, kind, party.ring_deadline_ms, now_ms, knock)


def changed(event: events.Event, call: Call, kind_of: KindOf) -> frames.CallChanged:
    what = str(event.__struct_config__.tag)
    return frames.CallChanged(what, event.user, _about(event), event.at_ms, shown(event.conversation_id, event.seq, call, kind_of))


def _about(event: events.Event) -> str:
    match event:
        case events.RingTimedOut() | events.InviteCancelled():
            return event.party
        case events.ParticipantLeft() | events.MediaChanged() | events.ParticipantMuted():
            return event.participant
        case _:
            return event.user


def shown(conversation: str, seq: int, call: Call, kind_of: KindOf) -> frames.CallShown:
    return frames.CallShown(
        conversation=conversation,
        call=call.call_id,
        seq=seq,
        call_kind=call.kind,
        media=call.media,
        state=call.state,
        caller=call.caller,
        engine_kind=kind_of(call.engine),
        epoch=call.epoch,
        requested_at_ms=call.requested_at_ms,
        parties=tuple(_party(party) for party in call.parties.values()),
    )


def _party(party: Party) -> frames.CallParty:
    return frames.CallParty(party.user, party.state, party.device, party.flow, party.held, party.muted, party.hand_raised)
