"""Packets of the embedded engine: read, rewritten without a seam, repeated, put together to frames."""

import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.engines.embedded import rtcp, rtp
from rtc.engines.embedded.codecs import OPUS, VP8
from rtc.engines.embedded.continuity import Continuity
from rtc.engines.embedded.frames import WAITING_LIMIT, Assembler
from rtc.engines.embedded.rtcp import KeyframeWanted, Nack, ReceiverReport, Remb, Report, SenderReport

seqs, words = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


def vp8(picture: int, *, key: bool = False, start: bool = True, tl0: int = 0, body: bytes = b"body") -> bytes:
    """A payload with a picture number of 15 bits and a TL0PICIDX."""
    return bytes([0x90 if start else 0x80, 0xC0]) + struct.pack("!HB", 0x8000 | picture & 0x7FFF, tl0) + bytes([0 if key else 1]) + body


# ---- reading


@given(st.binary(max_size=200), st.integers(0, 14), st.integers(0, 14))
@settings(max_examples=1_000)
def test_any_bytes_are_a_packet_or_refused(data: bytes, mid: int, level: int) -> None:
    try:
        packet = rtp.read(data, mid, level)
    except ValueError:
        return
    assert len(packet.payload) <= len(data) - rtp.HEADER_BYTES
    rtp.read_vp8(packet.payload)
    rtp.begins_h264_key(packet.payload)
    rtcp.read(data)


@given(st.integers(0, 127), st.booleans(), seqs, words, words, st.binary(max_size=50), st.sampled_from([0xBEDE, 0x1000]))
@settings(max_examples=300)
def test_a_packet_says_its_mid_and_level_in_either_form_of_extension(
    form: int, marker: bool, seq: int, timestamp: int, ssrc: int, payload: bytes, profile: int
) -> None:
    extensions = (bytes([0x30, 17, 0x41]) if profile == 0xBEDE else bytes([3, 1, 17, 4, 2])) + b"ab"
    extensions += bytes(-len(extensions) % 4)
    head = struct.pack("!BBHII", 0x90, form | (marker << 7), seq, timestamp, ssrc)
    packet = rtp.read(head + struct.pack("!HH", profile, len(extensions) // 4) + extensions + payload, 4, 3)
    assert (packet.payload_type, packet.marker, packet.seq, packet.timestamp, packet.ssrc) == (form, marker, seq, timestamp, ssrc)
    assert (packet.mid, packet.level, packet.payload) == ("ab", 17, payload)


def test_padding_and_sources_that_contributed_are_no_payload() -> None:
    head = struct.pack("!BBHII", 0xA2, 96, 1, 2, 3) + bytes(8)
    assert rtp.read(head + b"data" + bytes([0, 0, 3]), 0, 0).payload == b"data"
    with pytest.raises(ValueError):
        rtp.read(head + bytes([200]), 0, 0)


@given(st.integers(0, 127), st.booleans(), words, st.integers(0, 127), st.binary(max_size=30))
def test_what_is_sent_can_be_read(form: int, marker: bool, send_time: int, level: int, payload: bytes) -> None:
    data = bytearray(rtp.audio_prefix(form, marker, send_time, level) + payload)
    Continuity("ab", 77, 48_000, 5, 6).write(data, rtp.Packet(form, marker, 100, 200, 1, payload), None, rtp.AUDIO_PREFIX_BYTES, 0)
    packet = rtp.read(bytes(data), 1, 2)
    assert (packet.mid, packet.level, packet.payload, packet.marker, packet.ssrc) == ("ab", level, payload, marker, 77)
    data = bytearray(rtp.video_prefix(form, marker, send_time) + payload)
    Continuity("zz", 78, 90_000, 5, 6).write(data, rtp.Packet(form, marker, 100, 200, 1, payload), None, rtp.VIDEO_PREFIX_BYTES, 0)
    packet = rtp.read(bytes(data), 1, 2)
    assert (packet.mid, packet.level, packet.payload, packet.marker, packet.ssrc) == ("zz", -1, payload, marker, 78)


@given(st.integers(0, 0x7FFF), st.booleans(), st.booleans(), st.integers(0, 255))
def test_a_vp8_descriptor_is_read(picture: int, key: bool, start: bool, tl0: int) -> None:
    found = rtp.read_vp8(vp8(picture, key=key, start=start, tl0=tl0))
    assert (found.picture, found.tl0, found.is_start, found.is_key, found.size) == (picture, tl0, start, key and start, 5)


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x67\x42", True),
        (b"\x65\x88", True),
        (b"\x41\x9a", False),
        (b"\x78\x00\x10\x67", True),
        (b"\x7c\x85\x88", True),
        (b"\x7c\x05", False),
    ],
    ids=range(6),
)
def test_where_a_key_picture_of_h264_begins(payload: bytes, begins: bool) -> None:
    assert rtp.begins_h264_key(payload) is begins


