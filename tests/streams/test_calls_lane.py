"""The owner of calls over the in-memory log: timers by its clock, never ahead of a command that is in the log, and after a take-over."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from log.memory import Fault, MemoryLog, Moment, no_fault
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import codec
from schemas.call_records import CallReply
from streams.calls.owned import CALLS
from streams.calls.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC
from streams.owning import lane
from streams.owning.lane import Lane, Work
from streams.owning.stats import OwnerStats
from tests.streams.call_desk import ANA, BOB, START_MS, XEN, call_entry, fresh_calls_of_one, make_call_command
from tests.streams.simulation import SETTINGS

RING_MS, SLACK_MS = 60_000, 500


class Hands:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Stage:
    """A log, a clock for it and the owner, and one owner at a time."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.log = MemoryLog(1, clock_ms=self.clock)
        self.stats = OwnerStats()
        self.acked: list[int] = []
        self._running: asyncio.Task[None] | None = None
        self.begin()

    def begin(self, fault: Fault = no_fault) -> None:
        settings = dataclasses.replace(SETTINGS, checkpoint_interval_ms=1_000)
        self.lane = Lane(self.log.seen_with(fault), CALLS, fresh_calls_of_one, 0, settings, self.clock, self.stats)
        self._running = asyncio.ensure_future(self.lane.run())

    async def kill(self) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])

    async def say(self, kind: type[commands.Command], who: str, number: int, *, brought: bool = True, **fields: Any) -> None:
        """Into the log; and to the lane, unless Faust does not bring it."""
        command = make_call_command(kind, who, number, self.clock.now_ms, **fields)
        offset = await self.log.publish(COMMANDS_TOPIC, 0, [call_entry(command)])
        if brought:
            await self.bring(offset)

    async def bring(self, offset: int) -> None:
        records = await self.log.read(COMMANDS_TOPIC, 0, offset, 1)

        async def ack() -> None:
            self.acked.append(offset)

        await self.lane.put(Work(records, ack))

    async def events(self) -> list[events.Event]:
        rows = await self.log.read(EVENTS_TOPIC, 0, 0, 1_000)
        return [codec.decode(row.value, events.Event) for row in rows if row.key is not None]  # type: ignore[arg-type]

    async def kinds(self) -> list[str]:
        return [type(event).__name__ for event in await self.events()]

    async def replies(self) -> list[CallReply]:
        return [codec.decode(row.value, CallReply) for row in await self.log.read(REPLIES_TOPIC, 0, 0, 1_000)]  # type: ignore[arg-type]

    async def until(self, count: int) -> list[str]:
        """The kinds of the events, once there are so many."""
        async with asyncio.timeout(10):
            while len(kinds := await self.kinds()) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return kinds


