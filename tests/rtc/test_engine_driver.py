"""An engine's driver over the log in memory: tickets, signals, reports, faults, and engines that die or stop."""

from __future__ import annotations

import asyncio
from typing import Any

from rtc.engines.port import CandidateFound, EngineRefused, Leg, Limited, MediaSeen, Offered, QualitySeen, Room, RoomGone, Speaking
from schemas import call_commands as commands
from schemas import call_signals as signals
from schemas.call_signals import Speaker, Track
from schemas.call_values import Quality
from tests.rtc.driving_world import CALL, FakeEngine, World, until

E1 = "embedded-1"
ROOM, NEXT = Room(CALL, 1), Room(CALL, 2)


def played(story: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(90), World().alive() as world:
            await story(world)

    asyncio.run(whole())


def test_a_call_gets_its_room_and_everybody_a_ticket_and_media_is_reported_once() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")
            assert ("ensure_room", ROOM, "audio") in engine.done
            assert not world.got(signals.TicketGiven, "bert")
            await world.say(commands.AcceptCall, "bert")
            await world.connect("bert")
            for user in ("anna", "bert"):
                engine.legs[ROOM][Leg(user, "phone", 1)] = True
                for _ in range(3):
                    engine.queue.put_nowait(MediaSeen(ROOM, Leg(user, "phone", 1), "up"))
            await until(lambda: world.call.state == "connected")
            await until(lambda: world.call.engine_until_ms)
            reports = [said for said in world.said if isinstance(said, commands.ReportEngineMedia)]
            assert sorted(said.user for said in reports) == ["anna", "bert"]
            leases = next(said for said in world.said if isinstance(said, commands.RenewLeases))
            assert {holder.user for holder in leases.holders} <= {"anna", "bert"}
            await world.say(commands.HangUp, "anna", for_all=True)
            await until(lambda: ("close", ROOM) in engine.done)

    played(story)


def test_a_ticket_is_needed_is_good_once_and_only_for_its_own_leg() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.say(commands.AcceptCall, "bert")
            anna, bert = await world.ticket("anna"), await world.ticket("bert")
            await world.offer("anna", "")
            assert await world.refusal("anna") == "ticket_needed"
            await world.offer("anna", bert.ticket, seq=2)
            assert await world.refusal("anna", 2) == "ticket_wrong_room"
            assert not [what for what in engine.done if what[0] == "publish"]
            await world.offer("anna", anna.ticket, seq=3)
            await until(lambda: world.got(signals.SignalDescription, "anna"))
            await world.offer("bert", anna.ticket)
            assert await world.refusal("bert") == "ticket_wrong_room"
            await world.signal(signals.TicketWanted, "anna", generation=1)
            again = await world.ticket("anna", count=2)
            assert again.generation == 2  # the first one is connected
            await world.offer("anna", anna.ticket, generation=2)
            assert await world.refusal("anna", 3) == "ticket_needed"  # a new one took its place
            await world.offer("anna", again.ticket, seq=2, generation=2)
            await until(lambda: ("publish", ROOM, Leg("anna", "phone", 2)) in engine.done)

    played(story)


def test_a_ticket_that_is_too_old_is_told_so() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1, ticket_ms=1_000):
            await world.request(E1)
            given = await world.ticket("anna")
            world.clock_ms += 1_000
            await world.offer("anna", given.ticket)
            assert await world.refusal("anna") == "ticket_expired"

    played(story)


def test_signals_reach_the_engine_in_order_and_after_their_description() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            given = await world.ticket("anna")
            first, second, last = (f"candidate:{n} 1 udp 1 127.0.0.1 {n} typ host" for n in (1, 2, 3))
            await world.candidate("anna", 1, candidate=first)
            await world.candidate("anna", 4, candidate=last)
            await world.offer("anna", given.ticket, seq=2)
            await world.candidate("anna", 3, candidate=second)
            await until(lambda: len(engine.done) >= 5)
            assert [what[-1] for what in engine.done if what[0] == "candidate"] == [first, second, last]
            assert [what[0] for what in engine.done] == ["ensure_room", "publish", "candidate", "candidate", "candidate"]

    played(story)