# ---- rewriting


def written(numbers: Continuity, packet: rtp.Packet, now_ms: int) -> tuple[int, int, rtp.Vp8]:
    """Seq, timestamp and descriptor as a subscriber gets them."""
    found = rtp.read_vp8(packet.payload)
    data = bytearray(rtp.video_prefix(96, False, 0) + packet.payload)
    numbers.write(data, packet, found, rtp.VIDEO_PREFIX_BYTES, now_ms)
    sent = rtp.read(bytes(data), 1, 2)
    return sent.seq, sent.timestamp, rtp.read_vp8(sent.payload)


@st.composite
def stretches(draw: st.DrawFn) -> list[tuple[int, int, int, int, int, bool]]:
    """Parts of a section's life: where its source's numbers begin, how many packets, and whether it is another source."""
    count = draw(st.integers(1, 6))
    return [
        (draw(seqs), draw(words), draw(st.integers(0, 0x7FFF)), draw(st.integers(0, 255)), draw(st.integers(1, 40)), draw(st.booleans()))
        for _ in range(count)
    ]


@given(stretches(), seqs, words)
@settings(max_examples=500, deadline=None)
def test_whatever_sources_do_a_subscriber_sees_one_stream(parts: list[tuple[int, int, int, int, int, bool]], first: int, time: int) -> None:
    numbers = Continuity("aa", 5, 90_000, first, time)
    sent: list[tuple[int, int, int, int]] = []
    stream, now_ms = object(), 0
    for seq, timestamp, picture, tl0, count, is_other in parts:
        numbers.pause()
        stream = object() if is_other or not sent else stream
        now_ms += 500
        for at in range(count):
            body = vp8(picture + at, key=at == 0, tl0=(tl0 + at) % 256)
            packet = rtp.Packet(96, False, (seq + at) & 0xFFFF, (timestamp + at * 3_000) & 0xFFFFFFFF, 1, body)
            if numbers.waiting:
                numbers.begin(packet, rtp.read_vp8(body), stream, now_ms)
            assert numbers.takes(packet.seq)
            got = written(numbers, packet, now_ms)
            sent.append((got[0], got[1], got[2].picture, got[2].tl0))
            now_ms += 33
    assert sent[0][0] == first
    for (seq, _, picture, tl0), (next_seq, _, next_picture, next_tl0) in itertools.pairwise(sent):
        assert next_seq == (seq + 1) & 0xFFFF
        assert next_picture == (picture + 1) & 0x7FFF
        assert next_tl0 == (tl0 + 1) & 0xFF


@given(seqs, words, st.lists(st.integers(0, 63), min_size=1, max_size=64, unique=True))
@settings(max_examples=500, deadline=None)
def test_a_gap_and_another_order_stay_what_they_were(base: int, timestamp: int, order: list[int]) -> None:
    numbers = Continuity("aa", 5, 90_000, 1_000, 0)
    begin = rtp.Packet(96, False, base, timestamp, 1, vp8(0, key=True))
    numbers.begin(begin, rtp.read_vp8(begin.payload), "s", 0)
    for at in [0, *(number + 1 for number in order)]:
        packet = rtp.Packet(96, False, (base + at) & 0xFFFF, timestamp, 1, vp8(at))
        assert written(numbers, packet, at)[0] == 1_000 + at
        assert numbers.source_seq(1_000 + at) == packet.seq


def test_the_time_of_another_source_goes_on_by_the_clock() -> None:
    numbers = Continuity("aa", 5, 90_000, 0, 1_000)
    one, two = (rtp.Packet(96, False, seq, timestamp, 1, vp8(0, key=True)) for seq, timestamp in ((7, 70_000), (900, 5)))
    numbers.begin(one, rtp.read_vp8(one.payload), "one", 0)
    assert written(numbers, one, 0)[1] == 1_000
    numbers.pause()
    numbers.begin(two, rtp.read_vp8(two.payload), "two", 2_000)
    assert written(numbers, two, 2_000)[1] == 1_000 + 2_000 * 90


def test_what_comes_late_from_before_a_seam_is_not_sent_nor_repeated() -> None:
    numbers = Continuity("aa", 5, 90_000, 0, 0)
    packet = rtp.Packet(96, False, 500, 0, 1, vp8(0, key=True))
    numbers.begin(packet, rtp.read_vp8(packet.payload), "s", 0)
    assert (numbers.takes(499), numbers.takes(500), numbers.takes(501)) == (False, True, True)
    assert numbers.source_seq(0xFFFF) == -1
    numbers.pause()
    assert not numbers.takes(501)


