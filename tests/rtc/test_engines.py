"""What engines say: epochs, switches, losses, and lies."""

from typing import Any

import pytest

from schemas import call_commands as commands
from schemas.call_values import Holder, Quality
from tests.rtc.talking import ANA, BOB, EVE, STRANGER, Talk, in_state, only, tags


def switched(talk: Talk) -> Talk:
    assert tags(talk.say(commands.SwitchEngine, engine="janus", epoch=2)) == ["engine_switched"]
    return talk


def test_a_switch_is_made_before_the_break() -> None:
    talk = switched(in_state("connected"))
    assert (talk.state, talk.call.engine, talk.call.epoch) == ("connected", "janus", 2)
    assert talk.lost(ANA) == talk.lost(ANA)
    assert tags(talk.lost(ANA)) == ["refused stale_epoch engine"]
    for who in (ANA, BOB):
        assert tags(talk.up(who, engine="janus", epoch=2)) == ["media_changed"]
    assert tags(talk.lost(ANA, engine="janus", epoch=2)) == ["media_changed"]
    assert talk.state == "reconnecting"


def test_who_does_not_come_along_is_lost() -> None:
    talk = switched(in_state("connected"))
    talk.up(ANA, engine="janus", epoch=2)
    assert tags(talk.wait(30_000)) == ["participant_left", "call_ended"]
    assert talk.reason == "connection_lost"


@pytest.mark.parametrize(("epoch", "told"), [(1, "refused"), (2, ""), (3, "engine_switched"), (4, "refused")])
def test_epochs_follow_each_other(epoch: int, told: str) -> None:
    talk = switched(in_state("connected"))
    outcome = talk.say(commands.SwitchEngine, engine="janus" if epoch < 3 else "livekit", epoch=epoch)
    assert "+".join(tags(outcome)).split(" ")[0] == told


@pytest.mark.parametrize(("engine", "epoch"), [("embedded", 1), ("embedded", 2), ("janus", 1), ("janus", 3)])
def test_who_speaks_of_another_epoch_is_not_heard(engine: str, epoch: int) -> None:
    talk = switched(in_state("connected"))
    before = talk.line
    fields: dict[str, Any] = {"engine": engine, "epoch": epoch}
    participant: dict[str, Any] = {"user": "bob", "device": "1"}
    for outcome in (
        talk.lost(BOB, **fields),
        talk.up(BOB, **fields),
        talk.say(commands.ReportVanished, **fields, **participant),
        talk.say(commands.ReportEngineVanished, **fields),
        talk.say(commands.RenewLeases, **fields),
        talk.say(commands.ReportQuality, **fields, **participant, quality=Quality(0, 0, 0, 0)),
    ):
        assert tags(outcome) == ["refused stale_epoch engine"]
    assert talk.line == before


@pytest.mark.parametrize("who", [EVE, STRANGER, "bob/2"])
def test_an_engine_that_speaks_of_who_is_not_there_changes_nothing(who: str) -> None:
    talk = in_state("connected")
    before = talk.line
    user, device = who.split("/")
    for outcome in (talk.up(who), talk.lost(who), talk.say(commands.ReportVanished, user=user, device=device)):
        assert tags(outcome) == ["refused not_a_participant engine"]
    assert talk.line == before


def test_who_left_before_it_joined_did_not() -> None:
    talk = in_state("accepted")
    before = talk.line
    assert tags(talk.say(commands.ReportVanished, user="bob", device="1")) == ["refused nothing_to_lose engine"]
    assert tags(talk.lost(BOB)) == ["refused nothing_to_lose engine"]
    assert talk.line == before


def test_who_vanished_may_come_back() -> None:
    talk = in_state("connected")
    assert tags(talk.say(commands.ReportVanished, user="bob", device="1")) == ["media_changed"]
    assert talk.state == "reconnecting"
    talk.up(BOB)
    assert talk.state == "connected"


def test_a_dead_engine_ends_the_call_unless_another_takes_over() -> None:
    talk = in_state("connected")
    assert tags(talk.say(commands.ReportEngineVanished)) == ["engine_lost"]
    assert talk.say(commands.ReportEngineVanished) == ()
    assert talk.state == "reconnecting"
    talk.wait(30_000)
    assert talk.reason == "engine_lost"


def test_another_engine_takes_over_from_a_dead_one() -> None:
    talk = in_state("connected")
    talk.say(commands.ReportEngineVanished)
    talk.wait(29_000)
    switched(talk)
    assert talk.wait(29_000) == ()
    for who in (ANA, BOB):
        talk.up(who, engine="janus", epoch=2)
    assert talk.state == "connected"


def test_an_engine_that_comes_back_is_lost_no_more() -> None:
    talk = in_state("connected")
    talk.say(commands.ReportEngineVanished)
    talk.up(ANA)
    talk.up(BOB)
    assert not talk.call.engine_lost
    talk.lost(BOB)
    talk.wait(30_000)
    assert talk.reason == "connection_lost"


def test_an_engine_that_falls_silent_loses_its_lease() -> None:
    talk = in_state("connected")
    talk.say(commands.RenewLeases, holders=(Holder("ana", "1"), Holder("bob", "1"), Holder("eve", "1")))
    talk.wait(60_000)
    talk.renew(ANA, BOB)
    assert tags(talk.wait(30_000)) == ["engine_lost"]
    assert tags(talk.wait(30_000)) == ["participant_left", "call_ended"]
    assert talk.reason == "engine_lost"


def test_an_engine_renews_all_its_participants_at_once() -> None:
    talk = in_state("connected")
    talk.wait(50_000)
    holders = (Holder("ana", "1"), Holder("bob", "2"), Holder("xen", "1"), Holder("ana", "1"))
    renewed = only(talk.say(commands.RenewLeases, holders=holders))
    assert renewed.holders == (Holder("ana", "1"),)
    assert talk.party(ANA).lease_until_ms == talk.clock_ms + 90_000
    assert talk.party(BOB).lease_until_ms == talk.clock_ms + 40_000
    assert talk.call.engine_until_ms == talk.clock_ms + 90_000


def test_between_two_without_an_engine_the_devices_say_whether_media_flows() -> None:
    talk = Talk()
    talk.request(ANA, "bob", engine="p2p")
    talk.say(commands.AcceptCall, BOB)
    assert tags(talk.say(commands.ReportMedia, STRANGER, flow="up")) == ["refused not_in_call user"]
    assert tags(talk.say(commands.ReportMedia, BOB, flow="lost")) == ["refused nothing_to_lose device"]
    talk.say(commands.ReportMedia, BOB, flow="up")
    talk.say(commands.ReportMedia, ANA, flow="up")
    assert talk.state == "connected"
    talk.say(commands.ReportMedia, ANA, flow="lost")
    assert talk.state == "reconnecting"
