"""The frames of calls, of both directions; part of the two closed unions in `warbler.frames`. A mirror, like those.

A command (it carries `id`) is answered by `call_ack` or `call_refused` with the same id. What is no command may be lost and is sent again
by whoever misses its effect.
"""

from typing import Literal

from msgspec import Struct

from warbler.call_values import (
    CallKind,
    CallMedia,
    EndReason,
    EngineKind,
    Fault,
    Layer,
    LeaveReason,
    LegState,
    PeerConnection,
    SdpType,
    TrackSource,
)
from warbler.frame_base import Code, CommandFrame

ShownState = Literal["requested", "ringing", "accepted", "connected", "reconnecting", "held", "ended"]
StopReason = Literal["answered_elsewhere", "cancelled", "rejected", "busy", "timed_out", "ended"]


class FrameQuality(Struct, frozen=True):
    """What the device had of the call. Shape: `loss_ratio` in 0..1."""

    loss_ratio: float
    rtt_ms: int
    jitter_ms: int
    bitrate_kbps: int


class FrameTrack(Struct, frozen=True, omit_defaults=True):
    """One stream. `mid`: of the SDP's media section; `user`, `device`: whose, empty in what its own device says."""

    mid: str
    source: TrackSource
    user: str = ""
    device: str = ""
    muted: bool = False


# ---- from the device: commands


class CallCommandFrame(CommandFrame, frozen=True, kw_only=True):
    call: str


class CallRequest(CallCommandFrame, frozen=True, kw_only=True, tag="call_request"):
    """Rings `callees`; none: everybody in the conversation. `engine`: a kind, or empty for the node's choice.

    Units: `ring_ms` 30,000 to 120,000.
    """

    call_kind: CallKind
    media: CallMedia
    callees: tuple[str, ...] = ()
    ring_ms: int = 60_000
    engine: Literal["", "embedded", "janus", "livekit", "p2p"] = ""
    offer_hash: str = ""


class CallDelivered(CallCommandFrame, frozen=True, kw_only=True, tag="call_delivered"):
    """This device got the ring."""


class CallRinging(CallCommandFrame, frozen=True, kw_only=True, tag="call_ringing"):
    """This device shows the ring."""


class CallAccept(CallCommandFrame, frozen=True, kw_only=True, tag="call_accept"):
    answer_hash: str = ""


class CallReject(CallCommandFrame, frozen=True, kw_only=True, tag="call_reject"):
    pass


class CallBusy(CallCommandFrame, frozen=True, kw_only=True, tag="call_busy"):
    """This device's user is in another call."""


class CallHangUp(CallCommandFrame, frozen=True, kw_only=True, tag="call_hang_up"):
    """Ends a call between two; leaves a group's, or ends it `for_all`."""

    for_all: bool = False
    quality: FrameQuality | None = None


class CallJoin(CallCommandFrame, frozen=True, kw_only=True, tag="call_join"):
    """Into a group's call; or with another device into a call that the user is in."""


class CallLeave(CallCommandFrame, frozen=True, kw_only=True, tag="call_leave"):
    quality: FrameQuality | None = None


class CallInvite(CallCommandFrame, frozen=True, kw_only=True, tag="call_invite"):
    callees: tuple[str, ...]
    ring_ms: int = 60_000


class CallTransfer(CallCommandFrame, frozen=True, kw_only=True, tag="call_transfer"):
    """`target` takes this user's place once it has accepted."""

    target: str
    ring_ms: int = 60_000


class CallKick(CallCommandFrame, frozen=True, kw_only=True, tag="call_kick"):
    target: str


class CallMute(CallCommandFrame, frozen=True, kw_only=True, tag="call_mute"):
    """By a moderator; one's own microphone is muted with `call_tracks`."""

    target: str
    muted: bool = True


class CallHand(CallCommandFrame, frozen=True, kw_only=True, tag="call_hand"):
    raised: bool = True


class CallUpgrade(CallCommandFrame, frozen=True, kw_only=True, tag="call_upgrade"):
    """From audio to video."""


