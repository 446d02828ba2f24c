"""RTCP as values, read and written: what the engine uses of it. Pure.

Source: RFC 3550 6.4-6.6, RFC 4585 6, RFC 5104 4.3.1 (FIR), draft-alvestrand-rmcat-remb-03.
"""

from collections.abc import Iterable
from struct import error as Short
from struct import pack, unpack_from

from msgspec import Struct

LOST_LIMIT = 512  # of one request for repetition


class Report(Struct, frozen=True):
    """What a receiver says of one SSRC. `lost_ratio`: since the report before."""

    ssrc: int
    lost_ratio: float
    lost: int
    highest_seq: int
    jitter: int
    last_sr: int
    since_sr: int


class SenderReport(Struct, frozen=True):
    ssrc: int
    ntp: int
    timestamp: int
    reports: tuple[Report, ...]


class ReceiverReport(Struct, frozen=True):
    reports: tuple[Report, ...]


class Nack(Struct, frozen=True):
    ssrc: int
    seqs: tuple[int, ...]


class KeyframeWanted(Struct, frozen=True):
    ssrcs: tuple[int, ...]


class Remb(Struct, frozen=True):
    bits_per_s: int


Message = SenderReport | ReceiverReport | Nack | KeyframeWanted | Remb


def read(data: bytes) -> list[Message]:
    """What a compound packet says that the engine uses, up to the first part that is broken."""
    found: list[Message] = []
    at = 0
    while at + 8 <= len(data):
        first, kind, words = unpack_from("!BBH", data, at)
        size = 4 * (words + 1)
        if first >> 6 != 2 or at + size > len(data):
            break
        try:
            message = _message(kind, first & 31, data[at + 4 : at + size])
        except Short:
            break
        if message is not None:
            found.append(message)
        at += size
    return found


def _message(kind: int, count: int, body: bytes) -> Message | None:
    if kind == 200:
        ssrc, ntp, timestamp = unpack_from("!IQI", body)
        return SenderReport(ssrc, ntp, timestamp, _reports(body, 24, count))
    if kind == 201:
        return ReceiverReport(_reports(body, 4, count))
    if kind == 205 and count == 1:
        return Nack(unpack_from("!I", body, 4)[0], _lost(body[8:]))
    if kind == 206 and count == 1:
        return KeyframeWanted((unpack_from("!I", body, 4)[0],))
    if kind == 206 and count == 4:
        return KeyframeWanted(tuple(unpack_from("!I", body, at)[0] for at in range(8, len(body) - 7, 8)))
    if kind == 206 and count == 15 and body[8:12] == b"REMB":
        packed = int.from_bytes(body[13:16], "big")
        return Remb((packed & 0x3FFFF) << (packed >> 18))
    return None


def _reports(body: bytes, at: int, count: int) -> tuple[Report, ...]:
    reports = []
    for begin in range(at, at + 24 * count, 24):
        ssrc, lost, highest, jitter, last_sr, since_sr = unpack_from("!IIIIII", body, begin)
        total = lost & 0xFFFFFF
        reports.append(Report(ssrc, (lost >> 24) / 256, total - ((total & 0x800000) << 1), highest, jitter, last_sr, since_sr))
    return tuple(reports)


def _lost(body: bytes) -> tuple[int, ...]:
    seqs: list[int] = []
    for at in range(0, len(body) - 3, 4):
        first, mask = unpack_from("!HH", body, at)
        seqs.append(first)
        seqs += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(seqs) > LOST_LIMIT:
            break
    return tuple(seqs[:LOST_LIMIT])


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int, name: str) -> bytes:
    """With the name that binds what is played in step (RFC 3550 6.5.1)."""
    info = pack("!IQIII", ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    text = name.encode()[:255]
    item = pack("!IBB", ssrc, 1, len(text)) + text
    return _packet(200, 0, info) + _packet(202, 1, item + bytes(4 - len(item) % 4))


def receiver_report(own_ssrc: int, reports: Iterable[Report]) -> bytes:
    blocks = [
        pack(
            "!IIIIII",
            report.ssrc,
            min(255, int(report.lost_ratio * 256)) << 24 | report.lost & 0xFFFFFF,
            *(report.highest_seq & 0xFFFFFFFF, report.jitter & 0xFFFFFFFF, report.last_sr, report.since_sr),
        )
        for report in reports
    ]
    return _packet(201, len(blocks), pack("!I", own_ssrc) + b"".join(blocks))


def nack(own_ssrc: int, ssrc: int, seqs: Iterable[int]) -> bytes:
    """Asks for repetition. Shape: `seqs` in ascending order of their turn."""
    pairs: list[tuple[int, int]] = []
    for seq in seqs:
        distance = (seq - pairs[-1][0]) & 0xFFFF if pairs else 0
        if pairs and 0 < distance <= 16:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << (distance - 1))
        elif not pairs or distance:
            pairs.append((seq, 0))
    return _packet(205, 1, pack("!II", own_ssrc, ssrc) + b"".join(pack("!HH", *pair) for pair in pairs))


def keyframe_wanted(own_ssrc: int, ssrc: int) -> bytes:
    return _packet(206, 1, pack("!II", own_ssrc, ssrc))


def remb(own_ssrc: int, bits_per_s: int, ssrcs: list[int]) -> bytes:
    exponent = max(0, bits_per_s.bit_length() - 18)
    packed = exponent << 18 | bits_per_s >> exponent
    body = b"REMB" + bytes([len(ssrcs)]) + packed.to_bytes(3, "big") + b"".join(pack("!I", ssrc) for ssrc in ssrcs)
    return _packet(206, 15, pack("!II", own_ssrc, 0) + body)


def is_rtcp(second_byte: int) -> bool:
    """Of what shares a port with RTP. Source: RFC 5761 4."""
    return 192 <= second_byte <= 223