def test_bad_signals_are_refused_with_their_seq_and_the_next_ones_go_on() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            given = await world.ticket("anna")
            await world.offer("anna", given.ticket, seq=1, sdp="garbage")
            await world.offer("anna", given.ticket, seq=2, sdp="v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
            await world.offer("anna", given.ticket, seq=3, sdp_type="answer")
            await world.offer("anna", given.ticket, seq=4)
            await world.candidate("anna", 5, candidate="candidate:")
            await world.candidate("anna", 6)
            await until(lambda: [what for what in engine.done if what[0] == "candidate"])
            refused = world.got(signals.SignalRefused, "anna")
            assert [(each.refused_seq, each.code) for each in refused] == [(1, "invalid"), (2, "no_media"), (3, "invalid"), (5, "invalid")]

    played(story)


def test_a_stranger_and_a_wrong_epoch_are_refused() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1):
            await world.request(E1)
            given = await world.ticket("anna")
            await world.offer("eve", given.ticket)
            assert await world.refusal("eve") == "not_in_call"
            await world.offer("bert", given.ticket)  # is rung, has not answered
            assert await world.refusal("bert") == "not_in_call"
            await world.signal(signals.SignalCandidate, "anna", 1, 1, epoch=0, pc="publish", candidate="", mid="")  # nobody is told
            await world.offer("anna", given.ticket, epoch=7)
            assert await world.refusal("anna") == "stale_epoch"
            await world.offer("anna", given.ticket, call_id="c9")
            assert await world.refusal("anna", 2) == "unknown_call"
            await world.signal(signals.SignalLimits, "anna", bitrate_kbps=1, height=1, audio_only=True)
            assert await world.refusal("anna", 3) == "not_supported"

    played(story)


def test_a_hole_is_told_to_the_device() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1):
            await world.request(E1)
            given = await world.ticket("anna")
            await world.offer("anna", given.ticket)
            await world.candidate("anna", 3)
            await until(lambda: world.got(signals.SignalRefused, "anna"))
            refused = world.got(signals.SignalRefused, "anna")[0]
            assert (refused.code, refused.refused_seq) == ("invalid", 2)

    played(story)


def test_an_engine_that_breaks_on_one_description_goes_on_with_the_others() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.say(commands.AcceptCall, "bert")
            engine.breaks = True
            await world.offer("anna", (await world.ticket("anna")).ticket)
            assert await world.refusal("anna") == "invalid"
            engine.breaks = False
            await world.connect("bert")

    played(story)


def test_a_slow_answer_to_one_keeps_no_other_waiting() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            let_go = asyncio.Event()

            async def gate(leg: Leg) -> None:
                if leg.user == "anna":
                    await let_go.wait()

            engine.gate = gate
            await world.request(E1)
            await world.say(commands.AcceptCall, "bert")
            await world.offer("anna", (await world.ticket("anna")).ticket)
            await world.connect("bert")
            assert not world.got(signals.SignalDescription, "anna")
            let_go.set()
            await until(lambda: world.got(signals.SignalDescription, "anna"))

    played(story)


def test_what_the_engine_says_reaches_devices_numbered() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")
            leg = Leg("anna", "phone", 1)
            engine.queue.put_nowait(Offered(ROOM, leg, "sdp", (Track("0", "camera", "bert", "phone"),)))
            engine.queue.put_nowait(CandidateFound(ROOM, leg, "subscribe", "candidate", "0"))
            engine.queue.put_nowait(Speaking(ROOM, (Speaker("anna", 50),)))
            engine.queue.put_nowait(Limited(ROOM, leg, 300, 240, False))
            engine.queue.put_nowait(Offered(Room("c7", 1), leg, "of a room that is none", ()))
            await until(lambda: world.got(signals.SignalLimits, "anna"))
            numbered = [one for one in world.signals if isinstance(one, signals.SignalDescription | signals.SignalCandidate)]
            assert [(type(one).__name__, one.pc, one.seq) for one in numbered] == [
                ("SignalDescription", "publish", 1),
                ("SignalDescription", "subscribe", 2),
                ("SignalCandidate", "subscribe", 3),
            ]
            spoken = world.got(signals.SignalSpeaking)[0]
            assert (spoken.direction, spoken.speakers) == ("to_all", (Speaker("anna", 50),))

    played(story)


def test_who_leaves_is_put_out_and_comes_back_with_another_generation() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1, "bert", "eve")
            await world.say(commands.AcceptCall, "bert")
            await world.connect("anna")
            await world.connect("bert")
            await world.say(commands.LeaveCall, "bert")
            await until(lambda: ("kick", ROOM, "bert", "phone") in engine.done)
            await world.say(commands.JoinCall, "bert")
            assert (await world.ticket("bert", count=2)).generation == 2
            await world.say(commands.MuteParticipant, "anna", target="bert")
            await until(lambda: ("mute", ROOM, "bert", True) in engine.done)

    played(story)


def test_asking_the_engine_finds_what_it_did_not_say_and_who_should_not_be_there() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.say(commands.AcceptCall, "bert")
            await world.connect("anna")
            await world.connect("bert")
            engine.legs[ROOM] = {Leg("anna", "phone", 1): True, Leg("bert", "phone", 1): True, Leg("eve", "phone", 1): True}
            await until(lambda: world.call.state == "connected")
            await until(lambda: ("kick", ROOM, "eve", "phone") in engine.done)
            del engine.legs[ROOM][Leg("bert", "phone", 1)]
            await until(lambda: world.call.parties["bert"].flow == "lost")
            assert any(isinstance(said, commands.ReportVanished) for said in world.said)

    played(story)


