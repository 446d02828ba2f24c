"""Calls on whole nodes over the log in memory, with an owner that decides as the real one: who rings, who stops, who is answered."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from edge import call_frames as frames
from edge.clocks import clock_ms
from edge.frames import FromEdge
from edge.session import Session
from edge.settings import EdgeSettings
from log.memory import MemoryLog
from rtc.state import Call, Party
from schemas import call_commands as commands
from schemas import call_events, events
from schemas.accounts import SignInEnded
from schemas.ids import direct_conversation_id, uuid7
from store.errors import StoreUnavailable
from store.profiles import Settings
from store.rosters import TieRow
from store.ties import Tie
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, base, created
from tests.edge.nodes import Stage, running, until
from tests.edge.small_owner import SmallOwner

T = TypeVar("T")
CALL = "call-1"
NUMBERS = iter(range(1, 1_000_000))


class Play:
    """Two edges, an owner, an engine. `ask` sends with a fresh id and gives the answer."""

    def __init__(self, edges: list[Stage], owner: SmallOwner) -> None:
        self.edges, self.owner = edges, owner
        self.sinks: dict[str, tuple[Stage, Session, ListSink]] = {}

    async def come(self, name: str, user: str, device: str, edge: int = 0, **fields: Any) -> ListSink:
        stage = self.edges[edge]
        session, sink = await stage.session(user, device, **fields)
        stage.node.calls.greet(session)
        self.sinks[name] = (stage, session, sink)
        return sink

    def say(self, name: str, frame: Any) -> None:
        stage, session, _ = self.sinks[name]
        stage.say(session, frame)

    async def ask(self, name: str, kind: type[frames.CallCommandFrame], **fields: Any) -> frames.CallAck | frames.CallRefusal:
        frame = kind(**({"id": uuid7(clock_ms(), next(NUMBERS)), "conversation": GROUP, "call": CALL} | fields))
        self.say(name, frame)
        return await self.answer(name, frame.id)

    async def answer(self, name: str, command_id: str) -> frames.CallAck | frames.CallRefusal:
        sink = self.sinks[name][2]

        def found() -> list[Any]:
            return [each for each in sink.frames if isinstance(each, frames.CallAck | frames.CallRefusal) and each.id == command_id]

        await until(lambda: bool(found()))
        (answer,) = found()
        return answer  # type: ignore[no-any-return]

    async def request(self, name: str = "ana", **fields: Any) -> frames.CallAck | frames.CallRefusal:
        return await self.ask(name, frames.CallRequest, **({"call_kind": "one_to_one", "media": "audio", "callees": (BEN,)} | fields))

    def of(self, name: str, kind: type[T]) -> list[T]:
        return [each for each in self.sinks[name][2].frames if isinstance(each, kind)]

    async def seen(self, name: str, kind: type[T], count: int = 1) -> list[T]:
        await until(lambda: len(self.of(name, kind)) >= count)
        return self.of(name, kind)

    async def everybody_heard(self) -> None:
        """Returns when both edges have read all that the owner wrote."""
        for edge in self.edges:
            await until(partial(self._has_heard, edge))

    def _has_heard(self, edge: Stage) -> bool:
        known = {name: edge.node.calls.lines.line(name) for name in self.owner.lines}
        return all(line is not None and line.head_seq >= self.owner.lines[name].head_seq for name, line in known.items())


def play(body: Callable[[Play], Awaitable[None]], members: tuple[str, ...] = (ANA, BEN, EVE), engine: str = "embedded-1") -> None:
    async def whole() -> None:
        log = MemoryLog(clock_ms=clock_ms)
        owner = SmallOwner(log)
        async with asyncio.timeout(90), running(EdgeSettings(), log) as one, running(EdgeSettings(), log) as two:
            for stage in (one, two):
                stage.happen(created(members=members))
            task = asyncio.create_task(owner.run())
            if engine:
                await owner.announce(engine, clock_ms())
                await until(lambda: all(stage.node.calls.engines.get(engine) is not None for stage in (one, two)))
            try:
                await body(Play([one, two], owner))
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    asyncio.run(whole())


def tags(frames_seen: list[FromEdge]) -> list[str]:
    return [str(each.__struct_config__.tag) for each in frames_seen]


async def two_by_two(play: Play) -> None:
    await play.come("ana", ANA, "phone", 0)
    await play.come("ana2", ANA, "laptop", 1)
    await play.come("ben", BEN, "phone", 0)
    await play.come("ben2", BEN, "laptop", 1)
    await play.come("eve", EVE, "phone", 1)


def test_all_devices_of_the_callee_ring_on_every_edge_and_stop_when_one_accepts() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        ack = await play.request()
        assert isinstance(ack, frames.CallAck)
        assert (ack.call, ack.seq) == (CALL, 1)
        (rung,), (rung2,) = await play.seen("ben", frames.CallRing), await play.seen("ben2", frames.CallRing)
        assert (rung.caller, rung.engine_kind, rung.knock, rung.deadline_ms) == (ANA, "embedded", False, rung2.deadline_ms)
        assert rung.deadline_ms - rung.now_ms > 59_000
        assert isinstance(await play.ask("ben", frames.CallRinging), frames.CallAck)
        assert isinstance(await play.ask("ben", frames.CallAccept), frames.CallAck)
        (stop,) = await play.seen("ben2", frames.CallStop)
        assert stop.why == "answered_elsewhere"
        assert play.of("ben", frames.CallStop) == []
        for name in ("ana", "ana2", "ben", "ben2"):
            assert (await play.seen(name, frames.CallChanged, 1))[-1].call.caller == ANA
        ana = await play.seen("ana", frames.CallChanged, 3)
        assert [each.what for each in ana] == ["call_requested", "ring_started", "call_accepted"]
        assert ana[-1].call.state == "accepted"
        assert {party.user: party.device for party in ana[-1].call.parties} == {ANA: "phone", BEN: "phone"}
        await play.ask("ana", frames.CallHangUp, quality=frames.FrameQuality(0.5, 1, 2, 3))
        assert [(over.left, over.reason) for over in await play.seen("ana", frames.CallOver)] == [("hung_up", None)]
        assert [(over.left, over.reason) for over in await play.seen("ben2", frames.CallOver)] == [(None, "hung_up")]
        await play.everybody_heard()
        assert play.of("eve", object) == []
        assert len(play.of("ben", frames.CallRing)) == len(play.of("ben2", frames.CallRing)) == 1

    play(body)


def test_two_sessions_of_one_device_ring_and_only_the_one_that_answered_goes_on() -> None:
    async def body(play: Play) -> None:
        await play.come("ana", ANA, "phone")
        await play.come("tab", BEN, "browser")
        await play.come("tab2", BEN, "browser")
        await play.request()
        await play.seen("tab2", frames.CallRing)
        await play.ask("tab", frames.CallAccept)
        assert [stop.why for stop in await play.seen("tab2", frames.CallStop)] == ["answered_elsewhere"]
        assert play.of("tab", frames.CallStop) == []

    play(body)


@pytest.mark.parametrize(
    ("kind", "why", "reason"), [(frames.CallReject, "rejected", "rejected"), (frames.CallBusy, "busy", "busy")], ids=["reject", "busy"]
)
def test_a_refusal_stops_the_users_other_devices_and_ends_the_call(kind: Any, why: str, reason: str) -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request()
        await play.seen("ben", frames.CallRing)
        await play.ask("ben", kind)
        assert [stop.why for stop in await play.seen("ben2", frames.CallStop)] == [why]
        assert [over.reason for over in await play.seen("ana2", frames.CallOver)] == [reason]
        assert play.of("ben", frames.CallStop) == []

    play(body)


def test_a_ring_ends_by_time_and_by_the_caller() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request()
        await play.seen("ben", frames.CallRing)
        await play.owner.wait(GROUP, 60_000)
        for name in ("ben", "ben2"):
            assert [stop.why for stop in await play.seen(name, frames.CallStop)] == ["timed_out"]
        assert [over.reason for over in await play.seen("ana", frames.CallOver)] == ["missed"]
        await play.request(call="call-2")
        await play.seen("ben", frames.CallRing, 2)
        await play.ask("ana", frames.CallHangUp, call="call-2")
        for name in ("ben", "ben2"):
            assert [stop.why for stop in await play.seen(name, frames.CallStop, 2)] == ["timed_out", "cancelled"]

    play(body)


def test_who_says_hello_while_it_rings_rings_and_who_is_in_a_call_hears_how_it_stands() -> None:
    async def body(play: Play) -> None:
        await play.come("ana", ANA, "phone")
        await play.request()
        await play.everybody_heard()
        late = await play.come("ben", BEN, "phone", 1)
        assert tags(late.frames) == ["call_ring"]
        ana2 = await play.come("ana2", ANA, "laptop", 1)
        assert [(each.what, each.call.state) for each in ana2.frames if isinstance(each, frames.CallChanged)] == [("now", "requested")]
        silent = await play.come("bot", BEN, "bot", 1, follow=False)
        assert silent.frames == []
        await play.ask("ben", frames.CallReject)
        await play.everybody_heard()
        assert (await play.come("ben2", BEN, "laptop", 1)).frames == []

    play(body)


@pytest.mark.parametrize("saved", [False, True], ids=["events", "saved"])
def test_an_edge_that_starts_during_a_ring_knows_of_it(saved: bool) -> None:
    """From the events alone, or from the owner's saved line with nothing but what came after it."""

    async def body(play: Play) -> None:
        await play.come("ana", ANA, "phone")
        await play.request()
        if saved:
            await play.owner.save(GROUP)
        async with running(EdgeSettings(), play.owner.log) as third:
            third.happen(created(members=(ANA, BEN, EVE)))
            play.edges.append(third)
            assert third.node.calls.active.busy(ANA, "g-other")
            sink = await play.come("ben", BEN, "phone", 2)
            assert tags(sink.frames) == ["call_ring"]
            await play.ask("ben", frames.CallAccept)
            assert (await play.seen("ana", frames.CallChanged, 2))[-1].what == "call_accepted"

    play(body)


