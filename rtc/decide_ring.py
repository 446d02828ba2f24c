"""Until an answer: request, ring, accept, reject, busy, invite, transfer. Pure.

Rule 1: the first accept in the log wins; whoever comes after it learns that it is late, which is nobody's fault.
Rule 2: a reject before an accept is the user's, for all its devices; after it, it is nothing.
Rule 3: two who call each other have one call: the later request accepts the earlier one.
"""

import re

from rtc.draft import Draft
from rtc.rules import RING_MS_LEAST, RING_MS_MOST, Rules
from rtc.state import Call, Line, Party
from rtc.tables import LEG_NEXT, LegSignal
from rtc.values import Refusal
from rtc.who import STRANGER, outside
from schemas import call_events as events
from schemas.call_commands import (
    AcceptCall,
    DeviceCommand,
    InviteToCall,
    Inviting,
    RejectCall,
    ReportBusy,
    ReportDelivered,
    ReportRinging,
    RequestCall,
    TransferCall,
)
from schemas.ids import uuid7_ms

_HASH = re.compile(r"(?:[0-9a-f]{64})?")
LATE = frozenset({"timed_out", "cancelled", "failed"})


def request_call(draft: Draft, command: RequestCall, rules: Rules) -> Refusal | None:
    refusal = _bad_request(draft, command, rules)
    if refusal is not None:
        return refusal
    line, live = draft.line, draft.line.live
    if command.call_id in line.ended or command.call_id in line.lost:
        return Refusal("invalid", "device", "the call id was used before; choose a new one")
    if live is not None:
        return _glare(draft, live, command, rules)
    refusal = _too_many(line, command, len(command.callees), draft.at_ms, rules)
    if refusal is not None:
        return refusal
    draft.emit(
        events.CallRequested,
        call_id=command.call_id,
        call_kind=command.call_kind,
        media=command.media,
        callees=command.callees,
        busy=_among(command.busy, command.callees),
        waiting=_among(command.waiting, command.callees),
        ring_deadline_ms=draft.at_ms + command.ring_ms,
        lease_until_ms=draft.at_ms + rules.lease_ms,
        engine=command.engine,
        offer_hash=command.offer_hash,
    )
    draft.unanswered(command.callees[0] if command.callees else command.user)
    return None


def _bad_request(draft: Draft, command: RequestCall, rules: Rules) -> Refusal | None:
    try:
        asked_ms = uuid7_ms(command.command_id)
    except ValueError as exc:
        return Refusal("invalid", "device", f"command id: {exc}")
    if asked_ms > draft.at_ms + rules.clock_ahead_ms:
        return Refusal("clock_ahead", "device", f"the request is {asked_ms - draft.at_ms} ms ahead of the server's clock")
    if asked_ms < draft.at_ms - rules.request_horizon_ms:
        return Refusal("stale", "nobody", f"the request is {draft.at_ms - asked_ms} ms old; nobody waits for it any more")
    if command.standing == "outsider":
        return Refusal("not_member", "user", "only members may call here")
    if command.call_kind == "one_to_one" and len(command.callees) != 1:
        return Refusal("invalid", "device", "a call between two has one callee")
    if not command.engine or _HASH.fullmatch(command.offer_hash) is None:
        return Refusal("invalid", "device", "an engine's name, and a SHA-256 in hex or nothing")
    return _bad_callees(command, command.callees)


def _bad_callees(command: Inviting, callees: tuple[str, ...]) -> Refusal | None:
    if command.user in callees or "" in callees or len(set(callees)) != len(callees):
        return Refusal("invalid", "device", "callees are others, each once")
    if not RING_MS_LEAST <= command.ring_ms <= RING_MS_MOST:
        return Refusal("invalid", "device", f"a ring lasts {RING_MS_LEAST} to {RING_MS_MOST} ms")
    return None


def _too_many(line: Line, command: Inviting, count: int, at_ms: int, rules: Rules) -> Refusal | None:
    if count > rules.invites_per_command_limit:
        return Refusal("too_many_invites", "user", f"at most {rules.invites_per_command_limit} at once")
    recent = [entry for entry in line.invites if entry.user == command.user and entry.at_ms > at_ms - rules.invites_window_ms]
    if sum(entry.count for entry in recent) + command.invites_elsewhere + count <= rules.invites_per_user_limit:
        return None
    free_ms = recent[0].at_ms + rules.invites_window_ms if recent else at_ms + rules.invites_window_ms
    detail = f"at most {rules.invites_per_user_limit} in {rules.invites_window_ms} ms"
    return Refusal("too_many_invites", "user", detail, retry_after_ms=free_ms - at_ms)


