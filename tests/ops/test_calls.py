"""`warbler calls` over the log in memory, with drivers and an owner that decides with the real core."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ops.calls import NoSuchCall, NotSwitched, read_live, switch
from schemas import call_commands as commands
from tests.rtc.driving_world import CALL, FakeEngine, World, until


def played(story: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(90), World().alive() as world:
            await story(world)

    asyncio.run(whole())


def test_the_log_says_which_calls_and_engines_there_are() -> None:
    async def story(world: World) -> None:
        async with world.engine("embedded-1"):
            await world.request("embedded-1")
            await world.say(commands.AcceptCall, "bert")
            await world.ticket("bert")
            live = await read_live(world.log, world.now_ms())
            line, call = live.call(CALL[:1])
            assert (line.conversation_id, call.call_id, sorted(party.user for party in call.participants)) == (
                "d-1",
                CALL,
                ["anna", "bert"],
            )
            assert live.engines.lives("embedded-1", live.now_ms)
            with pytest.raises(NoSuchCall, match="0 live calls"):
                live.call("other")
            await world.say(commands.HangUp, "anna", for_all=True)
            await until(lambda: world.line.live is None)
            assert (await read_live(world.log, world.now_ms())).calls() == []

    played(story)


def test_a_call_is_moved_by_hand_to_an_engine_of_the_kind_that_was_named() -> None:
    async def story(world: World) -> None:
        async with world.engine("embedded-1"), world.engine("embedded-2"), world.engine("janus-1", FakeEngine("janus")):
            await world.request("embedded-1")
            await world.connect("anna")
            live = await read_live(world.log, world.now_ms())
            assert await switch(world.log, live, CALL, "janus") == "janus-1"
            assert (world.call.engine, world.call.epoch) == ("janus-1", 2)
            await world.connect("anna", epoch=2)
            with pytest.raises(NotSwitched, match="stale_epoch"):
                await switch(world.log, live, CALL, "embedded")
            with pytest.raises(NotSwitched, match="no other engine of the kind livekit"):
                await switch(world.log, live, CALL, "livekit")

    played(story)
