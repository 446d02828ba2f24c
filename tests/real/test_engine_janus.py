"""The engine on a real Janus, started for this file, with real media (aiortc) between its legs."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from rtc.engines.janus.engine import JanusEngine
from rtc.engines.janus.process import JanusProcess
from rtc.engines.janus.settings import JanusSettings
from rtc.engines.make import make
from rtc.engines.port import Engine, EngineEvent, EngineRefused, EngineUnavailable, Leg, Limited, QualitySeen, Room, RoomGone
from schemas.call_signals import Track
from tests.rtc.peers import Party, Peer, until

pytestmark = pytest.mark.real
TIMEOUT_S = 40
T = TypeVar("T", Limited, QualitySeen)


class World(NamedTuple):
    runner: asyncio.Runner
    janus: JanusProcess
    env: dict[str, str]

    def run(self, body: Callable[[Party], Awaitable[None]], node: str = "janus-1") -> None:
        """A test's body with an engine of its own and a party on it."""
        self.runner.run(asyncio.wait_for(self._run(body, node), TIMEOUT_S))

    async def _run(self, body: Callable[[Party], Awaitable[None]], node: str) -> None:
        async with party_at(self.env, node) as party:
            await body(party)


@asynccontextmanager
async def party_at(env: dict[str, str], node: str) -> AsyncIterator[Party]:
    engine = make("janus", node, env)
    await engine.start()
    party = Party(engine)
    try:
        yield party
    finally:
        await party.end()
        await engine.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("janus")
    janus = JanusProcess(folder)
    env = janus.env | {"RTC_JANUS_RECONNECT_MS": "50", "RTC_JANUS_QUALITY_MS": "500", "RTC_JANUS_LOST_MS": "500"}
    with asyncio.Runner() as runner:
        runner.run(janus.start())
        try:
            yield World(runner, janus, env)
        finally:
            runner.run(janus.stop())


def sees(peer: Peer, user: str, more_than: int = 3) -> bool:
    return peer.frames[(user, "camera")] > more_than


async def everybody_sees_everybody(*peers: Peer) -> None:
    for peer in peers:
        for other in peers:
            if other is not peer:
                await until(functools.partial(sees, peer, other.leg.user), f"{peer.leg.user} sees {other.leg.user}")


