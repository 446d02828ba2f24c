"""What a leg whose way is slow should send and get, and how good its media is, from Janus' words and figures."""

import json

import pytest

from rtc.engines.janus.quality import Handle, decode, quality
from rtc.engines.janus.strain import (
    CAP_KBPS_LEAST,
    PAUSE_MS,
    QUIET_MS,
    WORDS_TO_SOUND_ONLY,
    WORDS_WITHIN_MS,
    Strain,
    eased,
    lost_on_the_way_here,
    lost_on_the_way_there,
)
from schemas.call_values import Quality

MOST = 2_000


def test_each_word_halves_the_cap_and_each_quiet_while_doubles_it_until_there_is_none() -> None:
    strain, now_ms, caps = Strain(), 5_000, []
    for _ in range(6):
        strain = lost_on_the_way_here(strain, now_ms, MOST)
        caps.append(strain.cap_kbps)
        now_ms += PAUSE_MS
    assert caps == [1_000, 500, 250, CAP_KBPS_LEAST, CAP_KBPS_LEAST, CAP_KBPS_LEAST]
    back = []
    for _ in range(5):
        now_ms += QUIET_MS
        strain = eased(strain, now_ms, MOST)
        back.append(strain.cap_kbps)
    assert back == [300, 600, 1_200, 0, 0]


def test_a_word_right_after_the_last_changes_nothing() -> None:
    once = lost_on_the_way_here(Strain(), 5_000, MOST)
    assert lost_on_the_way_here(once, 5_000 + PAUSE_MS - 1, MOST) == once
    assert eased(once, 5_000 + QUIET_MS - 1, MOST) == once


def words(*at_ms: int) -> Strain:
    strain = Strain()
    for each in at_ms:
        strain = lost_on_the_way_there(strain, each)
    return strain


def test_pictures_go_after_several_words_in_a_short_time_and_come_back_after_a_quiet_while() -> None:
    close = [1_000 * at for at in range(1, WORDS_TO_SOUND_ONLY + 1)]
    assert not words(*close[:-1]).audio_only
    strain = words(*close)
    assert strain.audio_only
    assert eased(strain, close[-1] + QUIET_MS - 1, MOST).audio_only
    assert eased(strain, close[-1] + QUIET_MS, MOST) == Strain(got_ms=close[-1])
    assert not words(*(WORDS_WITHIN_MS * at for at in range(1, 20))).audio_only  # each alone


def medium(rtcp: dict[str, int], into: dict[str, int], out: dict[str, int]) -> dict[str, object]:
    return {"rtcp": {"main": rtcp}, "stats": {"in": into, "out": out}}


def handle(*media: dict[str, object]) -> Handle:
    info = decode(json.dumps({"janus": "success", "transaction": "1", "info": {"webrtc": {"media": dict(enumerate(media))}}}))
    assert info is not None
    return info.info


def test_quality_is_of_both_ways_together() -> None:
    publisher = handle(medium({"lost": 10, "jitter-local": 7, "rtt": 0}, {"packets": 90}, {}))
    subscriber = handle(
        medium({"lost-by-remote": 20, "rtt": 40, "jitter-remote": 3}, {}, {"packets": 100, "bytes_lastsec": 12_500}),
        medium({"rtt": 35}, {}, {"packets": 180, "bytes_lastsec": 125_000}),
    )
    assert quality(publisher, subscriber) == Quality(loss_ratio=30 / 400, rtt_ms=40, jitter_ms=7, bitrate_kbps=1_100)


def test_without_a_packet_there_is_no_quality() -> None:
    assert quality(Handle(), Handle()) is None
    assert quality(handle(medium({"lost": 5}, {}, {})), Handle()) is None


def test_figures_that_make_no_sense_stay_within_bounds() -> None:
    found = quality(handle(medium({"lost": -5, "rtt": -1, "jitter-local": -3}, {"packets": 10}, {})), Handle())
    assert found == Quality(0.0, 0, 0, 0)


@pytest.mark.parametrize("raw", ["", "[]", '{"janus": 1}', '{"janus":"success","info":{"webrtc":{"media":{"0":{"rtcp":5}}}}}'])
def test_figures_that_cannot_be_understood_are_none(raw: str) -> None:
    assert decode(raw) is None


def test_a_handle_that_is_gone_has_no_figures() -> None:
    answer = decode('{"janus":"error","transaction":"1","error":{"code":459,"reason":"no such handle"}}')
    assert answer is not None
    assert answer.info == Handle()
