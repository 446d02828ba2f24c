"""The projector says in the log how far it is: at once after a silence, then once in an interval; a log that is away does not end it."""

import asyncio

from log.errors import LogUnavailable
from log.memory import MemoryLog
from log.passages import passage_key
from schemas.codec import decode
from schemas.partition import partition_of
from schemas.records import LogPassed
from streams.timelines.passages import PassageTeller

PARTITIONS = 4
INTERVAL_MS = 50


class Stage:
    def __init__(self) -> None:
        self.log = MemoryLog(PARTITIONS)
        self.now_ms = 10_000
        self.faults: list[BaseException] = []
        self.teller = PassageTeller(self.log, "worker-1", INTERVAL_MS, self.clock_ms)

    def clock_ms(self) -> int:
        self.now_ms += INTERVAL_MS  # every look at the clock is an interval later
        return self.now_ms

    async def said(self, partition: int) -> list[int]:
        place = partition_of(passage_key("conversation-events", partition), PARTITIONS)
        passages = [decode(record.value, LogPassed) for record in await self.log.read("passages", place, 0, 100)]
        assert {(each.process, each.stage) for each in passages} <= {("worker-1", "projected")}
        return [each.next_offset for each in passages if each.partition == partition]


def test_the_first_is_said_at_once_and_the_last_of_what_follows_after_the_interval() -> None:
    async def body() -> None:
        stage = Stage()
        stage.teller.start(stage.faults.append)
        stage.teller.passed("conversation-events", 0, 5)
        stage.teller.passed("receipts", 0, 99)  # of other topics nobody asks
        await asyncio.sleep(0.01)
        assert await stage.said(0) == [5]
        stage.teller.passed("conversation-events", 0, 6)
        stage.teller.passed("conversation-events", 0, 7)
        async with asyncio.timeout(10):
            while await stage.said(0) != [5, 7]:  # noqa: ASYNC110  the log is polled
                await asyncio.sleep(0.01)
        stage.teller.stop()
        stage.teller.stop()
        await asyncio.sleep(0)
        assert stage.faults == []

    asyncio.run(body())


def test_a_log_that_is_away_costs_a_passage_and_no_more() -> None:
    async def body() -> None:
        stage = Stage()

        async def away(operation: str, moment: str) -> None:
            if operation == "publish":
                raise LogUnavailable("away")

        stage.log.fault = away
        stage.teller.start(stage.faults.append)
        stage.teller.passed("conversation-events", 0, 5)
        await asyncio.sleep(0.01)
        stage.log.fault = MemoryLog(PARTITIONS).fault
        stage.teller.passed("conversation-events", 0, 6)
        async with asyncio.timeout(10):
            while await stage.said(0) != [6]:  # noqa: ASYNC110  the log is polled
                await asyncio.sleep(0.01)
        stage.teller.stop()
        assert stage.faults == []

    asyncio.run(body())
