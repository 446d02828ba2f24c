"""The order that the lane's rules ask for, provoked: one append of events is held back, and nothing that depends on it may pass it."""

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from log.errors import PositionGone
from log.memory import MemoryLog, Moment
from log.port import Entry, Record
from schemas.codec import decode, decode_event
from schemas.records import OwnerCheckpoint
from streams.conversations.owned import CONVERSATIONS
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC, Partition
from streams.conversations.shelf import STATE_TOPIC
from streams.owning import lane as lane_module
from streams.owning.lane import INBOX_CHUNKS_MAX, Lane, Work
from streams.owning.port import CHECKPOINT_KEY
from streams.owning.stats import OwnerStats
from streams.owning.takeover import take_over
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


async def run_lane(
    log: MemoryLog, gate: Gate, entries: list[Entry], held: Callable[[], "asyncio.Future[None]"], *, whole: bool = False
) -> list[int]:
    """Handle the entries as chunks of one, or as a whole one; `held` looks while the gate is shut. Returns the acked offsets."""
    await log.publish(COMMANDS_TOPIC, 0, entries)
    acked: list[int] = []
    lane = Lane(log.seen_with(gate), CONVERSATIONS, fresh, 0, HELD_SETTINGS, Clock(), OwnerStats())
    running = asyncio.ensure_future(lane.run())
    records = await log.read(COMMANDS_TOPIC, 0, 0, 100)
    for chunk in [records] if whole else [[record] for record in records]:

        async def ack(chunk: list[Record] = chunk) -> None:
            acked.extend(record.offset for record in chunk)

        await lane.put(Work(chunk, ack))
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


def test_a_checkpoint_that_passes_an_event_says_that_its_command_was_used_also_while_an_answer_after_it_is_held() -> None:
    """Else a successor would decide commands again that were answered before it, with a state that knows what came after them."""

    async def body() -> None:
        log = MemoryLog(1, clock_ms=Clock())
        refused, accepted = make_command("send", 0, 0, 0), make_command("create", 0, 0, 1)

        async def held() -> None:
            while not (checkpoints := [each for each in await log.read(STATE_TOPIC, 0, 0, 1_000) if each.key == CHECKPOINT_KEY]):  # noqa: ASYNC110
                await asyncio.sleep(0.001)  # due by the lane's own looks at its clock, of which a slow machine has few in a while
            checkpoint = decode(checkpoints[-1].value, OwnerCheckpoint)
            assert (checkpoint.events_next, checkpoint.commands_next) == (2, 2)

        entries = [entry_of(refused), entry_of(accepted), entry_of(accepted)]  # the last one's answer is held
        await run_lane(log, Gate("publish", 2), entries, lambda: asyncio.ensure_future(held()), whole=True)

    asyncio.run(body())


def test_a_chunk_of_more_than_a_batch_goes_out_in_several_where_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "EVENTS_BATCH_BYTES", 1_000)

    async def body() -> None:
        log, stats, done = MemoryLog(1, clock_ms=Clock()), OwnerStats(), asyncio.Event()
        commands = [make_command("create", 0, 0, 0), *(make_command("send", 0, 0, number) for number in range(1, 30))]
        await log.publish(COMMANDS_TOPIC, 0, [entry_of(command) for command in commands])
        lane = Lane(log, CONVERSATIONS, fresh, 0, SETTINGS, Clock(), stats)
        running = asyncio.ensure_future(lane.run())

        async def ack() -> None:
            done.set()

        await lane.put(Work(await log.read(COMMANDS_TOPIC, 0, 0, 100), ack))
        async with asyncio.timeout(10):
            await done.wait()
        running.cancel()
        await asyncio.wait([running])
        assert (stats.take_overs, stats.accepted) == (1, 30)

    asyncio.run(body())


def test_an_append_that_lands_elsewhere_makes_the_owner_look_at_the_log_anew() -> None:
    """Somebody else's record stands where this owner's next event was due, as in a log that was replaced beneath it."""

    async def body() -> None:
        log, stats = MemoryLog(1, clock_ms=Clock()), OwnerStats()
        entries = [entry_of(make_command("create", 0, 0, 0)), entry_of(make_command("send", 0, 0, 1))]
        await log.publish(COMMANDS_TOPIC, 0, entries)
        lane = Lane(log, CONVERSATIONS, fresh, 0, SETTINGS, Clock(), stats)
        running = asyncio.ensure_future(lane.run())
        acked: list[int] = []
        async with asyncio.timeout(10):
            for record in await log.read(COMMANDS_TOPIC, 0, 0, 100):
                await log.publish(EVENTS_TOPIC, 0, [Entry(b"g-foreign", b"not an event")])

                async def ack(offset: int = record.offset) -> None:
                    acked.append(offset)

                await lane.put(Work([record], ack))
                while record.offset not in acked:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        assert stats.take_overs >= 2
        seqs = [decode_event(each.value).seq for each in await log.read(EVENTS_TOPIC, 0, 0, 100) if each.headers]
        assert seqs == [1, 2]

    asyncio.run(body())


