"""Engines' processes on a real Kafka with the real owner of calls and devices of aiortc: calls connect, survive kills, and move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aioice.ice
import pytest

from ops.calls import read_live, switch
from ops.embedded.stack import Stack
from rtc.engines.janus.process import JanusProcess
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import call_signals as signals
from tests.real.call_devices import Calling, EngineProcess, Hub, hub_at, now_ms, seen
from tests.real.workers import Worker, workers
from tests.rtc.test_sdp import GOOD, text

pytestmark = pytest.mark.real
TEST_S = 120
GAP_LIMIT_S = 2.0  # what a switch may cost (issue 7)
QUICK = {"RTC_ANNOUNCE_MS": "500", "RTC_ANNOUNCED_MS": "1500", "RTC_RECONCILE_MS": "500", "RTC_CLOSE_AFTER_MS": "3000"}


class World:
    def __init__(self, stack: Stack, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.kafka = stack.kafka
        self.janus = JanusProcess(folder / "janus")
        self.owner = Worker(stack.kafka, folder, "calls", STREAMS_ROLES="calls")
        self.embedded = EngineProcess(stack.kafka, folder, "embedded-1", **QUICK)
        self.second = EngineProcess(stack.kafka, folder, "embedded-2", **QUICK)
        self.at_janus = EngineProcess(stack.kafka, folder, "janus-1", **QUICK, **self.janus.env)

    def run(self, story: Callable[[Hub], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(TEST_S), hub_at(self.kafka) as hub:
                await seen(lambda: hub.engines.lives("embedded-1", now_ms()), "embedded-1 lives", 60)
                await story(hub)

        self.runner.run(whole())


@pytest.fixture(scope="module")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    addresses = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1", *addresses(use_ipv4=True, use_ipv6=False)]
    made = World(stack, tmp_path_factory.mktemp("engines"))
    with made.runner, workers(made.owner, made.embedded, made.second, made.at_janus):
        made.runner.run(_begin(made))
        yield made
        made.runner.run(made.janus.stop())
    aioice.ice.get_host_addresses = addresses


async def _begin(world: World) -> None:
    async with hub_at(world.kafka):  # the topics are there
        world.owner.start()
        world.embedded.start()
        await world.janus.start()
        world.at_janus.start()
        await asyncio.gather(world.owner.until_ready(), world.embedded.until_well(), world.at_janus.until_well())


def test_a_call_connects_and_its_engine_keeps_it_alive(world: World) -> None:
    async def story(hub: Hub) -> None:
        calling = Calling(hub, "embedded-1")
        await calling.between_two()

        def ups() -> list[tuple[str, str]]:
            changed = [event for event in hub.happened if isinstance(event, events.MediaChanged) and event.call_id == calling.call_id]
            return sorted((event.participant, event.flow) for event in changed)

        await seen(lambda: len(ups()) == 2, "that both are up")
        assert ups() == [("ana", "up"), ("ben", "up")]
        await seen(lambda: calling.call.engine_until_ms, "the engine's lease")
        accepted = next(e for e in hub.happened if isinstance(e, events.CallAccepted) and e.call_id == calling.call_id)
        ticket = hub.devices[calling.call_id, "ben", "d"].tickets[0]
        print(f"accepted -> ticket: {ticket.at_ms - accepted.at_ms} ms")
        assert ticket.at_ms - accepted.at_ms < 3_000  # a few ms on a quiet machine: nothing of it is polled
        await calling.say(commands.HangUp, "ana")
        await seen(lambda: not calling.lives, "over")

    world.run(story)


def test_bad_tickets_and_bad_descriptions_are_refused_and_the_call_goes_on(world: World) -> None:
    async def story(hub: Hub) -> None:
        calling, other = Calling(hub, "embedded-1"), Calling(hub, "embedded-1")
        ana, stranger = calling.device("ana"), other.device("ana")
        ana.holds = stranger.holds = True
        await asyncio.gather(calling.request("ben"), other.request("ben"))
        await seen(lambda: ana.tickets and stranger.tickets, "tickets")
        mine, theirs = ana.tickets[0], stranger.tickets[0]
        good = text(*GOOD)
        await ana.offer(mine, 1, good, shown="made up")
        await ana.offer(mine, 2, good, shown=theirs.ticket)
        await ana.offer(mine, 3, "x" * 200_000)
        await ana.offer(mine, 4, text(*GOOD[:5]))
        await ana.offer(mine, 5, "\0garbage")
        await ana.send(signals.SignalCandidate, 1, 1, 6, pc="publish", candidate="candidate:1 9 udp", mid="0")
        await ana.offer(mine, 7, good)
        await seen(lambda: len(ana.refusals) >= 6, "six refusals")
        found = [(each.refused_seq, each.code) for each in ana.refusals]
        assert found[:6] == [
            *((1, "ticket_needed"), (2, "ticket_wrong_room"), (3, "too_long")),
            *((4, "no_media"), (5, "invalid"), (6, "invalid")),
        ]
        await calling.say(commands.HangUp, "ana")
        await other.say(commands.HangUp, "ana")
        after = Calling(hub, "embedded-1")
        await after.between_two()
        await after.say(commands.HangUp, "ana")

    world.run(story)


def test_a_running_call_moves_from_embedded_to_janus_with_less_than_two_seconds_without_media(world: World) -> None:
    async def story(hub: Hub) -> None:
        calling = Calling(hub, "embedded-1")
        ana, ben = await calling.between_two()
        await seen(lambda: len(ana.moments) > 20 and len(ben.moments) > 20, "pictures flow")
        await seen(lambda: hub.engines.lives("janus-1", now_ms()), "janus-1 lives")
        began = time.monotonic()
        assert await switch(hub.log, await read_live(hub.log, now_ms()), calling.call_id, "janus") == "janus-1"
        await seen(lambda: calling.call.epoch == 2 and calling.flows() == ["flowing", "flowing"], "both flow at Janus")
        moved_s = time.monotonic() - began
        enough = len(ana.moments) + 20
        await seen(lambda: len(ana.moments) > enough, "and go on")
        gaps = [device.longest_gap_s(began) for device in (ana, ben)]
        print(f"switch embedded -> janus: both at the new engine after {moved_s:.2f} s, longest gaps {gaps[0]:.2f} and {gaps[1]:.2f} s")
        assert max(gaps) < GAP_LIMIT_S
        await calling.say(commands.HangUp, "ana")

    world.run(story)


def test_a_killed_engine_that_comes_back_takes_its_calls_anew(world: World) -> None:
    async def story(hub: Hub) -> None:
        calling = Calling(hub, "embedded-1")
        ana, _ = await calling.between_two()
        world.embedded.end()
        world.embedded.start()
        await seen(lambda: calling.call.epoch >= 2, "the next epoch", 60)
        enough = len(ana.moments) + 5
        await seen(lambda: len(ana.moments) > enough, "pictures again", 60)
        await calling.say(commands.HangUp, "ana")

    world.run(story)


def test_calls_of_a_killed_engine_go_to_another_one_of_its_kind(world: World) -> None:
    async def story(hub: Hub) -> None:
        world.second.start()
        await world.second.until_well()
        await seen(lambda: hub.engines.lives("embedded-2", now_ms()), "embedded-2 lives")
        calling = Calling(hub, "embedded-1")
        ana, _ = await calling.between_two()
        world.embedded.end()
        began = time.monotonic()
        await seen(lambda: (calling.call.engine, calling.call.epoch) == ("embedded-2", 2), "embedded-2 has it")
        enough = len(ana.moments) + 5
        await seen(lambda: len(ana.moments) > enough, "pictures again", 60)
        print(f"engine killed: pictures again after {time.monotonic() - began:.2f} s")
        await calling.say(commands.HangUp, "ana")

    world.run(story)
