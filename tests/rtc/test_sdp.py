"""Descriptions and candidates before an engine sees them."""

import pytest

from rtc.sdp import Limits, candidate_fault, sdp_fault
from schemas.call_signals import Track

HEAD = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdef0123456789", "a=fingerprint:sha-256 AA:BB"]
AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtpmap:111 opus/48000/2"]
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:1", "a=rtpmap:96 VP8/90000"]
DATA = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:2"]
GOOD = [*HEAD, *AUDIO, *ICE, *VIDEO]


def text(*lines: str) -> str:
    return "\r\n".join(lines) + "\r\n"


def code(sdp: str, *tracks: Track, limits: Limits | None = None) -> str:
    fault = sdp_fault(sdp, "publish", tracks, limits or Limits())
    return "" if fault is None else fault.code


def test_a_description_of_a_browser_passes() -> None:
    assert code(text(*GOOD)) == ""
    assert code(text(*GOOD), Track("0", "microphone"), Track("1", "camera")) == ""
    assert code("\n".join(GOOD)) == ""


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "x",
        "v=0",
        "{}",
        text("hello"),
        text(*HEAD, "no line"),
        text(*AUDIO),
        text(*HEAD, "m=audio x y", "a=mid:0", *ICE),
        text(*GOOD) + "\0",
    ],
    ids=["empty", "letter", "version_only", "json", "words", "half", "no_session", "bad_media", "nul"],
)
def test_what_is_no_sdp_is_invalid(sdp: str) -> None:
    assert code(sdp) == "invalid"


def test_a_megabyte_is_too_long_in_letters_and_in_bytes() -> None:
    assert code(text(*GOOD, *["a=x:" + "y" * 1_000] * 1_000)) == "too_long"
    assert code(text(*GOOD, "a=x:" + "€" * 30_000)) == "too_long"


def test_without_audio_and_video_there_is_no_media() -> None:
    assert code(text(*HEAD, *ICE)) == "no_media"
    assert code(text(*HEAD, *DATA, *ICE)) == "no_media"


def test_a_hundred_media_sections_are_too_many() -> None:
    many = [line for number in range(9) for line in [VIDEO[0], f"a=mid:{number}"]]
    assert code(text(*HEAD, *ICE, *many)) == "too_many"
    assert sdp_fault(text(*HEAD, *ICE, *many), "subscribe", (), Limits()) is None


@pytest.mark.parametrize("without", [0, 1, 2], ids=["ufrag", "pwd", "fingerprint"])
def test_a_description_says_how_it_is_reached_and_who_it_is(without: int) -> None:
    assert code(text(*HEAD, *AUDIO, *[line for number, line in enumerate(ICE) if number != without])) == "invalid"


def test_tracks_name_sections_that_are_there_each_its_own() -> None:
    assert code(text(*GOOD), Track("7", "camera")) == "invalid"
    assert code(text(*GOOD), Track("1", "camera"), Track("1", "screen")) == "invalid"
    assert code(text(*HEAD, *AUDIO, *ICE, *AUDIO)) == "invalid"


@pytest.mark.parametrize(
    ("candidate", "good"),
    [
        ("", True),
        ("candidate:1 1 udp 2122260223 192.168.1.2 54321 typ host generation 0 ufrag abcd network-id 1", True),
        ("candidate:1 1 UDP 1 a3b1.local 9 typ srflx raddr 0.0.0.0 rport 9", True),
        ("candidate:1 1 tcp 1518280447 10.0.0.1 9 typ host tcptype active", True),
        ("a=candidate:1 1 udp 1 ::1 5 typ relay", True),
        ("candidate", False),
        ("candidate:1 3 udp 1 1.2.3.4 5 typ host", False),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ moon", False),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ host\r\na=x", False),
    ],
    ids=["last", "host", "mdns", "tcp", "prefixed", "word", "component", "type", "two_lines"],
)
def test_a_candidate_is_one_line_of_the_grammar(candidate: str, good: bool) -> None:
    assert (candidate_fault(candidate) is None) == good