def test_two_see_each_other_a_third_comes_and_one_shares_a_screen(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-1", 1)
        await party.engine.ensure_room(room, "video")
        await party.engine.ensure_room(room, "video")  # asked twice: once
        ana, ben, cid = (party.peer(room, user) for user in ("ana", "ben", "cid"))
        await ana.publish("microphone", "camera")
        await ben.publish("microphone", "camera")
        await everybody_sees_everybody(ana, ben)
        await cid.publish("microphone", "camera")
        await everybody_sees_everybody(ana, ben, cid)
        assert party.flows("ana") == ["up"]
        assert party.engine.load() == (1, 3)
        assert {(leg.leg.user, leg.flowing) for leg in (await party.engine.snapshot(room)).legs} == {
            (u, True) for u in ("ana", "ben", "cid")
        }

        await ana.publish("screen")  # a new offer of the same generation
        await until(lambda: ben.frames[("ana", "screen")] > 3 and cid.frames[("ana", "screen")] > 3, "both see the screen")
        assert {track.source for track in ben.offers[-1].tracks if track.user == "ana"} == {"microphone", "camera", "screen"}

        await party.engine.kick(room, "cid", "d")
        await until(lambda: all(track.user != "cid" for track in ben.offers[-1].tracks), "ben is offered no cid any more")
        assert {leg.leg.user for leg in (await party.engine.snapshot(room)).legs} == {"ana", "ben"}
        await party.engine.close(room)
        await party.engine.close(room)
        assert not (await party.engine.snapshot(room)).exists
        assert party.engine.load() == (0, 0)
        assert not [event for event in party.told if isinstance(event, RoomGone)]

    world.run(body)


def test_who_is_loud_is_heard_and_said_and_who_is_muted_is_neither(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-2", 1)
        await party.engine.ensure_room(room, "audio")
        ana, ben = party.peer(room, "ana"), party.peer(room, "ben")
        await ana.publish("microphone", loud=True)
        await ben.publish("microphone")
        await until(lambda: ben.frames[("ana", "microphone")] > 10, "ben hears ana")
        await until(lambda: ("ana",) in party.speaking(), "ana is said to speak")
        await party.engine.mute(room, "ana", True)
        await until(lambda: party.speaking()[-1] == (), "nobody speaks")
        heard = ben.frames[("ana", "microphone")]
        await asyncio.sleep(0.5)
        assert ben.frames[("ana", "microphone")] - heard < 15  # what was in the jitter buffer

        again = party.peer(room, "ana", generation=2)  # a new connection does not get round it
        await again.publish("microphone", loud=True)
        await until(
            lambda: any(offer.tracks and "ana" in {t.user for t in offer.tracks} for offer in ben.offers[1:]), "ben is offered ana anew"
        )
        heard = ben.frames[("ana", "microphone")]
        await asyncio.sleep(0.7)
        assert ben.frames[("ana", "microphone")] - heard < 15
        await party.engine.mute(room, "ana", False)
        await until(lambda: ben.frames[("ana", "microphone")] > heard + 30, "ben hears ana again")

    world.run(body)


def test_new_connections_take_over_once_they_are_up_and_until_then_the_old_ones_go_on(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-11", 1)
        await party.engine.ensure_room(room, "video")
        ana, ben = party.peer(room, "ana"), party.peer(room, "ben")
        for peer in (ana, ben):
            await peer.publish("microphone", "camera")
        await everybody_sees_everybody(ana, ben)

        stuck = party.peer(room, "ana", generation=2)
        await party.engine.publish(room, stuck.leg, await stuck.offer("microphone", "camera"), stuck.tracks(), ())  # its answer is lost
        await more_of(ben, "ana")
        anew = [party.peer(room, "ana", generation=3), party.peer(room, "ben", generation=2)]  # their edge was lost: both at once
        for peer in anew:
            await peer.publish("microphone", "camera")
        await everybody_sees_everybody(*anew)
        await until(lambda: legs_at(party.engine, room) == {peer.leg for peer in anew}, "the old ones are gone")
        assert {leg.leg for leg in (await party.engine.snapshot(room)).legs} == {peer.leg for peer in anew}
        assert party.flows("ana") == ["up", "up"]  # of the first, and of the third

        broken = party.peer(room, "ana", generation=4)
        await party.engine.publish(room, broken.leg, await broken.offer("microphone", "camera"), broken.tracks(), ())
        await end_at_janus(party.engine, room, broken.leg)  # before it was up
        await more_of(anew[1], "ana")
        assert party.flows("ana") == ["up", "up"]

    world.run(body)


async def more_of(peer: Peer, user: str) -> None:
    before = peer.frames[(user, "camera")]
    await until(lambda: sees(peer, user, before + 5), f"{peer.leg.user} goes on seeing {user}")


def legs_at(engine: Engine, room: Room) -> set[Leg]:
    assert isinstance(engine, JanusEngine)
    return {each.leg for each in engine._rooms[room].all_legs()}


async def end_at_janus(engine: Engine, room: Room, leg: Leg) -> None:
    """As Janus does it by itself where a connection does not come about."""
    assert isinstance(engine, JanusEngine)
    at = engine._rooms[room]
    found = next(each for each in at.all_legs() if each.leg == leg)
    await at.link.ask(found.publisher, {"request": "leave"})
    await until(lambda: leg not in legs_at(engine, room), "it is gone")


def test_a_restart_of_janus_is_said_and_the_room_can_be_made_again(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-3", 1)
        await party.engine.ensure_room(room, "video")
        ana, ben = party.peer(room, "ana"), party.peer(room, "ben")
        await ana.publish("microphone", "camera")
        await ben.publish("microphone", "camera")
        await everybody_sees_everybody(ana, ben)
        await world.janus.kill()
        await until(lambda: RoomGone(room) in party.told, "the room is said to be gone")
        with pytest.raises(EngineUnavailable):
            await party.engine.ensure_room(room, "video")
        with pytest.raises(EngineUnavailable):
            await party.engine.snapshot(room)
        assert party.engine.load() == (0, 0)
        await world.janus.start()
        await until_made(party, room)
        anew = [party.peer(room, user, generation=2) for user in ("ana", "ben")]
        for peer in anew:
            await peer.publish("microphone", "camera")
        await everybody_sees_everybody(*anew)

    world.run(body)


async def until_made(party: Party, room: Room) -> None:
    for _ in range(200):
        try:
            await party.engine.ensure_room(room, "video")
        except EngineUnavailable:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("janus is not reached again")


def test_a_device_that_goes_is_gone_and_one_that_is_muted_stays(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-4", 1)
        await party.engine.ensure_room(room, "video")
        ana, ben = party.peer(room, "ana"), party.peer(room, "ben")
        await ana.publish("microphone")
        await ben.publish("microphone")
        await until(lambda: party.flows("ana") == ["up"] and party.flows("ben") == ["up"], "both are up")
        await party.engine.tracks(room, ana.leg, ana.tracks(muted=True))
        for sender, _ in [*ana.sent.values(), *ben.sent.values()]:
            sender.replaceTrack(None)  # nothing is sent any more
        await until(lambda: party.flows("ben") == ["up", "lost"], "ben, who did not say that it is muted, is lost")
        assert party.flows("ana") == ["up"]
        await ana.vanish()
        await until(lambda: party.flows("ana") == ["up", "gone"], "ana is gone")
        assert [leg.leg.user for leg in (await party.engine.snapshot(room)).legs] == ["ben"]

    world.run(body)


def test_what_makes_no_sense_is_refused_and_the_room_goes_on(world: World) -> None:
    async def body(party: Party) -> None:
        engine, room = party.engine, Room("call-5", 1)
        ana = party.peer(room, "ana")
        with pytest.raises(EngineRefused, match="unknown_call"):
            await ana.publish("microphone")
        await engine.ensure_room(room, "audio")
        tracks = (Track("0", "microphone"),)
        for sdp in ("", "v=0", "v=0\r\n" + "x" * 50_000, "no sdp at all"):
            with pytest.raises(EngineRefused, match="invalid"):
                await engine.publish(room, Leg("eve", "d", 1), sdp, tracks, ())
        for late in (engine.answer(room, Leg("eve", "d", 1), "v=0"), engine.candidate(room, Leg("eve", "d", 1), "publish", "", "")):
            with pytest.raises(EngineRefused, match="unknown_leg"):
                await late
        await ana.publish()
        ben = party.peer(room, "ben")
        await ben.publish("microphone")
        await until(lambda: party.flows("ana") == ["up"] and party.flows("ben") == ["up"], "the room goes on")
        with pytest.raises(EngineRefused, match="unknown_leg"):
            await engine.publish(room, Leg("ana", "d", 0), "v=0", tracks, ())
        await until(lambda: bool(ana.offers), "ana is offered ben")
        await until(lambda: not engine_waits(engine, ana.leg), "and has answered")
        with pytest.raises(EngineRefused, match="invalid"):
            await engine.answer(room, ana.leg, "v=0")
        await engine.candidate(room, ana.leg, "subscribe", "candidate:1 1 udp 1 127.0.0.1 9 typ host", "0")
        await engine.layer(room, ana.leg, "ben", "camera", "low")
        assert {leg.leg.user for leg in (await engine.snapshot(room)).legs} == {"ana", "ben"}

    world.run(body)


def engine_waits(engine: object, leg: Leg) -> bool:
    assert isinstance(engine, JanusEngine)
    return any(each.offered for room in engine._rooms.values() for each in room.legs.values() if each.leg == leg)


def test_a_new_process_of_the_node_clears_what_the_old_one_left_and_others_stay(world: World) -> None:
    async def body(first: Party) -> None:
        left, others = Room("call-6", 1), Room("call-7", 1)
        async with party_at(world.env, "janus-2") as other:
            await first.engine.ensure_room(left, "audio")
            await other.engine.ensure_room(others, "audio")
            async with party_at(world.env, "janus-1") as successor:
                assert not (await successor.engine.snapshot(left)).exists
                await until(lambda: RoomGone(left) in first.told, "the old process hears of it")
            assert (await other.engine.snapshot(others)).exists

    world.run(body)


def test_a_recording_is_made_where_janus_was_told(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-8", 1)
        await party.engine.ensure_room(room, "audio")
        ana = party.peer(room, "ana")
        await ana.publish("microphone", loud=True)
        await party.engine.record(room, True)
        folder = JanusSettings.from_env(world.env).record_dir
        await until(lambda: any(files_in(folder)), "a file is written")
        await party.engine.record(room, False)

    world.run(body)


def files_in(folder: str) -> list[str]:
    return [path.name for path in Path(folder).glob("*.mjr")]


def test_a_way_that_loses_much_gets_sound_only_and_its_quality_is_told(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-9", 1)
        await party.engine.ensure_room(room, "video")
        ana, ben = party.peer(room, "ana"), party.peer(room, "ben")
        await ana.publish("microphone", "camera", loud=True)
        await ben.publish("microphone")
        await until(lambda: sees(ben, "ana") and ben.frames[("ana", "microphone")] > 3, "ben sees and hears ana")
        ben.lose(0.6)
        await until(lambda: any(event.audio_only for event in of_leg(party.told, Limited, ben.leg)), "ben gets sound only")
        ben.lose(0.0)
        pictures, sounds = ben.frames[("ana", "camera")], ben.frames[("ana", "microphone")]
        await until(lambda: ben.frames[("ana", "microphone")] > sounds + 20, "ben hears ana")
        assert ben.frames[("ana", "camera")] <= pictures + 3
        await until(lambda: any(event.quality.loss_ratio > 0 for event in of_leg(party.told, QualitySeen, ben.leg)), "loss is told")
        assert of_leg(party.told, QualitySeen, ben.leg)[-1].quality.bitrate_kbps > 0

    world.run(body)


def of_leg(told: list[EngineEvent], kind: type[T], leg: Leg) -> list[T]:
    return [event for event in told if isinstance(event, kind) and event.leg == leg]


def test_a_device_that_falls_silent_is_lost(world: World) -> None:
    async def body(party: Party) -> None:
        room = Room("call-10", 1)
        await party.engine.ensure_room(room, "audio")
        ana = party.peer(room, "ana")
        await ana.publish("microphone")
        await until(lambda: party.flows("ana") == ["up"], "ana is up")
        await ana.fall_silent()
        await until(lambda: party.flows("ana") == ["up", "lost"], "ana is lost")
        assert [leg.flowing for leg in (await party.engine.snapshot(room)).legs] == [False]

    world.run(body)
