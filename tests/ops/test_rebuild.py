"""What `warbler rebuild` decides, and that a build goes on where it was cut."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from log.memory import MemoryLog
from log.port import Entry
from ops.rebuild import build, expiry
from ops.rebuild.build import Builder
from ops.rebuild.compare import Compared, Part, part_of, plain
from ops.rebuild.plan import Back, Begin, Drop, GoOn, NotPossible, Step, UnknownProjection, projection_of, step_of
from schemas.codec import encode
from schemas.registry import TOPICS
from schemas.retention import ContentExpired, RetentionSet
from store.cassandra import Store
from store.generations import PROJECTIONS, Generation, Standing, State, progress_name
from store.progress import note_progress
from store.standings import follower_of, standing_of
from streams.retention.deciding import RETENTION_EVENTS
from streams.retention.keeper import TENANT
from streams.timelines.rows import Record, ends_of
from tests.store.generation_world import EVENTS, World

HERE, OTHER = "e-here", "e-other"


def standing(live: int, *made: tuple[int, State, str]) -> Standing:
    return Standing("timelines", live, max([1, *(each[0] for each in made)]), {each[0]: Generation(*each, 1, 2) for each in made})


FIRST_KEPT = (1, "ready", HERE)


@pytest.mark.parametrize(
    ("now", "rollback", "drop_old", "step"),
    [
        (standing(1), False, False, Begin()),
        (standing(1, (1, "ready", HERE), (2, "building", HERE)), False, False, GoOn(2, ready=False)),
        (standing(1, (1, "ready", HERE), (2, "ready", HERE)), False, False, GoOn(2, ready=True)),
        (standing(2, (1, "ready", HERE), (2, "ready", HERE)), False, False, Begin()),
        (standing(2, (2, "ready", HERE)), False, False, Begin()),
        (standing(2, (1, "ready", HERE), (2, "ready", HERE)), True, False, Back(1)),
        (standing(1, (1, "ready", HERE), (2, "ready", HERE)), True, False, Back(2)),
        (standing(3, (1, "ready", HERE), (2, "ready", HERE), (3, "ready", HERE)), True, False, Back(2)),
        (standing(3, (2, "ready", HERE), (3, "ready", HERE), (4, "building", HERE)), False, True, Drop((2, 4))),
        (standing(2, (1, "dropping", HERE), (2, "ready", HERE)), False, True, Drop((1,))),
        (standing(2, (1, "ready", OTHER), (2, "ready", HERE)), False, True, Drop((1,))),
    ],
    ids=["none", "cut", "ready", "switched", "dropped", "back", "forth", "one-before", "drop", "drop-again", "drop-another-logs"],
)
def test_what_is_done(now: Standing, rollback: bool, drop_old: bool, step: Step) -> None:
    assert step_of(now, HERE, rollback=rollback, drop_old=drop_old) == step


@pytest.mark.parametrize(
    ("now", "rollback", "drop_old", "reason"),
    [
        (standing(1), True, False, "no generation to go back to"),
        (standing(1, (1, "ready", HERE), (2, "building", HERE)), True, False, "no generation to go back to"),
        (standing(1), False, True, "no generation but the live one"),
        (standing(2, (1, "ready", OTHER), (2, "ready", HERE)), True, False, "of another log"),
        (standing(1, (1, "ready", HERE), (2, "building", OTHER)), False, False, "of another log"),
        (standing(1, (1, "ready", HERE), (2, "dropping", HERE)), False, False, "is being dropped"),
    ],
    ids=["nothing", "half", "alone", "back-to-another-log", "on-with-another-log", "on-with-dropped"],
)
def test_what_is_refused(now: Standing, rollback: bool, drop_old: bool, reason: str) -> None:
    with pytest.raises(NotPossible, match=reason):
        step_of(now, HERE, rollback=rollback, drop_old=drop_old)


def test_names_of_projections() -> None:
    assert [projection_of(name) for name in (*PROJECTIONS, "directory", "inbox")] == [*PROJECTIONS, "timelines", "presence"]
    with pytest.raises(UnknownProjection, match="there is no search of messages yet"):
        projection_of("search")


def test_a_standing_of_rows() -> None:
    assert standing_of("calls", []) == Standing("calls")
    made = standing_of("calls", [(2, 3, 1, "ready", HERE, 5, 6), (2, 3, 2, "ready", HERE, 7, 8), (2, 3, 3, "dropping", HERE, 9, 9)])
    assert (made.live, made.newest, made.numbers, made.generations[2].begun_at_ms) == (2, 3, (1, 2), 7)
    said = follower_of("edge-1", '{"reads": {"calls": 2}, "knows": {"calls": [1, 2]}}')
    assert (said.reads["calls"], said.knows["calls"]) == (2, (1, 2))


class Cut(Exception):
    """The build is killed here."""


class FakeWriter:
    """Writes offsets, and is killed before, between or after rows and progress of a chunk."""

    def __init__(self, store: Store, written: set[int], cut_after: int | None) -> None:
        self._store, self._written, self._left = store, written, cut_after

    async def apply(self, records: Sequence[Record]) -> None:
        await self._one()
        self._written |= {record.offset for record in records}
        await self._one()
        await note_progress(self._store, ends_of(records))
        await self._one()

    async def _one(self) -> None:
        await asyncio.sleep(0)
        if self._left is not None:
            if self._left == 0:
                raise Cut
            self._left -= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 40), st.integers(1, 9), st.lists(st.integers(0, 12), max_size=4))
def test_a_build_that_is_killed_anywhere_goes_on_and_appends_nothing(
    monkeypatch: pytest.MonkeyPatch, records: int, chunk: int, cuts: list[int]
) -> None:
    monkeypatch.setattr(build, "CHUNK_RECORDS", chunk)
    monkeypatch.setattr(build, "FEW_RECORDS", 5)  # both ways of reading

    async def body() -> None:
        log, world, written = MemoryLog(1), World(), set[int]()
        if records:
            await log.publish(EVENTS, 0, [Entry(b"k", b"v") for _ in range(records)])
        ends = {topic: await log.end_offset(topic, 0) for topic in TOPICS}
        for cut in (*cuts, None):
            builder = Builder(log, world.process(), "timelines", 2, lambda: 0)
            builder._writer = FakeWriter(builder.store, written, cut)
            try:
                await builder.catch_up()
            except Cut:
                assert set(range(world.progress.get((progress_name(EVENTS, 2), 0), 0))) <= written
        assert written == set(range(records))
        assert world.progress == ({(progress_name(EVENTS, 2), 0): records} if records else {})
        assert {topic: await log.end_offset(topic, 0) for topic in TOPICS} == ends
        assert await builder.catch_up() == 0

    asyncio.run(body())


def test_record_by_record_is_the_same_as_at_once() -> None:
    async def body() -> None:
        log, world, written = MemoryLog(1), World(), set[int]()
        await log.publish(EVENTS, 0, [Entry(b"k", b"v") for _ in range(4)])
        builder = Builder(log, world.process(), "timelines", 2, lambda: 0)
        builder._writer = FakeWriter(builder.store, written, None)
        async with builder.turn:
            seen = [len(written) async for _ in builder.steps()]
        assert (seen, builder.has(await builder.ends())) == ([1, 2, 3, 4], True)

    asyncio.run(body())


def test_a_partitions_digest_is_of_its_rows_in_their_order_and_of_every_cell() -> None:
    rows: list[tuple[Any, ...]] = [(7, "c", 1, {("a", "b"): True}), (7, "c", 2, None)]
    same = part_of(rows, 1)
    assert (same.token, same.key, same.rows) == (7, ("c",), 2)
    others: list[list[tuple[Any, ...]]] = [rows[::-1], rows[:1], [rows[0], (7, "c", 2, b"")], [(7, "c", 1, {("a", "b"): False}), rows[1]]]
    assert all(part_of(other, 1).digest != same.digest for other in others)
    assert plain({"b": [1], "a": ("x",)}) == [["a", ["x"]], ["b", [1]]]


def test_a_partition_that_is_read_again_counts_once() -> None:
    compared = Compared("events")
    old, new = Part(1, ("c",), 2, b"12345678"), Part(1, ("c",), 3, b"abcdefgh")
    compared.add(0, new)
    compared.add(1, old)
    assert not compared.equal
    compared.change([new, old], [new, new])
    assert (compared.equal, compared.rows) == (True, [3, 3])


def test_what_expired_is_taken_out_of_a_generation_and_what_was_void_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Method: one span decided under the rule that holds, a damaged record, and one decided before the rule was known."""
    base = {"event_id": "e", "tenant": TENANT, "actor": "retention", "at_ms": 1}
    rule = RetentionSet(**base, scope="tenant", target="", keep_ms=5_000)  # type: ignore[arg-type]
    cells = {"conversation_id": "g-1", "before_seq": 9, "edit_seqs": (), "messages_count": 1, "keep_ms": 5_000}
    gone = ContentExpired(**base, **cells, from_seq=1, decided_at=1)  # type: ignore[arg-type]
    void = ContentExpired(**base, **cells, from_seq=4, decided_at=0)  # type: ignore[arg-type]
    performed: list[ContentExpired] = []

    async def perform(store: Store, told: Sequence[ContentExpired]) -> None:
        performed.extend(told)

    monkeypatch.setattr(expiry, "perform", perform)

    async def body() -> None:
        log = MemoryLog(1)
        values = [encode(RETENTION_EVENTS, each) for each in (rule, gone)] + [b"damaged", encode(RETENTION_EVENTS, void)]
        await log.publish(RETENTION_EVENTS, 0, [Entry(TENANT.encode(), value) for value in values])
        assert await expiry.take_out_expired(log, World().process()) == 1
        assert performed == [gone]

    asyncio.run(body())
