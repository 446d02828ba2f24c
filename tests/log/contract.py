"""What every log promises: the sentences of `log/port.py`, one test each. Adapters subclass `LogContract` and give a log.

The log of a test may hold records of earlier tests (a real broker is started once), so each test looks from the end it found on.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from log.errors import EntryTooLong, Fenced, LogError, PositionGone, UnknownTopic
from log.limits import batch_bytes_limit
from log.port import Entry, Log, Record, Span
from log.spans import read_in_time, read_span, read_spans

EVENTS = "conversation-events"
COMMANDS = "conversation-commands"
STATE = "conversation-state"
REPLIES = "replies"
LONG_AGO_MS = 1_600_000_000_000

Body = Callable[[Log], Awaitable[None]]


def entry(value: str, key: bytes = b"c1", **kwargs: object) -> Entry:
    return Entry(key, value.encode(), **kwargs)  # type: ignore[arg-type]


def values(records: list[Record]) -> list[str]:
    return [(record.value or b"").decode() for record in records]


class LogContract:
    def run(self, body: Body) -> None:
        """Run the test's body with a started log, on a loop of its own."""

        async def whole() -> None:
            async with self.opened() as log, asyncio.timeout(60):
                await body(log)

        asyncio.run(whole())

    def opened(self) -> contextlib.AbstractAsyncContextManager[Log]:
        raise NotImplementedError

    def test_reads_in_append_order_what_was_published(self) -> None:
        async def body(log: Log) -> None:
            start = await log.end_offset(EVENTS, 1)
            first = await log.publish(EVENTS, 1, [entry("a"), entry("b")])
            second = await log.publish(EVENTS, 1, [entry("c", headers=(("h", b"v"),))])
            assert (first, second) == (start, start + 2)
            records = await log.read(EVENTS, 1, start, 10)
            assert values(records) == ["a", "b", "c"]
            assert [record.offset for record in records] == [start, start + 1, start + 2]
            assert records[0].key == b"c1"
            assert records[2].headers == (("h", b"v"),)
            assert (records[0].topic, records[0].partition) == (EVENTS, 1)
            assert await log.read(EVENTS, 1, start + 1, 1) == [records[1]]

        self.run(body)

    def test_reading_at_the_end_is_empty_and_elsewhere_is_refused(self) -> None:
        async def body(log: Log) -> None:
            end = await log.end_offset(EVENTS, 1)
            assert await log.read(EVENTS, 1, end, 10) == []
            with pytest.raises(PositionGone):
                await log.read(EVENTS, 1, end + 1, 10)
            assert await log.start_offset(EVENTS, 1) == 0

        self.run(body)

    def test_an_unknown_partition_is_refused(self) -> None:
        async def body(log: Log) -> None:
            count = await log.partitions_count(EVENTS)
            assert count == await log.partitions_count(COMMANDS)
            assert await log.partitions_count("dead-letters") == 1
            with pytest.raises(UnknownTopic):
                await log.publish(EVENTS, count, [entry("x")])

        self.run(body)

    def test_the_writers_time_stands_on_events_and_the_brokers_on_commands(self) -> None:
        async def body(log: Log) -> None:
            for topic, kept in ((EVENTS, True), (COMMANDS, False)):
                at = await log.publish(topic, 0, [entry("t", timestamp_ms=LONG_AGO_MS)])
                [record] = await log.read(topic, 0, at, 1)
                assert (record.timestamp_ms == LONG_AGO_MS) is kept
                assert record.timestamp_ms >= LONG_AGO_MS

        self.run(body)

    def test_the_offset_at_a_time_is_that_of_the_first_record_not_before_it(self) -> None:
        async def body(log: Log) -> None:
            future_ms = int(time.time() * 1000) + 1_800_000  # beyond all that other tests write; a broker refuses more than an hour
            end = await log.end_offset(REPLIES, 1)
            assert await log.offset_at(REPLIES, 1, future_ms) == end
            times = (future_ms + 10, future_ms + 30, future_ms + 20)
            for number, at_ms in enumerate(times):
                await log.publish(REPLIES, 1, [entry(f"{number}", timestamp_ms=at_ms)])
            assert await log.offset_at(REPLIES, 1, future_ms) == end
            assert await log.offset_at(REPLIES, 1, future_ms + 10) == end
            assert await log.offset_at(REPLIES, 1, future_ms + 11) == end + 1
            assert await log.offset_at(REPLIES, 1, future_ms + 30) == end + 1
            assert await log.offset_at(REPLIES, 1, future_ms + 31) == end + 3
            with pytest.raises(UnknownTopic):
                await log.offset_at(REPLIES, await log.partitions_count(REPLIES), future_ms)

        self.run(body)

    def test_publishes_in_flight_together_keep_order_and_are_all_answered(self) -> None:
        async def body(log: Log) -> None:
            start = await log.end_offset(EVENTS, 2)
            calls = [asyncio.ensure_future(log.publish(EVENTS, 2, [entry(f"{i}a"), entry(f"{i}b")])) for i in range(300)]
            offsets = await asyncio.gather(*calls)
            assert offsets == [start + 2 * i for i in range(300)]
            assert values(await log.read(EVENTS, 2, start, 1))[0] == "0a"

        self.run(body)

    def test_an_entry_above_the_limit_is_refused_and_the_next_goes_through(self) -> None:
        async def body(log: Log) -> None:
            limit = batch_bytes_limit(EVENTS)
            with pytest.raises(EntryTooLong):
                await log.publish(EVENTS, 0, [Entry(b"k", bytes(limit + 1))])
            at = await log.publish(EVENTS, 0, [Entry(b"k", bytes(limit - 1000))])
            assert await log.publish(EVENTS, 0, [entry("next")]) == at + 1
            assert await log.publish(STATE, 0, [Entry(b"big", bytes(5 << 20))]) >= 0

        self.run(body)

    def test_a_call_larger_than_a_batch_is_split_and_keeps_its_order(self) -> None:
        async def body(log: Log) -> None:
            piece = bytes(batch_bytes_limit(EVENTS) // 3)
            start = await log.publish(EVENTS, 3, [Entry(f"{i}".encode(), piece) for i in range(7)])
            seen: list[Record] = []
            while len(seen) < 7:
                seen += await log.read(EVENTS, 3, start + len(seen), 7)
            assert [record.key for record in seen] == [f"{i}".encode() for i in range(7)]

        self.run(body)

    def test_a_writer_appends_whole_batches_in_the_order_of_its_calls(self) -> None:
        async def body(log: Log) -> None:
            start = await log.end_offset(EVENTS, 0)
            writer = await log.open_writer("contract-order")
            offsets = await asyncio.gather(*(writer.append(EVENTS, 0, [entry(f"{i}"), entry(f"{i}'")]) for i in range(200)))
            assert offsets == [start + 2 * i for i in range(200)]
            with pytest.raises(EntryTooLong):
                await writer.append(EVENTS, 0, [Entry(b"k", bytes(600_000)), Entry(b"k", bytes(600_000))])
            assert await writer.append(EVENTS, 0, [entry("after")]) == start + 400
            await writer.close()

        self.run(body)

    def test_a_fenced_predecessor_cannot_append(self) -> None:
        async def body(log: Log) -> None:
            start = await log.end_offset(EVENTS, 1)
            old = await log.open_writer("contract-fence")
            await old.append(EVENTS, 1, [entry("A")])
            new = await log.open_writer("contract-fence")
            await old.append(EVENTS, 1, [entry("B")])  # the partition has not seen the new epoch yet
            await new.append(EVENTS, 1, [entry("F")])
            for value in ("C", "D"):
                with pytest.raises(Fenced):
                    await old.append(EVENTS, 1, [entry(value)])
            await new.append(EVENTS, 1, [entry("G")])
            assert values(await log.read(EVENTS, 1, start, 10)) == ["A", "B", "F", "G"]
            await new.close()
            await old.close()

        self.run(body)

    def test_after_a_failed_append_the_writer_appends_nothing_more(self) -> None:
        async def body(log: Log) -> None:
            old = await log.open_writer("contract-broken")
            new = await log.open_writer("contract-broken")
            fence = await new.append(EVENTS, 2, [entry("F")])
            pending = [asyncio.ensure_future(old.append(EVENTS, 2, [entry(f"late {i}")])) for i in range(5)]
            assert all(isinstance(result, LogError) for result in await asyncio.gather(*pending, return_exceptions=True))
            with pytest.raises(LogError):
                await old.append(EVENTS, 0, [entry("another partition, same writer")])
            assert await log.end_offset(EVENTS, 2) == fence + 1
            await new.close()
            await old.close()

        self.run(body)

    def test_concurrent_opens_in_one_process_leave_the_last_one_writing(self) -> None:
        async def body(log: Log) -> None:
            writers = await asyncio.gather(*(log.open_writer("contract-herd") for _ in range(4)))
            await writers[-1].append(EVENTS, 3, [entry("mine")])
            with pytest.raises(Fenced):
                await writers[0].append(EVENTS, 3, [entry("not mine")])
            for writer in writers:
                await writer.close()

        self.run(body)

    def test_a_tail_hands_over_everything_once_and_in_order_while_it_is_appended(self) -> None:
        async def body(log: Log) -> None:
            starts = {(EVENTS, p): await log.end_offset(EVENTS, p) for p in (0, 1)}
            await log.publish(EVENTS, 0, [entry("before")])
            tail = log.tail(starts)

            async def feed() -> None:
                for i in range(50):
                    await log.publish(EVENTS, i % 2, [entry(f"{i}")])

            feeding = asyncio.ensure_future(feed())
            seen: dict[int, list[Record]] = {0: [], 1: []}
            async for records in tail:
                assert records
                for record in records:
                    seen[record.partition].append(record)
                if sum(map(len, seen.values())) == 51:
                    break
            await feeding
            await _aclose(tail)
            assert values(seen[0]) == ["before", *(f"{i}" for i in range(0, 50, 2))]
            assert values(seen[1]) == [f"{i}" for i in range(1, 50, 2)]
            for partition, records in seen.items():
                assert [record.offset for record in records] == list(
                    range(starts[EVENTS, partition], starts[EVENTS, partition] + len(records))
                )

        self.run(body)

    def test_a_tail_from_beyond_the_end_is_refused(self) -> None:
        async def body(log: Log) -> None:
            tail = log.tail({(EVENTS, 0): await log.end_offset(EVENTS, 0) + 1})
            with pytest.raises(PositionGone):
                await anext(tail)

        self.run(body)

    def test_a_scan_gives_each_span_exactly_and_then_nothing(self) -> None:
        async def body(log: Log) -> None:
            starts = {p: await log.publish(EVENTS, p, [entry(f"{p}.{i}") for i in range(10)]) for p in (0, 1)}
            spans = [Span(EVENTS, 0, starts[0] + 2, starts[0] + 9), Span(EVENTS, 1, starts[1], starts[1] + 10)]
            spans.append(Span(EVENTS, 2, await log.end_offset(EVENTS, 2), await log.end_offset(EVENTS, 2)))
            await log.publish(EVENTS, 1, [entry("after the end")])
            assert values([r for records in [x async for x in read_span(log, spans[0])] for r in records]) == [
                f"0.{i}" for i in range(2, 9)
            ]
            everything = [record async for records in read_spans(log, spans) for record in records]
            assert values(everything) == [*(f"0.{i}" for i in range(2, 9)), *(f"1.{i}" for i in range(10))]
            scan = await log.scan(spans)
            assert await scan.take(EVENTS, 2) == []
            while await scan.take(EVENTS, 0):
                pass
            assert await scan.take(EVENTS, 0) == []
            await scan.aclose()

        self.run(body)

    def test_a_scan_of_several_partitions_can_be_merged_by_time(self) -> None:
        async def body(log: Log) -> None:
            spans = []
            for partition in (0, 1, 2):
                times = [LONG_AGO_MS + 10 * i + partition for i in range(40)]
                start = await log.publish(EVENTS, partition, [entry(f"{at_ms}", timestamp_ms=at_ms) for at_ms in times])
                spans.append(Span(EVENTS, partition, start, start + 40))
            merged = [record.timestamp_ms async for records in read_in_time(log, spans) for record in records]
            assert merged == sorted(LONG_AGO_MS + 10 * i + p for i in range(40) for p in (0, 1, 2))

        self.run(body)

    def test_a_scan_from_beyond_the_end_is_refused(self) -> None:
        async def body(log: Log) -> None:
            end = await log.end_offset(EVENTS, 0)
            with pytest.raises(PositionGone):
                await log.scan([Span(EVENTS, 0, end + 1, end + 2)])
            with pytest.raises(PositionGone):
                await log.scan([Span(EVENTS, 0, end, end + 1)])
            count = await log.partitions_count(EVENTS)
            with pytest.raises(UnknownTopic):
                await log.scan([Span(EVENTS, count, 0, 0)])

        self.run(body)


async def _aclose(tail: AsyncIterator[list[Record]]) -> None:
    aclose = getattr(tail, "aclose", None)
    if aclose is not None:
        await aclose()
