"""The call's record, the timeline's entry, and who is busy."""

import pytest

from rtc.active import ActiveLegs
from rtc.record import fold_record, timeline_entry
from rtc.rules import Rules
from schemas import call_commands as commands
from schemas.call_values import Quality
from tests.rtc.talking import ANA, BOB, EVE, START_MS, Talk, in_state

WINDOW_MS = 60_000


def played() -> Talk:
    """Requested at 0, rung at 1 s, answered at 4 s, connected at 5 s, ended at 65 s."""
    talk = Talk()
    talk.request(ANA, "bob")
    talk.wait(1_000)
    talk.say(commands.ReportRinging, BOB)
    talk.wait(3_000)
    talk.say(commands.AcceptCall, BOB)
    talk.wait(1_000)
    talk.up(BOB)
    talk.up(ANA)
    talk.say(commands.UpgradeCall, ANA)
    talk.wait(50_000)
    talk.renew(ANA, BOB)
    talk.say(commands.SwitchEngine, engine="janus", epoch=2)
    talk.wait(10_000)
    talk.say(commands.HangUp, BOB, quality=Quality(0.02, 30, 2, 700))
    return talk


def test_the_record_of_a_call() -> None:
    record = played().record()
    moments = (record.requested_at_ms, record.rung_at_ms, record.answered_at_ms, record.connected_at_ms, record.ended_at_ms)
    assert [moment - START_MS for moment in moments] == [0, 1_000, 4_000, 5_000, 65_000]
    assert (record.ring_ms, record.talk_ms, record.reason) == (4_000, 60_000, "hung_up")
    assert (record.caller, record.media, record.engines) == ("ana", "video", ("embedded", "janus"))
    ana, bob = record.parties["ana"], record.parties["bob"]
    assert (ana.in_call_ms, bob.in_call_ms, bob.device) == (65_000, 61_000, "1")
    assert (ana.left_because, bob.left_because) == ("call_ended", "hung_up")
    assert (ana.quality, bob.quality) == (None, Quality(0.02, 30, 2, 700))
    assert (ana.answered_at_ms, bob.answered_at_ms - START_MS, bob.rung_at_ms - START_MS) == (0, 4_000, 1_000)


def test_the_timeline_shows_an_ended_call_with_its_duration() -> None:
    entry = timeline_entry(played().record())
    assert (entry.outcome, entry.duration_ms, entry.missed_by, entry.at_ms) == ("ended", 60_000, (), START_MS + 65_000)


@pytest.mark.parametrize(
    ("how", "outcome", "missed_by"),
    [
        ("time", "missed", ("bob",)),
        ("cancel", "missed", ("bob",)),
        ("reject", "rejected", ()),
        ("busy", "busy", ("bob",)),
        ("no media", "failed", ()),
    ],
)
def test_what_the_timeline_shows_otherwise(how: str, outcome: str, missed_by: tuple[str, ...]) -> None:
    talk = in_state("ringing")
    if how == "time":
        talk.wait(60_000)
    elif how == "no media":
        talk.say(commands.AcceptCall, BOB)
        talk.wait(30_000)
    else:
        said: dict[str, tuple[type[commands.Command], str]] = {
            "cancel": (commands.HangUp, ANA),
            "reject": (commands.RejectCall, BOB),
            "busy": (commands.ReportBusy, BOB),
        }
        talk.say(*said[how])
    entry = timeline_entry(talk.record())
    assert (entry.outcome, entry.missed_by, entry.duration_ms) == (outcome, missed_by, 0)


def test_who_comes_and_goes_is_added_up() -> None:
    talk = in_state("connected", "group")
    talk.wait(10_000)
    talk.say(commands.LeaveCall, BOB)
    talk.wait(5_000)
    talk.say(commands.JoinCall, BOB)
    talk.up(BOB)
    talk.wait(7_000)
    talk.say(commands.HangUp, ANA, for_all=True)
    bob = talk.record().parties["bob"]
    assert (bob.in_call_ms, bob.state, talk.record().parties["eve"].state) == (17_000, "left", "cancelled")
    assert timeline_entry(talk.record()).missed_by == ("eve",)


def test_a_record_begins_with_a_request() -> None:
    with pytest.raises(ValueError, match="begins with a request"):
        fold_record(None, played().log[1])


# ---- active legs


def active(talk: Talk) -> ActiveLegs:
    legs = ActiveLegs(WINDOW_MS)
    for event in talk.log:
        legs.take(event)
    return legs


def test_who_is_in_a_call_is_busy_and_who_is_rung_is_not() -> None:
    legs = active(in_state("ringing"))
    assert [legs.busy(user, "elsewhere") for user in ("ana", "bob")] == [True, False]
    legs = active(in_state("accepted"))
    assert legs.split(("bob", "eve", "ana"), frozenset({"ana"}), "elsewhere") == (("bob",), ("ana",))
    assert not legs.busy("bob", "d-1")


def test_who_left_is_busy_no_more() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.LeaveCall, BOB)
    assert not active(talk).busy("bob", "elsewhere")
    assert active(talk).busy("ana", "elsewhere")
    assert len(active(in_state("ended"))) == 0


def test_invitations_are_counted_within_the_window_and_once() -> None:
    talk = in_state("connected", "group")
    talk.wait(30_000)
    talk.say(commands.InviteToCall, ANA, callees=("mod",))
    legs = active(talk)
    for event in talk.log:
        legs.take(event)
    now_ms = talk.clock_ms
    assert legs.invites_elsewhere("ana", "other", now_ms) == 3
    assert legs.invites_elsewhere("ana", "d-1", now_ms) == 0
    assert legs.invites_elsewhere("bob", "other", now_ms) == 0
    assert legs.invites_elsewhere("ana", "other", now_ms + 30_000) == 1
    legs.forget(now_ms + WINDOW_MS)
    assert legs.invites_elsewhere("ana", "other", now_ms) == 0


# ---- the limits' environment


def test_the_limits_are_read_and_checked() -> None:
    assert Rules.from_env({"CALLS_GRACE_MS": "0", "OTHER": "x"}).grace_ms == 0
    for value in ("-1", "many"):
        with pytest.raises(ValueError, match="CALLS_GRACE_MS"):
            Rules.from_env({"CALLS_GRACE_MS": value})


def test_eve_is_told_to_stop_when_the_call_has_ended() -> None:
    talk = in_state("ended", "group")
    assert getattr(talk.say(commands.ReportRinging, EVE), "code", "") == "call_ended"