def play(body: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        stage = Stage()
        try:
            await body(stage)
        finally:
            await stage.kill()

    asyncio.run(whole())


def test_a_ring_times_out_by_the_owners_clock_and_its_record_follows() -> None:
    async def body(stage: Stage) -> None:
        await stage.say(commands.RequestCall, ANA, 0)
        await stage.until(1)
        stage.clock.now_ms += RING_MS + SLACK_MS - 1
        await asyncio.sleep(0.05)
        assert await stage.kinds() == ["CallRequested"]
        stage.clock.now_ms += 1
        assert await stage.until(4) == ["CallRequested", "RingTimedOut", "CallEnded", "CallRecorded"]
        assert {event.at_ms for event in (await stage.events())[1:]} == {START_MS + RING_MS}
        assert (stage.stats.timers, stage.stats.take_overs) == (1, 1)

    play(body)


def test_an_answer_that_is_in_the_log_counts_though_nobody_brings_it() -> None:
    """Faust had committed it, or has not fetched it yet: the ring may not time out over it, so the owner reads it itself."""

    async def body(stage: Stage) -> None:
        await stage.say(commands.RequestCall, ANA, 0)
        await stage.until(1)
        stage.clock.now_ms += RING_MS - 10
        await stage.say(commands.AcceptCall, XEN, 1, brought=False)
        await stage.say(commands.AcceptCall, BOB, 2, brought=False)
        stage.clock.now_ms += SLACK_MS + 10
        assert await stage.until(2) == ["CallRequested", "CallAccepted"]
        assert [(type(reply).__name__, reply.user) for reply in await stage.replies()] == [("CallRefused", "xen")]
        await stage.bring(1)  # and when Faust brings them after all, they are done
        await stage.bring(2)
        await asyncio.sleep(0.05)
        assert await stage.kinds() == ["CallRequested", "CallAccepted"]
        assert len(await stage.replies()) == 1
        assert stage.acked == [0, 1, 2]
        assert stage.stats.commands == 3

    play(body)


def test_commands_that_never_cease_do_not_put_time_off() -> None:
    """Whenever the lane reads a command, there is another one: it asks once where they end."""

    async def body(stage: Stage) -> None:
        await stage.say(commands.RequestCall, ANA, 0)
        await stage.until(1)
        told = 0

        async def fault(operation: str, moment: Moment) -> None:
            nonlocal told
            if (operation, moment) == ("read", "after") and told < 50:
                told += 1
                await stage.log.publish(COMMANDS_TOPIC, 0, [late])
            await asyncio.sleep(0)

        late = call_entry(make_call_command(commands.AcceptCall, XEN, 1, stage.clock.now_ms))
        await stage.log.publish(COMMANDS_TOPIC, 0, [late])
        await stage.kill()
        stage.clock.now_ms += RING_MS + SLACK_MS
        stage.begin(fault)
        seen = stage.log._rows[EVENTS_TOPIC, 0]
        async with asyncio.timeout(10):
            while sum(row.key is not None for row in seen) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert told < 50

    play(body)


def test_what_was_due_while_nobody_owned_the_partition_happens_at_once_at_the_moment_it_was_due() -> None:
    async def body(stage: Stage) -> None:
        await stage.say(commands.RequestCall, ANA, 0)
        await stage.until(1)
        await stage.kill()
        stage.clock.now_ms += 10 * RING_MS
        await stage.say(commands.AcceptCall, BOB, 1, brought=False)  # long after the deadline
        stage.begin()
        assert await stage.until(4) == ["CallRequested", "RingTimedOut", "CallEnded", "CallRecorded"]
        assert {event.at_ms for event in (await stage.events())[1:]} == {START_MS + RING_MS}
        assert [reply.code for reply in await stage.replies()] in ([], ["call_ended"], ["too_late"])  # type: ignore[union-attr]

    play(body)


def test_the_successor_of_an_owner_that_died_while_it_rang_keeps_the_deadline() -> None:
    async def body(stage: Stage) -> None:
        await stage.say(commands.RequestCall, ANA, 0)
        await stage.until(1)
        stage.clock.now_ms += RING_MS // 2
        await stage.kill()
        stage.begin()
        await asyncio.sleep(0.05)
        assert await stage.kinds() == ["CallRequested"]
        stage.clock.now_ms += RING_MS // 2 + SLACK_MS
        await stage.until(4)
        assert (await stage.events())[1].at_ms == START_MS + RING_MS
        assert stage.stats.take_overs == 2

    play(body)


def test_many_calls_that_are_due_at_once_go_out_in_several_batches_where_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "EVENTS_BATCH_BYTES", 5_000)

    async def body(stage: Stage) -> None:
        for number in range(40):
            await stage.say(commands.RequestCall, ANA, number, conversation_id=f"d-{number:032d}")
        await stage.until(40)
        stage.clock.now_ms += RING_MS + SLACK_MS
        await stage.until(160)
        assert (stage.stats.take_overs, stage.stats.timers) == (1, 40), "each batch landed where the owner meant it to"

    play(body)
