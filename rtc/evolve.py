"""A conversation's calls after one more fact: never refuses, never looks at a clock or a limit. Pure.

Called for new events and for those in the log; both ways give the same state.
Rule 1: states change by `tables` alone; what a table does not have is an event that no owner writes, and raises.
Rule 2: whether a running call is connected, reconnecting or held is never said by an event but follows from its participants.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from rtc.state import COMMANDS_REMEMBERED, MEMORY_MS, Call, Ended, Invites, Line, Party
from rtc.tables import CALL_NEXT, LEG_NEXT, CallSignal, LegSignal
from schemas import call_events as events
from schemas.call_values import LegState


def fold(line: Line, log: Iterable[events.Event]) -> Line:
    for event in log:
        line = evolve(line, event)
    return line


def evolve(line: Line, event: events.Event) -> Line:
    """The state after the event. Raises: ValueError for an event that cannot follow this state: no owner writes those."""
    if event.seq != line.head_seq + 1:
        raise ValueError(f"seq {event.seq} after {line.head_seq}")
    line = replace(line, head_seq=event.seq, head_at_ms=event.at_ms, commands=_remembered(line.commands, event.command_id))
    if isinstance(event, events.CallRequested):
        if line.live is not None:
            raise ValueError("a second live call")
        return _counted(replace(line, live=_requested(event), **_pruned(line, event.at_ms)), event, event.callees)
    if isinstance(event, events.CallRecorded):
        if event.call_id not in line.ended:
            raise ValueError("the record of a call that has not ended")
        return line
    call = line.live
    if call is None or call.call_id != event.call_id:
        raise ValueError(f"{type(event).__name__} of a call that is not live")
    if isinstance(event, events.CallEnded):
        return replace(line, live=None, ended={**line.ended, call.call_id: Ended(event.reason, event.at_ms)})
    line = replace(line, live=_settled(_APPLY[type(event)](call, event)))
    if isinstance(event, events.PartiesInvited):
        return _counted(line, event, event.callees)
    if isinstance(event, events.CallAccepted) and event.lost_call_id:
        return replace(line, lost={**line.lost, event.lost_call_id: call.call_id})
    return line


def _remembered(commands: tuple[str, ...], command_id: str) -> tuple[str, ...]:
    if not command_id or (commands and commands[-1] == command_id):
        return commands
    return (*commands, command_id)[-COMMANDS_REMEMBERED:]


def _pruned(line: Line, at_ms: int) -> dict[str, Any]:
    """Forgets with the first event of a new call, so that a quiet conversation keeps a few values and no timer for them."""
    since_ms = at_ms - MEMORY_MS
    ended = {call_id: end for call_id, end in line.ended.items() if end.at_ms >= since_ms}
    lost = {call_id: winner for call_id, winner in line.lost.items() if winner in ended}
    return {"ended": ended, "lost": lost, "invites": tuple(entry for entry in line.invites if entry.at_ms >= since_ms)}


def _counted(line: Line, event: events.Event, callees: tuple[str, ...]) -> Line:
    kept = tuple(entry for entry in line.invites if entry.at_ms >= event.at_ms - MEMORY_MS)
    return replace(line, invites=(*kept, Invites(event.user, event.at_ms, len(callees))))


def _requested(event: events.CallRequested) -> Call:
    caller = Party(
        user=event.user,
        state="accepted",
        legs={event.device: "accepted"},
        device=event.device,
        lease_until_ms=event.lease_until_ms,
        flow_since_ms=event.at_ms,
    )
    return Call(
        call_id=event.call_id,
        kind=event.call_kind,
        media=event.media,
        state="requested",
        caller=event.user,
        requested_at_ms=event.at_ms,
        parties={event.user: caller, **{user: _invited(None, user, event) for user in event.callees}},
        engine=event.engine,
    )


def _invited(before: Party | None, user: str, event: events.CallRequested | events.PartiesInvited) -> Party:
    if before is not None:
        _leg_after(before.state, "invite")
    party = Party(
        user=user,
        state="busy" if user in event.busy else "invited",
        ring_deadline_ms=event.ring_deadline_ms,
        replaces=event.replaces if isinstance(event, events.PartiesInvited) else "",
    )
    return party if before is None else replace(party, muted=before.muted)  # or who was muted would leave and come back to speak


def _settled(call: Call) -> Call:
    """Rule 2. A group's call that is empty for a moment stays what it was."""
    if call.state in ("connected", "reconnecting", "held") and call.participants:
        if call.state == "held" and not call.held:
            call = _signalled(call, "resumed")
        if call.held and call.state != "held":
            call = _signalled(call, "held")
        elif call.state == "connected" and not call.flowing:
            call = _signalled(call, "media_lost")
        elif call.state == "reconnecting" and call.flowing:
            call = _signalled(call, "media_up")
    return call


