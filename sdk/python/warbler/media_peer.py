"""The two peer connections of one generation: what this device publishes, and what it gets. A shell around aiortc.

Called by `warbler.media`. Rule: everything awaited here is awaited by one task per generation, so descriptions never cross.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from warbler.call_frames import CallTicket, FrameIceServer, FrameTrack
from warbler.call_values import PeerConnection, TrackSource

OnState = Callable[[PeerConnection, bool], None]
FAILED = frozenset({"failed", "closed", "disconnected"})


@dataclass(frozen=True, slots=True)
class Published:
    track: MediaStreamTrack
    source: TrackSource


@dataclass(frozen=True, slots=True)
class Received:
    """One stream that comes in. Shape: `of` says whose it is."""

    of: FrameTrack
    track: MediaStreamTrack


def use_addresses(addresses: Sequence[str]) -> None:
    """Which of the machine's addresses are offered from now on, by this whole process; aioice takes all but the loopback one."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: list(addresses)


class Pair:
    """`on_state`: which connection, and whether it is up or over."""

    def __init__(self, ticket: CallTicket, published: Sequence[Published], on_state: OnState) -> None:
        # An empty list, not None: with None aiortc asks a public STUN server.
        # One transport for all: else aiortc gives the second picture of a first offer one of its own, which it never starts.
        servers = list(_ice_servers(ticket.ice_servers))
        configuration = RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.publish, self.subscribe = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
        self._published, self._on_state = published, on_state
        self._closing = False
        self._watch("publish", self.publish)
        self._watch("subscribe", self.subscribe)

    def _watch(self, name: PeerConnection, connection: RTCPeerConnection) -> None:
        def changed() -> None:
            state = connection.connectionState
            if not self._closing and (state == "connected" or state in FAILED):
                self._on_state(name, state == "connected")

        connection.on("connectionstatechange", changed)

    async def offer(self) -> tuple[str, tuple[FrameTrack, ...]]:
        """What is published, as an SDP with all its candidates. Shape: at least one section: who publishes nothing offers silence."""
        for each in self._published:
            self.publish.addTransceiver(each.track, direction="sendonly")
        if not self._published:
            self.publish.addTransceiver("audio", direction="sendonly")
        await self.publish.setLocalDescription(await self.publish.createOffer())
        mids = [transceiver.mid for transceiver in self.publish.getTransceivers()]
        tracks = [FrameTrack(mid or "", each.source) for mid, each in zip(mids, self._published, strict=False)]
        return self.publish.localDescription.sdp, tuple(tracks)

    async def answered(self, sdp: str) -> None:
        await self.publish.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        """To an offer of what there is to get."""
        await self.subscribe.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.subscribe.setLocalDescription(await self.subscribe.createAnswer())
        return self.subscribe.localDescription.sdp

    def received(self, tracks: Iterable[FrameTrack]) -> list[Received]:
        """The streams that come in now, after an answer to an offer with these `tracks`."""
        of_mid = {track.mid: track for track in tracks}
        incoming = [each for each in self.subscribe.getTransceivers() if _comes_in(each)]
        return [Received(of_mid[each.mid], each.receiver.track) for each in incoming if each.mid in of_mid]

    async def candidate(self, pc: PeerConnection, text: str, mid: str) -> None:
        connection = self.publish if pc == "publish" else self.subscribe
        candidate = None
        if text:
            candidate = candidate_from_sdp(text.removeprefix("candidate:"))
            candidate.sdpMid = mid
        await connection.addIceCandidate(candidate)

    async def close(self) -> None:
        self._closing = True
        await asyncio.gather(self.publish.close(), self.subscribe.close())


def _comes_in(transceiver: RTCRtpTransceiver) -> bool:
    return transceiver.currentDirection in ("recvonly", "sendrecv") and transceiver.receiver.track is not None


def _ice_servers(servers: Iterable[FrameIceServer]) -> Iterable[RTCIceServer]:
    for server in servers:
        yield RTCIceServer(list(server.urls), username=server.username or None, credential=server.credential or None)