def test_a_retry_with_the_same_id_is_answered_and_changes_nothing() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        same = uuid7(clock_ms(), 77)
        first = await play.request(id=same)
        assert isinstance(first, frames.CallAck)
        play.sinks["ana"][2].frames.clear()
        play.edges[0].node.calls.engines._known.clear()  # what would refuse a new request
        again = await play.request(id=same)
        assert again == frames.CallAck(same, GROUP, CALL, 0)
        assert [type(event).__name__ for event in play.owner.events] == ["CallRequested"]

    play(body)


def test_two_who_call_each_other_have_one_call() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        mine, theirs = uuid7(clock_ms(), 1), uuid7(clock_ms(), 2)
        for name, command, call, callee in (("ana", mine, "from-ana", BEN), ("ben2", theirs, "from-ben", ANA)):
            play.say(
                name,
                frames.CallRequest(id=command, call=call, call_kind="one_to_one", media="audio", callees=(callee,), conversation=GROUP),
            )
        answers = [await play.answer("ana", mine), await play.answer("ben2", theirs)]
        assert all(isinstance(answer, frames.CallAck) for answer in answers)
        assert len({answer.call for answer in answers}) == 1
        await play.everybody_heard()
        live = play.owner.line(GROUP).live
        assert live is not None
        assert {party.user: party.device for party in live.participants} == {ANA: "phone", BEN: "laptop"}
        other = "ben" if live.caller == ANA else "ana2"  # the loser's other device rang, and has stopped
        assert [stop.why for stop in await play.seen(other, frames.CallStop)] == ["answered_elsewhere"]

    play(body)


