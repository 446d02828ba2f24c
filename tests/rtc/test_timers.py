"""Time: what it does next, late timers, and timers that are rebuilt from the events."""

import pytest

from rtc.call import fold
from rtc.state import Line
from rtc.timers import Due, next_due, passed
from schemas import call_commands as commands
from schemas import call_events as events
from tests.rtc.talking import ANA, BOB, EVE, RULES, START_MS, Talk, in_state, tags


def due(talk: Talk) -> tuple[int, str, str]:
    """After how long, what, and whose."""
    found = next_due(talk.line, talk.rules)
    assert isinstance(found, Due)
    return found.at_ms - talk.clock_ms, found.what, found.user


def test_a_conversation_without_a_call_needs_no_timer() -> None:
    assert next_due(Talk().line, RULES) is None
    assert next_due(in_state("ended").line, RULES) is None


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        ("requested", "one_to_one", (60_000, "ring", "bob")),
        ("ringing", "one_to_one", (60_000, "ring", "bob")),
        ("accepted", "one_to_one", (30_000, "connect", "ana")),
        ("connected", "one_to_one", (90_000, "lease", "ana")),
        ("reconnecting", "one_to_one", (30_000, "reconnect", "bob")),
        ("held", "one_to_one", (90_000, "lease", "ana")),
        ("connected", "group", (60_000, "ring", "eve")),
        ("reconnecting", "group", (30_000, "reconnect", "ana")),
    ],
)
def test_what_time_does_next(state: str, kind: str, expected: tuple[int, str, str]) -> None:
    assert due(in_state(state, kind)) == expected


def test_an_empty_call_waits_for_its_grace_and_an_engine_for_its_lease() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.LeaveCall, ANA)
    talk.say(commands.LeaveCall, BOB)
    assert due(talk) == (30_000, "grace", "")
    talk = in_state("connected")
    talk.wait(1_000)
    talk.say(commands.RenewLeases)
    talk.wait(50_000)
    talk.renew(ANA, BOB)
    assert due(talk) == (40_000, "engine_lease", "")


@pytest.mark.parametrize("late_ms", [0, 1, 10_000, 86_400_000])
@pytest.mark.parametrize("kind", ["one_to_one", "group"])
@pytest.mark.parametrize("state", ["requested", "ringing", "accepted", "connected", "reconnecting", "held"])
def test_a_late_timer_makes_the_same_events(state: str, kind: str, late_ms: int) -> None:
    talk = in_state(state, kind)
    line, whole = talk.line, passed(talk.line, START_MS + 8_000_000 + late_ms, RULES)
    assert tags(whole)[-1] == "call_ended"
    assert passed(fold(line, whole), START_MS + 9_000_000_000, RULES) == ()
    in_pieces: list[events.Event] = []
    for at_ms in range(START_MS, START_MS + 8_000_000, 7_001):
        piece = passed(line, at_ms, RULES)
        line = fold(line, piece)
        in_pieces.extend(piece)
    assert tuple(in_pieces) == whole


def test_a_timer_is_rebuilt_from_the_events() -> None:
    talk = in_state("reconnecting", "group")
    for cut in range(len(talk.log) + 1):
        before = fold(Line(tenant="t", conversation_id="d-1"), talk.log[:cut])
        assert next_due(fold(before, talk.log[cut:]), RULES) == next_due(talk.line, RULES)


def test_what_is_due_at_one_moment_happens_in_one_order() -> None:
    talk = in_state("requested", "group")
    brought = talk.wait(60_000)
    assert [getattr(event, "party", "") for event in brought] == ["bob", "eve"]


def test_what_time_had_brought_comes_before_the_command() -> None:
    talk = in_state("connected", "group")
    talk.clock_ms += 61_000
    assert tags(talk.say(commands.RaiseHand, BOB)) == ["ring_timed_out", "hand_raised"]
    assert [event.at_ms - START_MS for event in talk.log[-2:]] == [60_000, 61_000]
    assert talk.log[-2].command_id == ""


def test_a_clock_that_goes_back_does_not_take_events_back() -> None:
    talk = in_state("ringing")
    talk.wait(10_000)
    talk.say(commands.ReportRinging, "bob/3")
    talk.clock_ms -= 5_000
    talk.say(commands.AcceptCall, BOB)
    times = [event.at_ms for event in talk.log]
    assert times == sorted(times)


def test_a_late_guest_of_a_group_gets_the_whole_time_for_its_media() -> None:
    talk = in_state("connected", "group")
    talk.wait(50_000)
    talk.say(commands.AcceptCall, EVE)
    talk.renew(ANA, BOB)
    assert talk.wait(29_999) == ()
    (left,) = talk.wait(1)
    assert getattr(left, "reason", "") == "no_media"
    assert talk.party(EVE).state == "failed"
