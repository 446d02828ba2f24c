"""The issue's rules from the answer to the end, by example."""

import pytest

from schemas import call_commands as commands
from schemas import call_events as events
from schemas.call_values import Holder, Quality
from tests.rtc.talking import ANA, ANA2, BOB, BOB2, EVE, MOD, RULES, STRANGER, Talk, in_state, only, tags

GOOD = Quality(0.01, 40, 3, 800)


def test_the_caller_s_early_media_does_not_connect_the_call() -> None:
    talk = in_state("ringing")
    talk.up(ANA)
    assert talk.state == "ringing"
    talk.say(commands.AcceptCall, BOB)
    assert (talk.state, talk.party(ANA).state, talk.record().connected_at_ms) == ("accepted", "joined", 0)
    talk.wait(1_000)
    talk.up(BOB)
    assert (talk.state, talk.record().connected_at_ms) == ("connected", talk.clock_ms)


def test_without_media_the_call_is_never_connected_and_fails() -> None:
    talk = in_state("accepted")
    assert talk.wait(29_999) == ()
    assert tags(talk.wait(1)) == ["participant_left", "call_ended"]
    assert (talk.reason, talk.record().connected_at_ms, talk.record().parties["ana"].state) == ("no_media", 0, "failed")


def test_media_comes_and_goes() -> None:
    talk = in_state("connected")
    talk.lost(ANA)
    assert talk.state == "reconnecting"
    talk.wait(29_999)
    talk.up(ANA)
    assert talk.state == "connected"
    talk.renew(ANA, BOB)
    assert talk.wait(31_000) == ()


def test_media_that_does_not_come_back_ends_a_call_between_two() -> None:
    talk = in_state("reconnecting")
    talk.wait(30_000)
    assert talk.reason == "connection_lost"


def test_in_a_group_one_who_is_lost_leaves_and_the_others_stay_connected() -> None:
    talk = in_state("connected", "group")
    talk.lost(BOB)
    assert talk.state == "connected"
    assert "participant_left" in tags(talk.wait(30_000))
    assert (talk.state, talk.party(BOB).state) == ("connected", "left")


# ---- leases


def test_a_device_that_vanishes_ends_the_call_with_its_lease() -> None:
    talk = in_state("connected")
    talk.wait(60_000)
    talk.renew(ANA)
    assert talk.wait(29_999) == ()
    assert tags(talk.wait(1)) == ["participant_left", "call_ended"]
    assert talk.reason == "lease_expired"


def test_a_caller_that_vanishes_while_it_rings_ends_the_ring() -> None:
    talk = Talk()
    talk.request(ANA, "bob", ring_ms=120_000)
    talk.wait(90_000)
    assert talk.reason == "lease_expired"


def test_a_renewal_is_written_only_when_half_of_the_lease_is_gone() -> None:
    talk = in_state("connected")
    talk.wait(44_000)
    assert talk.say(commands.RenewLease, ANA) == ()
    talk.wait(1_001)
    assert tags(talk.say(commands.RenewLease, ANA)) == ["leases_renewed"]
    assert talk.party(ANA).lease_until_ms == talk.clock_ms + 90_000


# ---- group calls


def test_a_group_s_call_ends_a_grace_after_the_last_has_left() -> None:
    talk = in_state("connected", "group")
    talk.wait(60_000)
    talk.say(commands.LeaveCall, ANA)
    assert tags(talk.say(commands.LeaveCall, BOB)) == ["participant_left"]
    assert talk.wait(29_999) == ()
    assert tags(talk.wait(1)) == ["call_ended"]
    assert talk.reason == "all_left"


def test_who_comes_back_within_the_grace_keeps_the_call() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.LeaveCall, ANA)
    talk.say(commands.LeaveCall, BOB)
    talk.wait(29_000)
    assert tags(talk.say(commands.JoinCall, MOD)) == ["participant_joined"]
    talk.up(MOD)
    assert "call_ended" not in tags(talk.wait(60_000))


def test_a_group_s_call_is_for_members_and_who_was_invited() -> None:
    talk = in_state("connected", "group")
    assert tags(talk.say(commands.JoinCall, STRANGER)) == ["refused not_invited user"]
    talk.say(commands.InviteToCall, ANA, callees=("xen",))
    assert tags(talk.say(commands.JoinCall, STRANGER)) == ["participant_joined"]


