"""The paced publisher over the in-memory log: order, answers, limits, and no partition that holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from log.errors import LogUnavailable
from log.memory import MemoryLog
from log.port import Entry
from log.publisher import Publisher
from schemas.errors import WarblerError
from schemas.partition import partition_of

TOPIC = "conversation-commands"


def key_in(partition: int, count: int) -> bytes:
    return next(key for key in (b"k%d" % n for n in range(1000)) if partition_of(key, count) == partition)


class OneStuck(MemoryLog):
    """A log whose partition 0 does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.calls = 0

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        self.calls += 1
        if partition == 0:
            await self.let_go.wait()
        return await super().publish(topic, partition, entries)


class Failing(MemoryLog):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        raise self.error


async def started(
    log: MemoryLog, interval_ms: int = 1, bytes_limit: int = 1 << 20, age_limit_ms: int = 10_000
) -> tuple[Publisher, asyncio.Task[None], int]:
    await log.start()
    publisher = Publisher(log, interval_ms, bytes_limit, age_limit_ms)
    await publisher.start((TOPIC,))
    return publisher, asyncio.create_task(publisher.run()), await log.partitions_count(TOPIC)


def test_what_is_offered_is_in_the_log_in_its_order_after_stop() -> None:
    async def go() -> None:
        log = MemoryLog()
        publisher, running, count = await started(log)
        values = [b"%04d" % n for n in range(500)]
        for value in values:
            assert publisher.offer(TOPIC, b"one conversation", value)
            if value.endswith(b"50"):
                await asyncio.sleep(0.002)
        publisher.stop()
        await running
        records = await log.read(TOPIC, partition_of(b"one conversation", count), 0, 1000)
        assert [record.value for record in records] == values
        assert publisher.used_bytes == 0

    asyncio.run(go())


def test_offers_of_one_turn_share_a_request() -> None:
    async def go() -> None:
        log = OneStuck()
        publisher, running, count = await started(log, interval_ms=20)
        for _ in range(100):
            publisher.offer(TOPIC, key_in(1, count), b"x")
        publisher.stop()
        await running
        assert log.calls == 1

    asyncio.run(go())


def test_a_partition_that_does_not_answer_holds_up_no_other() -> None:
    async def go() -> None:
        log = OneStuck()
        publisher, running, count = await started(log)
        publisher.offer(TOPIC, key_in(0, count), b"stuck")
        await asyncio.sleep(0.01)
        publisher.offer(TOPIC, key_in(1, count), b"free")
        while not await log.read(TOPIC, 1, 0, 10):  # noqa: ASYNC110  bounded by pytest's patience; the log has no event for it
            await asyncio.sleep(0.001)
        assert not await log.read(TOPIC, 0, 0, 10)
        log.let_go.set()
        publisher.stop()
        await running
        assert len(await log.read(TOPIC, 0, 0, 10)) == 1

    asyncio.run(go())


def test_what_waits_behind_an_old_append_is_refused_in_its_partition_only() -> None:
    async def go() -> None:
        log = OneStuck()
        publisher, running, count = await started(log, age_limit_ms=30)
        failures: list[WarblerError] = []
        stuck, free = key_in(0, count), key_in(1, count)
        assert publisher.offer(TOPIC, stuck, b"first", failures.append)
        await asyncio.sleep(0.01)
        assert publisher.offer(TOPIC, stuck, b"second", failures.append), "not old yet"
        await asyncio.sleep(0.05)
        assert not publisher.offer(TOPIC, stuck, b"third", failures.append)
        assert publisher.offer(TOPIC, stuck, b"nobody waits for it")
        assert publisher.offer(TOPIC, free, b"free", failures.append)
        log.let_go.set()
        while publisher.used_bytes:  # noqa: ASYNC110  the publisher has no event for it
            await asyncio.sleep(0.001)
        assert publisher.offer(TOPIC, stuck, b"fourth", failures.append)
        publisher.stop()
        await running
        assert [record.value for record in await log.read(TOPIC, 0, 0, 10)] == [b"first", b"second", b"nobody waits for it", b"fourth"]
        assert failures == []

    asyncio.run(go())


def test_what_was_appended_is_said_once_and_what_was_not_is_not() -> None:
    async def go(log: MemoryLog) -> tuple[int, int]:
        publisher, running, _ = await started(log)
        appended: list[int] = []
        failures: list[WarblerError] = []
        for number in range(5):
            publisher.offer(TOPIC, b"k", b"v", failures.append, lambda number=number: appended.append(number))  # type: ignore[misc]
        publisher.stop()
        await running
        return len(appended), len(failures)

    assert asyncio.run(go(MemoryLog())) == (5, 0)
    assert asyncio.run(go(Failing(LogUnavailable("away")))) == (0, 5)


def test_a_failed_append_is_answered_and_frees_its_room() -> None:
    async def go() -> None:
        publisher, running, _ = await started(Failing(LogUnavailable("away")), bytes_limit=10)
        failures: list[WarblerError] = []
        assert publisher.offer(TOPIC, b"k", b"12345678", failures.append)
        assert not publisher.offer(TOPIC, b"k", b"12345678", failures.append)  # no room: the caller refuses
        publisher.stop()
        await running
        assert [type(failure) for failure in failures] == [LogUnavailable]
        assert publisher.used_bytes == 0

    asyncio.run(go())


def test_a_bug_ends_the_publisher() -> None:
    async def go() -> None:
        publisher, running, _ = await started(Failing(ZeroDivisionError()))
        publisher.offer(TOPIC, b"k", b"v")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(running, 60)

    asyncio.run(go())