def test_what_an_owner_saves_into_an_older_log_that_was_put_beneath_it_is_believed_by_nobody() -> None:
    """Its checkpoint would say that commands were used which are still to come: none of them would ever be answered."""

    async def body() -> None:
        log, stats, acked = MemoryLog(1, clock_ms=Clock()), OwnerStats(), set[int]()
        lane = Lane(log, CONVERSATIONS, fresh, 0, HELD_SETTINGS, Clock(), stats)
        running = asyncio.ensure_future(lane.run())

        async def handled(numbers: range) -> None:
            start = await log.publish(COMMANDS_TOPIC, 0, [entry_of(make_command("send" if n else "create", 0, 0, n)) for n in numbers])
            last = start + len(numbers) - 1

            async def ack() -> None:
                acked.add(last)

            acked.discard(last)
            await lane.put(Work(await log.read(COMMANDS_TOPIC, 0, start, 100), ack))
            while last not in acked:  # noqa: ASYNC110
                await asyncio.sleep(0)

        async def seen() -> Partition:
            """What a successor makes of the state topic."""
            partition = fresh()
            for record in await log.read(STATE_TOPIC, 0, 0, 1_000):
                partition.load(record)
            return partition

        async with asyncio.timeout(10):
            await handled(range(5))
            older = {place: list(rows) for place, rows in log._rows.items()}
            await handled(range(5, 30))
            for place, rows in log._rows.items():
                rows[:] = older.get(place, [])
            while stats.take_overs < 2:  # noqa: ASYNC110  what it saves does not land where it is due
                await asyncio.sleep(0.001)
            assert (await seen()).misplaced == set()
            await handled(range(30, 33))
            while (await seen()).fold_start() == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        events = [decode_event(each.value) for each in await log.read(EVENTS_TOPIC, 0, 0, 100) if each.headers]
        assert [event.seq for event in events] == list(range(1, 9))
        successor = await take_over(log, CONVERSATIONS, fresh, "a successor", "n-2", Clock())
        assert (successor.partition.commands_next, successor.partition.misplaced) == (8, set())

    asyncio.run(body())


def test_commands_that_end_before_the_last_one_used_are_of_another_log() -> None:
    """Restored apart from the events, what is sent now would be taken for used and never be answered."""

    async def body() -> None:
        whole, cut = MemoryLog(1, clock_ms=Clock()), MemoryLog(1, clock_ms=Clock())
        entries = [entry_of(make_command("create", 0, 0, 0)), entry_of(make_command("send", 0, 0, 1))]
        await whole.publish(COMMANDS_TOPIC, 0, entries)
        lane = Lane(whole, CONVERSATIONS, fresh, 0, SETTINGS, Clock(), stats := OwnerStats())
        running = asyncio.ensure_future(lane.run())
        acked: list[int] = []

        async def ack() -> None:
            acked.append(1)

        async with asyncio.timeout(10):
            await lane.put(Work(await whole.read(COMMANDS_TOPIC, 0, 0, 100), ack))
            while not acked:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        assert stats.accepted == 2
        for topic in (EVENTS_TOPIC, STATE_TOPIC):
            for each in await whole.read(topic, 0, 0, 1_000):
                await cut.publish(topic, 0, [Entry(each.key, each.value, each.timestamp_ms, each.headers)])
        await cut.publish(COMMANDS_TOPIC, 0, entries[:1])
        with pytest.raises(PositionGone, match="conversation-commands-0 does not hold offset 2"):
            await asyncio.wait_for(Lane(cut, CONVERSATIONS, fresh, 0, SETTINGS, Clock(), OwnerStats()).run(), 10)

    asyncio.run(body())


def test_who_waits_to_put_into_a_full_lane_is_let_go_when_the_lane_ends() -> None:
    async def body() -> None:
        log = MemoryLog()
        gate = Gate("append", 1)  # the take-over never ends, so nothing is taken out
        lane = Lane(log.seen_with(gate), CONVERSATIONS, fresh, 0, HELD_SETTINGS, Clock(), OwnerStats())
        running = asyncio.ensure_future(lane.run())
        await log.publish(COMMANDS_TOPIC, 0, [entry_of(make_command("create", 0, 0, 0))])
        (record,) = await log.read(COMMANDS_TOPIC, 0, 0, 1)

        async def ack() -> None:
            raise AssertionError("nothing was handled")

        for _ in range(INBOX_CHUNKS_MAX):
            await lane.put(Work([record], ack))
        waiting = asyncio.ensure_future(lane.put(Work([record], ack)))
        await asyncio.sleep(0)
        assert not waiting.done()
        running.cancel()
        async with asyncio.timeout(5):
            await waiting
            await asyncio.wait([running])

    asyncio.run(body())
