"""Requests to a conversation's calls (topic `call-commands`, key conversation): may be refused. Pure.

Edges publish those of devices, engine drivers those of engines; `rtc.call.decide` judges. What only an edge knows at that moment (who is
busy, who is a moderator) it writes into the command, so that deciding again gives the same. Signals stay out: an SDP is named by its hash.
"""

from typing import Literal

from msgspec import Struct

from schemas.call_values import CallKind, CallMedia, Holder, Quality, Standing


class CommandBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every command carries.

    Shape: `command_id` and, in a request, `call_id` are chosen by who commands; a retry uses the same ones.
    Units: `received_at_ms` is for tracing only; decisions use the record's LogAppendTime.
    """

    tenant: str
    conversation_id: str
    call_id: str
    command_id: str
    trace_id: str = ""
    received_at_ms: int = 0


class DeviceCommand(CommandBase, frozen=True, kw_only=True):
    user: str
    device: str
    standing: Standing = "member"


class Inviting(DeviceCommand, frozen=True, kw_only=True):
    """What rings somebody. As the edge knows it from the active legs: `busy` are not rung; `waiting` are in a call and take a second one.

    `invites_elsewhere`: how many this user rang in other conversations within the window of the limit.
    """

    busy: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    invites_elsewhere: int = 0
    ring_ms: int = 60_000


class RequestCall(Inviting, frozen=True, kw_only=True, tag="request_call"):
    """`offer_hash`: SHA-256 of the first SDP, in hex; empty where the engine makes the offer."""

    call_kind: CallKind
    media: CallMedia
    callees: tuple[str, ...]
    engine: str
    offer_hash: str = ""


class InviteToCall(Inviting, frozen=True, kw_only=True, tag="invite_to_call"):
    callees: tuple[str, ...]


class TransferCall(Inviting, frozen=True, kw_only=True, tag="transfer_call"):
    """The target takes the place of who transfers, once it has accepted."""

    target: str


class ReportDelivered(DeviceCommand, frozen=True, kw_only=True, tag="report_delivered"):
    """The device got the ring."""


class ReportRinging(DeviceCommand, frozen=True, kw_only=True, tag="report_ringing"):
    """The device shows it."""


class AcceptCall(DeviceCommand, frozen=True, kw_only=True, tag="accept_call"):
    answer_hash: str = ""


class RejectCall(DeviceCommand, frozen=True, kw_only=True, tag="reject_call"):
    pass


class ReportBusy(DeviceCommand, frozen=True, kw_only=True, tag="report_busy"):
    """The device knows better than the projection: its user is in another call."""


class HangUp(DeviceCommand, frozen=True, kw_only=True, tag="hang_up"):
    """Ends a call between two; leaves a group's, or ends it `for_all`."""

    for_all: bool = False
    quality: Quality | None = None


class JoinCall(DeviceCommand, frozen=True, kw_only=True, tag="join_call"):
    """Into a group's call; or with another device into a call that the user is in."""


class LeaveCall(DeviceCommand, frozen=True, kw_only=True, tag="leave_call"):
    quality: Quality | None = None


class KickParticipant(DeviceCommand, frozen=True, kw_only=True, tag="kick_participant"):
    target: str


class MuteParticipant(DeviceCommand, frozen=True, kw_only=True, tag="mute_participant"):
    target: str
    muted: bool = True


class RaiseHand(DeviceCommand, frozen=True, kw_only=True, tag="raise_hand"):
    raised: bool = True


class UpgradeCall(DeviceCommand, frozen=True, kw_only=True, tag="upgrade_call"):
    """From audio to video."""


class HoldCall(DeviceCommand, frozen=True, kw_only=True, tag="hold_call"):
    pass


class ResumeCall(DeviceCommand, frozen=True, kw_only=True, tag="resume_call"):
    pass


class RenewLease(DeviceCommand, frozen=True, kw_only=True, tag="renew_lease"):
    pass


class ReportMedia(DeviceCommand, frozen=True, kw_only=True, tag="report_media"):
    """Of a call without an engine (engine `p2p`): there only the devices see whether media flows."""

    flow: Literal["up", "lost"]


class EngineCommand(CommandBase, frozen=True, kw_only=True):
    """What an engine's driver says. `epoch`: the generation of the call's room that it speaks of."""

    engine: str
    epoch: int


class ReportEngineMedia(EngineCommand, frozen=True, kw_only=True, tag="report_engine_media"):
    """A participant's transport carries packets, whichever way, for the first time or again; or no more."""

    user: str
    device: str
    flow: Literal["up", "lost"]


class ReportVanished(EngineCommand, frozen=True, kw_only=True, tag="report_vanished"):
    """A participant left the engine without having hung up: it may come back within the reconnect time."""

    user: str
    device: str


class ReportQuality(EngineCommand, frozen=True, kw_only=True, tag="report_quality"):
    user: str
    device: str
    quality: Quality


class RenewLeases(EngineCommand, frozen=True, kw_only=True, tag="renew_leases"):
    """The engine lives and sees these participants. Who is none is passed over: the engine cannot know it yet."""

    holders: tuple[Holder, ...] = ()


class ReportEngineVanished(EngineCommand, frozen=True, kw_only=True, tag="report_engine_vanished"):
    pass


class SwitchEngine(EngineCommand, frozen=True, kw_only=True, tag="switch_engine"):
    """`engine` takes over as `epoch`, which follows the present one."""


Command = (
    RequestCall
    | InviteToCall
    | TransferCall
    | ReportDelivered
    | ReportRinging
    | AcceptCall
    | RejectCall
    | ReportBusy
    | HangUp
    | JoinCall
    | LeaveCall
    | KickParticipant
    | MuteParticipant
    | RaiseHand
    | UpgradeCall
    | HoldCall
    | ResumeCall
    | RenewLease
    | ReportMedia
    | ReportEngineMedia
    | ReportVanished
    | ReportQuality
    | RenewLeases
    | ReportEngineVanished
    | SwitchEngine
)
