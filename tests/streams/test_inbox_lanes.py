"""Lanes of a worker that is fenced: no fault when its partition was moved, one when it was not."""

import asyncio
from collections.abc import Sequence

import pytest

from log.errors import Fenced
from log.memory import MemoryLog
from log.port import Entry, Record
from schemas import codec
from schemas.partition import partition_of
from store.presence import PresenceRow
from streams.inbox import inbox
from streams.inbox.inbox import Inbox
from streams.inbox.lane import Lane, Work
from streams.inbox.takeover import NOTIFICATIONS_TOPIC
from streams.settings import StreamsSettings
from tests.streams.inbox_parts import START_MS, notified, opened
from tests.streams.simulation import Clock

GRACE_S = 0.05


class Table:
    async def put(self, rows: Sequence[PresenceRow]) -> None:
        return None


def made(log: MemoryLog, clock: Clock, fatal: list[BaseException]) -> Inbox:
    return Inbox(log, Table(), StreamsSettings(), clock, lambda topic, partition: 0, fatal.append)


async def until_ready(worker: Inbox) -> None:
    async with asyncio.timeout(5):
        while not worker.lanes or not all(lane.ready for lane in worker.lanes):  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def give(worker: Inbox, log: MemoryLog, clock: Clock) -> None:
    """Something to publish: a user comes."""
    user = next(f"u-{number}" for number in range(100) if partition_of(f"u-{number}".encode(), 2) == 0)
    entry = Entry(user.encode(), codec.encode("sessions", opened(clock.now_ms, user=user)))
    offset = await log.publish("sessions", 0, [entry])

    async def ack() -> None:
        return None

    await worker.lanes[0].put(Work("sessions", await log.read("sessions", 0, offset, 1), ack))


@pytest.mark.parametrize("moved", [True, False])
def test_a_fenced_lane_ends_the_process_only_if_its_partition_is_still_assigned(monkeypatch: pytest.MonkeyPatch, moved: bool) -> None:
    monkeypatch.setattr(inbox, "FENCED_GRACE_S", GRACE_S)

    async def body() -> None:
        log, clock, fatal = MemoryLog(2), Clock(), list[BaseException]()
        old, new = made(log, clock, fatal), made(log, clock, fatal)
        await old.assigned({0})
        await until_ready(old)
        await new.assigned({0})
        await until_ready(new)
        await give(old, log, clock)
        await asyncio.sleep(0.02)
        if moved:
            await old.assigned(set())
        await asyncio.sleep(2 * GRACE_S)
        assert [type(error) for error in fatal] == ([] if moved else [Fenced])
        assert len(old.lanes) == (0 if moved else 1)
        presences = [record for record in await log.read("presence", 0, 0, 100) if record.key != b"#writer"]
        assert presences == [], "the fenced one told nothing"
        await old.close()
        await new.close()

    asyncio.run(body())


def test_a_partition_that_comes_back_after_its_lane_was_fenced_gets_a_new_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "FENCED_GRACE_S", GRACE_S)

    async def body() -> None:
        log, clock, fatal = MemoryLog(2), Clock(), list[BaseException]()
        old, new = made(log, clock, fatal), made(log, clock, fatal)
        await old.assigned({0, 1})
        await until_ready(old)
        await new.assigned({0})
        await until_ready(new)
        await give(old, log, clock)
        await asyncio.sleep(0.02)
        await new.close()
        await old.assigned({0, 1})
        await until_ready(old)
        await asyncio.sleep(2 * GRACE_S)
        assert fatal == []
        assert len(old.lanes) == 2
        assert clock.now_ms > START_MS
        await old.close()

    asyncio.run(body())


def test_who_waits_for_room_in_a_lane_that_is_dropped_waits_no_longer() -> None:
    async def body() -> None:
        log, clock = MemoryLog(2), Clock()
        worker = made(log, clock, [])
        await worker.assigned({0})
        lane = worker.lanes[0]  # not ready: nothing is taken from its queue yet

        async def ack() -> None:
            return None

        record = Record("sessions", 0, 0, 0, b"k", None)
        waiting = asyncio.ensure_future(_fill(lane, Work("sessions", [record], ack)))
        await asyncio.sleep(0)
        await worker.assigned(set())
        async with asyncio.timeout(5):
            await waiting

    async def _fill(lane: Lane, work: Work) -> None:
        for _ in range(1_000):
            await lane.put(work)

    asyncio.run(body())


def test_while_a_burst_to_large_groups_is_folded_others_get_the_loop() -> None:
    """Method: users are counted at every turn of the loop; in a fold that is never interrupted there are none, and then all."""
    notices, members = 40, 100

    async def body() -> None:
        log, clock = MemoryLog(2), Clock()
        worker = made(log, clock, [])
        await worker.assigned({0})
        await until_ready(worker)
        lane = worker.lanes[0]

        async def ack() -> None:
            return None

        told = [notified(1, users=tuple(f"u-{number}-{each}" for each in range(members))) for number in range(notices)]
        offset = await log.publish(NOTIFICATIONS_TOPIC, 0, [Entry(b"g-1", codec.encode(NOTIFICATIONS_TOPIC, each)) for each in told])
        await lane.put(Work(NOTIFICATIONS_TOPIC, await log.read(NOTIFICATIONS_TOPIC, 0, offset, notices), ack))
        counts = set()
        async with asyncio.timeout(60):
            while lane.users_count < notices * members:
                counts.add(lane.users_count)
                await asyncio.sleep(0)
        assert any(0 < count < notices * members for count in counts)
        await worker.close()

    asyncio.run(body())