def _signalled(call: Call, signal: CallSignal) -> Call:
    """After a signal that may come in any state: where the table has nothing for it, nothing changes."""
    return replace(call, state=CALL_NEXT.get((call.state, signal), call.state))


def _leg_after(state: LegState, signal: LegSignal) -> LegState:
    after = LEG_NEXT.get((state, signal))
    if after is None:
        raise ValueError(f"{signal} of a leg that is {state}")
    return after


def _with(call: Call, party: Party) -> Call:
    return replace(call, parties={**call.parties, party.user: party})


def _others_told(party: Party, signal: LegSignal, device: str = "") -> Mapping[str, LegState]:
    """The user's legs after all that still ring, but for this device, heard that they need not."""
    return {name: LEG_NEXT.get((state, signal), state) if name != device else state for name, state in party.legs.items()}


def _ring(call: Call, event: events.RingDelivered | events.RingStarted) -> Call:
    signal: LegSignal = "ring" if isinstance(event, events.RingStarted) else "deliver"
    party = call.parties[event.user]
    legs = {**party.legs, event.device: _leg_after(party.legs.get(event.device, "invited"), signal)}
    # One device that rings is enough: a second one that has just got it does not take the user back to delivered.
    call = _with(call, replace(party, state=LEG_NEXT.get((party.state, signal), party.state), legs=legs))
    return _signalled(call, "rang") if signal == "ring" else call


def _accepted(call: Call, event: events.CallAccepted) -> Call:
    return _entered(call, event, "accept", event.lease_until_ms)


def _joined(call: Call, event: events.ParticipantJoined) -> Call:
    return _entered(call, event, "join", event.lease_until_ms)


def _entered(call: Call, event: events.Event, signal: LegSignal, lease_until_ms: int) -> Call:
    party = call.parties.get(event.user) or Party(user=event.user, state="invited")
    moving = party.in_call
    legs = dict(_others_told(party, "leave" if moving else "elsewhere", event.device))
    legs[event.device] = _leg_after(legs.get(event.device, "invited"), signal)
    if not moving:
        call = _answered(call, event.at_ms, third=not party.replaces)
    party = replace(
        party,
        state=_leg_after(party.state, signal),
        legs=legs,
        device=event.device,
        lease_until_ms=lease_until_ms,
        flow="waiting",
        flow_since_ms=event.at_ms,
        held=False,
    )
    return replace(_with(call, party), empty_since_ms=0)


def _answered(call: Call, at_ms: int, *, third: bool) -> Call:
    if call.before_answer:
        parties = {user: _begun(party, at_ms) if party.in_call else party for user, party in call.parties.items()}
        call = _signalled(replace(call, parties=parties, answered=True), "accepted")
    return replace(call, kind="group") if third and len(call.participants) >= 2 else call


def _begun(caller: Party, at_ms: int) -> Party:
    """The caller's media could not be late or lost before there was anybody to hear it."""
    caller = replace(caller, flow_since_ms=at_ms)
    return caller if caller.flow == "waiting" else _seen(caller)


def _seen(party: Party) -> Party:
    """Its media was seen: from accepted to joined."""
    return replace(party, state=_leg_after(party.state, "join"), legs={**party.legs, party.device: "joined"})


def _refused(call: Call, event: events.CallRejected | events.CallBusy) -> Call:
    signal: LegSignal = "busy" if isinstance(event, events.CallBusy) else "reject"
    party = call.parties[event.user]
    legs = {**_others_told(party, "elsewhere", event.device), event.device: _leg_after(party.legs.get(event.device, "invited"), signal)}
    return _with(call, replace(party, state=_leg_after(party.state, signal), legs=legs))


def _timed_out(call: Call, event: events.RingTimedOut) -> Call:
    party = call.parties[event.party]
    return _with(call, replace(party, state=_leg_after(party.state, "time_out"), legs=_others_told(party, "time_out")))


def _cancelled(call: Call, event: events.InviteCancelled) -> Call:
    party = call.parties[event.party]
    return _with(call, replace(party, state=_leg_after(party.state, "cancel"), legs=_others_told(party, "cancel"), kicked=True))


