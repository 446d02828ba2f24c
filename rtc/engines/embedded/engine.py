"""The embedded media engine: passes packets on between the legs of a room, in this process, without decoding any.

One UDP port for all of it, ICE lite, one certificate. See docs/calls.md for what it does not do.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from aiortc import RTCCertificate

from rtc.engines.embedded import ticking
from rtc.engines.embedded.port_socket import PortSocket
from rtc.engines.embedded.publishing import Refused
from rtc.engines.embedded.recorder import Recorder
from rtc.engines.embedded.room import LiveRoom
from rtc.engines.embedded.settings import EmbeddedEngineSettings
from rtc.engines.port import (
    Capabilities,
    EngineEvent,
    EngineRefused,
    EngineTicket,
    EngineUnavailable,
    Leg,
    LegSeen,
    Limited,
    QualitySeen,
    Room,
    RoomSnapshot,
    Speaking,
)
from schemas.call_signals import EngineKind, IceServer, Layer, PeerConnection, Track, TrackSource
from schemas.call_values import CallMedia

CANDIDATE_CHARS_LIMIT = 512
EVENTS_LIMIT = 10_000
ROOMS_LIMIT = 1_000


class EmbeddedEngine:
    """`rtc.engines.port.Engine`. Everything in one loop."""

    kind: EngineKind = "embedded"

    def __init__(self, settings: EmbeddedEngineSettings) -> None:
        self.settings = settings
        self.certificate = RTCCertificate.generateCertificate()
        self.rooms: dict[Room, LiveRoom] = {}
        self._events: deque[EngineEvent] = deque()
        self._there = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def random32(self) -> int:
        return secrets.randbits(32) | 1

    def capabilities(self) -> Capabilities:
        recording = bool(self.settings.recordings_dir)
        return Capabilities(
            video=True, screen=True, recording=recording, layers=False, bitrate=True, participants_limit=self.settings.participants_limit
        )

    def load(self) -> tuple[int, int]:
        return len(self.rooms), sum(len(room.sessions) for room in self.rooms.values())

    async def start(self) -> None:
        self.socket = PortSocket(self.settings.host, self.settings.port)
        self.address = (self.settings.public_address or self.settings.host, self.socket.port)
        self.socket.start()
        self._ticking = asyncio.create_task(self._tick())
        self._ticking.add_done_callback(lambda _: self._there.set())

    async def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
            self._ticking = None
            for room in list(self.rooms):
                await self.close(room)
            self.socket.stop()

    async def _tick(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(ticking.TICK_MS / 1000)
            number += 1
            for room in list(self.rooms.values()):
                ticking.tick(self, room, number)
            self.socket.outlet.flush()

    async def ensure_room(self, room: Room, media: CallMedia) -> None:
        if room not in self.rooms:
            if len(self.rooms) >= ROOMS_LIMIT:
                raise EngineRefused("too_many", f"{ROOMS_LIMIT} rooms are there")
            self.rooms[room] = LiveRoom(self, room, self._emit)

    async def ticket(self, room: Room, leg: Leg, until_ms: int) -> EngineTicket:
        raise EngineRefused("not_supported", "signals come through the call")

    def _room(self, room: Room) -> LiveRoom:
        found = self.rooms.get(room)
        if found is None:
            raise EngineRefused("unknown_call", "no such room")
        return found

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        # `ice` is the leg's: a lite agent is reached, and reaches nobody
        try:
            return self._room(room).publish(leg, sdp, tracks)
        except Refused as refused:
            raise refused_by(refused) from refused

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        try:
            self._room(room).answer(leg, sdp)
        except Refused as refused:
            raise refused_by(refused) from refused

    async def candidate(self, room: Room, leg: Leg, pc: PeerConnection, candidate: str, mid: str) -> None:
        """Looked at and not used: a lite agent answers the checks, from wherever they come."""
        try:
            self._room(room).session(leg)
        except Refused as refused:
            raise refused_by(refused) from refused
        if len(candidate) > CANDIDATE_CHARS_LIMIT:
            raise EngineRefused("too_long", f"a candidate of more than {CANDIDATE_CHARS_LIMIT} characters")
        if candidate and len(candidate.removeprefix("a=").removeprefix("candidate:").split()) < 8:
            raise EngineRefused("invalid", "not a candidate")

    async def tracks(self, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> None:
        try:
            self._room(room).label(leg, tracks)
        except Refused as refused:
            raise refused_by(refused) from refused

    async def layer(self, room: Room, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None:
        """`off` stops what is passed on; there is one layer, so `low` is `high`."""
        try:
            self._room(room).choose(leg, publisher, source, layer)
        except Refused as refused:
            raise refused_by(refused) from refused

    async def mute(self, room: Room, user: str, muted: bool) -> None:
        self._room(room).mute(user, muted)

    async def kick(self, room: Room, user: str, device: str) -> None:
        if room in self.rooms:
            self.rooms[room].kick(user, device)

    async def record(self, room: Room, on: bool) -> None:
        """One WebM file a track, in a folder of RTC_RECORDINGS_DIR; whole when it was turned off."""
        if not self.settings.recordings_dir:
            raise EngineRefused("not_supported", "RTC_RECORDINGS_DIR is not set")
        found = self._room(room)
        if on and found.recorder is None:
            try:
                recorder = Recorder(Path(self.settings.recordings_dir), room, time.time_ns() // 1_000_000)
            except OSError as error:
                raise EngineUnavailable(f"RTC_RECORDINGS_DIR={self.settings.recordings_dir!r}: {error.strerror}") from error
            await found.record(recorder)
        elif not on:
            await found.record(None)

    async def snapshot(self, room: Room) -> RoomSnapshot:
        found = self.rooms.get(room)
        if found is None:
            return RoomSnapshot(room, False, ())
        return RoomSnapshot(room, True, tuple(LegSeen(one.leg, one.flow.state == "up") for one in found.sessions.values()))

    async def close(self, room: Room) -> None:
        found = self.rooms.pop(room, None)
        if found is not None:
            await found.close()

    def _emit(self, event: EngineEvent) -> None:
        # where nobody takes the events, what is said again anyway is not kept
        if len(self._events) < EVENTS_LIMIT or not isinstance(event, Speaking | QualitySeen | Limited):
            self._events.append(event)
            self._there.set()

    async def events(self) -> AsyncIterator[EngineEvent]:
        """Raises: what broke the engine's clock, without which it reports nothing any more."""
        while True:
            while self._events:
                yield self._events.popleft()
            self._there.clear()
            if self._ticking is not None and self._ticking.done() and not self._ticking.cancelled():
                self._ticking.result()
            await self._there.wait()


def refused_by(refused: Refused) -> EngineRefused:
    return EngineRefused(refused.code, str(refused))
