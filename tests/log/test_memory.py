"""The in-memory log keeps the port's promises, and its faults happen where they are asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Entry
from tests.log.contract import EVENTS, STATE, LogContract


class TestMemoryLog(LogContract):
    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[MemoryLog]:
        yield MemoryLog()


@pytest.mark.parametrize(("moment", "kept"), [("before", 0), ("after", 1)])
def test_a_fault_before_an_append_loses_it_and_one_after_keeps_it(moment: Moment, kept: int) -> None:
    async def fault(operation: str, now: Moment) -> None:
        if operation == "append" and now == moment:
            raise LogUnavailable("injected")

    async def body() -> None:
        log = MemoryLog(fault=fault)
        writer = await log.open_writer("w")
        with pytest.raises(LogUnavailable):
            await writer.append(EVENTS, 0, [Entry(b"k", b"v")])
        assert await log.end_offset(EVENTS, 0) == kept
        with pytest.raises(LogUnavailable):
            await writer.append(EVENTS, 0, [Entry(b"k", b"v")])

    asyncio.run(body())


def test_compaction_keeps_the_newest_of_each_key_at_its_offset() -> None:
    async def body() -> None:
        log = MemoryLog()
        await log.publish(STATE, 0, [Entry(b"a", b"1"), Entry(b"b", b"1"), Entry(b"a", b"2"), Entry(b"c", b"1")])
        log.compact(STATE, 0)
        assert [(row.key, row.offset) for row in await log.read(STATE, 0, 0, 10)] == [(b"b", 1), (b"a", 2), (b"c", 3)]
        assert [row.offset for row in await log.read(STATE, 0, 2, 10)] == [2, 3]

    asyncio.run(body())
