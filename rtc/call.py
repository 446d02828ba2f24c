"""What a command to a conversation's calls comes to: facts, nothing, or a refusal that says whose fault it is. Pure.

Called by the owner for every command, in the order of the commands partition. The details are in `decide_ring` (until an answer),
`decide_running` (from then on) and `decide_engine`.
Rule 1: a command that was accepted before changes nothing.
Rule 2: what time had brought before the command's moment comes first, whether or not its timer has fired: an answer after the deadline
is late on every replay.
Rule 3: a refused command leaves no event, not even time's: those are the timer's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rtc import decide_engine, decide_ring, decide_running
from rtc.draft import Draft
from rtc.evolve import evolve, fold
from rtc.rules import Rules
from rtc.state import Call, Line
from rtc.timers import passed
from rtc.values import Refusal
from schemas import call_commands as commands
from schemas.call_events import Event

__all__ = ["Outcome", "decide", "evolve", "fold"]

Outcome = tuple[Event, ...] | Refusal
Handler = Callable[[Draft, Call, Any, Rules], Refusal | None]

ID_LENGTH_LIMIT = 64

HANDLERS: Mapping[type[commands.Command], Handler] = {
    commands.ReportDelivered: decide_ring.report_delivered,
    commands.ReportRinging: decide_ring.report_ringing,
    commands.AcceptCall: decide_ring.accept_call,
    commands.RejectCall: decide_ring.reject_call,
    commands.ReportBusy: decide_ring.report_busy,
    commands.InviteToCall: decide_ring.invite_to_call,
    commands.TransferCall: decide_ring.transfer_call,
    commands.HangUp: decide_running.hang_up,
    commands.LeaveCall: decide_running.leave_call,
    commands.JoinCall: decide_running.join_call,
    commands.KickParticipant: decide_running.kick_participant,
    commands.MuteParticipant: decide_running.mute_participant,
    commands.RaiseHand: decide_running.raise_hand,
    commands.UpgradeCall: decide_running.upgrade_call,
    commands.HoldCall: decide_running.hold_call,
    commands.ResumeCall: decide_running.resume_call,
    commands.RenewLease: decide_running.renew_lease,
    commands.ReportMedia: decide_engine.report_media,
    commands.ReportEngineMedia: decide_engine.report_engine_media,
    commands.ReportVanished: decide_engine.report_vanished,
    commands.ReportQuality: decide_engine.report_quality,
    commands.RenewLeases: decide_engine.renew_leases,
    commands.ReportEngineVanished: decide_engine.report_engine_vanished,
    commands.SwitchEngine: decide_engine.switch_engine,
}


def decide(line: Line, command: commands.Command, at_ms: int, rules: Rules) -> Outcome:
    """The decision on a command at the time `at_ms` of its record; the line is not touched.

    Shape: events continue the line's seq; none: the command was accepted before, or what it asks for is so already.
    """
    if command.tenant != line.tenant:
        return Refusal("foreign_tenant", "user", "the conversation is another tenant's")
    if command.command_id in line.commands:
        return ()
    if not 0 < len(command.call_id) <= ID_LENGTH_LIMIT or not 0 < len(command.command_id) <= ID_LENGTH_LIMIT:
        return Refusal("invalid", "device", f"ids have 1 to {ID_LENGTH_LIMIT} characters")
    at_ms = max(at_ms, line.head_at_ms)
    before = passed(line, at_ms, rules)
    draft = Draft(fold(line, before), at_ms, command)
    refusal = _judged(draft, command, rules)
    return (*before, *draft.events) if refusal is None else refusal


def _judged(draft: Draft, command: commands.Command, rules: Rules) -> Refusal | None:
    if isinstance(command, commands.RequestCall):
        return decide_ring.request_call(draft, command, rules)
    line = draft.line
    call_id = line.lost.get(command.call_id, command.call_id)
    if line.live is not None and line.live.call_id == call_id:
        return HANDLERS[type(command)](draft, line.live, command, rules)
    if call_id in line.ended:
        return Refusal("call_ended", "nobody", f"the call has ended: {line.ended[call_id].reason}", call_id)
    return Refusal("unknown_call", "device", "there is no such call in this conversation")