def test_the_busy_are_not_rung_unless_they_take_a_second_call() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        for edge in play.edges:
            edge.node.profiles.tables = KeptSettings({})  # type: ignore[assignment]
            edge.node.calls.active.know("g-other", busy_call(BEN))
        ack = await play.request()
        assert isinstance(ack, frames.CallAck)
        assert [over.reason for over in await play.seen("ana", frames.CallOver)] == ["busy"]
        assert play.of("ben", frames.CallRing) == []
        play.edges[0].node.profiles.tables = KeptSettings({BEN: '{"call_waiting": true}'})  # type: ignore[assignment]
        await play.request(call="call-2")
        assert [ring.knock for ring in await play.seen("ben", frames.CallRing)] == [True]
        assert [ring.knock for ring in (await play.come("ben3", BEN, "tablet", 1)).frames if isinstance(ring, frames.CallRing)] == [True]

    play(body)


class KeptSettings:
    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    async def settings(self, user: str) -> Settings:
        return Settings(self._texts.get(user, "{}"), 1)


def busy_call(user: str) -> Any:
    party = Party(user=user, state="joined", device="d")
    return Call(
        call_id="other", kind="group", media="audio", state="connected", caller=user, requested_at_ms=0, parties={user: party}, engine="e"
    )


def test_nobody_named_is_everybody_and_who_is_blocked_is_left_out() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request(call_kind="group", callees=())
        await play.seen("ben", frames.CallRing)
        await play.seen("eve", frames.CallRing)
        await play.ask("ana", frames.CallHangUp)
        memory = play.edges[0].node.tables.rosters._memory  # type: ignore[attr-defined]
        memory.ties[direct_conversation_id(ANA, EVE)] = TieRow(Tie(blocked_by=(EVE,)), {}, {})
        await play.request(call_kind="group", callees=(), call="call-2")
        await play.seen("ben", frames.CallRing, 2)
        refused = await play.request(call_kind="group", callees=(EVE,), call="call-3")
        assert isinstance(refused, frames.CallRefusal)
        assert refused.code == "blocked"
        await play.everybody_heard()
        assert len(play.of("eve", frames.CallRing)) == 1

    play(body)


