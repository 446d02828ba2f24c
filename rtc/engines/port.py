"""What a media engine is to Warbler: rooms of legs, descriptions in and out, and what it sees. Values and the protocol.

Implemented in `rtc.engines.embedded`, `janus` and `livekit`; called by the driver (`rtc.engines.driver`), which checks tickets, puts the
signals of a leg in order and buffers candidates before they come here.
Rule 1: an engine never decides about a call; it reports, and may lie or repeat itself: who asks takes its events as claims.
Rule 2: a room is one epoch of one call. Whatever is asked twice has the effect of once.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Struct

from schemas.call_signals import EngineKind, IceServer, Layer, PeerConnection, SignalCode, Speaker, Track, TrackSource
from schemas.call_values import CallMedia, Quality
from schemas.errors import WarblerError


class Room(Struct, frozen=True):
    call_id: str
    epoch: int


class Leg(Struct, frozen=True):
    """One participant's device in one room; `generation` of its peer connections: a new one replaces the one before."""

    user: str
    device: str
    generation: int


class Capabilities(Struct, frozen=True):
    """`own_tickets`: clients speak to the engine itself, at a URL, with its own tickets; else all signals come through `call-signals`."""

    video: bool
    screen: bool
    recording: bool
    layers: bool
    bitrate: bool
    participants_limit: int
    own_tickets: bool = False


class EngineTicket(Struct, frozen=True):
    url: str
    token: str


class EngineRefused(WarblerError):
    """What the engine was asked for cannot be, because of who asked. The rest of the room goes on."""

    def __init__(self, code: SignalCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class EngineUnavailable(WarblerError):
    """The engine does not answer; to be tried again."""


# ---- what an engine reports; at least once, in any order


class Offered(Struct, frozen=True):
    """An offer to subscribe, whole: what the leg shall get from now on."""

    room: Room
    leg: Leg
    sdp: str
    tracks: tuple[Track, ...]


class CandidateFound(Struct, frozen=True):
    room: Room
    leg: Leg
    pc: PeerConnection
    candidate: str
    mid: str


class MediaSeen(Struct, frozen=True):
    """The leg's transport carries packets (up), carries none for a while (lost), or the leg is gone (gone)."""

    room: Room
    leg: Leg
    flow: Literal["up", "lost", "gone"]


class QualitySeen(Struct, frozen=True):
    room: Room
    leg: Leg
    quality: Quality


class Speaking(Struct, frozen=True):
    room: Room
    speakers: tuple[Speaker, ...]


class Limited(Struct, frozen=True):
    """What the leg should send at most, and whether it is sent audio only now."""

    room: Room
    leg: Leg
    bitrate_kbps: int
    height: int
    audio_only: bool


class RoomGone(Struct, frozen=True):
    """The engine does not have the room any more: it restarted, or somebody closed it there."""

    room: Room


EngineEvent = Offered | CandidateFound | MediaSeen | QualitySeen | Speaking | Limited | RoomGone


class LegSeen(Struct, frozen=True):
    leg: Leg
    flowing: bool


class RoomSnapshot(Struct, frozen=True):
    """What is there now, for reconciling. `exists` False: the engine does not know the room."""

    room: Room
    exists: bool
    legs: tuple[LegSeen, ...]


class Engine(Protocol):
    """Raises, from every call: EngineUnavailable. Blocks: on the engine, for at most its own time limit."""

    kind: EngineKind

    def capabilities(self) -> Capabilities: ...

    def load(self) -> tuple[int, int]:
        """Rooms and participants now."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def ensure_room(self, room: Room, media: CallMedia) -> None: ...

    async def ticket(self, room: Room, leg: Leg, until_ms: int) -> EngineTicket:
        """Only where `own_tickets`."""
        ...

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        """The answer to an offer; a further offer of the same generation changes what is published. Raises: EngineRefused."""
        ...

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        """The answer to the last `Offered`. Raises: EngineRefused."""
        ...

    async def candidate(self, room: Room, leg: Leg, pc: PeerConnection, candidate: str, mid: str) -> None:
        """`candidate` empty: there are no more. Raises: EngineRefused."""
        ...

    async def tracks(self, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> None:
        """The leg says what its tracks are now (a muted one, a screen)."""
        ...

    async def layer(self, room: Room, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None: ...

    async def mute(self, room: Room, user: str, muted: bool) -> None:
        """Whether the user's audio is passed on."""
        ...

    async def kick(self, room: Room, user: str, device: str) -> None: ...

    async def record(self, room: Room, on: bool) -> None:
        """Raises: EngineRefused("not_supported")."""
        ...

    async def snapshot(self, room: Room) -> RoomSnapshot: ...

    async def close(self, room: Room) -> None: ...

    def events(self) -> AsyncIterator[EngineEvent]: ...
