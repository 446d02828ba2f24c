"""Ends of a range as text, and which offsets lie between two of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log.errors import UnknownTopic
from log.memory import MemoryLog
from log.places import AtOffset, AtSeq, AtTime, BadPlace, BadRange, End, Place, Start, check_order, moment_of, ms_of, place_of, text_of
from log.port import Entry, Span
from log.spans import RangeGone, UnknownPosition, read_in_time, read_span, spans_of
from schemas.codec import encode
from schemas.errors import WarblerError
from schemas.events import MemberLeft
from schemas.partition import partition_of

EVENTS = "conversation-events"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("start", Start()),
        ("end", End()),
        ("1700000000000", AtTime(1_700_000_000_000)),
        ("2026-11-26", AtTime(1_795_651_200_000)),
        ("2026-11-26T01:00:00.5+01:00", AtTime(1_795_651_200_500)),
        ("2026-11-26T00:00:00Z", AtTime(1_795_651_200_000)),
        ("offset:conversation-events:3:120", AtOffset(EVENTS, 3, 120)),
        ("seq:g-1:7", AtSeq("g-1", 7)),
        ("seq:odd:name:7", AtSeq("odd:name", 7)),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert place_of(text) == place
    assert place_of(text_of(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "yesterday", "2026", "20261126", "1700000000", "-1", "9" * 400, "2026-13-01", "9999-12-31T23:59:59-24:00"),
        *("offset:t:1", "offset::1:2", "offset:t:x:2", "offset:t:1:-2", "offset:t:1:9223372036854775808", "offset:t:1:2:3", "offset:t:1:²"),
        *("seq:7", "seq::7", "seq:g-1:0", "seq:g-1:x", "seq:g-1:", "START"),
    ],
)
def test_what_is_no_place_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(BadPlace, match="is no place in the log"):
        place_of(text)


@given(st.text(max_size=30))
def test_any_text_is_a_place_or_is_refused(text: str) -> None:
    with contextlib.suppress(BadPlace):
        assert isinstance(place_of(text), Place)


@given(st.integers(min_value=10_000_000_000, max_value=253_402_300_799_999))
def test_a_time_is_shown_as_it_is_read(at_ms: int) -> None:
    assert ms_of(moment_of(at_ms)) == at_ms == ms_of(str(at_ms))


@pytest.mark.parametrize(
    ("begin", "until"),
    [
        (AtTime(2), AtTime(1)),
        (AtOffset("t", 0, 2), AtOffset("t", 0, 1)),
        (AtOffset("t", 0, 1), AtOffset("t", 1, 2)),
        (AtSeq("a", 2), AtSeq("a", 1)),
        (AtSeq("a", 1), AtSeq("b", 2)),
        (End(), Start()),
        (End(), AtTime(1)),
        (AtTime(1), Start()),
    ],
    ids=str,
)
def test_ends_that_are_no_range_are_refused(begin: Place, until: Place) -> None:
    with pytest.raises(BadRange):
        check_order(begin, until)


# ---- which offsets

CONVERSATIONS = ("g-1", "g-2", "g-3")
T0_MS = 1_800_000_000_000


async def filled(log: MemoryLog, events: int = 30) -> dict[tuple[str, int], tuple[int, int]]:
    """Events one after the other, 10 ms apart, of three conversations in turn; (conversation, seq) -> (partition, offset)."""
    places = {}
    for number in range(events):
        conversation, seq = CONVERSATIONS[number % 3], number // 3 + 1
        base: dict[str, Any] = dict.fromkeys(("command_id", "trace_id", "device"), "")
        event = MemberLeft(
            event_id=f"{conversation}:{seq}",
            tenant="default",
            conversation_id=conversation,
            seq=seq,
            ordinal=0,
            at_ms=0,
            user="u-1",
            **base,
        )
        partition = partition_of(conversation.encode(), 4)
        at = Entry(conversation.encode(), encode(EVENTS, event), T0_MS + 10 * number)
        places[conversation, seq] = (partition, await log.publish(EVENTS, partition, [at]))
    return places


def run(body: Callable[[MemoryLog], Awaitable[None]]) -> None:
    async def whole() -> None:
        log = MemoryLog()
        async with asyncio.timeout(90):
            await body(log)

    asyncio.run(whole())


async def offsets_in(log: MemoryLog, begin: Place, until: Place) -> set[tuple[int, int]]:
    spans = await spans_of(log, [EVENTS], begin, until)
    return {(record.partition, record.offset) for span in spans async for records in read_span(log, span) for record in records}


def test_a_range_of_times_holds_what_is_not_before_the_first_and_before_the_second() -> None:
    async def body(log: MemoryLog) -> None:
        places = await filled(log)
        in_order = list(places.values())
        assert await offsets_in(log, Start(), End()) == set(in_order)
        assert await offsets_in(log, AtTime(T0_MS + 50), AtTime(T0_MS + 101)) == set(in_order[5:11])
        assert await offsets_in(log, AtTime(T0_MS + 50), AtTime(T0_MS + 50)) == set()
        assert await offsets_in(log, AtTime(T0_MS - 1), AtTime(T0_MS + 10_000)) == set(in_order)
        assert [span.partition for span in await spans_of(log, [EVENTS, "call-events"], Start(), End())] == [0, 1, 2, 3, 0, 1, 2, 3]

    run(body)


def test_a_range_of_seqs_or_offsets_is_of_one_partition() -> None:
    async def body(log: MemoryLog) -> None:
        places = await filled(log)
        partition, third = places["g-2", 3]
        end = await log.end_offset(EVENTS, partition)
        assert await spans_of(log, [EVENTS], AtSeq("g-2", 3), AtSeq("g-2", 5)) == [Span(EVENTS, partition, third, places["g-2", 5][1])]
        assert await spans_of(log, [EVENTS], AtSeq("g-2", 3), AtSeq("g-2", 11)) == [Span(EVENTS, partition, third, end)]
        assert await spans_of(log, [EVENTS], AtOffset(EVENTS, partition, third), End()) == [Span(EVENTS, partition, third, end)]
        assert await spans_of(log, [EVENTS], AtSeq("g-2", 3), AtOffset(EVENTS, partition, third)) == [Span(EVENTS, partition, third, third)]
        [span] = await spans_of(log, [EVENTS], AtTime(T0_MS + 70), AtOffset(EVENTS, partition, end))
        assert span.start_offset == min(offset for at, (where, offset) in enumerate(places.values()) if at >= 7 and where == partition)

    run(body)


@pytest.mark.parametrize(
    ("begin", "until", "error", "says"),
    [
        (AtOffset(EVENTS, 1, 99), End(), UnknownPosition, "offset 99: it ends before"),
        (AtOffset(EVENTS, 9, 0), End(), UnknownTopic, f"{EVENTS}-9"),
        (AtOffset("call-events", 0, 0), End(), BadRange, "call-events"),
        (AtSeq("g-1", 12), End(), UnknownPosition, "its head is 10"),
        (AtSeq("g-none", 1), End(), UnknownPosition, "no such conversation"),
        (AtSeq("g-1", 1), AtOffset("call-events", 0, 0), BadRange, "different partitions"),
    ],
    ids=["offset", "partition", "topic", "seq", "conversation", "two"],
)
def test_an_unknown_position_is_refused_with_what_is_known(begin: Place, until: Place, error: type[WarblerError], says: str) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        with pytest.raises(error, match=says):
            await spans_of(log, [EVENTS], begin, until)

    run(body)


@pytest.mark.parametrize("begin", [AtTime(T0_MS), AtSeq("g-2", 2)], ids=["time", "seq"])
def test_what_retention_has_taken_is_refused_with_what_is_left(begin: Place) -> None:
    async def body(log: MemoryLog) -> None:
        places = await filled(log)
        partition, offset = places["g-2", 4]
        log.drop_before(EVENTS, partition, offset)
        with pytest.raises(RangeGone, match=rf"{EVENTS}-{partition} from offset {offset} on, of 2027-01-15T") as gone:
            await spans_of(log, [EVENTS], begin, End())
        [left] = gone.value.left
        assert (left.partition, left.first_offset) == (partition, offset)
        assert left.first_at_ms is not None
        assert left.first_at_ms >= T0_MS
        kept = await offsets_in(log, AtTime(left.first_at_ms), End())
        assert (partition, offset) in kept
        assert len(await offsets_in(log, Start(), End())) == 30 - offset
        with pytest.raises(RangeGone):
            await spans_of(log, [EVENTS], AtOffset(EVENTS, partition, offset - 1), End())

    run(body)


def test_a_partition_that_holds_nothing_any_more_says_so() -> None:
    async def body(log: MemoryLog) -> None:
        places = await filled(log)
        partition = places["g-2", 1][0]
        log.drop_before(EVENTS, partition, await log.end_offset(EVENTS, partition))
        with pytest.raises(RangeGone, match=f"{EVENTS}-{partition} nothing"):
            await spans_of(log, [EVENTS], AtTime(T0_MS), End())

    run(body)


def test_compaction_before_the_end_of_a_span_leaves_it_exact() -> None:
    async def body(log: MemoryLog) -> None:
        for number in range(8):
            await log.publish("presence", 0, [Entry(b"k%d" % (number % 2), b"%d" % number)])
        log.compact("presence", 0)
        spans = [Span("presence", 0, 0, 4), Span("presence", 0, 0, 7), Span("presence", 0, 2, 8)]
        assert [[r.offset async for rows in read_span(log, span) for r in rows] for span in spans] == [[], [6], [6, 7]]

    run(body)


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=2, max_size=4), st.data())
def test_the_merged_order_depends_on_the_log_alone_and_goes_on_from_any_place(parts: list[list[int]], data: st.DataObject) -> None:
    async def body(log: MemoryLog) -> None:
        for partition, times in enumerate(parts):
            for at_ms in times:
                await log.publish(EVENTS, partition, [Entry(b"k", b"v", T0_MS + at_ms)])
        spans = [Span(EVENTS, partition, 0, len(times)) for partition, times in enumerate(parts)]
        merged = [record async for rows in read_in_time(log, spans) for record in rows]
        for partition, times in enumerate(parts):
            assert [r.offset for r in merged if r.partition == partition] == list(range(len(times)))
        if all(times == sorted(times) for times in parts):
            assert [r.timestamp_ms for r in merged] == sorted(r.timestamp_ms for r in merged)
        cut = data.draw(st.integers(0, len(merged)))
        seen = [sum(record.partition == partition for record in merged[:cut]) for partition in range(len(parts))]
        rest = [Span(EVENTS, partition, seen[partition], len(times)) for partition, times in enumerate(parts)]
        assert [record async for rows in read_in_time(log, rest) for record in rows] == merged[cut:]

    run(body)
