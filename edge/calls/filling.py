"""Frames of calls to commands, with what only an edge knows written in; and answers back to frames. Pure.

Called by `edge.calls.desk`. Rule: the owner looks at nothing else than the command, so whatever it needs stands in it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from edge import call_frames as frames
from schemas import call_commands as commands
from schemas.call_events import Event
from schemas.call_records import CallRefused, CallRepeated, CallReply
from schemas.call_values import Fault, Quality, Standing


class Facts(Struct, frozen=True):
    """What the edge found out. `callees` are those that will be rung; `epoch` the one that a switch makes."""

    standing: Standing = "member"
    callees: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    invites_elsewhere: int = 0
    engine: str = ""
    epoch: int = 0


class Asking(Struct, frozen=True):
    """Who commands, and when."""

    tenant: str
    user: str
    device: str
    trace_id: str
    at_ms: int


Made = Callable[[Any, dict[str, Any], Facts], commands.Command]


def command_of(frame: frames.CallCommandFrame, asking: Asking, facts: Facts) -> commands.Command:
    base = {
        "tenant": asking.tenant,
        "conversation_id": frame.conversation,
        "call_id": frame.call,
        "command_id": frame.id,
        "trace_id": asking.trace_id,
        "received_at_ms": asking.at_ms,
    }
    if not isinstance(frame, frames.CallSwitch):
        base |= {"user": asking.user, "device": asking.device, "standing": facts.standing}
    return _COMMANDS[type(frame)](frame, base, facts)


def _inviting(facts: Facts) -> dict[str, Any]:
    return {"busy": facts.busy, "waiting": facts.waiting, "invites_elsewhere": facts.invites_elsewhere}


def _quality(quality: frames.FrameQuality | None) -> Quality | None:
    return None if quality is None else Quality(quality.loss_ratio, quality.rtt_ms, quality.jitter_ms, quality.bitrate_kbps)


_COMMANDS: Mapping[type[frames.CallCommandFrame], Made] = {
    frames.CallRequest: lambda f, b, facts: commands.RequestCall(
        call_kind=f.call_kind,
        media=f.media,
        callees=facts.callees,
        engine=facts.engine,
        offer_hash=f.offer_hash,
        ring_ms=f.ring_ms,
        **_inviting(facts),
        **b,
    ),
    frames.CallInvite: lambda f, b, facts: commands.InviteToCall(callees=facts.callees, ring_ms=f.ring_ms, **_inviting(facts), **b),
    frames.CallTransfer: lambda f, b, facts: commands.TransferCall(target=f.target, ring_ms=f.ring_ms, **_inviting(facts), **b),
    frames.CallDelivered: lambda _, b, __: commands.ReportDelivered(**b),
    frames.CallRinging: lambda _, b, __: commands.ReportRinging(**b),
    frames.CallAccept: lambda f, b, __: commands.AcceptCall(answer_hash=f.answer_hash, **b),
    frames.CallReject: lambda _, b, __: commands.RejectCall(**b),
    frames.CallBusy: lambda _, b, __: commands.ReportBusy(**b),
    frames.CallHangUp: lambda f, b, __: commands.HangUp(for_all=f.for_all, quality=_quality(f.quality), **b),
    frames.CallJoin: lambda _, b, __: commands.JoinCall(**b),
    frames.CallLeave: lambda f, b, __: commands.LeaveCall(quality=_quality(f.quality), **b),
    frames.CallKick: lambda f, b, __: commands.KickParticipant(target=f.target, **b),
    frames.CallMute: lambda f, b, __: commands.MuteParticipant(target=f.target, muted=f.muted, **b),
    frames.CallHand: lambda f, b, __: commands.RaiseHand(raised=f.raised, **b),
    frames.CallUpgrade: lambda _, b, __: commands.UpgradeCall(**b),
    frames.CallHold: lambda _, b, __: commands.HoldCall(**b),
    frames.CallResume: lambda _, b, __: commands.ResumeCall(**b),
    frames.CallRenew: lambda _, b, __: commands.RenewLease(**b),
    frames.CallMediaFlow: lambda f, b, __: commands.ReportMedia(flow=f.flow, **b),
    frames.CallSwitch: lambda _, b, facts: commands.SwitchEngine(engine=facts.engine, epoch=facts.epoch, **b),
}


# ---- answers


def refusal(frame: frames.CallCommandFrame, code: str, fault: Fault, detail: str, retry_after_ms: int = 0) -> frames.CallRefusal:
    return frames.CallRefusal(frame.id, frame.conversation, frame.call, code, fault, detail, retry_after_ms)


def ack_of(event: Event) -> frames.CallAck:
    """`call`: of the event, which after a glare is not the call that was asked for."""
    return frames.CallAck(event.command_id, event.conversation_id, event.call_id, event.seq)


def answer_of(reply: CallReply) -> frames.CallAck | frames.CallRefusal:
    match reply:
        case CallRepeated():
            return frames.CallAck(reply.command_id, reply.conversation_id, reply.call_id, 0)
        case CallRefused():
            return frames.CallRefusal(
                reply.command_id,
                reply.conversation_id,
                reply.call_id,
                reply.code,
                reply.fault,
                reply.detail,
                reply.retry_after_ms,
            )
