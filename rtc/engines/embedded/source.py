"""One published track and those who get it: packets come in once, are made ready once, and go out to each with its own numbers."""

from msgspec import Struct

from rtc.engines.embedded import rtcp, rtp
from rtc.engines.embedded.codecs import OWN, Codec
from rtc.engines.embedded.continuity import Continuity
from rtc.engines.embedded.keyframes import KeyframeGate
from rtc.engines.embedded.outlet import Outlet
from rtc.engines.embedded.reception import Reception
from rtc.engines.embedded.recorder import TrackRecorder
from rtc.engines.embedded.rtp import Packet, Vp8
from rtc.engines.embedded.slots import Slot, SourceKey, stream_name
from rtc.engines.embedded.transport import Transport

HISTORY = 1_024  # packets that can be repeated: some 5 s of video


class Kept(Struct):
    """A packet that may be asked for again, as it is before anybody's numbers are in it."""

    packet: Packet
    data: bytes
    vp8: Vp8 | None


class Feed:
    """A source's way to one subscriber. `off`: it does not want it; `held`: its way does not carry it."""

    def __init__(self, slot: Slot, transport: Transport, continuity: Continuity, repairs: bool) -> None:
        self.slot = slot
        self.transport = transport
        self.continuity = continuity
        self.repairs = repairs
        self.off = self.held = False
        self.packets = self.octets = 0
        self.lost = 0
        self.lost_ratio = 0.0
        self.jitter = 0
        self.reported: dict[int, int] = {}  # middle of an NTP time that was sent -> when
        self._rtx_seq = 0

    @property
    def paused(self) -> bool:
        return self.off or self.held

    def repeat(self, seq: int, source: "Source", now_ms: int) -> None:
        """Sends again what the subscriber misses, if it is still here."""
        kept = source.kept(self.continuity.source_seq(seq))
        if kept is None or not self.packets:
            return
        data = bytearray(kept.data)
        self.continuity.write(data, kept.packet, kept.vp8, source.prefix_bytes, now_ms)
        if not self.repairs:
            self.transport.send_rtp(bytes(data))
            return
        self._rtx_seq = (self._rtx_seq + 1) & 0xFFFF
        form = OWN[source.codec]
        self.transport.send_rtp(rtp.wrap_repair(bytes(data), form.rtx_type, self._rtx_seq, self.slot.rtx_ssrc, source.prefix_bytes))


class Source:
    """`stream`: the incoming stream that feeds it now; another one follows without a seam."""

    def __init__(self, key: SourceKey, codec: Codec, keyframe_interval_ms: int) -> None:
        self.key = key
        self.codec = codec
        self.feeds: list[Feed] = []
        self.muted = False  # by a moderator: not passed on
        self.lacks_key = False  # of its recording, which cannot go on without
        self.gate = KeyframeGate(keyframe_interval_ms)
        self.reception: Reception | None = None
        self.recorder: TrackRecorder | None = None
        self.is_video = codec.kind == "video"
        self.prefix_bytes = rtp.VIDEO_PREFIX_BYTES if self.is_video else rtp.AUDIO_PREFIX_BYTES
        self._history: list[Kept | None] = [None] * HISTORY
        self._payload_type = OWN[codec].payload_type
        self._name = stream_name(key)

    def take(self, packet: Packet, reception: Reception, outlet: Outlet, now_ms: int) -> None:
        """Passes a packet on."""
        if reception is not self.reception:
            self._follow(reception)
        vp8 = rtp.read_vp8(packet.payload) if self.codec.name == "vp8" else None
        starts = not self.is_video or (vp8.is_key if vp8 is not None else rtp.begins_h264_key(packet.payload))
        if starts and self.is_video:
            self.gate.came()
        data = self._prefix(packet, now_ms) + packet.payload
        self._history[packet.seq % HISTORY] = Kept(packet, data, vp8)
        if self.recorder is not None and not self.muted:
            self.lacks_key = self.recorder.take(packet, reception, now_ms)
        if not self.muted and len(data) <= rtp.PACKET_BYTES_LIMIT:
            self._pass_on(data, packet, vp8, starts, outlet, now_ms)

    def _prefix(self, packet: Packet, now_ms: int) -> bytes:
        send_time = (now_ms << 18) // 1000
        if self.is_video:
            return rtp.video_prefix(self._payload_type, packet.marker, send_time)
        return rtp.audio_prefix(self._payload_type, packet.marker, send_time, packet.level if packet.level >= 0 else 127)

    def _pass_on(self, data: bytes, packet: Packet, vp8: Vp8 | None, starts: bool, outlet: Outlet, now_ms: int) -> None:
        size, seq, prefix_bytes = len(data), packet.seq, self.prefix_bytes
        for feed in self.feeds:
            transport, continuity = feed.transport, feed.continuity
            context, destination = transport.context, transport.destination
            if context is None or destination is None or feed.off or feed.held:
                continue
            if continuity.waiting:
                if not starts:
                    continue
                continuity.begin(packet, vp8, self.reception, now_ms)
            elif not continuity.takes(seq):
                continue
            view = outlet.view
            view[:size] = data
            continuity.write(view, packet, vp8, prefix_bytes, now_ms)
            outlet.protect_and_queue(context, size, destination)
            feed.packets += 1
            feed.octets += size

    def _follow(self, reception: Reception) -> None:
        self.reception = reception
        self._history = [None] * HISTORY
        for feed in self.feeds:
            feed.continuity.pause()

    def has_waiting(self) -> bool:
        """Whether somebody could see the picture, and waits for a key frame to begin with."""
        ready = (feed for feed in self.feeds if not feed.paused and feed.transport.context is not None)
        return self.is_video and any(feed.continuity.waiting for feed in ready)

    def kept(self, seq: int) -> Kept | None:
        kept = self._history[seq % HISTORY] if seq >= 0 else None
        return kept if kept is not None and kept.packet.seq == seq else None

    def report(self, feed: Feed, now_ms: int) -> None:
        """Tells a subscriber what time of the sender's clock its packets are of, so that it plays sound and picture in step."""
        clock = self.reception.sender_clock(now_ms) if self.reception is not None else None
        if clock is None or feed.continuity.waiting or not feed.packets:
            return
        ntp, timestamp = clock
        sent = (timestamp + feed.continuity.time_delta) & 0xFFFFFFFF
        feed.transport.send_rtcp(rtcp.sender_report(feed.slot.ssrc, ntp, sent, feed.packets, feed.octets, self._name))
        if len(feed.reported) >= 16:
            del feed.reported[next(iter(feed.reported))]
        feed.reported[ntp >> 16 & 0xFFFFFFFF] = now_ms
