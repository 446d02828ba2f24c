"""How far the projector got is told once, whatever became of the log meanwhile."""

import asyncio

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from schemas import codec
from schemas.records import LogPassed
from streams.timelines.passages import Passages


async def told(log: MemoryLog, partition: int) -> list[tuple[str, int, int]]:
    records = await log.read("passages", partition, 0, 100)
    found = [codec.decode(record.value, LogPassed) for record in records]
    assert all(record.key == f"conversation-events-{each.partition}".encode() for record, each in zip(records, found, strict=True))
    return [(each.process, each.next_offset, each.at_ms) for each in found]


def test_only_what_moved_is_told_and_of_many_moves_the_last() -> None:
    async def body() -> None:
        log = MemoryLog(2)
        passages = Passages(log, "projector-1")
        passages.passed(0, 5, 1_000)
        passages.passed(0, 9, 1_200)
        passages.passed(1, 3, 1_300)
        await passages.tell()
        passages.passed(1, 4, 2_000)
        await passages.tell()
        await passages.tell()
        assert await told(log, 0) == [("projector-1", 9, 1_200)]
        assert await told(log, 1) == [("projector-1", 3, 1_300), ("projector-1", 4, 2_000)]

    asyncio.run(body())


def test_what_the_log_did_not_take_is_told_later_unless_a_newer_one_says_as_much() -> None:
    failing = True

    async def fault(operation: str, moment: Moment) -> None:
        if failing and operation == "publish":
            raise LogUnavailable("injected")

    async def body() -> None:
        nonlocal failing
        log = MemoryLog(2, fault=fault)
        passages = Passages(log, "projector-1")
        passages.passed(0, 5, 1_000)
        passages.passed(1, 5, 1_000)
        await passages.tell()
        passages.passed(1, 8, 2_000)
        failing = False
        await passages.tell()
        assert await told(log, 0) == [("projector-1", 5, 1_000)]
        assert await told(log, 1) == [("projector-1", 8, 2_000)]

    asyncio.run(body())
