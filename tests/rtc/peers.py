"""Devices with real media (aiortc) that speak to an engine through its port alone, and what they and the engine saw."""

import array
import asyncio
import contextlib
import fractions
import math
import random
import time
from collections import Counter
from collections.abc import Callable

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from rtc.engines.port import Engine, EngineEvent, EngineRefused, EngineUnavailable, Leg, MediaSeen, Offered, Room, Speaking
from schemas.call_signals import Track, TrackSource

# aiortc: with any other policy, the second picture of a first offer gets a transport of its own that is never started
BUNDLED = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
PATIENCE_S = 60.0
PICTURE_S = 0.7
SAMPLES, RATE = 960, 48_000
WAVE = array.array("h", (round(20_000 * math.sin(at * 500 * 2 * math.pi / RATE)) for at in range(SAMPLES))).tobytes()  # 10 whole waves


class Tone(MediaStreamTrack):
    """500 Hz while `loud`, else silence; 20 ms a frame."""

    kind = "audio"

    def __init__(self, loud: bool = False) -> None:
        super().__init__()
        self.loud = loud
        self._started = 0.0
        self._frames = 0

    async def recv(self) -> av.AudioFrame:
        await self._pace(SAMPLES / RATE)
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(WAVE if self.loud else bytes(2 * SAMPLES))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._frames * SAMPLES, fractions.Fraction(1, RATE)
        self._frames += 1
        return frame

    async def _pace(self, frame_s: float) -> None:
        if self.readyState != "live":
            raise MediaStreamError
        self._started = self._started or time.monotonic()
        await asyncio.sleep(max(0.0, self._started + self._frames * frame_s - time.monotonic()))


class Picture(Tone):
    """A small moving picture, 10 a second: cheap for two cores."""

    kind = "video"

    async def recv(self) -> av.VideoFrame:  # type: ignore[override]
        await self._pace(0.1)
        frame = av.VideoFrame(128, 96, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([self._frames % 250]) * plane.buffer_size)
        frame.pts, frame.time_base = self._frames * 9000, fractions.Fraction(1, 90_000)
        self._frames += 1
        return frame


