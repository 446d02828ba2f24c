"""The order that the lane's rules ask for, provoked: one append of events is held back, and nothing that depends on it may pass it."""

import asyncio
import dataclasses
from collections.abc import Callable

from log.memory import MemoryLog, Moment
from log.port import Entry
from streams.conversations.lane import Lane, Work
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC
from streams.conversations.shelf import STATE_TOPIC
from streams.conversations.stats import OwnerStats
from tests.streams.simulation import SETTINGS, Clock, entry_of, fresh, make_command

TAKE_OVER_APPENDS = 2  # the control records in events and state
HELD_S = 0.2  # many turns of the lane, so that snapshots and a checkpoint are due
# No checkpoint before the first commands: the first append after the take-over is then that of their events.
HELD_SETTINGS = dataclasses.replace(SETTINGS, checkpoint_interval_ms=20)


class Gate:
    """Holds one operation of the log back, or lets everything through once it is open."""

    def __init__(self, operation: str, which: int) -> None:
        self._operation, self._which, self._seen = operation, which, 0
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, operation: str, moment: Moment) -> None:
        if (operation, moment) == (self._operation, "before"):
            self._seen += 1
            if self._seen == self._which:
                self.reached.set()
                await self.open.wait()


async def run_lane(log: MemoryLog, gate: Gate, entries: list[Entry], held: Callable[[], "asyncio.Future[None]"]) -> list[int]:
    """Handle the entries as chunks of one; `held` looks while the gate is shut. Returns the acked offsets."""
    await log.publish(COMMANDS_TOPIC, 0, entries)
    acked: list[int] = []
    lane = Lane(log.seen_with(gate), fresh, 0, HELD_SETTINGS, Clock(), OwnerStats())
    running = asyncio.ensure_future(lane.run())
    for record in await log.read(COMMANDS_TOPIC, 0, 0, 100):

        async def ack(offset: int = record.offset) -> None:
            acked.append(offset)

        await lane.put(Work([record], ack))
    async with asyncio.timeout(10):
        await gate.reached.wait()
        await asyncio.sleep(HELD_S)
        await held()
        assert acked == []
        gate.open.set()
        while len(acked) < len(entries):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])
    return acked


def test_no_answer_and_no_snapshot_passes_an_append_that_is_not_in_the_log_yet() -> None:
    """A `repeated` would ack an event that may never be; a snapshot would know of what may never have happened."""

    async def body() -> None:
        log = MemoryLog(1, clock_ms=Clock())
        first, second = make_command("create", 0, 0, 0), make_command("send", 0, 0, 1)

        async def held() -> None:
            assert await log.end_offset(EVENTS_TOPIC, 0) == 1
            assert await log.end_offset(REPLIES_TOPIC, 0) == 0
            states = await log.read(STATE_TOPIC, 0, 0, 100)
            assert [record.key for record in states if record.key and not record.key.startswith(b"#")] == []

        gate = Gate("append", TAKE_OVER_APPENDS + 1)
        entries = [entry_of(first), entry_of(second), entry_of(first)]
        assert await run_lane(log, gate, entries, lambda: asyncio.ensure_future(held())) == [0, 1, 2]
        assert await log.end_offset(REPLIES_TOPIC, 0) == 1

    asyncio.run(body())


def test_no_event_passes_an_answer_that_is_not_in_the_log_yet() -> None:
    """The event's header would say that the refused command was used, and after a crash nobody would answer it."""

    async def body() -> None:
        log = MemoryLog(1, clock_ms=Clock())
        refused, accepted = make_command("send", 0, 0, 0), make_command("create", 0, 0, 1)

        async def held() -> None:
            assert await log.end_offset(EVENTS_TOPIC, 0) == 1

        gate = Gate("publish", 1)
        entries = [entry_of(refused), entry_of(accepted)]
        assert await run_lane(log, gate, entries, lambda: asyncio.ensure_future(held())) == [0, 1]
        assert await log.end_offset(EVENTS_TOPIC, 0) == 2

    asyncio.run(body())
