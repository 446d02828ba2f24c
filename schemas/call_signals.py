"""What a call's media needs and nobody keeps (topic `call-signals`, key call): SDP, candidates, tickets, labels, who speaks. Pure.

Holds addresses and ICE passwords, so its retention is minutes and events name an SDP by its hash only.
Rule: `seq` is dense from 1 within one leg, epoch, generation and direction; who receives puts them in order, buffers candidates until the
description of the same generation and connection is there, and drops what is of an older generation or epoch.
"""

from typing import Literal

from msgspec import Struct

PeerConnection = Literal["publish", "subscribe"]  # publish: the client offers; subscribe: who serves it offers
SdpType = Literal["offer", "answer"]
# to_peer: of a call without an engine; what one publishes is what the other subscribes to, so `pc` is the sender's own.
Direction = Literal["to_engine", "to_device", "to_peer", "to_all"]
TrackSource = Literal["microphone", "camera", "screen", "screen_audio"]
Layer = Literal["high", "low", "off"]
EngineKind = Literal["embedded", "janus", "livekit", "p2p"]
SignalCode = Literal[
    "unknown_call",
    "unknown_leg",
    "not_in_call",
    "no_media",
    "invalid",
    "too_long",
    "too_many",
    "stale_epoch",
    "ticket_needed",
    "ticket_expired",
    "ticket_used",
    "ticket_wrong_room",
    "not_supported",
    "engine_unavailable",
]


class SignalBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every signal carries. `user`, `device`: the leg it is of, or for; empty of what concerns the whole call.

    Shape: `generation` of the leg's peer connections grows with every network change; 0 where a signal is about none.
    """

    tenant: str
    conversation_id: str
    call_id: str
    user: str
    device: str
    engine: str
    epoch: int
    generation: int
    direction: Direction
    seq: int
    at_ms: int


class Track(Struct, frozen=True):
    """One media stream. `mid`: of the SDP's media section; `user`, `device`: whose it is, empty in what its own device says."""

    mid: str
    source: TrackSource
    user: str = ""
    device: str = ""
    muted: bool = False


class SignalDescription(SignalBase, frozen=True, kw_only=True, tag="signal_description"):
    """An offer or answer. `ticket`: with the first publish offer of a generation; else empty."""

    pc: PeerConnection
    sdp_type: SdpType
    sdp: str
    tracks: tuple[Track, ...]
    ticket: str


class SignalCandidate(SignalBase, frozen=True, kw_only=True, tag="signal_candidate"):
    """`candidate` empty: there are no more of this connection."""

    pc: PeerConnection
    candidate: str
    mid: str


class SignalTracks(SignalBase, frozen=True, kw_only=True, tag="signal_tracks"):
    """The leg's tracks as they are now: what is muted, and what is a screen."""

    tracks: tuple[Track, ...]


class SignalLayer(SignalBase, frozen=True, kw_only=True, tag="signal_layer"):
    """What the leg wants to see of somebody's track."""

    publisher: str
    source: TrackSource
    layer: Layer


class TicketWanted(SignalBase, frozen=True, kw_only=True, tag="ticket_wanted"):
    """For a new generation, or because the last one expired."""


class IceServer(Struct, frozen=True):
    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


class TicketGiven(SignalBase, frozen=True, kw_only=True, tag="ticket_given"):
    """Lets one leg into one room (call and epoch), once, until `until_ms`. `url`: where the engine is spoken to directly; else empty."""

    engine_kind: EngineKind
    url: str
    ticket: str
    ice_servers: tuple[IceServer, ...]
    until_ms: int


class SignalRefused(SignalBase, frozen=True, kw_only=True, tag="signal_refused"):
    """`refused_seq`: of the signal that was refused; 0: it had none."""

    code: SignalCode
    detail: str
    refused_seq: int


class Speaker(Struct, frozen=True):
    """`level`: 0 (silent) to 100."""

    user: str
    level: int


class SignalSpeaking(SignalBase, frozen=True, kw_only=True, tag="signal_speaking"):
    """Who speaks now, the loudest first; nobody: empty. Written when it changes."""

    speakers: tuple[Speaker, ...]


class SignalLimits(SignalBase, frozen=True, kw_only=True, tag="signal_limits"):
    """What the leg should send at most, and whether it gets only audio now because its way does not carry more. 0: no limit."""

    bitrate_kbps: int
    height: int
    audio_only: bool


CallSignal = (
    SignalDescription
    | SignalCandidate
    | SignalTracks
    | SignalLayer
    | TicketWanted
    | TicketGiven
    | SignalRefused
    | SignalSpeaking
    | SignalLimits
)
