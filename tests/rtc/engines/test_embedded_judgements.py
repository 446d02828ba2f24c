"""What the embedded engine concludes: who is there, who speaks, what a way carries, what is missing, who owns an address."""

import hmac
import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.engines.embedded import limits, stun
from rtc.engines.embedded.flow import Flow
from rtc.engines.embedded.keyframes import KeyframeGate
from rtc.engines.embedded.limits import Bounds, Way
from rtc.engines.embedded.reception import ASKED_TIMES_LIMIT, MISSING_LIMIT, Reception
from rtc.engines.embedded.settings import EmbeddedEngineSettings
from rtc.engines.embedded.speaking import Speech

# ---- flow


def test_a_flow_is_up_lost_up_and_gone() -> None:
    flow = Flow(0, lost_ms=3_000, silent_ms=12_000, gone_ms=30_000)
    assert flow.judge(carries=False, now_ms=100) is None
    flow.media(200)
    assert [flow.judge(True, at) for at in (250, 3_000, 3_200, 9_000)] == ["up", None, "lost", None]
    flow.media(10_000)
    assert [flow.judge(True, at) for at in (10_100, 39_999, 40_000, 90_000)] == ["up", "lost", "gone", None]


def test_who_sends_no_media_is_lost_later() -> None:
    flow = Flow(0, lost_ms=3_000, silent_ms=12_000, gone_ms=30_000)
    flow.media(0)
    assert flow.judge(True, 10) == "up"
    flow.alive(2_900)
    flow.alive(7_000)
    assert [flow.judge(True, at) for at in (10_500, 18_999, 19_000)] == [None, None, "lost"]


# ---- speech


def talk(speech: Speech, user: str, since_ms: int, until_ms: int, dbov: int = 20) -> None:
    for at in range(since_ms, until_ms, 20):
        speech.heard(user, dbov, at)


def names(speech: Speech, now_ms: int) -> tuple[str, ...] | None:
    changed = speech.changed(now_ms)
    return None if changed is None else tuple(speaker.user for speaker in changed)


def test_one_click_is_no_speech_and_two_words_are() -> None:
    speech = Speech()
    talk(speech, "ana", 0, 1_000, dbov=127)
    speech.heard("ana", 10, 1_000)
    assert names(speech, 1_010) is None
    speech.heard("ana", 10, 1_500)
    assert names(speech, 1_510) == ("ana",)
    assert names(speech, 2_300) is None
    assert names(speech, 2_500) == ()


def test_the_first_stays_first_until_another_is_clearly_louder() -> None:
    speech = Speech()
    talk(speech, "ana", 0, 500, dbov=30)
    assert names(speech, 500) == ("ana",)
    for at in range(500, 1_500, 20):
        speech.heard("ana", 30, at)
        speech.heard("bob", 25, at)
    assert names(speech, 1_500) == ("ana", "bob")
    for at in range(1_500, 1_600, 20):
        speech.heard("ana", 30, at)
        speech.heard("bob", 10, at)
    assert names(speech, 1_600) == ("bob", "ana")
    speech.forget("bob")
    assert names(speech, 1_610) == ("ana",)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 127), st.integers(0, 100)), max_size=200))
@settings(max_examples=300, deadline=None)
def test_speakers_are_told_only_when_they_change(heard: list[tuple[str, int, int]]) -> None:
    speech, now_ms = Speech(), 0
    shown: tuple[str, ...] = ()
    for user, dbov, passed_ms in heard:
        now_ms += passed_ms
        speech.heard(user, dbov, now_ms)
        changed = speech.changed(now_ms)
        if changed is not None:
            told = tuple(speaker.user for speaker in changed)
            assert told != shown
            assert len(set(told)) == len(told) <= 5
            assert all(0 <= speaker.level <= 100 for speaker in changed)
            shown = told
    assert names(speech, now_ms + 2_000) in (None, ())


# ---- ways


def test_a_bad_way_gets_audio_only_and_each_try_waits_longer() -> None:
    way, changes = Way(Bounds()), []
    for second in range(400):
        way.reported(0.0 if way.audio_only else 0.4)
        if way.judge(videos=1, now_ms=second * 1_000):
            changes.append((second, way.audio_only))
    assert [only for _, only in changes[:6]] == [True, False, True, False, True, False]
    waits = [tried - fell for (fell, _), (tried, _) in zip(changes[::2], changes[1::2], strict=False)]
    assert waits[:5] == [10, 20, 40, 80, 120]


