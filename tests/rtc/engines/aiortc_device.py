"""A device made of aiortc: it publishes small ready-made media, subscribes to what it is offered, and counts what comes."""

import asyncio
import fractions
import functools
import math
import random
import time
from array import array
from collections.abc import Callable

import aioice.ice
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.frame import Frame

from rtc.engines.embedded.engine import EmbeddedEngine
from rtc.engines.port import EngineEvent, Leg, Limited, MediaSeen, Offered, QualitySeen, Room, Speaking
from schemas.call_signals import Track, TrackSource

CLOCK = fractions.Fraction(1, 90_000)


def on_loopback(monkeypatch_setattr: Callable[..., None]) -> None:
    """aioice leaves 127.0.0.1 out."""
    monkeypatch_setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@functools.cache
def vp8_frames(width: int = 160, height: int = 120, count: int = 300) -> tuple[bytes, ...]:
    """Only the first is a key frame."""
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = fractions.Fraction(1, 30), fractions.Fraction(30)
    context.bit_rate, context.gop_size = 200_000, count
    context.options = {"cpu-used": "8", "deadline": "realtime", "lag-in-frames": "0"}
    noise = random.Random(1).randbytes(width // 8 * height // 8 + count)
    frames = []
    for at in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        lines = [
            b"".join(bytes([noise[(line // 8) * (width // 8) + column + at]]) * 8 for column in range(width // 8)) for line in range(height)
        ]
        for plane, rows in zip(frame.planes, (lines, lines[: height // 2], lines[: height // 2]), strict=True):
            plane.update(b"".join(row[: plane.width].ljust(plane.line_size, b"\0") for row in rows))
        frame.pts, frame.time_base = at, fractions.Fraction(1, 30)
        frames += [bytes(packet) for packet in context.encode(frame)]
    return tuple(frames)


class Picture(MediaStreamTrack):
    """Ready-made VP8 at 30 frames a second. A key frame comes first, and when somebody asks for it."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._at = self._frame = 0
        self._began = 0.0

    async def recv(self) -> av.Packet:  # type: ignore[type-arg]
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._at / 30 - time.monotonic()))
        frames = vp8_frames()
        packet = av.Packet(frames[self._frame % len(frames)])
        packet.pts, packet.time_base = self._at * 3_000, CLOCK
        self._at += 1
        self._frame += 1
        return packet

    def begin_again(self) -> None:
        self._frame = 0


class Tone(MediaStreamTrack):
    """Sound of 440 Hz, or none while it is quiet."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.quiet = True
        self._at, self._began = 0, 0.0

    async def recv(self) -> Frame:
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._at / 50 - time.monotonic()))
        begin = self._at * 960
        height = 0 if self.quiet else 12_000
        wave = array("h", (int(height * math.sin(at * 2 * math.pi * 440 / 48_000)) for at in range(begin, begin + 960)))
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(wave.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at * 960, fractions.Fraction(1, 48_000)
        self._at += 1
        return frame


class Device:
    """One generation of one leg. `got`: (user, source) -> frames that were decoded."""

    def __init__(self, engine: EmbeddedEngine, room: Room, leg: Leg) -> None:
        self.engine, self.room, self.leg = engine, room, leg
        configuration = RTCConfiguration(iceServers=[])
        self.up = RTCPeerConnection(configuration)
        self.down = RTCPeerConnection(configuration)
        self.tone, self.picture = Tone(), Picture()
        self.got: dict[tuple[str, TrackSource], int] = {}
        self.offers: list[Offered] = []
        self.names: dict[str, tuple[str, TrackSource]] = {}
        self._pulling: list[asyncio.Task[None]] = []
        self._pulled: set[str] = set()
        self.sources: list[TrackSource] = []

    async def publish(self, *sources: TrackSource) -> None:
        await self.prepare(*sources)
        await self.send()

    async def prepare(self, *sources: TrackSource) -> None:
        """Everything of an offer but the sending."""
        for source in sources:
            track: MediaStreamTrack = self.tone if source == "microphone" else Picture() if source == "screen" else self.picture
            sender = self.up.addTrack(track)
            if isinstance(track, Picture):
                sender._send_keyframe = track.begin_again  # type: ignore[method-assign]
            self.sources.append(source)
        for transceiver in self.up.getTransceivers():
            transceiver.direction = "sendonly"
        await self.up.setLocalDescription(await self.up.createOffer())

    async def send(self) -> None:
        mids = [transceiver.mid or "" for transceiver in self.up.getTransceivers()]
        tracks = tuple(Track(mid, source) for mid, source in zip(mids, self.sources, strict=True))
        answer = await self.engine.publish(self.room, self.leg, self.up.localDescription.sdp, tracks, ())
        await self.up.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def offered(self, offer: Offered) -> None:
        self.offers.append(offer)
        self.names = {track.mid: (track.user, track.source) for track in offer.tracks}
        await self.down.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self.down.setLocalDescription(await self.down.createAnswer())
        for transceiver in self.down.getTransceivers():
            mid, track = transceiver.mid or "", transceiver.receiver.track
            if mid not in self._pulled and track is not None:
                self._pulled.add(mid)
                self._pulling.append(asyncio.create_task(self._pull(mid, track)))
        await self.engine.answer(self.room, self.leg, self.down.localDescription.sdp)

    async def _pull(self, mid: str, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            name = self.names.get(mid)
            if name is not None:
                self.got[name] = self.got.get(name, 0) + 1

    async def close(self) -> None:
        for task in self._pulling:
            task.cancel()
        await asyncio.gather(*self._pulling, return_exceptions=True)
        await asyncio.gather(self.up.close(), self.down.close())


class Stage:
    """An engine, one room, and its devices; what the engine reports goes to them and into lists."""

    def __init__(self, engine: EmbeddedEngine, room: Room) -> None:
        self.engine, self.room = engine, room
        self.devices: dict[tuple[str, int], Device] = {}
        self.seen: list[EngineEvent] = []
        self.failures: list[BaseException] = []
        self._taking = asyncio.create_task(self._take())

    def join(self, user: str, generation: int = 1) -> Device:
        device = self.devices[user, generation] = Device(self.engine, self.room, Leg(user, "1", generation))
        return device

    async def _take(self) -> None:
        async for event in self.engine.events():
            self.seen.append(event)
            if isinstance(event, Offered):
                device = self.devices.get((event.leg.user, event.leg.generation))
                if device is not None:
                    try:
                        await device.offered(event)
                    except Exception as error:  # noqa: BLE001 - the test asks for it at its end
                        self.failures.append(error)

    def flows(self, user: str) -> list[str]:
        return [event.flow for event in self.seen if isinstance(event, MediaSeen) and event.leg.user == user]

    def speaking(self) -> list[tuple[str, ...]]:
        return [tuple(speaker.user for speaker in event.speakers) for event in self.seen if isinstance(event, Speaking)]

    def limits(self, user: str) -> list[Limited]:
        return [event for event in self.seen if isinstance(event, Limited) and event.leg.user == user]

    def qualities(self, user: str) -> list[QualitySeen]:
        return [event for event in self.seen if isinstance(event, QualitySeen) and event.leg.user == user]

    async def close(self) -> None:
        self._taking.cancel()
        await asyncio.gather(self._taking, return_exceptions=True)
        await asyncio.gather(*(device.close() for device in self.devices.values()))
        assert self.failures == []


async def until(holds: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Raises: TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)
