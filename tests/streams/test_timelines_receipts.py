"""Watermarks as rows: the largest of each device wins whatever the order and the cuts, of `unread` the last one said."""

import random

from hypothesis import given
from hypothesis import strategies as st

from log.port import Record
from schemas.codec import encode
from schemas.records import WatermarkRaised
from streams.timelines.rows import progress_writes, project
from tests.store.cells import Cells

MARKS = st.lists(
    st.builds(
        WatermarkRaised,
        tenant=st.just("default"),
        conversation_id=st.sampled_from(("g-1", "g-2")),
        user=st.sampled_from(("u-ana", "u-ben")),
        device=st.sampled_from(("phone", "laptop")),
        state=st.sampled_from(("delivered", "read", "played", "previewed", "unread")),
        up_to_seq=st.integers(0, 5),
        up_to_ordinal=st.integers(0, 5),
        hidden=st.booleans(),
        at_ms=st.integers(1, 9),
    ),
    max_size=30,
)


def mark(state: str, up_to_seq: int, at_ms: int = 1, user: str = "u-ana", device: str = "phone", **more: object) -> WatermarkRaised:
    fields = {"tenant": "default", "conversation_id": "g-1", "user": user, "device": device, **more}
    return WatermarkRaised(state=state, up_to_seq=up_to_seq, at_ms=at_ms, **fields)  # type: ignore[arg-type]


def projected(marks: list[WatermarkRaised], chunk_records: int) -> Cells:
    cells = Cells()
    records = [Record("receipts", 2, offset, 1, b"g-1", encode("receipts", each)) for offset, each in enumerate(marks)]
    for at in range(0, len(records), chunk_records):
        chunk = project(records[at : at + chunk_records])
        cells.run([*chunk.writes, *progress_writes(chunk)])
    return cells


@given(MARKS, st.integers(0, 99))
def test_any_order_and_any_chunks_give_the_same_rows(marks: list[WatermarkRaised], seed: int) -> None:
    shuffled = random.Random(seed).sample(marks, len(marks))
    tables = [projected(each, size).cells for each, size in ((marks, 100), (marks, 1), (shuffled, 3), (shuffled, 100))]
    for table in tables:
        table.pop(("progress", ("receipts", 2), "next_offset"), None)
    assert tables[0] == tables[1] == tables[2] == tables[3]


def test_each_device_and_state_has_a_row_of_its_own_with_the_largest_mark() -> None:
    cells = projected(
        [mark("delivered", 7, 3), mark("delivered", 5, 4), mark("delivered", 6, 5, device="laptop"), mark("played", 2, 6)], 10
    )
    assert cells.row("receipts", "g-1", "delivered", "u-ana", "phone") == {"up_to_seq": 7, "up_to_ordinal": 0, "hidden": False, "at_ms": 3}
    assert cells.row("receipts", "g-1", "delivered", "u-ana", "laptop")["up_to_seq"] == 6
    assert cells.row("receipts", "g-1", "played", "u-ana", "phone")["up_to_seq"] == 2
    assert cells.row("progress", "receipts", 2) == {"next_offset": 4}


def test_a_read_mark_that_is_no_event_counts_for_the_user_itself_and_changes_no_member() -> None:
    cells = projected([mark("read", 7, up_to_ordinal=4, hidden=True), mark("read", 3, up_to_ordinal=2, device="laptop")], 1)
    assert cells.row("own_reads", "u-ana", "g-1") == {"up_to_seq": 7, "up_to_ordinal": 4}
    assert cells.row("receipts", "g-1", "read", "u-ana", "phone")["hidden"] is True
    assert cells.keys("members") == set()


def test_of_unread_the_last_one_said_wins_also_when_it_takes_the_mark_back() -> None:
    for chunk_records in (1, 10):
        assert projected([mark("unread", 5, 1), mark("unread", 0, 2)], chunk_records).row("unread_marks", "u-ana", "g-1")["up_to_seq"] == 0
        assert projected([mark("unread", 0, 2), mark("unread", 5, 1)], chunk_records).row("unread_marks", "u-ana", "g-1")["up_to_seq"] == 0
    assert projected([mark("unread", 5, 1)], 1).keys("receipts") == set()


def test_a_mark_below_one_writes_nothing() -> None:
    assert projected([mark("delivered", 0), mark("read", -3)], 1).keys("receipts") == set()