def test_a_way_recovers_when_the_loss_is_over() -> None:
    way = Way(Bounds())
    for second in range(6):
        way.reported(0.3)
        way.judge(1, second * 1_000)
    assert way.audio_only
    for second in range(6, 30):
        way.reported(0.0)
        way.judge(1, second * 1_000)
    assert not way.audio_only


def test_a_moment_of_loss_changes_nothing() -> None:
    way = Way(Bounds())
    way.reported(0.5)
    assert not way.judge(1, 0)
    for second in range(1, 10):
        way.reported(0.0)
        assert not way.judge(1, second * 1_000)


@pytest.mark.parametrize(("lost_ratio", "audio_only"), [(0.0, False), (0.01, False), (0.05, True)])
def test_an_estimate_below_the_floor_takes_the_picture_only_where_something_is_lost_too(lost_ratio: float, audio_only: bool) -> None:
    way = Way(Bounds())
    for second in range(10):
        way.estimated(90)
        way.reported(lost_ratio)
        way.sent(200, 1_500)
        way.judge(1, second * 1_000)
    assert way.audio_only is audio_only


def test_an_estimate_that_follows_a_still_picture_is_no_bound() -> None:
    way = Way(Bounds())
    for _ in range(20):
        way.estimated(90)
        way.sent(60, 1_500)
    assert way.carries_kbps == 0


def test_an_estimate_below_what_is_sent_bounds_it_and_the_bound_grows_away() -> None:
    way = Way(Bounds())
    way.estimated(400)
    for _ in range(3):
        way.sent(1_000, 1_500)
    assert way.carries_kbps == 400
    assert limits.publisher_kbps(2, 1_500, 150, [(way, 1), (Way(Bounds()), 1)]) == 360
    for _ in range(12):
        way.sent(300, 1_500)
    assert way.carries_kbps == 0
    assert limits.publisher_kbps(2, 1_500, 150, [(way, 1)]) == 1_500


@pytest.mark.parametrize(("participants", "height"), [(1, 720), (2, 720), (3, 480), (5, 480), (6, 360), (10, 360), (11, 180), (90, 180)])
def test_the_more_there_are_the_smaller_is_each(participants: int, height: int) -> None:
    assert limits.height_for(participants) == height


def test_small_changes_are_not_told() -> None:
    assert limits.worth_saying(0, 100)
    assert not limits.worth_saying(1_000, 900)
    assert limits.worth_saying(1_000, 700)


# ---- key frames


@given(st.lists(st.tuples(st.sampled_from(["want", "due", "came"]), st.integers(0, 400)), max_size=60))
def test_a_key_frame_is_asked_for_at_most_so_often_and_no_wish_is_lost(steps: list[tuple[str, int]]) -> None:
    gate, now_ms, asked, wanted = KeyframeGate(500), 0, [], False
    for what, passed_ms in steps:
        now_ms += passed_ms
        wanted = (wanted or what == "want") and what != "came"
        if what == "came":
            gate.came()
        elif gate.want(now_ms) if what == "want" else gate.due(now_ms):
            assert wanted
            asked.append(now_ms)
            wanted = False
    assert all(later - earlier >= 500 for earlier, later in itertools.pairwise(asked))
    assert gate.due(now_ms + 500) is wanted


def test_the_first_wish_is_asked_at_once() -> None:
    assert KeyframeGate(500).want(0)


# ---- reception