@pytest.mark.parametrize(
    ("fields", "code", "fault"),
    [
        ({"conversation": "g-unknown"}, "not_member", "user"),
        ({"callees": ("u-stranger",)}, "not_member", "user"),
        ({"callees": tuple(f"u-{number}" for number in range(1_000)), "call_kind": "group"}, "too_many_invites", "user"),
        ({"callees": ("",)}, "invalid", "device"),
        ({"callees": ("u" * 129,)}, "invalid", "device"),
        ({"callees": (ANA,)}, "invalid", "device"),
        ({"ring_ms": 1}, "invalid", "device"),
        ({"id": uuid7(1_000_000, 1)}, "stale", "nobody"),
        ({"engine": "janus"}, "not_now", "engine"),
        ({"engine": "p2p", "call_kind": "group"}, "invalid", "device"),
        ({"offer_hash": "x"}, "invalid", "device"),
    ],
    ids=["conversation", "stranger", "thousand", "nobody", "long", "self", "ring", "stale", "engine", "p2p", "hash"],
)
def test_a_bad_request_is_refused_with_its_code_and_the_next_one_rings(fields: dict[str, Any], code: str, fault: str) -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        refused = await play.request(**fields)
        assert isinstance(refused, frames.CallRefusal)
        assert (refused.code, refused.fault) == (code, fault)
        assert play.sinks["ana"][1].outstanding == set()
        assert play.sinks["ana"][1].publishing == 0
        assert isinstance(await play.request(), frames.CallAck)
        await play.seen("ben2", frames.CallRing)

    play(body)


def test_whom_a_user_rang_in_other_conversations_counts_too() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        for edge in play.edges:
            edge.node.calls.active.take(rang_elsewhere(ANA, play.owner.rules.invites_per_user_limit - 1))
        assert isinstance(await play.request(), frames.CallAck)
        await play.ask("ana", frames.CallHangUp)
        refused = await play.request(call="call-2")
        assert isinstance(refused, frames.CallRefusal)
        assert (refused.code, refused.fault) == ("too_many_invites", "user")
        assert 0 < refused.retry_after_ms <= 60_000
        assert isinstance(await play.request("eve", call="call-3"), frames.CallAck)  # others may

    play(body)


def rang_elsewhere(user: str, count: int) -> call_events.CallRequested:
    fields: dict[str, Any] = base(1, user=user, conversation="g-other") | {"at_ms": clock_ms()}
    fields |= {"call_id": "other", "call_kind": "group", "media": "audio", "callees": ("x",) * count, "busy": (), "waiting": ()}
    fields |= {"ring_deadline_ms": 0, "lease_until_ms": 0, "engine": "e", "offer_hash": ""}
    return call_events.CallRequested(**{name: fields[name] for name in call_events.CallRequested.__struct_fields__})


def test_commands_by_strangers_and_of_unknown_calls_are_refused_and_the_call_goes_on() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        strange: tuple[type[frames.CallCommandFrame], ...] = (frames.CallAccept, frames.CallHangUp, frames.CallJoin, frames.CallRinging)
        for kind in strange:
            refused = await play.ask("eve", kind, call="none")
            assert isinstance(refused, frames.CallRefusal)
            assert refused.code == "unknown_call"
        await play.request()
        codes = {}
        for kind in (frames.CallAccept, frames.CallHangUp, frames.CallHold, frames.CallReject):
            refused = await play.ask("eve", kind)
            codes[kind.__name__] = getattr(refused, "code", "taken")
        assert codes == {"CallAccept": "not_invited", "CallHangUp": "not_in_call", "CallHold": "not_in_call", "CallReject": "not_invited"}
        await play.ask("ben", frames.CallAccept)
        late = await play.ask("ben2", frames.CallAccept)
        assert getattr(late, "code", "taken") == "already_answered"
        await play.ask("ana", frames.CallHangUp)
        ended = await play.ask("ben", frames.CallAccept)
        assert getattr(ended, "code", "taken") == "call_ended"

    play(body)