@given(seqs, words, st.binary(min_size=1, max_size=40))
def test_a_repetition_is_unwrapped_to_what_was_sent(seq: int, ssrc: int, payload: bytes) -> None:
    data = bytearray(rtp.video_prefix(96, True, 9) + payload)
    Continuity("aa", ssrc, 90_000, 0, 0).write(data, rtp.Packet(96, True, seq, 4, 1, payload), None, rtp.VIDEO_PREFIX_BYTES, 0)
    again = rtp.read(rtp.wrap_repair(bytes(data), 97, 3, 44, rtp.VIDEO_PREFIX_BYTES), 1, 2)
    assert (again.payload_type, again.seq, again.ssrc, again.marker, again.mid) == (97, 3, 44, True, "aa")
    assert rtp.unwrap_repair(again, ssrc, 96)
    assert (again.seq, again.ssrc, again.payload_type, again.payload) == (seq, ssrc, 96, payload)


# ---- reports


@given(
    words, st.lists(st.tuples(words, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), words, words, words, words), max_size=5)
)
def test_reports_are_read_as_written(own: int, blocks: list[tuple[int, int, int, int, int, int, int]]) -> None:
    reports = tuple(Report(ssrc, lost / 256, *rest) for ssrc, lost, *rest in blocks)
    assert rtcp.read(rtcp.receiver_report(own, reports)) == [ReceiverReport(reports)]


@given(words, words, st.lists(seqs, min_size=1, max_size=60, unique=True).map(sorted))
def test_what_is_missing_is_read_as_written(own: int, ssrc: int, missing: list[int]) -> None:
    (found,) = rtcp.read(rtcp.nack(own, ssrc, missing))
    assert isinstance(found, Nack)
    assert (found.ssrc, sorted(found.seqs)) == (ssrc, missing)


@given(words, st.integers(0, (1 << 64) - 1), words, st.text(max_size=300), st.integers(1, 1 << 34))
def test_a_compound_packet_is_read_whole(ssrc: int, ntp: int, timestamp: int, name: str, bits: int) -> None:
    whole = rtcp.sender_report(ssrc, ntp, timestamp, 1, 2, name) + rtcp.keyframe_wanted(1, ssrc) + rtcp.remb(1, bits, [ssrc])
    report, wanted, estimate = rtcp.read(whole)
    assert report == SenderReport(ssrc, ntp, timestamp, ())
    assert wanted == KeyframeWanted((ssrc,))
    assert isinstance(estimate, Remb)
    assert bits * 0.99 - 1 <= estimate.bits_per_s <= bits
    assert rtcp.read(whole[:-1]) == [report, wanted]


def test_a_full_intra_request_is_a_wish_for_a_key_frame() -> None:
    assert rtcp.read(struct.pack("!BBHIIII", 0x84, 206, 4, 1, 0, 99, 0)) == [KeyframeWanted((99,))]


# ---- frames


def packets_of(pictures: int, per_picture: int, key_every: int) -> list[rtp.Packet]:
    return [
        rtp.Packet(
            *(96, part == per_picture - 1, (65_530 + picture * per_picture + part) & 0xFFFF, picture * 3_000, 1),
            vp8(picture, key=picture % key_every == 0, start=part == 0, body=b"%d.%d " % (picture, part)),
        )
        for picture in range(pictures)
        for part in range(per_picture)
    ]


@given(st.integers(1, 30), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_frames_come_whole_and_in_order_whatever_the_order_of_packets(pictures: int, per_picture: int, chance: random.Random) -> None:
    packets = packets_of(pictures, per_picture, 10)
    shuffled = packets[:1] + sorted(packets[1:], key=lambda packet: ((packet.seq - 65_530) & 0xFFFF) + chance.uniform(0, 20))
    assembler = Assembler(VP8)
    frames = [frame for packet in shuffled for frame in assembler.take(packet)]
    assert [frame.at_ms for frame in frames] == [picture * 1000 // 30 for picture in range(pictures)]
    assert [frame.is_key for frame in frames] == [picture % 10 == 0 for picture in range(pictures)]
    assert frames[-1].data.count(b" ") == per_picture
    assert assembler.holes == 0


def test_after_a_hole_pictures_begin_again_with_a_key_frame() -> None:
    packets = packets_of(200, 2, 50)
    del packets[21]
    assembler = Assembler(VP8)
    frames = [frame for packet in packets for frame in assembler.take(packet)]
    pictures = [int(frame.data[1:].split(b".")[0]) for frame in frames]
    assert pictures == [*range(10), *range(50, 200)]
    assert assembler.holes == 1
    assert not assembler.needs_key


def test_a_missing_packet_is_waited_for_only_so_long() -> None:
    assembler = Assembler(OPUS)
    assembler.take(rtp.Packet(111, False, 0, 0, 1, b"x"))
    late = [len(assembler.take(rtp.Packet(111, False, seq, seq * 960, 1, b"x"))) for seq in range(2, WAITING_LIMIT + 3)]
    assert late == [0] * (WAITING_LIMIT - 1) + [WAITING_LIMIT, 1]
    assert assembler.take(rtp.Packet(111, False, 1, 960, 1, b"x")) == []