def _among(users: tuple[str, ...], callees: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(user for user in callees if user in users)


def _glare(draft: Draft, live: Call, command: RequestCall, rules: Rules) -> Refusal | None:
    party = live.parties.get(command.user)
    mutual = command.call_kind == live.kind == "one_to_one" and command.callees == (live.caller,) and live.before_answer
    if mutual and party is not None and party.open:
        _accept(draft, live, party, rules, via="glare", lost_call_id=command.call_id, answer_hash="")
        return None
    return Refusal("call_exists", "nobody", "the conversation has a call; join it", live.call_id)


def report_delivered(draft: Draft, call: Call, command: ReportDelivered, rules: Rules) -> Refusal | None:
    return _ring(draft, call, command, "deliver")


def report_ringing(draft: Draft, call: Call, command: ReportRinging, rules: Rules) -> Refusal | None:
    return _ring(draft, call, command, "ring")


def _ring(draft: Draft, call: Call, command: DeviceCommand, signal: LegSignal) -> Refusal | None:
    party = call.parties.get(command.user)
    if party is None:
        return STRANGER
    if not party.open:
        return _late(call, party)
    # A device that says "delivered" after "ringing" is only slow to say so.
    if (party.legs.get(command.device, "invited"), signal) in LEG_NEXT:
        draft.emit(events.RingStarted if signal == "ring" else events.RingDelivered)
    return None


def _late(call: Call, party: Party) -> Refusal:
    if party.kicked:
        return Refusal("kicked", "user", "a moderator took the invitation back", call.call_id)
    if party.state in LATE:
        return Refusal("too_late", "nobody", f"the ring is over: {party.state}", call.call_id)
    return Refusal("already_answered", "nobody", f"you have answered on a device: {party.state}", call.call_id)


def accept_call(draft: Draft, call: Call, command: AcceptCall, rules: Rules) -> Refusal | None:
    party = call.parties.get(command.user)
    if party is None:
        return STRANGER
    if _HASH.fullmatch(command.answer_hash) is None:
        return Refusal("invalid", "device", "a SHA-256 in hex or nothing")
    if party.in_call and party.device == command.device:
        return None
    if not party.open:
        return _late(call, party)
    staying = [participant for participant in call.participants if participant.user != party.replaces]
    if len(staying) >= rules.participants_limit:
        return Refusal("call_full", "nobody", f"at most {rules.participants_limit} take part", call.call_id)
    _accept(draft, call, party, rules, via="answer", lost_call_id="", answer_hash=command.answer_hash)
    return None


def _accept(draft: Draft, call: Call, party: Party, rules: Rules, **fields: str) -> None:
    draft.emit(events.CallAccepted, lease_until_ms=draft.at_ms + rules.lease_ms, **fields)
    replaced = call.parties.get(party.replaces)
    if replaced is not None and replaced.in_call:
        draft.leave(replaced.user, "transferred")


def reject_call(draft: Draft, call: Call, command: RejectCall, rules: Rules) -> Refusal | None:
    return _refuse(draft, call, command, events.CallRejected)


def report_busy(draft: Draft, call: Call, command: ReportBusy, rules: Rules) -> Refusal | None:
    return _refuse(draft, call, command, events.CallBusy)


def _refuse(draft: Draft, call: Call, command: DeviceCommand, event: type[events.CallRejected | events.CallBusy]) -> Refusal | None:
    party = call.parties.get(command.user)
    if party is None:
        return STRANGER
    if party.open:
        draft.emit(event)
        draft.unanswered(command.user)
    return None


def refuse_by_hanging_up(draft: Draft, call: Call, command: DeviceCommand) -> Refusal | None:
    """What a callee means that hangs up while it is rung."""
    return _refuse(draft, call, command, events.CallRejected)


def invite_to_call(draft: Draft, call: Call, command: InviteToCall, rules: Rules) -> Refusal | None:
    known = call.parties
    if command.standing != "moderator" and any(user in known and known[user].kicked for user in command.callees):
        return Refusal("not_allowed", "user", "only a moderator brings back who was kicked", call.call_id)
    new = tuple(user for user in command.callees if user not in known or not (known[user].open or known[user].in_call))
    return _invite(draft, call, command, new, rules, replaces="")


def transfer_call(draft: Draft, call: Call, command: TransferCall, rules: Rules) -> Refusal | None:
    if call.kind != "one_to_one":
        return Refusal("not_now", "device", "a call between two is transferred; in a group one invites and leaves", call.call_id)
    party = call.parties.get(command.target)
    if party is not None and party.in_call:
        return Refusal("unknown_target", "device", "the target is in the call", call.call_id)
    if any(ringing.replaces or ringing.user == command.target for ringing in call.ringing):
        return Refusal("not_now", "nobody", "a transfer is under way, or the target is rung already", call.call_id)
    return _invite(draft, call, command, (command.target,), rules, replaces=command.user)


def _invite(draft: Draft, call: Call, command: Inviting, callees: tuple[str, ...], rules: Rules, replaces: str) -> Refusal | None:
    refusal = outside(call, command)
    if refusal is not None:
        return refusal
    if call.kind == "one_to_one" and call.before_answer:
        return Refusal("not_now", "device", "the call is not answered yet", call.call_id)
    refusal = _bad_callees(command, callees) or _too_many(draft.line, command, len(callees), draft.at_ms, rules)
    if refusal is not None:
        return refusal
    if len(call.participants) + len(call.ringing) + len(callees) - bool(replaces) > rules.participants_limit:
        return Refusal("call_full", "nobody", f"at most {rules.participants_limit} take part", call.call_id)
    if len({*call.parties, *callees}) > rules.parties_limit:
        return Refusal("call_full", "nobody", f"at most {rules.parties_limit} in all, with those who have left", call.call_id)
    if callees:
        draft.emit(
            events.PartiesInvited,
            media=call.media,
            callees=callees,
            busy=_among(command.busy, callees),
            waiting=_among(command.waiting, callees),
            ring_deadline_ms=draft.at_ms + command.ring_ms,
            replaces=replaces,
        )
    return None