class Peer:
    """One leg: publishes, answers what it is offered, and counts the frames it gets of whom and what."""

    def __init__(self, engine: Engine, room: Room, leg: Leg) -> None:
        self.engine, self.room, self.leg = engine, room, leg
        self.publishing = RTCPeerConnection(BUNDLED)
        self.subscribing = RTCPeerConnection(BUNDLED)
        self.sent: dict[TrackSource, tuple[RTCRtpSender, Tone]] = {}
        self.offers: list[Offered] = []
        self.frames: Counter[tuple[str, TrackSource]] = Counter()
        self.of_mid: dict[str, Track] = {}
        self._receiving: list[asyncio.Task[None]] = []
        self.subscribing.on("track", self._take)

    async def publish(self, *sources: TrackSource, loud: bool = False) -> None:
        """Adds the sources to what is published; without any, and the first time, only listens."""
        offer = await self.offer(*sources, loud=loud)
        answer = await self.engine.publish(self.room, self.leg, offer, self.tracks(), ())
        await self.publishing.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def offer(self, *sources: TrackSource, loud: bool = False) -> str:
        if not self.sent and not sources:
            self.publishing.addTransceiver("audio", direction="recvonly")
        for source in sources:
            track = Tone(loud) if source in ("microphone", "screen_audio") else Picture()
            self.sent[source] = (self.publishing.addTrack(track), track)
        await self.publishing.setLocalDescription(await self.publishing.createOffer())
        return str(self.publishing.localDescription.sdp)

    def tracks(self, muted: bool = False) -> tuple[Track, ...]:
        mids = {transceiver.sender: transceiver.mid for transceiver in self.publishing.getTransceivers()}
        return tuple(Track(mids[sender] or "", source, muted=muted) for source, (sender, _) in self.sent.items())

    async def take_offer(self, offered: Offered) -> None:
        self.offers.append(offered)
        self.of_mid = {track.mid: track for track in offered.tracks}
        await self.subscribing.setRemoteDescription(RTCSessionDescription(offered.sdp, "offer"))
        await self.subscribing.setLocalDescription(await self.subscribing.createAnswer())
        await self.engine.answer(self.room, self.leg, self.subscribing.localDescription.sdp)

    def _take(self, track: MediaStreamTrack) -> None:
        at = next(transceiver for transceiver in self.subscribing.getTransceivers() if transceiver.receiver.track is track)
        self._receiving.append(asyncio.ensure_future(self._count(track, at)))

    async def _count(self, track: MediaStreamTrack, at: RTCRtpTransceiver) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                try:
                    frame = await asyncio.wait_for(track.recv(), PICTURE_S)
                except TimeoutError:
                    await _ask_for_picture(at.receiver)
                    continue
                of = self.of_mid.get(at.mid or "")
                if of is not None and (isinstance(frame, av.VideoFrame) or _audible(frame)):
                    self.frames[(of.user, of.source)] += 1

    def lose(self, ratio: float) -> None:
        """From now on misses so much of what it is sent."""
        transport = self.subscribing.getTransceivers()[0].receiver.transport
        rng, whole = random.Random(1), type(transport)._handle_rtp_data

        async def some(data: bytes, arrival_time_ms: int) -> None:
            if rng.random() >= ratio:
                await whole(transport, data, arrival_time_ms)

        transport._handle_rtp_data = some  # type: ignore[method-assign]

    async def fall_silent(self) -> None:
        """As a device whose battery is taken out: its sockets are gone, and nothing is said."""
        for connection in (self.publishing, self.subscribing):
            for transceiver in connection.getTransceivers()[:1]:
                await transceiver.receiver.transport.transport._connection.close()

    async def vanish(self) -> None:
        """Ends its connections as a device does that leaves, without a word to the engine."""
        for task in self._receiving:
            task.cancel()
        await self.publishing.close()
        await self.subscribing.close()


class Party:
    """All peers of a test, and everything the engine told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: list[EngineEvent] = []
        self.peers: dict[Leg, Peer] = {}
        self._pump = asyncio.ensure_future(self._listen())
        self._answering: set[asyncio.Task[None]] = set()

    def peer(self, room: Room, user: str, device: str = "d", generation: int = 1) -> Peer:
        leg = Leg(user, device, generation)
        self.peers[leg] = Peer(self.engine, room, leg)
        return self.peers[leg]

    async def _listen(self) -> None:
        async for event in self.engine.events():
            self.told.append(event)
            if isinstance(event, Offered) and (peer := self.peers.get(event.leg)) is not None:
                task = asyncio.ensure_future(self._answer(peer, event))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)

    async def _answer(self, peer: Peer, offered: Offered) -> None:
        with contextlib.suppress(EngineRefused, EngineUnavailable):  # the room may be gone by now
            await peer.take_offer(offered)

    def flows(self, user: str) -> list[str]:
        return [event.flow for event in self.told if isinstance(event, MediaSeen) and event.leg.user == user]

    def speaking(self) -> list[tuple[str, ...]]:
        return [tuple(speaker.user for speaker in event.speakers) for event in self.told if isinstance(event, Speaking)]

    async def end(self) -> None:
        self._pump.cancel()
        for task in self._answering:
            task.cancel()
        for peer in self.peers.values():
            await peer.vanish()


async def _ask_for_picture(receiver: RTCRtpReceiver) -> None:
    """As a browser does by itself: aiortc never asks again for a first picture that it could not decode."""
    if receiver.track.kind == "video":
        for ssrc in getattr(receiver, "_RTCRtpReceiver__remote_streams"):  # noqa: B009  (private to aiortc)
            await receiver._send_rtcp_pli(ssrc)


def _audible(frame: object) -> bool:
    return isinstance(frame, av.AudioFrame) and max(array.array("h", bytes(frame.planes[0]))) > 100


async def until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Raises: AssertionError with `what`, if the condition does not come true in time."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)