class CallHold(CallCommandFrame, frozen=True, kw_only=True, tag="call_hold"):
    pass


class CallResume(CallCommandFrame, frozen=True, kw_only=True, tag="call_resume"):
    pass


class CallRenew(CallCommandFrame, frozen=True, kw_only=True, tag="call_renew"):
    """Still there. Needed where no engine says so: before an answer, and in a call between two without an engine."""


class CallMediaFlow(CallCommandFrame, frozen=True, kw_only=True, tag="call_media"):
    """Of a call without an engine: whether the other's media comes in."""

    flow: Literal["up", "lost"]


class CallSwitch(CallCommandFrame, frozen=True, kw_only=True, tag="call_switch"):
    """To another engine, by a moderator; from `p2p` to an engine by either of the two. `engine`: a kind, or empty for the node's choice."""

    engine: Literal["", "embedded", "janus", "livekit"] = ""


CallCommandFrames = (
    CallRequest
    | CallDelivered
    | CallRinging
    | CallAccept
    | CallReject
    | CallBusy
    | CallHangUp
    | CallJoin
    | CallLeave
    | CallInvite
    | CallTransfer
    | CallKick
    | CallMute
    | CallHand
    | CallUpgrade
    | CallHold
    | CallResume
    | CallRenew
    | CallMediaFlow
    | CallSwitch
)

# ---- from the device: signals. Refused by `call_signal_refused`


class CallSignalFrame(Struct, frozen=True, kw_only=True, tag_field="type"):
    conversation: str
    call: str
    epoch: int = 1


class CallDescription(CallSignalFrame, frozen=True, kw_only=True, tag="call_description"):
    """An offer for what is published, or the answer to an offer to subscribe. `seq` dense from 1 in a generation, with the candidates.

    `ticket`: with the first offer of a generation. `tracks`: what each media section that is sent is.
    """

    pc: PeerConnection
    generation: int
    seq: int
    sdp_type: SdpType
    sdp: str
    tracks: tuple[FrameTrack, ...] = ()
    ticket: str = ""


class CallCandidate(CallSignalFrame, frozen=True, kw_only=True, tag="call_candidate"):
    """`candidate` empty: there are no more."""

    pc: PeerConnection
    generation: int
    seq: int
    candidate: str
    mid: str = ""


class CallTracks(CallSignalFrame, frozen=True, kw_only=True, tag="call_tracks"):
    """The device's tracks as they are now, told to all."""

    tracks: tuple[FrameTrack, ...]


class CallLayer(CallSignalFrame, frozen=True, kw_only=True, tag="call_layer"):
    """How much of somebody's track this device wants to get."""

    publisher: str
    source: TrackSource
    layer: Layer


class CallTicketWanted(CallSignalFrame, frozen=True, kw_only=True, tag="call_ticket_wanted"):
    """For a new generation. Answered by `call_ticket`."""

    generation: int


CallSignalFrames = CallDescription | CallCandidate | CallTracks | CallLayer | CallTicketWanted
CallFromDevice = CallCommandFrames | CallSignalFrames

# ---- from the edge


class CallAck(Struct, frozen=True, tag_field="type", tag="call_ack"):
    """The command is committed. `call`: the call it came to, which after a glare is the other's. `seq` 0: it was so already."""

    id: str
    conversation: str
    call: str
    seq: int


class CallRefusal(Struct, frozen=True, tag_field="type", tag="call_refused"):
    """`call`: the call that this is about; with `call_exists` the one that is going on. `retry_after_ms` 0: not by waiting alone."""

    id: str
    conversation: str
    call: str
    code: Code
    fault: Fault
    detail: str
    retry_after_ms: int = 0


class CallRing(Struct, frozen=True, tag_field="type", tag="call_ring"):
    """Ring until `deadline_ms` (this server's clock, which says `now_ms`), or until `call_stop`. `knock`: the user is in another call."""

    conversation: str
    call: str
    caller: str
    call_kind: CallKind
    media: CallMedia
    engine_kind: EngineKind
    deadline_ms: int
    now_ms: int
    knock: bool = False