def test_a_call_has_a_limit_of_participants() -> None:
    talk = in_state("connected", "group")
    for name in ("u1/1", "u2/1", "u3/1"):
        assert tags(talk.say(commands.JoinCall, name)) == ["participant_joined"]
    assert tags(talk.say(commands.JoinCall, MOD)) == ["refused call_full nobody"]
    assert tags(talk.say(commands.AcceptCall, EVE)) == ["refused call_full nobody"]
    assert tags(talk.say(commands.InviteToCall, ANA, callees=("u9",))) == ["refused call_full nobody"]


def test_a_user_goes_on_with_another_device() -> None:
    talk = in_state("connected")
    assert tags(talk.say(commands.JoinCall, BOB2)) == ["participant_joined"]
    assert (talk.leg(BOB), talk.leg(BOB2), talk.state) == ("left", "joined", "connected")
    assert tags(talk.say(commands.HangUp, BOB)) == ["refused already_answered nobody"]
    assert tags(talk.lost(BOB)) == ["refused not_a_participant engine"]
    assert tags(talk.up(BOB2)) == ["media_changed"]


def test_a_hang_up_by_a_stranger_changes_nothing() -> None:
    talk = in_state("connected")
    before = talk.line
    assert tags(talk.say(commands.HangUp, STRANGER)) == ["refused not_in_call user"]
    assert talk.line == before


# ---- moderation


def test_who_is_kicked_stays_out_until_a_moderator_invites_it() -> None:
    talk = in_state("connected", "group")
    assert tags(talk.say(commands.KickParticipant, MOD, target="bob")) == ["participant_left"]
    assert talk.say(commands.KickParticipant, MOD, target="bob") == ()
    assert tags(talk.say(commands.JoinCall, BOB)) == ["refused kicked user"]
    assert tags(talk.say(commands.InviteToCall, ANA, callees=("bob",))) == ["refused not_allowed user"]
    talk.say(commands.JoinCall, MOD)
    assert tags(talk.say(commands.InviteToCall, MOD, callees=("bob",))) == ["parties_invited"]
    assert tags(talk.say(commands.AcceptCall, BOB)) == ["call_accepted"]


def test_who_is_rung_can_be_kicked_too() -> None:
    talk = in_state("connected", "group")
    assert tags(talk.say(commands.KickParticipant, ANA, target="eve")) == ["invite_cancelled"]
    assert tags(talk.say(commands.AcceptCall, EVE)) == ["refused kicked user"]
    assert tags(talk.say(commands.KickParticipant, ANA, target="nobody")) == ["refused unknown_target nobody"]
    assert tags(talk.say(commands.KickParticipant, ANA, target="ana")) == ["refused not_allowed user"]


def test_a_mute_outlasts_leaving() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.MuteParticipant, MOD, target="bob")
    talk.say(commands.LeaveCall, BOB)
    assert tags(talk.say(commands.MuteParticipant, MOD, target="bob")) == ["refused unknown_target nobody"]
    talk.say(commands.InviteToCall, ANA, callees=("bob",))
    talk.say(commands.AcceptCall, BOB)
    assert talk.party(BOB).muted
    assert tags(talk.say(commands.MuteParticipant, ANA, target="bob", muted=False)) == ["participant_muted"]
    assert not talk.party(BOB).muted


def test_hands() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.RaiseHand, BOB)
    assert talk.party(BOB).hand_raised
    assert talk.say(commands.RaiseHand, BOB) == ()
    assert tags(talk.say(commands.RaiseHand, BOB, raised=False)) == ["hand_raised"]
    assert not talk.party(BOB).hand_raised


def test_a_moderator_ends_a_group_s_call_for_all() -> None:
    talk = in_state("connected", "group")
    assert tags(talk.say(commands.HangUp, BOB, for_all=True)) == ["refused not_allowed user"]
    assert tags(talk.say(commands.HangUp, MOD, for_all=True)) == ["call_ended"]
    assert talk.reason == "ended_by_moderator"


# ---- upgrade, hold


def test_an_upgrade_is_once_and_for_all() -> None:
    talk = in_state("connected")
    talk.say(commands.UpgradeCall, BOB)
    assert talk.call.media == "video"
    assert talk.say(commands.UpgradeCall, ANA) == ()


def test_a_held_call_needs_no_media_and_is_resumed_by_who_holds() -> None:
    talk = in_state("held")
    talk.lost(BOB)
    assert talk.state == "held"
    assert talk.wait(40_000) == ()
    talk.renew(ANA, BOB)
    talk.say(commands.HoldCall, BOB)
    talk.say(commands.ResumeCall, ANA)
    assert talk.state == "held"
    talk.say(commands.ResumeCall, BOB)
    assert talk.state == "reconnecting"
    assert talk.wait(29_999) == ()
    talk.up(BOB)
    assert talk.state == "connected"