def _invite(call: Call, event: events.PartiesInvited) -> Call:
    invited = {user: _invited(call.parties.get(user), user, event) for user in event.callees}
    return replace(call, parties={**call.parties, **invited})


def _left(call: Call, event: events.ParticipantLeft) -> Call:
    party = call.parties[event.participant]
    signal: LegSignal = "fail" if event.reason == "no_media" and party.state == "accepted" else "leave"
    party = replace(
        party,
        state=_leg_after(party.state, signal),
        legs=_others_told(party, signal),
        device="",
        flow="waiting",
        held=False,
        hand_raised=False,
        kicked=event.reason == "kicked",
    )
    call = _with(call, party)
    return call if call.participants else replace(call, empty_since_ms=event.at_ms)


def _media(call: Call, event: events.MediaChanged) -> Call:
    party = call.parties[event.participant]
    up = event.flow == "up"
    if up and not call.before_answer:
        party = _seen(party)
    party = replace(party, flow="flowing" if up else "lost", flow_since_ms=event.at_ms)
    call = replace(_with(call, party), engine_lost=call.engine_lost and not up)
    return _signalled(call, "media_up") if up and call.state == "accepted" else call


def _held(call: Call, event: events.CallHeld) -> Call:
    return _with(call, replace(call.parties[event.user], held=True))


def _resumed(call: Call, event: events.CallResumed) -> Call:
    call = _with(call, replace(call.parties[event.user], held=False))
    # While it was held nobody had to send anything; who was lost meanwhile gets the whole time to come back.
    parties = {user: replace(party, flow_since_ms=event.at_ms) if party.flow == "lost" else party for user, party in call.parties.items()}
    return replace(call, parties=parties)


def _upgraded(call: Call, event: events.CallUpgraded) -> Call:
    return replace(call, media=event.media)


def _hand(call: Call, event: events.HandRaised) -> Call:
    return _with(call, replace(call.parties[event.user], hand_raised=event.raised))


def _muted(call: Call, event: events.ParticipantMuted) -> Call:
    return _with(call, replace(call.parties[event.participant], muted=event.muted))


def _noted(call: Call, event: events.QualityNoted) -> Call:
    return call  # the record's affair


def _renewed(call: Call, event: events.LeasesRenewed) -> Call:
    named = {holder.user for holder in event.holders}
    parties = {
        user: replace(party, lease_until_ms=event.until_ms) if user in named and party.in_call else party
        for user, party in call.parties.items()
    }
    return replace(call, parties=parties, engine_until_ms=event.until_ms if event.engine_too else call.engine_until_ms)


def _switched(call: Call, event: events.EngineSwitched) -> Call:
    """Make before break: who flows goes on flowing through the old engine while it moves."""
    parties = {
        user: replace(party, flow="moving" if party.flow == "flowing" else party.flow, flow_since_ms=event.at_ms)
        if party.in_call
        else party
        for user, party in call.parties.items()
    }
    return replace(call, parties=parties, engine=event.engine, epoch=event.epoch, engine_until_ms=event.engine_until_ms, engine_lost=False)


def _engine_lost(call: Call, event: events.EngineLost) -> Call:
    parties = {
        user: replace(party, flow="lost", flow_since_ms=event.at_ms) if party.in_call and party.flow != "waiting" else party
        for user, party in call.parties.items()
    }
    return replace(call, parties=parties, engine_until_ms=0, engine_lost=True)


_APPLY: Mapping[type[events.Event], Callable[[Call, Any], Call]] = {
    events.PartiesInvited: _invite,
    events.RingDelivered: _ring,
    events.RingStarted: _ring,
    events.CallAccepted: _accepted,
    events.CallRejected: _refused,
    events.CallBusy: _refused,
    events.RingTimedOut: _timed_out,
    events.InviteCancelled: _cancelled,
    events.ParticipantJoined: _joined,
    events.ParticipantLeft: _left,
    events.MediaChanged: _media,
    events.CallHeld: _held,
    events.CallResumed: _resumed,
    events.CallUpgraded: _upgraded,
    events.HandRaised: _hand,
    events.ParticipantMuted: _muted,
    events.QualityNoted: _noted,
    events.LeasesRenewed: _renewed,
    events.EngineSwitched: _switched,
    events.EngineLost: _engine_lost,
}
