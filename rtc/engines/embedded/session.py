"""One generation of one leg in a room: what it publishes, what it is offered, and whether it is there."""

from collections.abc import Callable

from rtc.engines.embedded import publishing, rtcp
from rtc.engines.embedded.flow import Flow
from rtc.engines.embedded.incoming import Incoming, Reader
from rtc.engines.embedded.publishing import Refused
from rtc.engines.embedded.slots import SourceKey
from rtc.engines.embedded.subscription import Subscription
from rtc.engines.embedded.surroundings import Hall, Tools
from rtc.engines.embedded.transport import Transport, TransportState
from rtc.engines.port import Leg
from schemas.call_signals import Track, TrackSource

USUAL: dict[str, TrackSource] = {"audio": "microphone", "video": "camera"}


class Session:
    """Its first offer opens it; a further one changes what is published."""

    def __init__(self, tools: Tools, hall: Hall, leg: Leg) -> None:
        settings = tools.settings
        self._tools, self._hall, self.leg = tools, hall, leg
        self.labels: dict[str, Track] = {}
        self.reader = Reader(lambda incoming, packet, reception: hall.came(self, incoming, packet, reception))
        self.subscription = Subscription(tools, hall, leg.user)
        self.flow = Flow(tools.now_ms(), settings.media_lost_ms, settings.media_silent_ms, settings.media_gone_ms)
        self.carries = self.closed = False
        self.octets_in = 0
        self.told_kbps = 0
        self.began_ms = self.quality_ms = tools.now_ms()
        self.publish = self._transport(self._took_rtp)
        self.offer: publishing.PublishOffer | None = None
        self._offer_text: str | None = None
        self._answer_text = ""
        self._number, self._versions = tools.random32(), 0

    def _transport(self, on_rtp: Callable[[bytes], None]) -> Transport:
        tools = self._tools
        return Transport(tools.socket, tools.certificate, tools.address, on_rtp, self._took_rtcp, self._changed, self._lives)

    def _changed(self, state: TransportState) -> None:
        if state == "connected":
            self._hall.connected(self)
        elif self.publish.state == "closed":
            self._hall.parted(self)

    def _lives(self) -> None:
        self.flow.alive(self._tools.now_ms())

    def accept_offer(self, sdp: str, tracks: tuple[Track, ...]) -> str:
        """The answer; the same offer again has the same one. Raises: Refused."""
        if sdp == self._offer_text:
            self.label(tracks)
            return self._answer_text
        offer = publishing.read_offer(sdp)
        most = self._tools.settings.tracks_per_leg_limit
        if sum(section.sends and section.form is not None for section in offer.sections) > most:
            raise Refused("too_many", f"more than {most} tracks")
        if self.offer is not None and offer.remote.fingerprints != self.offer.remote.fingerprints:
            raise Refused("invalid", "another peer connection is another generation")
        self.label(tracks)
        self.offer = offer
        self.reader.offered(offer.sections)
        self._versions += 1
        self._offer_text, self._answer_text = sdp, publishing.write_answer(offer, self.publish.local, self._number, self._versions)
        self.publish.start(offer.remote, "client" if offer.remote.setup == "passive" else "server")
        return self._answer_text

    def next_offer(self) -> str:
        """An offer of what there is now; empty where it has that, or an earlier one waits for its answer."""
        planned = self.subscription.plan() if not self.closed else None
        if planned is None:
            return ""
        return self.subscription.offer(planned, self.subscription.transport or self._transport(_ignore))

    def label(self, tracks: tuple[Track, ...]) -> None:
        self.labels = {track.mid: track for track in tracks}

    def key_of(self, incoming: Incoming) -> SourceKey:
        """Whose track, and which: what the leg says of the section, or else what is usual."""
        kind = incoming.form.codec.kind
        label = self.labels.get(incoming.section.mid)
        fits = label is not None and (label.source in ("camera", "screen")) == (kind == "video")
        return SourceKey(self.leg.user, self.leg.device, label.source if label is not None and fits else USUAL[kind])

    def is_muted(self, source: TrackSource) -> bool:
        return any(track.muted for track in self.labels.values() if track.source == source)

    def _took_rtp(self, data: bytes) -> None:
        now_ms = self._tools.now_ms()
        self.flow.media(now_ms)
        self.carries = True
        self.octets_in += len(data)
        self.reader.took(data, now_ms)

    def _took_rtcp(self, data: bytes) -> None:
        now_ms = self._tools.now_ms()
        self.flow.alive(now_ms)
        for message in rtcp.read(data):
            if isinstance(message, rtcp.SenderReport):
                self.reader.heard(message, now_ms)
            self.subscription.heard(message, now_ms)

    async def close(self) -> None:
        self.closed = True
        self.subscription.drop()
        await self.publish.close()
        if self.subscription.transport is not None:
            await self.subscription.transport.close()


def _ignore(data: bytes) -> None:
    """Of a subscription no media is expected."""
