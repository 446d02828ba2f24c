"""In a call: leave, join, kick, mute, hands, upgrade, hold, leases. Who may is in `who`. Pure."""

from rtc.decide_ring import refuse_by_hanging_up
from rtc.draft import Draft
from rtc.rules import Rules
from rtc.state import Call, Party
from rtc.values import Refusal
from rtc.who import STRANGER, moderates, outside
from schemas import call_events as events
from schemas.call_commands import (
    DeviceCommand,
    HangUp,
    HoldCall,
    JoinCall,
    KickParticipant,
    LeaveCall,
    MuteParticipant,
    RaiseHand,
    RenewLease,
    ResumeCall,
    UpgradeCall,
)
from schemas.call_values import Holder, Quality


def hang_up(draft: Draft, call: Call, command: HangUp, rules: Rules) -> Refusal | None:
    if command.for_all:
        if not moderates(call, command):
            return Refusal("not_allowed", "user", "only a moderator or the caller ends a group's call for all", call.call_id)
        draft.end("ended_by_moderator")
        return None
    party = call.parties.get(command.user)
    if party is not None and party.open:
        return refuse_by_hanging_up(draft, call, command)
    return _leave(draft, call, command, command.quality)


def leave_call(draft: Draft, call: Call, command: LeaveCall, rules: Rules) -> Refusal | None:
    return _leave(draft, call, command, command.quality)


def _leave(draft: Draft, call: Call, command: DeviceCommand, quality: Quality | None) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is not None:
        return refusal
    if quality is not None:
        draft.emit(events.QualityNoted, participant=command.user, quality=quality)
    draft.leave(command.user, "hung_up")
    return None


def join_call(draft: Draft, call: Call, command: JoinCall, rules: Rules) -> Refusal | None:
    party = call.parties.get(command.user)
    if party is not None and party.in_call:
        if party.device != command.device:
            _join(draft, rules)
        return None
    refusal = _kept_out(call, party, command, rules)
    if refusal is None:
        _join(draft, rules)
    return refusal


def _join(draft: Draft, rules: Rules) -> None:
    draft.emit(events.ParticipantJoined, lease_until_ms=draft.at_ms + rules.lease_ms)


def _kept_out(call: Call, party: Party | None, command: JoinCall, rules: Rules) -> Refusal | None:
    if party is None and command.standing == "outsider":
        return STRANGER
    if call.kind == "one_to_one":
        return Refusal("not_now", "device", "a call between two is accepted, not joined", call.call_id)
    if party is not None and party.kicked:
        return Refusal("kicked", "user", "a moderator has to invite you again", call.call_id)
    if len(call.participants) >= rules.participants_limit:
        return Refusal("call_full", "nobody", f"at most {rules.participants_limit} take part", call.call_id)
    if party is None and len(call.parties) >= rules.parties_limit:
        return Refusal("call_full", "nobody", f"at most {rules.parties_limit} in all, with those who have left", call.call_id)
    return None


def kick_participant(draft: Draft, call: Call, command: KickParticipant, rules: Rules) -> Refusal | None:
    target = call.parties.get(command.target)
    if not moderates(call, command) or command.target == command.user:
        return Refusal("not_allowed", "user", "only a moderator or the caller kicks, and others", call.call_id)
    if target is not None and target.in_call:
        draft.leave(target.user, "kicked")
    elif target is not None and target.open:
        draft.emit(events.InviteCancelled, party=target.user)
    elif target is None or not target.kicked:
        return Refusal("unknown_target", "nobody", "the target is neither in the call nor rung", call.call_id)
    return None


def mute_participant(draft: Draft, call: Call, command: MuteParticipant, rules: Rules) -> Refusal | None:
    target = call.parties.get(command.target)
    if not moderates(call, command):
        return Refusal("not_allowed", "user", "only a moderator or the caller mutes others", call.call_id)
    if target is None or not target.in_call:
        return Refusal("unknown_target", "nobody", "the target is not in the call", call.call_id)
    if target.muted != command.muted:
        draft.emit(events.ParticipantMuted, participant=target.user, muted=command.muted)
    return None


def raise_hand(draft: Draft, call: Call, command: RaiseHand, rules: Rules) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is not None:
        return refusal
    if call.kind != "group":
        return Refusal("not_now", "device", "hands are raised in a group's call", call.call_id)
    if call.parties[command.user].hand_raised != command.raised:
        draft.emit(events.HandRaised, raised=command.raised)
    return None


def upgrade_call(draft: Draft, call: Call, command: UpgradeCall, rules: Rules) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is not None:
        return refusal
    if call.before_answer:
        return Refusal("not_now", "device", "the call is not answered yet", call.call_id)
    if call.media == "audio":
        draft.emit(events.CallUpgraded, media="video")
    return None


def hold_call(draft: Draft, call: Call, command: HoldCall, rules: Rules) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is not None:
        return refusal
    if call.state not in ("connected", "reconnecting", "held"):
        return Refusal("not_now", "device", "the call is not connected", call.call_id)
    if not call.parties[command.user].held:
        draft.emit(events.CallHeld)
    return None


def resume_call(draft: Draft, call: Call, command: ResumeCall, rules: Rules) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is None and call.parties[command.user].held:
        draft.emit(events.CallResumed)
    return refusal


def renew_lease(draft: Draft, call: Call, command: RenewLease, rules: Rules) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is None:
        renew(draft, call, (Holder(command.user, command.device),), rules, engine_too=False)
    return refusal


def renew(draft: Draft, call: Call, holders: tuple[Holder, ...], rules: Rules, *, engine_too: bool) -> None:
    """Writes only what has less than half of its lease left, so that a call of an hour is some events a participant, not hundreds."""
    worn_ms = draft.at_ms + rules.lease_ms // 2
    worn = tuple(
        holder
        for holder in dict.fromkeys(holders)
        if (party := call.parties.get(holder.user)) is not None
        and party.in_call
        and party.device == holder.device
        and party.lease_until_ms < worn_ms
    )
    engine_too = engine_too and call.engine_until_ms < worn_ms
    if worn or engine_too:
        draft.emit(events.LeasesRenewed, holders=worn, engine_too=engine_too, until_ms=draft.at_ms + rules.lease_ms)