def test_in_a_group_holding_is_one_s_own_affair() -> None:
    talk = in_state("connected", "group")
    talk.say(commands.HoldCall, BOB)
    assert (talk.state, talk.party(BOB).held) == ("connected", True)
    talk.lost(BOB)
    assert "participant_left" not in tags(talk.wait(40_000))


# ---- invite, transfer


def test_an_invitation_into_a_running_call_makes_it_a_group_s() -> None:
    talk = in_state("connected")
    invited = only(talk.say(commands.InviteToCall, BOB, callees=("eve", "ana"), ring_ms=30_000))
    assert isinstance(invited, events.PartiesInvited)
    assert (invited.callees, invited.ring_deadline_ms) == (("eve",), talk.clock_ms + 30_000)
    assert talk.call.kind == "one_to_one"
    talk.say(commands.AcceptCall, EVE)
    assert (talk.call.kind, talk.state) == ("group", "connected")
    talk.say(commands.HangUp, ANA)
    assert talk.state == "connected"


def test_an_invitation_that_nobody_takes_changes_nothing_for_the_two() -> None:
    talk = in_state("connected")
    talk.say(commands.InviteToCall, BOB, callees=("eve", "mod"), busy=("mod",), ring_ms=30_000)
    assert talk.party(MOD).state == "busy"
    assert tags(talk.wait(30_000)) == ["ring_timed_out"]
    assert (talk.call.kind, talk.state) == ("one_to_one", "connected")
    assert tags(talk.say(commands.InviteToCall, BOB, callees=("eve",))) == ["parties_invited"]


def test_a_transfer_puts_the_target_in_the_place_of_who_transfers() -> None:
    talk = in_state("connected")
    talk.say(commands.TransferCall, ANA, target="eve")
    assert tags(talk.say(commands.TransferCall, BOB, target="mod")) == ["refused not_now nobody"]
    assert tags(talk.say(commands.AcceptCall, EVE)) == ["call_accepted", "participant_left"]
    assert ([party.user for party in talk.call.participants], talk.call.kind) == (["bob", "eve"], "one_to_one")
    assert talk.record().parties["ana"].left_because == "transferred"
    talk.say(commands.HangUp, EVE)
    assert talk.reason == "hung_up"


@pytest.mark.parametrize("how", ["reject", "busy", "time"])
def test_a_transfer_that_fails_leaves_the_call_as_it_was(how: str) -> None:
    talk = in_state("connected")
    talk.say(commands.TransferCall, ANA, target="eve", busy=("eve",) if how == "busy" else (), ring_ms=30_000)
    if how == "reject":
        talk.say(commands.RejectCall, EVE)
    elif how == "time":
        talk.wait(30_000)
    assert (talk.state, len(talk.call.participants)) == ("connected", 2)
    assert tags(talk.say(commands.TransferCall, ANA, target="mod")) == ["parties_invited"]


def test_a_transfer_s_target_that_calls_back_makes_no_glare() -> None:
    talk = in_state("connected")
    talk.say(commands.TransferCall, ANA, target="eve")
    assert tags(talk.request(EVE, "ana", call="c2")) == ["refused call_exists nobody"]


def test_a_transfer_s_target_is_somebody_else() -> None:
    talk = in_state("connected")
    assert tags(talk.say(commands.TransferCall, ANA, target="bob")) == ["refused unknown_target device"]
    assert tags(talk.say(commands.TransferCall, ANA, target="ana")) == ["refused unknown_target device"]
    assert tags(talk.say(commands.TransferCall, ANA2, target="eve")) == ["refused already_answered nobody"]


def test_what_a_leaving_device_measured_is_kept() -> None:
    talk = in_state("connected")
    assert tags(talk.say(commands.HangUp, BOB, quality=GOOD)) == ["quality_noted", "participant_left", "call_ended"]
    assert talk.record().parties["bob"].quality == GOOD


# ---- the end


def test_every_call_has_a_longest_time() -> None:
    talk = in_state("connected")
    end_ms = talk.call.requested_at_ms + RULES.call_ms_limit
    while talk.state != "ended":
        talk.wait(40_000)
        if talk.state != "ended":
            talk.say(commands.RenewLeases, holders=(Holder("ana", "1"), Holder("bob", "1")))
    assert (talk.reason, talk.log[-1].at_ms) == ("too_long", end_ms)
