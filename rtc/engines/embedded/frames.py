"""Whole encoded pictures and pieces of sound out of packets that come in almost any order: for recording, without decoding. Pure.

Rule: after a hole, pictures begin again with a key frame: a recording has gaps, and no garbage.
"""

from collections.abc import Callable

from msgspec import Struct

from rtc.engines.embedded import rtp
from rtc.engines.embedded.codecs import Codec
from rtc.engines.embedded.rtp import Packet, after

WAITING_LIMIT = 128  # packets held back for one that is missing
FRAME_BYTES_LIMIT = 4 << 20
TIMES = 1 << 32


class Frame(Struct, frozen=True):
    """`at_ms`: since the first frame of the track."""

    at_ms: int
    data: bytes
    is_key: bool
    width: int = 0
    height: int = 0


class Assembler:
    """The packets of one stream. `holes`: how often something was missing for good."""

    def __init__(self, codec: Codec) -> None:
        self._is_video = codec.kind == "video"
        self._clock_hz = codec.clock_hz
        self._next = -1
        self._waiting: dict[int, Packet] = {}
        self._parts: list[bytes] = []
        self._bytes = 0
        self._key = self._began = False
        self._needs_key = self._is_video
        self._last_timestamp = -1
        self._ticks = 0  # of the stream's clock since its first frame, past what 32 bits hold
        self.holes = 0

    @property
    def needs_key(self) -> bool:
        return self._needs_key

    def take(self, packet: Packet) -> list[Frame]:
        """The frames that are whole with this packet, in order."""
        if self._next < 0:
            self._next = packet.seq
        if packet.seq != self._next and not after(packet.seq, self._next):
            return []  # it came too late, or again
        self._waiting[packet.seq] = packet
        frames: list[Frame] = []
        while self._waiting:
            found = self._waiting.pop(self._next, None)
            if found is None:
                if len(self._waiting) < WAITING_LIMIT:
                    break
                self._skip()
                continue
            self._next = (self._next + 1) & 0xFFFF
            self._add(found, frames.append)
        return frames

    def _skip(self) -> None:
        base = self._next
        self._next = min(self._waiting, key=lambda seq: (seq - base) & 0xFFFF)
        self.holes += 1
        self._drop()

    def _drop(self) -> None:
        self._parts, self._bytes, self._began = [], 0, False
        self._needs_key = self._is_video

    def _add(self, packet: Packet, whole: Callable[[Frame], None]) -> None:
        if not packet.payload:
            return
        if not self._is_video:
            whole(Frame(self._at_ms(packet.timestamp), packet.payload, is_key=True))
            return
        vp8 = rtp.read_vp8(packet.payload)
        if vp8.is_start:
            self._parts, self._bytes, self._began, self._key = [], 0, True, vp8.is_key
        if not self._began or not vp8.size or self._bytes > FRAME_BYTES_LIMIT:
            return
        self._parts.append(packet.payload[vp8.size :])
        self._bytes += len(packet.payload)
        if packet.marker:
            self._finish(packet.timestamp, whole)

    def _finish(self, timestamp: int, whole: Callable[[Frame], None]) -> None:
        data, self._began = b"".join(self._parts), False
        if self._needs_key and not self._key:
            return
        self._needs_key = False
        width, height = rtp.vp8_size(data)
        whole(Frame(self._at_ms(timestamp), data, self._key, width, height))

    def _at_ms(self, timestamp: int) -> int:
        if self._last_timestamp >= 0:
            step = (timestamp - self._last_timestamp + TIMES // 2) % TIMES - TIMES // 2
            self._ticks += max(0, step)  # a clock that was set back stands still
        self._last_timestamp = timestamp
        return self._ticks * 1000 // self._clock_hz