@given(st.integers(0, 0xFFFF), st.sets(st.integers(1, 150), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_exactly_what_is_missing_is_asked_for(base: int, missing: set[int], chance: object) -> None:
    reception = Reception(1, 90_000, asks=True)
    for at in range(152):
        if at not in missing:
            assert reception.add((base + at) & 0xFFFF, at * 3_000, 100, at * 10)
    assert set(reception.to_ask(2_000, 100)) == {(base + at) & 0xFFFF for at in missing}
    assert reception.lost == len(missing)
    assert reception.to_ask(2_050, 100) == []
    found = sorted(missing)[::2]
    for at in found:
        assert reception.add((base + at) & 0xFFFF, at * 3_000, 100, 2_060, fresh=False)
        assert not reception.add((base + at) & 0xFFFF, at * 3_000, 100, 2_060, fresh=False)
    assert set(reception.to_ask(2_200, 100)) == {(base + at) & 0xFFFF for at in missing - set(found)}
    assert reception.report(3_000).lost == len(missing) - len(found)
    for time in range(ASKED_TIMES_LIMIT):
        reception.to_ask(4_000 + time * 1_000, 100)
    assert reception.to_ask(60_000, 100) == []


def test_a_long_gap_asks_only_for_its_end() -> None:
    reception = Reception(1, 90_000, asks=True)
    reception.add(0, 0, 1, 0)
    reception.add(20_000, 0, 1, 0)
    assert reception.to_ask(100, 50) == list(range(20_000 - MISSING_LIMIT, 20_000))


def test_a_report_says_what_was_lost_since_the_one_before_and_how_old_the_senders_is() -> None:
    reception = Reception(9, 48_000, asks=False)
    for seq in (0, 1, 2, 4, 5, 6, 7, 8, 9, 10):
        reception.add(seq, seq * 960, 1, seq * 20)
    reception.heard(0x0000_1234_5678_0000, 9_600, 1_000)
    report = reception.report(1_500)
    assert (report.ssrc, report.lost, report.highest_seq, report.last_sr, report.since_sr) == (9, 1, 10, 0x1234_5678, 32_768)
    assert report.lost_ratio == pytest.approx(1 / 11)
    assert reception.jitter_ms == 0
    assert reception.report(2_500).lost_ratio == 0
    assert reception.sender_clock(1_500) == (0x0000_1234_5678_0000 + (1 << 31), 9_600 + 24_000)
    assert Reception(9, 48_000, asks=False).sender_clock(0) is None


# ---- checks


def request(ufrag: str, password: str, *, nominates: bool = True) -> bytes:
    name = f"{ufrag}:peer".encode()
    body = struct.pack("!HH", 6, len(name)) + name + bytes(-len(name) % 4) + (struct.pack("!HH", 0x25, 0) if nominates else b"")
    head = struct.pack("!HHI", 1, len(body) + 24, stun.COOKIE) + b"transaction!"
    digest = hmac.digest(password.encode(), head + body, "sha1")
    return head + body + struct.pack("!HH", 8, 20) + digest


@pytest.mark.parametrize("address", [("192.0.2.7", 4_000), ("2001:db8::7", 4_001)])
def test_a_check_is_read_and_its_answer_is_what_aioice_wants(address: tuple[str, int]) -> None:
    from aioice import stun as other  # a STUN of other people's, to compare with

    check = stun.read(request("mine", "secret"))
    assert check is not None
    assert (check.ufrag, check.nominates, check.is_by("secret"), check.is_by("other")) == ("mine", True, True, False)
    answer = other.parse_message(stun.answer(check, address, "secret"))
    assert answer.check_message_integrity(b"secret")
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == address
    assert answer.transaction_id == b"transaction!"


@given(st.binary(max_size=120), st.integers(0, 80), st.integers(0, 255))
@settings(max_examples=1_000)
def test_what_is_no_check_is_none_and_a_changed_one_is_forged(noise: bytes, at: int, byte: int) -> None:
    stun.read(noise)
    data = bytearray(request("mine", "secret", nominates=False))
    at %= len(data) - 24  # what the signature covers
    before, data[at] = data[at], byte
    check = stun.read(bytes(data))
    if byte != before and check is not None:
        assert not check.is_by("secret")


# ---- settings


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"RTC_HOST": "localhost"}, "RTC_HOST"),
        ({"RTC_HOST": "0.0.0.0"}, "RTC_PUBLIC_ADDRESS"),
        ({"RTC_PUBLIC_ADDRESS": "example.org"}, "RTC_PUBLIC_ADDRESS"),
        ({"RTC_PORT": "65536"}, "RTC_PORT"),
        ({"RTC_PORT": "many"}, "RTC_PORT"),
        ({"RTC_MEDIA_LOST_MS": "0"}, "RTC_MEDIA_LOST_MS"),
    ],
    ids=range(6),
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(env: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EmbeddedEngineSettings.from_env(env)


def test_settings_are_read() -> None:
    env = {"RTC_HOST": "0.0.0.0", "RTC_PUBLIC_ADDRESS": "192.0.2.1", "RTC_PORT": "7000", "KAFKA": "x"}
    settings = EmbeddedEngineSettings.from_env(env)
    assert (settings.host, settings.public_address, settings.port, settings.media_lost_ms) == ("0.0.0.0", "192.0.2.1", 7_000, 3_000)
