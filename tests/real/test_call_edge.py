"""Calls over two real edges with real sockets and the real owner: rings, answers, glare, and edges that die.

The calls have no media engine (`p2p`), so that nothing but edges, log and owner has a part in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.real.running import Running
from tests.real.talking import Device, User, minted, new_id, online
from tests.rtc.test_sdp import GOOD, text

pytestmark = pytest.mark.real
SDP = text(*GOOD)


async def ask(device: Device, kind: str, conversation: str, call: str, command: str = "", **fields: Any) -> dict[str, Any]:
    """Says a command about a call and hears its answer."""
    command = command or new_id()
    device.say(type=kind, id=command, conversation=conversation, call=call, **fields)
    return await answer(device, command)


async def answer(device: Device, command: str) -> dict[str, Any]:
    return await device.hear(lambda f: f["type"] in ("call_ack", "call_refused") and f["id"] == command)


async def request(device: Device, conversation: str, call: str, command: str = "") -> dict[str, Any]:
    return await ask(device, "call_request", conversation, call, command, call_kind="one_to_one", media="audio", engine="p2p")


async def about(device: Device, kind: str, call: str) -> dict[str, Any]:
    return await device.hear(lambda f: f["type"] == kind and (f["call"] == call or (kind == "call_changed" and f["call"]["call"] == call)))


async def changed_to(device: Device, call: str, state: str) -> dict[str, Any]:
    return await device.hear(lambda f: f["type"] == "call_changed" and f["call"]["call"] == call and f["call"]["state"] == state)


async def between(device: Device, other: User) -> str:
    ack = await device.command("create_conversation", "", conversation_kind="direct", members=[{"user": other.user}])
    assert ack["type"] == "ack", ack
    conversation: str = ack["conversation"]
    return conversation


@contextlib.asynccontextmanager
async def four(warbler: Running, ana: User, ben: User) -> AsyncIterator[tuple[Device, Device, Device, Device]]:
    """Each of the two has a device on each edge."""
    one, two = warbler.addresses()
    async with online(one, ana) as ana1, online(two, ana, "laptop") as ana2, online(one, ben) as ben1, online(two, ben, "laptop") as ben2:
        yield ana1, ana2, ben1, ben2


def test_every_device_rings_and_the_others_stop_at_once_when_one_accepts(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = minted(warbler, 2)
        async with four(warbler, ana, ben) as (ana1, ana2, ben1, ben2):
            conversation, call = await between(ana1, ben), new_id()
            ack = await request(ana1, conversation, call)
            assert (ack["type"], ack["call"]) == ("call_ack", call), ack
            for device in (ben1, ben2):
                ring = await about(device, "call_ring", call)
                assert (ring["caller"], ring["engine_kind"]) == (ana.user, "p2p")
                assert 20_000 < ring["deadline_ms"] - time.time() * 1000 < 61_000
            assert (await ask(ben1, "call_ringing", conversation, call))["type"] == "call_ack"
            await changed_to(ana2, call, "ringing")
            assert (await ask(ben2, "call_accept", conversation, call))["type"] == "call_ack"
            assert (await about(ben1, "call_stop", call))["why"] == "answered_elsewhere"
            assert (await about(ana1, "call_ticket", call))["engine_kind"] == "p2p"
            offer = {"pc": "publish", "generation": 1, "seq": 1, "sdp_type": "offer", "sdp": SDP, "epoch": 1}
            ana1.say(type="call_description", conversation=conversation, call=call, **offer)
            described = await about(ben2, "call_described", call)
            assert (described["pc"], described["sdp"], described["seq"]) == ("subscribe", SDP, 1)
            late = await ask(ben1, "call_accept", conversation, call)
            assert (late["type"], late["code"], late["fault"]) == ("call_refused", "already_answered", "nobody")
            await ask(ana1, "call_hang_up", conversation, call)
            for device in (ben1, ben2, ana2):
                await about(device, "call_over", call)

    asyncio.run(body())


def test_who_comes_while_it_rings_rings_and_two_who_call_each_other_have_one_call(warbler: Running) -> None:
    async def body() -> None:
        ana, ben = minted(warbler, 2)
        one, two = warbler.addresses()
        async with online(one, ana) as ana1:
            conversation, call = await between(ana1, ben), new_id()
            await request(ana1, conversation, call)
            async with online(two, ben, "laptop") as ben2:
                assert (await about(ben2, "call_ring", call))["call"] == call
                await ask(ana1, "call_hang_up", conversation, call)
                assert (await about(ben2, "call_stop", call))["why"] == "cancelled"
                mine, theirs = new_id(), new_id()
                ids = new_id(), new_id()
                asked = {"type": "call_request", "conversation": conversation, "call_kind": "one_to_one", "media": "audio", "engine": "p2p"}
                ana1.say(id=ids[0], call=mine, **asked)
                ben2.say(id=ids[1], call=theirs, **asked)
                answers = [await answer(ana1, ids[0]), await answer(ben2, ids[1])]
                assert [each["type"] for each in answers] == ["call_ack"] * 2, answers
                (won,) = {each["call"] for each in answers}
                assert won in (mine, theirs)
                for device in (ana1, ben2):
                    await changed_to(device, won, "accepted")
                await ask(ana1, "call_hang_up", conversation, won)
                await about(ben2, "call_over", won)

    asyncio.run(body())


def test_an_edge_that_dies_during_the_ring_and_one_during_the_call_end_nothing(warbler: Running) -> None:
    """The caller's edge is killed while it rings, then, with all on the other one, that one in the call; each time devices come back."""

    async def body() -> None:
        ana, ben = minted(warbler, 2)
        one, two = warbler.addresses()
        async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as second:
            ana1 = await first.enter_async_context(online(one, ana))
            ben2 = await second.enter_async_context(online(two, ben))
            conversation, call = await between(ana1, ben), new_id()
            await request(ana1, conversation, call)
            await about(ben2, "call_ring", call)
            killed = warbler.kill("edge-1")
            assert await ana1.broken()
            again = await second.enter_async_context(online(two, ana))
            now = await about(again, "call_changed", call)
            assert (now["what"], now["call"]["state"]) == ("now", "requested")
            await ask(ben2, "call_accept", conversation, call)
            await changed_to(again, call, "accepted")
            for device in (again, ben2):
                await ask(device, "call_media", conversation, call, flow="up")
            await changed_to(ben2, call, "connected")
            await asyncio.to_thread(warbler.wait_for_successor, "edge-1", killed)

            killed = warbler.kill("edge-2")
            for device in (again, ben2):
                assert await device.broken()
            async with online(one, ana) as ana1, online(one, ben) as ben1:
                for device in (ana1, ben1):
                    assert (await about(device, "call_changed", call))["call"]["state"] == "connected"
                ana1.say(type="call_ticket_wanted", conversation=conversation, call=call, epoch=1, generation=2)
                assert (await about(ana1, "call_ticket", call))["generation"] == 2
                await ask(ben1, "call_hang_up", conversation, call)
                assert (await about(ana1, "call_over", call))["reason"] == "hung_up"
            await asyncio.to_thread(warbler.wait_for_successor, "edge-2", killed)

    asyncio.run(body())
