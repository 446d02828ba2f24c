"""The issue's rules until an answer, by example."""

import pytest

from rtc.values import Refusal
from schemas import call_commands as commands
from schemas import call_events as events
from schemas.ids import uuid7
from tests.rtc.talking import ANA, ANA2, BOB, BOB2, CONVERSATION, ENGINE, EVE, HASH, START_MS, STRANGER, Talk, in_state, only, tags


def test_a_call_from_request_to_hang_up() -> None:
    talk = Talk()
    requested = only(talk.request(ANA, "bob", ring_ms=45_000, offer_hash=HASH))
    assert isinstance(requested, events.CallRequested)
    assert (requested.ring_deadline_ms, requested.offer_hash) == (START_MS + 45_000, HASH)
    assert (requested.event_id, requested.user, requested.device) == (f"{CONVERSATION}:call:1", "ana", "1")
    assert talk.state == "requested"
    talk.say(commands.ReportDelivered, BOB)
    assert (talk.state, talk.leg(BOB)) == ("requested", "delivered")
    talk.say(commands.ReportRinging, BOB)
    assert (talk.state, talk.leg(BOB), talk.party(BOB).state) == ("ringing", "ringing", "ringing")
    talk.say(commands.AcceptCall, BOB, answer_hash=HASH)
    assert (talk.state, talk.party(BOB).state, talk.party(ANA).state) == ("accepted", "accepted", "accepted")
    talk.up(BOB)
    assert (talk.state, talk.party(BOB).state, talk.party(ANA).state) == ("connected", "joined", "accepted")
    talk.up(ANA)
    assert tags(talk.say(commands.HangUp, BOB)) == ["participant_left", "call_ended"]
    assert talk.reason == "hung_up"


def test_the_first_accept_wins_and_the_others_were_answered_elsewhere() -> None:
    talk = in_state("ringing")
    assert tags(talk.say(commands.AcceptCall, BOB2)) == ["call_accepted"]
    late = talk.say(commands.AcceptCall, BOB)
    assert tags(late) == ["refused already_answered nobody"]
    assert (talk.leg(BOB), talk.leg(BOB2), talk.party(BOB).device) == ("answered_elsewhere", "accepted", "2")


def test_a_device_that_had_said_nothing_may_accept() -> None:
    talk = in_state("ringing")
    talk.say(commands.AcceptCall, "bob/9")
    assert (talk.leg("bob/9"), talk.leg(BOB), talk.leg(BOB2)) == ("accepted", "answered_elsewhere", "answered_elsewhere")


def test_a_reject_before_an_accept_ends_it_for_all_devices() -> None:
    talk = in_state("ringing")
    assert tags(talk.say(commands.RejectCall, BOB2)) == ["call_rejected", "call_ended"]
    assert (talk.state, talk.reason) == ("ended", "rejected")
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["refused call_ended nobody"]


def test_in_a_group_a_reject_is_for_all_devices_of_its_user_only() -> None:
    talk = in_state("ringing", "group")
    assert tags(talk.say(commands.RejectCall, BOB2)) == ["call_rejected"]
    assert (talk.leg(BOB), talk.leg(BOB2), talk.party(EVE).state) == ("answered_elsewhere", "rejected", "invited")
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["refused already_answered nobody"]
    assert tags(talk.say(commands.AcceptCall, EVE)) == ["call_accepted"]


@pytest.mark.parametrize("who", [BOB, BOB2])
def test_a_reject_after_an_accept_is_ignored(who: str) -> None:
    talk = in_state("accepted")
    before = talk.line
    assert talk.say(commands.RejectCall, who) == ()
    assert talk.line == before


def test_a_late_delivered_does_not_take_back_that_it_rings() -> None:
    talk = in_state("ringing")
    assert talk.say(commands.ReportDelivered, BOB) == ()
    assert tags(talk.say(commands.ReportDelivered, "bob/3")) == ["ring_delivered"]
    assert (talk.party(BOB).state, talk.leg("bob/3")) == ("ringing", "delivered")


# ---- busy


def test_a_busy_callee_ends_a_call_between_two_at_once() -> None:
    talk = Talk()
    assert tags(talk.request(ANA, "bob", busy=("bob", "nobody"))) == ["call_requested", "call_ended"]
    assert talk.reason == "busy"


