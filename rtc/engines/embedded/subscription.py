"""What one leg gets of the others: the sections it was offered, the feeds that fill them, and what its reports say of its way."""

from rtc.engines.embedded import limits, publishing, rtcp, slots
from rtc.engines.embedded.continuity import Continuity
from rtc.engines.embedded.publishing import Refused
from rtc.engines.embedded.slots import Slot
from rtc.engines.embedded.source import Feed, Source
from rtc.engines.embedded.surroundings import Hall, Tools
from rtc.engines.embedded.transport import Transport
from schemas.call_signals import Layer, TrackSource


class Subscription:
    """Rule: one offer at a time; what changes while it waits for its answer is in the next one."""

    def __init__(self, tools: Tools, hall: Hall, user: str) -> None:
        settings = tools.settings
        bounds = limits.Bounds(
            loss_ratio=settings.audio_only_loss_percent / 100,
            floor_kbps=settings.video_kbps_floor,
            bad_ms=settings.audio_only_after_ms,
            retry_ms=settings.audio_only_retry_ms,
        )
        self._tools, self._hall, self._user = tools, hall, user
        self.transport: Transport | None = None
        self.slots: tuple[Slot, ...] = ()
        self.offered: tuple[Slot, ...] | None = None  # waits for its answer
        self.feeds: dict[str, Feed] = {}
        self.layers: dict[tuple[str, TrackSource], Layer] = {}
        self.way = limits.Way(bounds)
        self.rtt_ms = 0
        self._sent = (tools.now_ms(), 0)
        self._answered = ""
        self._number, self._versions = tools.random32(), 0

    def plan(self) -> tuple[Slot, ...] | None:
        """The sections that should be offered now, where they are others than those that are agreed on."""
        if self.offered is not None:
            return None
        wanted = {key: source.codec for key, source in self._hall.sources.items() if key.user != self._user}
        most = self._tools.settings.participants_limit * 2
        planned = slots.plan(self.slots, wanted, most, self._tools.random32)
        return planned if planned != self.slots else None

    def offer(self, planned: tuple[Slot, ...], transport: Transport) -> str:
        self.transport = transport
        self.offered = planned
        self._versions += 1
        return slots.write_offer(planned, transport.local, self._number, self._versions)

    def accept(self, sdp: str) -> None:
        """The leg's answer; the same one again changes nothing. Raises: Refused."""
        if self.offered is None or self.transport is None:
            if sdp and sdp == self._answered:
                return
            raise Refused("invalid", "no offer waits for an answer")
        answer = slots.read_answer(sdp, self.offered, publishing.SDP_BYTES_LIMIT)
        self.slots, self.offered, self._answered = self.offered, None, sdp
        for slot in self.slots:
            source = self._hall.sources.get(slot.key)
            if slot.active and slot.mid in answer.taken and source is not None and source.codec == slot.codec:
                self._feed(slot, source, self.transport, slot.mid in answer.repaired)
        self.transport.start(answer.remote, "server" if answer.remote.setup == "active" else "client")

    def refill(self) -> None:
        """Fills the agreed sections again whose track went and came back between two offers: nothing was offered, and none waits."""
        if self.offered is not None or self.transport is None:
            return
        for slot in self.slots:
            source, feed = self._hall.sources.get(slot.key), self.feeds.get(slot.mid)
            if slot.active and feed is not None and source is not None and source.codec == slot.codec:
                self._feed(slot, source, self.transport, feed.repairs)

    def _feed(self, slot: Slot, source: Source, transport: Transport, repairs: bool) -> None:
        """The section carries the source from now on. Its numbers go on, whoever's packets they were before."""
        feed = self.feeds.get(slot.mid)
        if feed is not None and feed.slot == slot and feed in source.feeds:
            return
        if feed is None:
            continuity = Continuity(slot.mid, slot.ssrc, slot.codec.clock_hz, self._tools.random32() & 0x3FFF, self._tools.random32())
            feed = self.feeds[slot.mid] = Feed(slot, transport, continuity, repairs)
        feed.slot = slot
        feed.continuity.pause()
        source.feeds.append(feed)
        self._set(feed)
        if source.is_video:
            self._hall.keyframe_wanted(source)

    def drop(self) -> None:
        """Nothing is passed on to it any more."""
        for source in self._hall.sources.values():
            source.feeds = [feed for feed in source.feeds if self.feeds.get(feed.slot.mid) is not feed]

    def choose(self, publisher: str, source: TrackSource, layer: Layer) -> None:
        self.layers[publisher, source] = layer
        self.set_all()

    def set_all(self) -> None:
        """Starts and stops feeds as the layers and the way now say."""
        for feed in self.feeds.values():
            before = feed.paused
            self._set(feed)
            source = self._hall.sources.get(feed.slot.key)
            if before and not feed.paused and source is not None and source.is_video:
                self._hall.keyframe_wanted(source)

    def _set(self, feed: Feed) -> None:
        feed.off = self.layers.get((feed.slot.key.user, feed.slot.key.source)) == "off"
        feed.held = self.way.audio_only and feed.slot.codec.kind == "video"
        if feed.paused:
            feed.continuity.pause()

    def videos(self) -> int:
        """How many it gets, or would get if its way carried them."""
        return sum(feed is not None and not feed.off and source.is_video for feed, source in self.fed())

    def fed(self) -> list[tuple[Feed, Source]]:
        """The feeds that are filled now."""
        pairs = ((feed, self._hall.sources.get(feed.slot.key)) for feed in self.feeds.values())
        return [(feed, source) for feed, source in pairs if source is not None and feed in source.feeds]

    def heard(self, message: rtcp.Message, now_ms: int) -> None:
        """A report of the leg on what it gets."""
        match message:
            case rtcp.ReceiverReport(reports=reports) | rtcp.SenderReport(reports=reports):
                for report in reports:
                    self._reported(report, now_ms)
            case rtcp.Nack(ssrc=ssrc, seqs=seqs):
                for feed, source in self._of(ssrc):
                    for seq in seqs:
                        feed.repeat(seq, source, now_ms)
            case rtcp.KeyframeWanted(ssrcs=ssrcs):
                for ssrc in ssrcs:
                    for _, source in self._of(ssrc):
                        self._hall.keyframe_wanted(source)
            case rtcp.Remb(bits_per_s=bits):
                self.way.estimated(bits // 1000)

    def _of(self, ssrc: int) -> list[tuple[Feed, Source]]:
        return [(feed, source) for feed, source in self.fed() if feed.slot.ssrc == ssrc]

    def _reported(self, report: rtcp.Report, now_ms: int) -> None:
        feed = next((feed for feed in self.feeds.values() if feed.slot.ssrc == report.ssrc), None)
        if feed is None:
            return
        feed.lost, feed.jitter = max(0, report.lost), report.jitter
        if not feed.paused:
            self.way.reported(report.lost_ratio)
        sent_ms = feed.reported.get(report.last_sr)
        if sent_ms is not None:
            self.rtt_ms = max(0, now_ms - sent_ms - report.since_sr * 1000 // 65536)

    def sent_kbps(self, now_ms: int) -> int:
        """Since it was asked last."""
        since_ms, before = self._sent
        octets = sum(feed.octets for feed in self.feeds.values())
        self._sent = (now_ms, octets)
        return (octets - before) * 8 // max(1, now_ms - since_ms)

    def report(self, now_ms: int) -> None:
        for feed, source in self.fed():
            source.report(feed, now_ms)
