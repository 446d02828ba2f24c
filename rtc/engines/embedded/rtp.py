"""RTP packets as bytes: what the engine reads of one, and what it puts in place of its header. Pure.

Source: RFC 3550 5.1, RFC 8285 (one-byte and two-byte extensions), RFC 4588 (retransmission), RFC 7741 (VP8), RFC 6184 (H.264).
"""

from struct import Struct as Layout
from struct import pack_into, unpack_from

from msgspec import Struct

HEADER_BYTES = 12
FIRST = Layout("!BBHII")
PACKET_BYTES_LIMIT = 1_400  # what still fits a usual path with SRTP's trailer


class Packet(Struct):
    """What is used of one packet. Mutable and without checks: there are thousands a second.

    `level`: 0 (loudest) to 127, -1 not said. `payload`: without padding.
    """

    payload_type: int
    marker: bool
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes
    mid: str = ""
    level: int = -1


def read(data: bytes, mid_extension: int, level_extension: int) -> Packet:
    """Raises: ValueError for what is no whole packet."""
    if len(data) < HEADER_BYTES:
        raise ValueError("too short")
    first, second, seq, timestamp, ssrc = FIRST.unpack_from(data)
    at = HEADER_BYTES + 4 * (first & 15)
    end = len(data)
    packet = Packet(second & 127, second > 127, seq, timestamp, ssrc, b"")
    if first & 0x10:
        if end < at + 4:
            raise ValueError("extension cut off")
        profile, words = unpack_from("!HH", data, at)
        at += 4
        _extensions(packet, profile, data[at : at + 4 * words], mid_extension, level_extension)
        at += 4 * words
    if first & 0x20 and end > at:
        end -= data[-1]
    if end < at:
        raise ValueError("payload cut off")
    packet.payload = data[at:end]
    return packet


def _extensions(packet: Packet, profile: int, data: bytes, mid_extension: int, level_extension: int) -> None:
    short = profile == 0xBEDE
    if not short and profile & 0xFFF0 != 0x1000:
        return
    at, end = 0, len(data)
    while at < end:
        first = data[at]
        if first == 0:
            at += 1
            continue
        if short:
            number, size, at = first >> 4, (first & 15) + 1, at + 1
        else:
            if at + 1 >= end:
                return
            number, size, at = first, data[at + 1], at + 2
        value = data[at : at + size]
        at += size
        if number == level_extension and value:
            packet.level = value[0] & 127
        elif number == mid_extension:
            packet.mid = value.decode("ascii", "replace")


def unwrap_repair(packet: Packet, ssrc: int, payload_type: int) -> bool:
    """Makes the repeated packet of its repetition. Shape: False for one that only probes the way."""
    if len(packet.payload) < 3:
        return False
    packet.seq = int.from_bytes(packet.payload[:2], "big")
    packet.payload = packet.payload[2:]
    packet.ssrc, packet.payload_type = ssrc, payload_type
    return True


# ---- what the engine sends: for all who get it the same bytes, but for the places below


SEQ_AT = 2
MID_AT = HEADER_BYTES + 4 + 1
VIDEO_PREFIX = Layout("!BBHII HH B2s B3s x")
AUDIO_PREFIX = Layout("!BBHII HH B2s B3s B B xxx")


def video_prefix(payload_type: int, marker: bool, send_time: int) -> bytes:
    """Header and extensions with empty places for seq, time, SSRC and mid. `send_time`: 24 bits, 6.18 seconds."""
    return VIDEO_PREFIX.pack(
        0x90, payload_type | (marker << 7), 0, 0, 0, 0xBEDE, 2, 0x11, b"\0\0", 0x32, (send_time & 0xFFFFFF).to_bytes(3, "big")
    )


def audio_prefix(payload_type: int, marker: bool, send_time: int, level: int) -> bytes:
    """As for video, and how loud it is. `level`: 0 to 127."""
    return AUDIO_PREFIX.pack(
        *(0x90, payload_type | (marker << 7), 0, 0, 0, 0xBEDE, 3, 0x11, b"\0\0"),
        *(0x32, (send_time & 0xFFFFFF).to_bytes(3, "big"), 0x20, level & 127),
    )


VIDEO_PREFIX_BYTES, AUDIO_PREFIX_BYTES = VIDEO_PREFIX.size, AUDIO_PREFIX.size


def wrap_repair(packet: bytes, payload_type: int, seq: int, ssrc: int, prefix_bytes: int) -> bytes:
    """The repetition of a packet as it was sent. Source: RFC 4588 4."""
    again = bytearray(packet[:prefix_bytes])
    again[1] = (again[1] & 0x80) | payload_type
    pack_into("!H", again, SEQ_AT, seq)
    pack_into("!I", again, 8, ssrc)
    return bytes(again) + packet[SEQ_AT : SEQ_AT + 2] + packet[prefix_bytes:]


def after(seq: int, other: int) -> bool:
    """Whether `seq` comes later than `other`, of numbers that begin anew after 65,535."""
    return 0 < (seq - other) & 0xFFFF < 0x8000


# ---- where a picture begins


class Vp8(Struct):
    """A VP8 descriptor. `picture`, `tl0`: -1 where absent. The `_at`: where they stand in the payload."""

    is_start: bool = False
    is_key: bool = False
    picture: int = -1
    picture_at: int = 0
    picture_bits: int = 0
    tl0: int = -1
    tl0_at: int = 0
    size: int = 0


def read_vp8(payload: bytes) -> Vp8:
    """Shape: an empty descriptor (size 0) for what is none. Source: RFC 7741 4.2."""
    found = Vp8()
    end = len(payload)
    if end < 2:
        return found
    first, at = payload[0], 1
    if first & 0x80:
        extension, at = payload[1], 2
        if extension & 0x80:
            if at >= end or (payload[at] & 0x80 and at + 1 >= end):
                return found
            found.picture_at = at
            if payload[at] & 0x80:
                found.picture, found.picture_bits, at = ((payload[at] & 0x7F) << 8) | payload[at + 1], 15, at + 2
            else:
                found.picture, found.picture_bits, at = payload[at], 7, at + 1
        if extension & 0x40:
            if at >= end:
                return found
            found.tl0, found.tl0_at, at = payload[at], at, at + 1
        if extension & 0x30:
            at += 1
    if at >= end:
        return Vp8()
    found.size = at
    found.is_start = bool(first & 0x10) and first & 0x07 == 0
    found.is_key = found.is_start and payload[at] & 1 == 0
    return found


def vp8_size(frame: bytes) -> tuple[int, int]:
    """Width and height of a key frame; (0, 0) of another. Source: RFC 6386 9.1."""
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return (0, 0)
    width, height = unpack_from("<HH", frame, 6)
    return (width & 0x3FFF, height & 0x3FFF)


def begins_h264_key(payload: bytes) -> bool:
    """Whether a key picture begins here: with its parameters, or with the picture itself."""
    if not payload:
        return False
    unit = payload[0] & 31
    if unit == 24:  # several in one
        return len(payload) > 3 and payload[3] & 31 in (5, 7)
    if unit == 28:  # one in pieces
        return len(payload) > 1 and payload[1] & 0x80 != 0 and payload[1] & 31 in (5, 7)
    return unit in (5, 7)