def test_call_waiting_rings_who_is_busy() -> None:
    talk = Talk()
    requested = only(talk.request(ANA, "bob", waiting=("bob",)))
    assert isinstance(requested, events.CallRequested)
    assert requested.waiting == ("bob",)
    assert talk.party(BOB).open


def test_in_a_group_the_busy_are_not_rung_and_the_rest_is() -> None:
    talk = Talk()
    assert tags(talk.request(ANA, "bob", "eve", kind="group", busy=("bob",))) == ["call_requested"]
    assert (talk.party(BOB).state, talk.party(EVE).state) == ("busy", "invited")
    assert tags(talk.say(commands.JoinCall, BOB)) == ["participant_joined"]


def test_a_device_may_know_better_and_say_busy() -> None:
    talk = in_state("ringing")
    assert tags(talk.say(commands.ReportBusy, BOB)) == ["call_busy", "call_ended"]
    assert talk.reason == "busy"


# ---- glare


def test_two_who_call_each_other_have_one_call() -> None:
    talk = Talk()
    talk.request(ANA, "bob", call="of-ana")
    accepted = only(talk.request(BOB2, "ana", call="of-bob"))
    assert isinstance(accepted, events.CallAccepted)
    assert (accepted.call_id, accepted.via, accepted.lost_call_id, accepted.device) == ("of-ana", "glare", "of-bob", "2")
    assert (talk.call.call_id, talk.state) == ("of-ana", "accepted")


def test_the_lost_call_s_id_means_the_one_that_won() -> None:
    talk = Talk()
    talk.request(ANA, "bob", call="of-ana")
    talk.request(BOB, "ana", call="of-bob")
    assert tags(talk.say(commands.HangUp, BOB, call_id="of-bob")) == ["participant_left", "call_ended"]
    assert tags(talk.say(commands.HangUp, BOB, call_id="of-bob")) == ["refused call_ended nobody"]
    assert tags(talk.request(BOB, "ana", call="of-bob")) == ["refused invalid device"]


def test_only_who_is_rung_and_calls_back_makes_a_glare() -> None:
    talk = in_state("ringing")
    refusal = talk.request(ANA2, "bob", call="c2")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.call_id) == ("call_exists", "c1")
    assert tags(talk.request(EVE, "ana", call="c3")) == ["refused call_exists nobody"]
    talk.say(commands.AcceptCall, BOB)
    assert tags(talk.request(BOB2, "ana", call="c4")) == ["refused call_exists nobody"]


def test_two_who_begin_a_group_s_call_have_one_too() -> None:
    talk = in_state("requested", "group")
    refusal = talk.request(BOB, "ana", "eve", kind="group", call="c2")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.fault, refusal.call_id) == ("call_exists", "nobody", "c1")
    assert tags(talk.say(commands.JoinCall, BOB)) == ["participant_joined"]


def test_after_the_deadline_there_is_no_glare_but_a_new_call() -> None:
    talk = in_state("ringing")
    talk.clock_ms += 60_000  # and no timer fired
    assert tags(talk.request(BOB, "ana", call="c2")) == ["ring_timed_out", "call_ended", "call_requested"]
    assert talk.call.call_id == "c2"


# ---- the deadline


def test_a_ring_that_nobody_answers_is_missed_at_its_deadline() -> None:
    talk = in_state("ringing")
    assert talk.wait(59_999) == ()
    assert tags(talk.wait(1)) == ["ring_timed_out", "call_ended"]
    assert talk.reason == "missed"


def test_an_accept_after_the_deadline_is_late_though_no_timer_has_fired() -> None:
    talk = in_state("ringing")
    talk.clock_ms += 60_000
    before = talk.line
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["refused call_ended nobody"]
    assert talk.line == before
    assert {event.at_ms for event in talk.wait(5_000)} == {START_MS + 60_000}


def test_an_accept_in_the_last_millisecond_counts() -> None:
    talk = in_state("ringing")
    talk.clock_ms += 59_999
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["call_accepted"]


@pytest.mark.parametrize(("ring_ms", "accepted"), [(29_999, False), (30_000, True), (120_000, True), (120_001, False)])
def test_a_ring_lasts_half_a_minute_to_two(ring_ms: int, accepted: bool) -> None:
    assert (tags(Talk().request(ANA, "bob", ring_ms=ring_ms)) == ["call_requested"]) is accepted


