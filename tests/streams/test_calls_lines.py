"""What the owner of calls keeps of a line, and when it wakes."""

import random

import pytest

from log.port import Record
from rtc.live import LiveLines
from rtc.record import CallRecord
from schemas.call_commands import RaiseHand
from schemas.errors import Undecodable
from streams.calls.alarms import Alarms
from streams.calls.lines import Lines, bare, packed, unpacked
from tests.rtc.talking import ANA, Talk, in_state

STATES = ("requested", "ringing", "accepted", "connected", "reconnecting", "held", "ended")
KEY = b"d-1"


def record_of(talk: Talk) -> CallRecord | None:
    return talk.record() if talk.line.live is not None else None


@pytest.mark.parametrize("kind", ["one_to_one", "group"])
@pytest.mark.parametrize("state", STATES)
def test_a_line_comes_back_as_it_was_and_others_read_its_live_call_from_it(state: str, kind: str) -> None:
    talk = in_state(state, kind)
    if kind == "group":
        talk.say(RaiseHand, ANA)
    value = packed(talk.line, record_of(talk))
    assert unpacked(value) == (talk.line, record_of(talk))
    lines = LiveLines()
    assert lines.saved(Record("call-state", 0, 0, talk.clock_ms, KEY, value), talk.clock_ms)
    assert lines.call("d-1") == talk.line.live


@pytest.mark.parametrize("cut", [0, 4, 20, -1])
def test_a_line_that_is_damaged_is_not_taken_for_another(cut: int) -> None:
    with pytest.raises(Undecodable):
        unpacked(packed(in_state("connected").line, None)[:cut])


def test_a_line_in_use_wakes_up_and_one_that_is_bare_sleeps() -> None:
    talk, lines = in_state("ended"), Lines(600_000)
    lines.put_packed(KEY, packed(bare(talk.line), None))
    assert (len(lines), lines.live_count, lines.get(KEY)) == (1, 0, bare(talk.line))
    talk.request(ANA, call="c2")
    lines.put(KEY, talk.line, None)
    assert (len(lines), lines.live_count, lines.get(KEY)) == (1, 1, talk.line)
    assert unpacked(lines.pack(KEY)) == (talk.line, None)
    lines.drop(KEY)
    assert (len(lines), KEY in lines) == (0, False)


def test_alarms_go_off_in_order_once_each_and_only_at_their_last_moment() -> None:
    chance, alarms, expected = random.Random(7), Alarms(), dict[bytes, int]()
    for _ in range(2_000):
        key = b"%d" % chance.randrange(50)
        at_ms = chance.choice([None, chance.randrange(1_000), chance.randrange(1_000)])
        alarms.put(key, at_ms)
        if at_ms is None:
            expected.pop(key, None)
        else:
            expected[key] = at_ms
    assert alarms.next_ms() == min(expected.values())
    assert len(alarms._heap) <= 2 * len(expected) + 64
    gone: list[tuple[int, bytes]] = []
    for now_ms in range(1_000):
        while (due := alarms.pop(now_ms)) is not None:
            gone.append((now_ms, due))
    assert [key for _, key in gone] == [key for at_ms, key in sorted((at_ms, key) for key, at_ms in expected.items())]
    assert {key: at_ms for at_ms, key in gone} == expected
    assert (len(alarms), alarms.next_ms(), alarms.pop(10_000)) == (0, None, None)