class CallStop(Struct, frozen=True, tag_field="type", tag="call_stop"):
    """Stop ringing."""

    conversation: str
    call: str
    why: StopReason


class CallParty(Struct, frozen=True, omit_defaults=True):
    """A user's part. `device`: by which it is in the call; `flow`: of its media."""

    user: str
    state: LegState
    device: str = ""
    flow: Literal["waiting", "flowing", "lost", "moving"] = "waiting"
    held: bool = False
    muted: bool = False
    hand: bool = False


class CallShown(Struct, frozen=True):
    """A live call as it is after its event `seq`."""

    conversation: str
    call: str
    seq: int
    call_kind: CallKind
    media: CallMedia
    state: ShownState
    caller: str
    engine_kind: EngineKind
    epoch: int
    requested_at_ms: int
    parties: tuple[CallParty, ...]


class CallChanged(Struct, frozen=True, tag_field="type", tag="call_changed"):
    """To every session of a participant: something happened. `what`: the event's kind; `by`: who did it; `about`: whom it is about.

    Also, with `what` "now", after a hello and after joining: how the call stands.
    """

    what: str
    by: str
    about: str
    at_ms: int
    call: CallShown


class CallOver(Struct, frozen=True, tag_field="type", tag="call_over"):
    """To every session of a participant: the call has ended, or this user is no longer in it (`left` says why)."""

    conversation: str
    call: str
    seq: int
    at_ms: int
    reason: EndReason | None = None
    left: LeaveReason | None = None


class FrameIceServer(Struct, frozen=True, omit_defaults=True):
    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


class CallTicket(Struct, frozen=True, tag_field="type", tag="call_ticket"):
    """Into the room of this epoch, once, until `until_ms`. A higher epoch: make the new connections before the old ones are broken."""

    conversation: str
    call: str
    epoch: int
    generation: int
    engine_kind: EngineKind
    url: str
    ticket: str
    ice_servers: tuple[FrameIceServer, ...]
    until_ms: int


class CallDescribed(Struct, frozen=True, tag_field="type", tag="call_described"):
    """The answer to what is published, or an offer to subscribe. `pc`: of the receiver's connections."""

    conversation: str
    call: str
    epoch: int
    generation: int
    seq: int
    pc: PeerConnection
    sdp_type: SdpType
    sdp: str
    tracks: tuple[FrameTrack, ...] = ()


class CallCandidateCame(Struct, frozen=True, tag_field="type", tag="call_candidate_came"):
    conversation: str
    call: str
    epoch: int
    generation: int
    seq: int
    pc: PeerConnection
    candidate: str
    mid: str = ""


class CallTracksChanged(Struct, frozen=True, tag_field="type", tag="call_tracks_changed"):
    """What somebody's tracks are now."""

    conversation: str
    call: str
    user: str
    device: str
    tracks: tuple[FrameTrack, ...]


class FrameSpeaker(Struct, frozen=True):
    """`level`: 0 to 100."""

    user: str
    level: int


class CallSpeaking(Struct, frozen=True, tag_field="type", tag="call_speaking"):
    """Who speaks now, the loudest first."""

    conversation: str
    call: str
    speakers: tuple[FrameSpeaker, ...]


class CallLimits(Struct, frozen=True, tag_field="type", tag="call_limits"):
    """Send at most so much (0: no limit); `audio_only`: this device's way carries no video for now."""

    conversation: str
    call: str
    bitrate_kbps: int
    height: int
    audio_only: bool


class CallSignalRefusal(Struct, frozen=True, tag_field="type", tag="call_signal_refused"):
    """`seq`: of the refused signal; 0: it had none. `code`: of `schemas.call_signals.SignalCode`, or `rate_limited`."""

    conversation: str
    call: str
    epoch: int
    seq: int
    code: Code
    detail: str


CallFromEdge = (
    CallAck
    | CallRefusal
    | CallRing
    | CallStop
    | CallChanged
    | CallOver
    | CallTicket
    | CallDescribed
    | CallCandidateCame
    | CallTracksChanged
    | CallSpeaking
    | CallLimits
    | CallSignalRefusal
)
