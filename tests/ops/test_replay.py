"""A replay gives exactly what was asked for, once, also when it was killed in between; and it never writes where we would act on it."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.errors import LogUnavailable, UnknownTopic
from log.memory import MemoryLog, Moment
from log.places import AtOffset, AtSeq, AtTime, BadRange, End
from log.port import Entry, Record
from log.spans import RangeGone, UnknownPosition
from ops.replay.asked import (
    AsItWas,
    AtOnce,
    BadSpeed,
    BadTarget,
    IntoFile,
    IntoLines,
    IntoTopic,
    IntoWebhook,
    PerSecond,
    Speed,
    Target,
    UnknownRecord,
    due_s,
    speed_of,
    target_of,
)
from ops.replay.run import Pace
from ops.replay.state import BadResume, Counts, State
from ops.replay.targets import TargetGone
from ops.replay.to_topic import origin_of
from schemas.errors import WarblerError
from schemas.partition import partition_of
from schemas.registry import TOPICS
from tests.ops.replay_parts import CONVERSATIONS, EVENTS, T0_MS, asked, filled, lines, replayed, rows_in, run
from tests.ops.test_acts import acts_in

# ---- what is asked


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("-", IntoLines()),
        ("file:/tmp/a:b", IntoFile("/tmp/a:b")),
        ("topic:replay-conversation-events", IntoTopic("replay-conversation-events")),
        ("webhook:https://example.org/a?b=c", IntoWebhook("https://example.org/a?b=c")),
    ],
)
def test_a_target_is_read(text: str, target: Target) -> None:
    assert target_of(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *("", "stdout", "file:", "topic:", "topic:a b", "topic:..", "topic:" + "x" * 250, "topic:__consumer_offsets"),
        *("webhook:", "webhook:ftp://a", "webhook:http://", "webhook:https://a:99999", "webhook:http://a/\nb", "webhook:http://[::1"),
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(BadTarget):
        target_of(text)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_no_replay_goes_into_a_topic_of_ours(topic: str) -> None:
    with pytest.raises(BadTarget, match=f"replay-{topic} would do"):
        target_of(f"topic:{topic}")


@pytest.mark.parametrize(
    ("text", "speed"), [("max", AtOnce()), ("1x", AsItWas(1)), ("60x", AsItWas(60)), ("0.5x", AsItWas(0.5)), ("500/s", PerSecond(500))]
)
def test_a_speed_is_read(text: str, speed: Speed) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0x", "-1x", "1", "x", "/s", "0/s", "1e3/s", "nanx", "٣x"])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(BadSpeed):
        speed_of(text)


# ---- what is given


def test_everything_comes_in_the_order_of_time_and_is_counted(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        seen: list[int] = []
        counts = await replayed(log, asked(IntoFile(str(tmp_path / "a"))), progress=lambda state: seen.append(state.counts.written))
        assert (counts.read, counts.matched, counts.written, counts.damaged) == (41, 41, 41, 0)
        assert counts.types == {"message_sent": 36, "member_added": 4, "writer_changed": 1}
        rows = rows_in(tmp_path / "a")
        assert [row["timestamp_ms"] for row in rows] == sorted(row["timestamp_ms"] for row in rows)
        assert [row["value"]["content"]["text"] for row in rows if row["type"] == "message_sent"] == [
            f"message {number}" for number in range(40) if number % 10 != 9
        ]
        assert seen[-1] == 41
        by_partition = await lines(log, tmp_path / "b", order="partition")
        assert sorted(by_partition, key=lambda row: (row["partition"], row["offset"])) == by_partition
        assert {json.dumps(row) for row in by_partition} == {json.dumps(row) for row in rows}

    run(body)


def test_each_filter_takes_what_it_names_and_together_they_narrow(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        everything = await lines(log, tmp_path / "all")
        number = iter(range(100))

        async def given(**options: Any) -> list[dict[str, Any]]:
            return await lines(log, tmp_path / str(next(number)), **options)

        assert await given(conversations=["g-2"]) == [row for row in everything if row["key"] == "g-2"]
        assert await given(types=["member_added"]) == [row for row in everything if row["type"] == "member_added"]
        told = [row for row in everything if row["type"] != "writer_changed"]
        assert await given(users=["u-1"]) == [row for row in told if row["value"]["user"] == "u-1"]
        assert await given(users=["u-9"]) == [row for row in told if row["type"] == "member_added"]
        assert await given(tenants=["default"]) == told
        assert await given(tenants=["other"]) == []
        both = await given(conversations=["g-5", "g-1"], users=["u-9", "u-0"], types=["message_sent"])
        messages = [row for row in told if row["key"] in ("g-1", "g-5") and row["type"] == "message_sent"]
        assert both == [row for row in messages if row["value"]["user"] == "u-0"]
        assert await given(begin=AtTime(T0_MS + 5_000), until=AtTime(T0_MS + 8_000)) == everything[6:9]
        assert await given(begin=AtSeq("g-3", 2), until=AtSeq("g-3", 4)) == [row for row in told if row["key"] == "g-3"][1:3]

    run(body)


def test_only_the_partitions_that_can_hold_a_conversation_are_read(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        counts = await replayed(log, asked(IntoFile(str(tmp_path / "a")), conversations=["g-2"]))
        assert counts.matched == 8
        assert counts.read < 41

    run(body)


def test_what_cannot_be_decoded_is_given_with_its_bytes_and_counted(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 10)
        log.put_bytes(EVENTS, 1, b"g-odd", b"\0rubbish")
        counts = await replayed(log, asked(IntoFile(str(tmp_path / "a"))))
        assert (counts.matched, counts.written, counts.damaged, counts.types["(damaged)"]) == (12, 12, 1, 1)
        filtered = await lines(log, tmp_path / "b", users=["u-1"])
        assert all(row["type"] is not None for row in filtered)
        assert [row["key"] for row in await lines(log, tmp_path / "c", conversations=["g-odd"]) if row["type"] is None] == (
            ["g-odd"] if log_partition("g-odd") == 1 else []
        )

    run(body)


def log_partition(conversation: str) -> int:
    return partition_of(conversation.encode(), 4)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"types": ["message_sendt"]}, UnknownRecord),
        ({"types": ["signed_in"]}, UnknownRecord),
        ({"topics": ("nonsense",)}, UnknownTopic),
        ({"begin": AtOffset(EVENTS, 0, 999)}, UnknownPosition),
        ({"begin": AtSeq("g-1", 1), "conversations": ["g-2"]}, BadRange),
        ({"begin": End(), "until": AtTime(T0_MS)}, BadRange),
    ],
    ids=["record", "of another topic", "topic", "offset", "seq of another", "backwards"],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(tmp_path: Path, options: Any, error: type[WarblerError]) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 5)
        with pytest.raises(error):
            await replayed(log, asked(IntoFile(str(tmp_path / "a")), **options))
        assert not (tmp_path / "a").exists()
        assert await acts_in(log) == []

    run(body)


def test_what_retention_has_taken_is_refused_and_start_gives_what_is_left(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        partition = log_partition("g-1")
        log.drop_before(EVENTS, partition, 2)
        with pytest.raises(RangeGone, match="what is left"):
            await replayed(log, asked(IntoFile(str(tmp_path / "a")), begin=AtTime(T0_MS - 1)))
        rows = await lines(log, tmp_path / "b")
        assert min(row["offset"] for row in rows if row["partition"] == partition) == 2
        assert len(rows) == 39

    run(body)


# ---- the act


def test_a_replay_is_told_with_its_counts_and_an_address_without_what_may_be_secret(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 5)
        await replayed(log, asked(IntoFile(str(tmp_path / "a")), users=["u-1"]))
        begun, done = await acts_in(log)
        assert (begun.action, begun.target_kind, begun.target) == ("replay", "file", str(tmp_path / "a"))
        assert (begun.outcome, done.outcome) == ("begun", "done")
        told = json.loads(done.detail)
        assert (told["from"], told["to"], told["users"], told["written"]) == ("start", "end", ["u-1"], 2)
        with pytest.raises(TargetGone):
            await replayed(log, asked(IntoWebhook("http://127.0.0.1:1x/?token=secret")))
        assert all("secret" not in act.detail + act.target for act in await acts_in(log))

    run(body)


# ---- going on


class Killed(BaseException):
    """As if the process had died."""


@settings(max_examples=60, deadline=None)
@given(deaths=st.lists(st.integers(1, 30), max_size=4), order=st.sampled_from(["time", "partition"]))
def test_a_replay_that_is_killed_goes_on_and_each_line_stands_in_the_file_once(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], order: Any
) -> None:
    folder = tmp_path_factory.mktemp("resume")

    async def body(log: MemoryLog) -> None:
        await filled(log)
        whole = await lines(log, folder / "whole", order=order)
        wanted = asked(IntoFile(str(folder / "part")), order=order, speed=PerSecond(1e9))  # one record a step, so deaths fall anywhere
        for steps in deaths:
            left = [steps]

            def dies(_: State, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise Killed

            try:
                await replayed(log, wanted, folder / "state", dies)
            except Killed:
                continue
        counts = await replayed(log, wanted, folder / "state")
        assert rows_in(folder / "part") == whole
        assert (counts.read, counts.matched, counts.written, sum(counts.types.values())) == (41, 41, 41, 41)
        assert await replayed(log, wanted, folder / "state") == counts

    run(body)


def test_what_comes_after_the_beginning_of_a_replay_is_not_part_of_it(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 20)

        def dies(_: State) -> None:
            raise Killed

        wanted = asked(IntoFile(str(tmp_path / "a")))
        with pytest.raises(Killed):
            await replayed(log, wanted, tmp_path / "state", dies)
        await filled(log, 20)
        assert (await replayed(log, wanted, tmp_path / "state")).written == 21

    run(body)


def test_another_replays_file_is_refused_and_so_is_rubbish(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 5)
        await replayed(log, asked(IntoFile(str(tmp_path / "a"))), tmp_path / "state")
        with pytest.raises(BadResume, match="users differs"):
            await replayed(log, asked(IntoFile(str(tmp_path / "a")), users=["u-1"]), tmp_path / "state")
        (tmp_path / "state").write_bytes(b'{"run": 3')
        with pytest.raises(BadResume):
            await replayed(log, asked(IntoFile(str(tmp_path / "a"))), tmp_path / "state")

    run(body)


def test_a_file_that_is_there_is_not_overwritten_and_one_that_became_shorter_is_not_gone_on_with(tmp_path: Path) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log, 5)
        (tmp_path / "a").write_text("mine")
        with pytest.raises(TargetGone):
            await replayed(log, asked(IntoFile(str(tmp_path / "a"))))
        assert (tmp_path / "a").read_text() == "mine"
        left = [3]

        def dies(_: State) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed

        wanted = asked(IntoFile(str(tmp_path / "b")), speed=PerSecond(1e9))
        with pytest.raises(Killed):
            await replayed(log, wanted, tmp_path / "state", dies)
        state = json.loads((tmp_path / "state").read_bytes())
        state["target"]["bytes"] = 10_000
        (tmp_path / "state").write_text(json.dumps(state))
        with pytest.raises(TargetGone, match="shorter"):
            await replayed(log, wanted, tmp_path / "state")

    run(body)


# ---- into a topic


def in_topic(log: MemoryLog, name: str) -> list[Record]:
    return [row for partition in range(log.others[name]) for row in log._rows[name, partition]]


def test_a_topic_gets_the_records_as_they_stand_with_their_origin() -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        counts = await replayed(log, asked(IntoTopic("replay-x"), types=["message_sent"]))
        copies = in_topic(log, "replay-x")
        assert counts.written == len(copies) == 36
        for copy in copies:
            [(name, told)] = copy.headers
            run_id = told.decode().split(":")[0]
            origin = origin_of(copy, run_id)
            assert name == "warbler-replay"
            assert origin is not None
            [source] = await log.read(*origin, 1)
            assert (copy.key, copy.value, copy.timestamp_ms) == (source.key, source.value, source.timestamp_ms)
            assert origin_of(copy, "r-other") is None
        for conversation in CONVERSATIONS:
            seqs = [row.value for row in copies if row.key == conversation.encode()]
            assert len(seqs) == len(set(seqs))

    run(body)


def test_a_control_record_without_a_key_and_a_tombstone_are_copied_too() -> None:
    async def body(log: MemoryLog) -> None:
        log.others["replay-x"] = 3
        await log.publish(EVENTS, 0, [Entry(b"k", None, T0_MS)])
        log.put_bytes(EVENTS, 3, None, b"odd")
        assert (await replayed(log, asked(IntoTopic("replay-x")))).written == 2
        assert {(row.key, row.value) for row in in_topic(log, "replay-x")} == {(b"k", None), (None, b"odd")}

    run(body)


@pytest.mark.parametrize("steps", [1, 2, 7, 20])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_replay_into_a_topic_that_fails_at_any_publish_goes_on_without_a_second_copy(tmp_path: Path, steps: int, moment: Moment) -> None:
    async def body(log: MemoryLog) -> None:
        await filled(log)
        wanted = asked(IntoTopic("replay-x"), speed=PerSecond(1e9))
        left = [steps + 2]  # the act's beginning is a publish, too

        async def fault(operation: str, now: Moment) -> None:
            if operation == "publish" and now == moment:
                left[0] -= 1
                if left[0] == 0:
                    raise LogUnavailable("injected")

        log.fault = fault
        with pytest.raises(LogUnavailable):
            await replayed(log, wanted, tmp_path / "state")
        counts = await replayed(log, wanted, tmp_path / "state")
        copies = in_topic(log, "replay-x")
        assert counts.written == len(copies) == len({row.headers for row in copies}) == 41

    run(body)


# ---- speed


@pytest.mark.parametrize(
    ("speed", "dues"),
    [(AtOnce(), [0, 0, 0]), (AsItWas(1), [0, 1.5, 1.0]), (AsItWas(10), [0, 0.15, 0.1]), (PerSecond(4), [0, 0.25, 0.5])],
    ids=["max", "1x", "10x", "4/s"],
)
def test_a_record_is_due_by_its_time_or_its_number(speed: Speed, dues: list[float]) -> None:
    assert [due_s(speed, number, 1000, at_ms) for number, at_ms in enumerate((1000, 2500, 2000))] == pytest.approx(dues)
    assert due_s(speed, 1, 1000, 0) >= 0


def test_a_pace_sleeps_only_what_is_left() -> None:
    async def body() -> None:
        clock, slept = [100.0], []

        async def sleep(seconds: float) -> None:
            slept.append(round(seconds, 3))
            clock[0] += seconds

        pace = Pace(AsItWas(2), lambda: clock[0], sleep)
        await pace.wait(10_000)
        await pace.wait(12_000)
        clock[0] += 5
        await pace.wait(14_000)
        await pace.wait(30_000)
        assert slept == [1.0, 4.0]
        assert clock[0] == 110.0

    asyncio.run(body())


def test_counts_add_up() -> None:
    counts = Counts()
    counts.add(Counter({"a": 2}))
    counts.add(Counter({"a": 1, "b": 1}))
    assert counts.types == {"a": 3, "b": 1}
