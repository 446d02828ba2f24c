"""`client.calls` over a switchboard in memory; and what the client's core makes of a command's answers."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from warbler import call_frames as cf
from warbler import frames
from warbler.core import Core
from warbler.effects import Acked, CallHeard, Failed, Send
from warbler.errors import CallIsOver, CallRefused

from tests.sdk.fake_calls import FakeSession, Switchboard
from tests.sdk.fake_edge import LIMITS


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


def two() -> tuple[Switchboard, FakeSession, FakeSession]:
    board = Switchboard()
    return board, board.session("ana"), board.session("bob")


def test_a_call_rings_is_answered_and_ends() -> None:
    async def work() -> None:
        _, ana, bob = two()
        placed = await ana.calls.request("d-1", ["bob"])
        ring = await bob.calls.next_ring()
        assert (ring.call, ring.caller) == (placed.call, "ana")
        await bob.calls.ringing(ring)
        await bob.calls.accept(ring)
        shown = await ana.calls.until(placed, "accepted", "connected")
        assert [party.user for party in shown.parties] == ["ana", "bob"]
        assert not bob.calls.rings
        await ana.calls.hang_up(placed)
        assert (await bob.calls.ended(ring)).reason == "hung_up"
        assert not {*ana.calls.live, *bob.calls.live}

    run(work())


def test_a_ring_is_answered_with_delivered_by_itself_and_told_once() -> None:
    async def work() -> None:
        _, ana, bob = two()
        heard: list[str] = []
        bob.calls.on_ring(lambda ring: heard.append(ring.call))
        placed = await ana.calls.request("d-1", ["bob"])
        ring = await bob.calls.next_ring()
        bob.calls.take(ring)
        assert heard == [placed.call]
        assert [type(frame) for frame in bob.said] == [cf.CallDelivered]
        later: list[str] = []
        bob.calls.on_ring(lambda ring: later.append(ring.call))
        assert later == [placed.call], "who asks late hears of what rings already"

    run(work())


def test_a_refused_command_says_why_and_whose_fault_it_is() -> None:
    async def work() -> None:
        board, ana, _ = two()
        board.refuse = lambda frame: cf.CallRefusal(frame.id, frame.conversation, "c-other", "call_exists", "nobody", "join it", 0)
        with pytest.raises(CallRefused, match="call_exists: join it") as caught:
            await ana.calls.request("d-1", ["bob"])
        assert (caught.value.fault, caught.value.call, caught.value.retryable) == ("nobody", "c-other", False)

    run(work())


def test_waiting_for_a_state_ends_with_the_call() -> None:
    async def work() -> None:
        _, ana, bob = two()
        placed = await ana.calls.request("d-1", ["bob"])
        waiting = asyncio.create_task(ana.calls.until(placed, "connected"))
        await bob.calls.reject(await bob.calls.next_ring())
        with pytest.raises(CallIsOver):
            await waiting

    run(work())


def test_what_comes_for_media_before_anybody_attached_is_kept() -> None:
    async def work() -> None:
        _, ana, _ = two()
        placed = await ana.calls.request("d-1", ["bob"])
        await ana.calls.until(placed, "requested")
        await asyncio.sleep(0)
        heard: list[cf.CallFromEdge] = []
        undo = ana.calls.attach(placed.call, heard.append)
        assert [type(frame) for frame in heard] == [cf.CallTicket]
        await ana.calls.hang_up(placed)
        await ana.calls.ended(placed)
        assert isinstance(heard[-1], cf.CallOver)
        undo()

    run(work())


def test_a_call_that_ended_while_there_was_no_session_is_over() -> None:
    async def work() -> None:
        _, ana, _ = two()
        placed = await ana.calls.request("d-1", ["bob"])
        shown = await ana.calls.until(placed, "requested")
        ana.calls.connected()
        ana.calls.take(cf.CallChanged("now", "", "", 0, shown))
        ana.calls._on_confirmed()
        assert placed.call in ana.calls.live, "the edge told of it again"
        ana.calls.connected()
        ana.calls._on_confirmed()
        over = await ana.calls.ended(placed)
        assert (over.reason, over.left) == (None, None)
        ana.calls.close()

    run(work())


def test_an_older_word_about_a_call_changes_nothing() -> None:
    async def work() -> None:
        _, ana, bob = two()
        placed = await ana.calls.request("d-1", ["bob"])
        old = await ana.calls.until(placed, "requested")
        await bob.calls.accept(await bob.calls.next_ring())
        await ana.calls.until(placed, "accepted")
        ana.calls.take(cf.CallChanged("call_requested", "", "", 0, old))
        assert ana.calls.live[placed.call].state == "accepted"
        await ana.calls.hang_up(placed)
        await ana.calls.ended(placed)
        ana.calls.take(cf.CallChanged("call_requested", "", "", 0, old))
        assert placed.call not in ana.calls.live

    run(work())


def test_leases_are_renewed_only_where_no_engine_does_it() -> None:
    async def work() -> None:
        _, ana, bob = two()
        placed = await ana.calls.request("d-1", ["bob"])
        await ana.calls.until(placed, "requested")
        bob.calls._on_timer()
        assert not [frame for frame in bob.said if isinstance(frame, cf.CallRenew)], "it is only rung"
        ana.calls._on_timer()
        assert [frame.call for frame in ana.said if isinstance(frame, cf.CallRenew)] == [placed.call]
        for session in (ana, bob):
            session.calls.close()

    run(work())


# ---- the core


def live_core() -> Core:
    core = Core("ana-1", lambda bits: 5, follow=True)
    core.on_open("token", 0)
    core.on_frame(frames.Welcome("s", "n", "ana", "e", False, 1_000, 25_000, LIMITS, ()), 0)
    return core


def asked(core: Core) -> cf.CallRequest:
    frame = cf.CallRequest(id="", conversation="d-1", call="c-1", call_kind="one_to_one", media="audio", callees=("bob",))
    [sent] = [effect.frame for effect in core.submit(7, frame, 10) if isinstance(effect, Send)]
    assert isinstance(sent, cf.CallRequest)
    return sent


def test_a_call_command_is_answered_by_its_id() -> None:
    core = live_core()
    sent = asked(core)
    ack = cf.CallAck(sent.id, "d-1", "c-1", 1)
    assert core.on_frame(ack, 20) == [Acked(7, ack)]
    assert core.on_frame(ack, 20) == [], "an answer that comes twice"


def test_a_refused_call_command_fails() -> None:
    core = live_core()
    sent = asked(core)
    [effect] = core.on_frame(cf.CallRefusal(sent.id, "d-1", "c-1", "too_many_invites", "user", "at most 100", 9_000), 20)
    assert isinstance(effect, Failed)
    assert isinstance(effect.error, CallRefused)
    assert (effect.error.code, effect.error.retry_after_ms) == ("too_many_invites", 9_000)


def test_a_command_that_came_too_fast_is_sent_again_with_its_id() -> None:
    core = live_core()
    sent = asked(core)
    assert core.on_frame(cf.CallRefusal(sent.id, "d-1", "c-1", "rate_limited", "device", "", 300), 20) == []
    assert not [effect for effect in core.on_tick(319) if isinstance(effect, Send) and isinstance(effect.frame, cf.CallRequest)]
    assert [effect.frame for effect in core.on_tick(320) if isinstance(effect, Send)] == [sent]


def test_an_unanswered_call_command_is_sent_again_over_the_next_connection() -> None:
    core = live_core()
    sent = asked(core)
    core.on_lost(1006, "", 30, 0.5)
    core.on_open("token", 40)
    effects = core.on_frame(frames.Welcome("s", "n", "ana", "e", False, 1_000, 25_000, LIMITS, ()), 50)
    assert [effect.frame for effect in effects if isinstance(effect, Send)] == [sent]


def test_signals_are_dropped_while_there_is_no_connection() -> None:
    core = live_core()
    wanted = cf.CallTicketWanted(conversation="d-1", call="c-1", generation=2)
    assert core.tell(wanted, 10) == [Send(wanted)]
    core.on_lost(1006, "", 30, 0.5)
    assert core.tell(wanted, 40) == []


def test_what_the_edge_says_of_calls_is_handed_on() -> None:
    stop = cf.CallStop("d-1", "c-1", "cancelled")
    assert live_core().on_frame(stop, 10) == [CallHeard(stop)]