def test_in_a_group_a_ring_is_a_notification_and_the_call_outlasts_it() -> None:
    talk = in_state("requested", "group")
    assert tags(talk.wait(60_000)) == ["ring_timed_out", "ring_timed_out"]
    assert talk.party(BOB).state == "timed_out"
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["refused too_late nobody"]
    assert tags(talk.say(commands.JoinCall, BOB)) == ["participant_joined"]


# ---- who gives up


@pytest.mark.parametrize("state", ["requested", "ringing"])
def test_the_caller_gives_up(state: str) -> None:
    talk = in_state(state)
    talk.say(commands.HangUp, ANA)
    assert talk.reason == "cancelled"


def test_a_group_s_caller_gives_up_before_anybody_came() -> None:
    talk = in_state("ringing", "group")
    talk.say(commands.LeaveCall, ANA)
    assert talk.reason == "cancelled"


def test_a_callee_that_hangs_up_while_it_rings_rejects() -> None:
    talk = in_state("ringing")
    talk.say(commands.HangUp, BOB)
    assert talk.reason == "rejected"


# ---- requests that cannot be


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"callees": ()}, "invalid device"),
        ({"callees": ("bob", "eve")}, "invalid device"),
        ({"callees": ("ana",)}, "invalid device"),
        ({"callees": ("bob", "bob"), "call_kind": "group"}, "invalid device"),
        ({"offer_hash": "v=0\r\n" * 200_000}, "invalid device"),
        ({"engine": ""}, "invalid device"),
        ({"call_id": ""}, "invalid device"),
        ({"call_id": "c" * 65}, "invalid device"),
        ({"command_id": "no uuid"}, "invalid device"),
        ({"command_id": uuid7(START_MS - 120_001, 1)}, "stale nobody"),
        ({"command_id": uuid7(START_MS + 60_001, 1)}, "clock_ahead device"),
        ({"tenant": "other"}, "foreign_tenant user"),
    ],
)
def test_a_request_that_cannot_be(fields: dict[str, object], refused: str) -> None:
    talk = Talk()
    base = {"call_kind": "one_to_one", "media": "audio", "engine": ENGINE, "callees": ("bob",)}
    assert tags(talk.say(commands.RequestCall, ANA, **(base | fields))) == [f"refused {refused}"]
    assert talk.line.live is None


def test_a_stranger_may_not_call() -> None:
    assert tags(Talk().request(STRANGER, "bob")) == ["refused not_member user"]


def test_an_answer_names_its_sdp_by_a_hash_only() -> None:
    assert tags(in_state("ringing").say(commands.AcceptCall, BOB, answer_hash="v=0")) == ["refused invalid device"]


def test_a_request_that_was_forgotten_never_rings_again() -> None:
    talk = in_state("ended")
    request = talk.said[0]
    for number in range(300):  # more commands than are remembered
        talk.clock_ms += 100
        talk.request(ANA, "bob", call=f"n{number}", busy=("bob",), invites_elsewhere=-1000)
    assert tags(talk.hear(request)) == ["refused invalid device"]
    talk.clock_ms += 700_000
    talk.request(ANA, "bob", call="last", busy=("bob",))
    assert "c1" not in talk.line.ended
    assert tags(talk.hear(request)) == ["refused stale nobody"]


# ---- limits


def test_nobody_rings_more_than_the_limit_within_the_window() -> None:
    talk = Talk()
    for number in range(12):
        talk.request(ANA, "bob", call=f"n{number}")
        talk.say(commands.HangUp, ANA, call_id=f"n{number}")
        talk.clock_ms += 1_000
    refusal = talk.request(ANA, "bob", call="more")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.fault, refusal.retry_after_ms) == ("too_many_invites", "user", 48_000)
    assert tags(talk.request(BOB, "ana", call="of-bob")) == ["call_requested"]
    talk.say(commands.HangUp, BOB, call_id="of-bob")
    talk.clock_ms += refusal.retry_after_ms
    assert tags(talk.request(ANA, "bob", call="more")) == ["call_requested"]


def test_what_a_user_rang_elsewhere_counts() -> None:
    assert tags(Talk().request(ANA, "bob", invites_elsewhere=12)) == ["refused too_many_invites user"]
    assert tags(Talk().request(ANA, "bob", invites_elsewhere=11)) == ["call_requested"]


def test_nobody_rings_a_thousand_at_once() -> None:
    talk = Talk()
    assert tags(talk.request(ANA, *(f"u{n}" for n in range(1_000)), kind="group")) == ["refused too_many_invites user"]
    assert talk.line.head_seq == 0
