"""What one subscriber's section says of seq, time and picture numbers, so that its stream has no seam where its source has. Pure.

A source may pause for the subscriber (muted, not wanted, audio only), or be another one from now on (a new generation of the publisher, a
section that is used again): the numbers go on from what was sent last, and a gap in what comes in stays a gap in what goes out.
"""

from struct import pack_into

from rtc.engines.embedded.rtp import MID_AT, SEQ_AT, Packet, Vp8, after

SEQS = 1 << 16
TIMES = 1 << 32


class Continuity:
    """The numbers of one section. Rule: packets from before the last seam are not sent; their place is taken."""

    def __init__(self, mid: str, ssrc: int, clock_hz: int, first_seq: int, first_timestamp: int) -> None:
        self.mid = mid.encode("ascii")
        self.ssrc = ssrc
        self.clock_hz = clock_hz
        self.waiting = True  # for a packet from which the receiver can begin
        self.seq_delta = self.time_delta = 0
        self.picture_delta = self.tl0_delta = 0
        self.begin_seq = 0  # of the source, at the last seam
        self._stream: object = None
        self._last_seq = (first_seq - 1) % SEQS
        self._last_timestamp = first_timestamp
        self._last_ms = -1
        self._last_picture = self._last_tl0 = -1

    def pause(self) -> None:
        self.waiting = True

    def begin(self, packet: Packet, vp8: Vp8 | None, stream: object, now_ms: int) -> None:
        """The next packet of the section is this one. `stream`: whose; the same one keeps its time, as it went on meanwhile."""
        self.waiting = False
        self.begin_seq = packet.seq
        self.seq_delta = (self._last_seq + 1 - packet.seq) % SEQS
        if stream is not self._stream:
            self._stream = stream
            passed_ms = max(1, now_ms - self._last_ms) if self._last_ms >= 0 else 0
            self.time_delta = (self._last_timestamp + passed_ms * self.clock_hz // 1000 - packet.timestamp) % TIMES
        if vp8 is not None and vp8.picture >= 0:
            self.picture_delta = (self._last_picture + 1 - vp8.picture) % (1 << vp8.picture_bits) if self._last_picture >= 0 else 0
        if vp8 is not None and vp8.tl0 >= 0:
            self.tl0_delta = (self._last_tl0 + 1 - vp8.tl0) % 256 if self._last_tl0 >= 0 else 0

    def takes(self, seq: int) -> bool:
        return not self.waiting and not after(self.begin_seq, seq)

    def write(self, data: bytearray | memoryview, packet: Packet, vp8: Vp8 | None, prefix_bytes: int, now_ms: int) -> None:
        """Puts the section's numbers into a packet that is otherwise ready."""
        seq = (packet.seq + self.seq_delta) % SEQS
        timestamp = (packet.timestamp + self.time_delta) % TIMES
        pack_into("!HII", data, SEQ_AT, seq, timestamp, self.ssrc)
        data[MID_AT : MID_AT + 2] = self.mid
        if after(seq, self._last_seq):
            self._last_seq, self._last_timestamp, self._last_ms = seq, timestamp, now_ms
        if vp8 is not None:
            self._write_vp8(data, vp8, prefix_bytes)

    def _write_vp8(self, data: bytearray | memoryview, vp8: Vp8, prefix_bytes: int) -> None:
        if vp8.picture >= 0:
            picture = (vp8.picture + self.picture_delta) % (1 << vp8.picture_bits)
            self._last_picture = picture
            if self.picture_delta:
                at = prefix_bytes + vp8.picture_at
                if vp8.picture_bits == 15:
                    pack_into("!H", data, at, 0x8000 | picture)
                else:
                    data[at] = picture
        if vp8.tl0 >= 0:
            self._last_tl0 = (vp8.tl0 + self.tl0_delta) % 256
            if self.tl0_delta:
                data[prefix_bytes + vp8.tl0_at] = self._last_tl0

    def source_seq(self, sent_seq: int) -> int:
        """The source's number of a packet that was sent. Shape: -1 for one from before the last seam."""
        seq = (sent_seq - self.seq_delta) % SEQS
        return -1 if after(self.begin_seq, seq) else seq

    @property
    def last_seq(self) -> int:
        return self._last_seq