def test_a_cancel_that_is_sent_right_after_the_request_does_not_overtake_it() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        ids = [uuid7(clock_ms(), 900 + number) for number in range(2)]
        play.say("ana", frames.CallRequest(id=ids[0], conversation=GROUP, call=CALL, call_kind="group", media="audio"))
        play.say("ana", frames.CallHangUp(id=ids[1], conversation=GROUP, call=CALL))
        assert [type(await play.answer("ana", command)) for command in ids] == [frames.CallAck, frames.CallAck]
        assert [type(command) for command in play.owner.commands] == [commands.RequestCall, commands.HangUp]

    play(body)


def test_an_engine_is_switched_by_who_may_and_in_place_of_none_by_either() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.owner.announce("janus-1", clock_ms())
        await until(lambda: all(edge.node.calls.engines.get("janus-1") is not None for edge in play.edges))
        await play.request(engine="p2p")
        await play.ask("ben2", frames.CallAccept)
        await play.everybody_heard()
        outside = await play.ask("ben", frames.CallSwitch)
        assert getattr(outside, "code", "taken") == "not_in_call"
        assert isinstance(await play.ask("ben2", frames.CallSwitch), frames.CallAck)
        live = play.owner.line(GROUP).live
        assert live is not None
        assert (live.engine, live.epoch) == ("embedded-1", 2)
        changed = (await play.seen("ana2", frames.CallChanged, 3))[-1]
        assert (changed.what, changed.call.engine_kind, changed.call.epoch) == ("engine_switched", "embedded", 2)
        await play.everybody_heard()
        refused = await play.ask("ana", frames.CallSwitch, engine="janus")
        assert getattr(refused, "code", "taken") == "not_allowed"  # with an engine it is a moderator's affair

    play(body)


def test_a_moderator_is_who_may_mute_or_remove_and_a_group_moves_to_another_engine() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.owner.announce("janus-1", clock_ms())
        await until(lambda: all(edge.node.calls.engines.get("janus-1") is not None for edge in play.edges))
        for edge in play.edges:
            edge.happen(events.RoleChanged(member=EVE, role="admin", **base(2, user=BEN)))
        await play.request(call_kind="group", callees=(BEN, EVE))
        for name in ("ben", "eve"):
            assert isinstance(await play.ask(name, frames.CallAccept), frames.CallAck)
        standings = {}
        for name in ("ana", "ben", "eve"):
            await play.ask(name, frames.CallMute, target=BEN)
            said = play.owner.commands[-1]
            assert isinstance(said, commands.MuteParticipant)
            standings[name] = said.standing
        assert standings == {"ana": "member", "ben": "member", "eve": "moderator"}
        assert getattr(await play.ask("ben", frames.CallSwitch), "code", "taken") == "not_allowed"
        assert getattr(await play.ask("ana", frames.CallSwitch, engine="embedded"), "code", "taken") == "not_now"  # there is no other
        for name, engine in (("ana", "janus-1"), ("eve", "embedded-1")):  # the caller, then a moderator
            assert isinstance(await play.ask(name, frames.CallSwitch), frames.CallAck)
            await play.everybody_heard()
            live = play.owner.line(GROUP).live
            assert live is not None
            assert live.engine == engine
        kicked = await play.ask("eve", frames.CallKick, target=BEN)
        assert isinstance(kicked, frames.CallAck)
        assert [over.left for over in await play.seen("ben2", frames.CallOver)] == ["kicked"]
        assert getattr(await play.ask("ben", frames.CallHangUp, for_all=True), "code", "taken") == "not_allowed"
        assert isinstance(await play.ask("eve", frames.CallHangUp, for_all=True), frames.CallAck)

    play(body)