def test_an_engine_that_lies_changes_nothing() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")
            engine.queue.put_nowait(MediaSeen(ROOM, Leg("anna", "phone", 1), "gone"))
            engine.queue.put_nowait(MediaSeen(ROOM, Leg("eve", "phone", 1), "up"))
            engine.queue.put_nowait(QualitySeen(ROOM, Leg("eve", "phone", 1), Quality(0.0, 1, 1, 1)))
            engine.queue.put_nowait(QualitySeen(ROOM, Leg("anna", "phone", 1), Quality(0.5, 1, 1, 1)))
            await until(lambda: any(isinstance(said, commands.ReportQuality) for said in world.said))
            assert not [said for said in world.said if isinstance(said, commands.ReportVanished | commands.ReportEngineMedia)]
            assert not world.refused

    played(story)


def test_a_room_that_the_engine_lost_is_made_anew_as_the_next_epoch() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")
            del engine.legs[ROOM]
            engine.queue.put_nowait(RoomGone(ROOM))
            await world.connect("anna", epoch=2)
            assert (world.call.engine, world.call.epoch) == (E1, 2)
            await until(lambda: ("close", ROOM) in engine.done)

    played(story)


def test_a_process_that_comes_back_under_its_name_takes_its_calls_as_the_next_epoch() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1):
            await world.request(E1)
            await world.connect("anna")
        async with world.engine(E1, FakeEngine()) as (_, engine):
            await world.connect("anna", epoch=2)
            assert (world.call.engine, world.call.epoch) == (E1, 2)
            assert all(what[1] == NEXT for what in engine.done)

    played(story)


def test_calls_of_a_dead_engine_go_to_another_one_and_of_its_kind_if_there_is_one() -> None:
    async def story(world: World) -> None:
        async with world.engine("janus-1", FakeEngine("janus")) as (_, janus), world.engine("embedded-2") as (_, second):
            async with world.engine(E1):
                await world.request(E1)
                await world.connect("anna")
            await world.connect("anna", epoch=2)
            assert (world.call.engine, world.call.epoch) == ("embedded-2", 2)
            assert ("ensure_room", NEXT, "audio") in second.done
            assert janus.done == []

    played(story)


def test_a_call_that_no_engine_can_take_over_is_told_that_its_engine_is_lost() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1):
            await world.request(E1)
            await world.connect("anna")
        async with world.engine("embedded-3", FakeEngine(participants_limit=1)) as (_, full):
            full.legs[Room("other", 1)] = {Leg("x", "y", 1): True}
            await until(lambda: world.call.engine_lost)

    played(story)


def test_an_engine_that_stops_moves_its_calls_and_waits_for_their_devices() -> None:
    async def story(world: World) -> None:
        async with world.engine("embedded-2") as (_, second), world.engine(E1) as (first, engine):
            await world.request(E1)
            await world.connect("anna")
            engine.legs[ROOM][Leg("anna", "phone", 1)] = True
            await until(lambda: world.call.parties["anna"].flow == "flowing")
            draining = asyncio.create_task(first.drain())
            await world.connect("anna", epoch=2)
            assert (world.call.engine, world.call.epoch) == ("embedded-2", 2)
            assert not draining.done()
            second.queue.put_nowait(MediaSeen(NEXT, Leg("anna", "phone", 1), "up"))
            await draining

    played(story)


def test_an_engine_that_is_alone_stops_at_once() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1, drain_ms=600_000) as (driver, _):
            await world.request(E1)
            await driver.drain()
            assert world.call.epoch == 1

    played(story)


def test_an_engine_that_does_not_answer_is_not_announced_and_loses_its_calls() -> None:
    async def story(world: World) -> None:
        async with world.engine("embedded-2") as (other, _), world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")
            engine.away = True
            await until(lambda: not other.engines.lives(E1, world.now_ms()))
            await world.connect("anna", epoch=2)
            assert world.call.engine == "embedded-2"

    played(story)


def test_a_room_that_cannot_be_made_yet_is_made_later_and_its_devices_wait() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            engine.away = True
            await world.request(E1)
            await asyncio.sleep(0.2)
            assert not world.got(signals.TicketGiven, "anna")
            engine.away = False
            await world.connect("anna")

    played(story)


def test_what_an_engine_refuses_is_told_with_its_reason() -> None:
    async def story(world: World) -> None:
        async with world.engine(E1) as (_, engine):
            await world.request(E1)
            await world.connect("anna")

            async def refuse(leg: Leg) -> None:
                raise EngineRefused("too_many", "enough")

            engine.gate = refuse
            await world.offer("anna", "", seq=2)
            refused = (await until(lambda: world.got(signals.SignalRefused, "anna")))[0]
            assert (refused.code, refused.detail, refused.refused_seq) == ("too_many", "enough", 2)

    played(story)