def test_guests_are_members_or_friends_and_a_call_without_an_engine_has_no_room_for_them() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.come("kim", "u-kim", "phone")
        await play.request(callees=(BEN,))
        await play.ask("ben", frames.CallAccept)
        await play.everybody_heard()
        for kind, fields in ((frames.CallInvite, {"callees": ("u-kim",)}), (frames.CallTransfer, {"target": "u-kim"})):
            refused = await play.ask("ana", kind, **fields)
            assert getattr(refused, "code", "taken") == "not_member"
        assert getattr(await play.ask("ana", frames.CallInvite, callees=()), "code", "taken") == "invalid"
        memory = play.edges[0].node.tables.rosters._memory  # type: ignore[attr-defined]
        memory.ties[direct_conversation_id(ANA, "u-kim")] = TieRow(Tie(friends=True), {}, {})
        assert isinstance(await play.ask("ana", frames.CallInvite, callees=("u-kim", EVE)), frames.CallAck)
        await play.seen("eve", frames.CallRing)
        await play.seen("kim", frames.CallRing)
        assert isinstance(await play.ask("kim", frames.CallAccept), frames.CallAck)
        memory.ties[direct_conversation_id(ANA, BEN)] = TieRow(Tie(blocked_by=(BEN,)), {}, {})
        assert getattr(await play.ask("ana", frames.CallInvite, callees=(BEN,)), "code", "taken") == "blocked"
        await play.ask("ana", frames.CallHangUp, for_all=True)
        await play.request("ben", call="call-2", engine="p2p", callees=(EVE,))
        await play.ask("eve", frames.CallAccept, call="call-2")
        await play.everybody_heard()
        assert getattr(await play.ask("ben", frames.CallInvite, call="call-2", callees=(ANA,)), "code", "taken") == "not_now"

    play(body)


def test_what_cannot_be_looked_up_is_refused_for_now_and_the_log_that_is_away_too() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        play.edges[0].timelines.fails = StoreUnavailable("away")
        refused = await play.request()
        assert isinstance(refused, frames.CallRefusal)
        assert (refused.code, refused.fault, refused.retry_after_ms) == ("unavailable", "nobody", 1_000)
        play.edges[0].timelines.fails = None
        play.edges[0].node.publisher._bytes_limit = 0
        refused = await play.ask("ana", frames.CallRenew)
        assert isinstance(refused, frames.CallRefusal)
        assert (refused.code, refused.retry_after_ms) == ("unavailable", 1_000)
        play.edges[0].node.publisher._bytes_limit = 1 << 20
        assert isinstance(await play.request(), frames.CallAck)
        assert play.sinks["ana"][1].outstanding == set()
        assert play.edges[0].node.calls._asked == {}

    play(body)


def test_a_session_that_ends_is_answered_nothing_and_remembered_nowhere() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        stage, session, sink = play.sinks["ana"]
        await play.request(engine="p2p")
        await play.ask("ben", frames.CallAccept)
        await play.everybody_heard()
        play.owner.listening.clear()
        play.say("ana", frames.CallSwitch(id=uuid7(clock_ms(), 501), conversation=GROUP, call=CALL))
        play.say("ana", frames.CallRenew(id=uuid7(clock_ms(), 502), conversation=GROUP, call=CALL))
        await until(lambda: len(stage.node.calls._asked) == 2)
        stage.node.sessions.close(session)
        assert stage.node.calls._asked == {}
        told = len(sink.frames)
        play.owner.listening.set()
        await play.seen("ana2", frames.CallChanged, 3)  # the switch has come, and its event
        assert len(sink.frames) == told

    play(body)


def test_who_is_removed_or_signed_out_is_out_of_the_call_at_once() -> None:
    async def body(play: Play) -> None:
        await two_by_two(play)
        await play.request(call_kind="group", callees=(BEN, EVE))
        await play.ask("ben", frames.CallAccept)
        await play.everybody_heard()
        removed = events.MemberRemoved(member=EVE, **base(2, user=ANA))
        for edge in play.edges:
            edge.happen(removed)
        assert [stop.why for stop in await play.seen("eve", frames.CallStop)] == ["rejected"]
        for name in ("ben2", "ben"):  # the laptop takes no part: its end changes nothing
            stage, session, sink = play.sinks[name]
            session.sign_in = "of-" + name
            ended: dict[str, Any] = {"event_id": name, "tenant": "default", "user": BEN, "at_ms": 0, "device": session.device, "by": BEN}
            stage.node.desk.heed(SignInEnded(sign_in=session.sign_in, reason="signed_out", **ended))
            assert sink.closed is not None
            await play.request("ana", call=f"after-{name}")  # what the edge said of the end is heard before it
        (left,) = [each for each in await play.seen("ana", frames.CallChanged, 4) if each.what == "participant_left"]
        assert left.about == BEN
        reasons = [event.reason for event in play.owner.events if isinstance(event, call_events.ParticipantLeft)]
        assert reasons == ["hung_up"]

    play(body)
