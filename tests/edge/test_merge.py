"""Pages of a conversation from rows and unprojected events: no seq twice, none skipped, at every cut."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from edge.merge import ITEM_BYTES, MISSING_LIMIT, EventsPage, page_of
from schemas.events import Event
from tests.edge.builders import sent

MAX_HEAD = 12


def rows_of(log: dict[int, Event], projected: int, from_seq: int, limit: int) -> list[Event]:
    """What a read of the timeline gives: ascending, at most `limit`, only what is projected; damaged seqs have no row."""
    return [log[seq] for seq in sorted(log) if from_seq <= seq <= projected][:limit]


def seqs(events: Iterable[Event]) -> list[int]:
    return [event.seq for event in events]


@given(
    head=st.integers(0, MAX_HEAD),
    projected=st.integers(0, MAX_HEAD),
    remembered_from=st.integers(1, MAX_HEAD + 1),
    from_seq=st.integers(1, MAX_HEAD + 1),
    limit=st.integers(1, 5),
    damaged=st.sets(st.integers(1, MAX_HEAD)),
    live=st.integers(0, 3),
    bytes_limit=st.integers(1, 2_000),
)
def test_pages_followed_by_live_events_give_every_seq_once(
    head: int, projected: int, remembered_from: int, from_seq: int, limit: int, damaged: set[int], live: int, bytes_limit: int
) -> None:
    projected = min(projected, head)
    log: dict[int, Event] = {seq: sent(seq) for seq in range(1, head + live + 1) if seq not in damaged}
    # whatever is not projected is remembered; much that is projected may still be
    recent = [log[seq] for seq in sorted(log) if min(remembered_from, projected + 1) <= seq <= head]
    held: list[int] = []
    said_missing: list[int] = []
    next_seq = from_seq
    for _ in range(MAX_HEAD + 1):
        page = page_of(rows_of(log, projected, next_seq, limit), recent, next_seq, limit, bytes_limit)
        assert len(page.events) <= limit
        held += seqs(page.events)
        said_missing += page.missing
        assert page.next_seq >= next_seq
        next_seq = page.next_seq
        if not page.more:
            break
        assert page.events, "a page that promises more must bring something, or the device asks for ever"
    held += [seq for seq in range(head + 1, head + live + 1) if seq in log]

    wanted = [seq for seq in sorted(log) if seq >= from_seq] if from_seq <= head + 1 else [s for s in sorted(log) if s > head]
    assert held == wanted
    assert set(said_missing) <= damaged
    last_page_seq = max([seq for seq in log if from_seq <= seq <= head], default=0)
    assert set(said_missing) == {seq for seq in damaged if from_seq <= seq < last_page_seq}, (
        "what lies before a held event and is not there is named"
    )


def test_every_cut_of_a_small_log_by_hand() -> None:
    log: dict[int, Event] = {seq: sent(seq) for seq in range(1, 8)}
    for projected in range(8):
        for remembered_from in range(1, projected + 2):
            for from_seq in range(1, 9):
                for limit in range(1, 9):
                    recent = [log[seq] for seq in range(remembered_from, 8)]
                    page = page_of(rows_of(log, projected, from_seq, limit), recent, from_seq, limit)
                    assert seqs(page.events) == list(range(from_seq, 8))[:limit]
                    assert page.missing == ()
                    assert page.next_seq == min(from_seq + limit, max(8, from_seq))
                    rest = 8 - page.next_seq
                    # True without need costs one empty page; False with something left would be a gap
                    assert page.more or rest <= 0


def test_an_event_from_both_sources_counts_once() -> None:
    assert page_of([sent(1), sent(2)], [sent(2), sent(3)], 1, 10) == EventsPage((sent(1), sent(2), sent(3)), 4, False)


def test_a_full_page_of_rows_promises_more() -> None:
    assert page_of([sent(1), sent(2)], [], 1, 2).more


def test_a_damaged_seq_is_named_missing() -> None:
    assert page_of([sent(1), sent(3)], [], 1, 10).missing == (2,)


def test_an_empty_page_stays_where_it_was_asked() -> None:
    assert page_of([], [], 9, 10) == EventsPage((), 9, False)


def test_what_expired_up_to_the_head_is_missing_and_the_device_is_not_left_behind_it() -> None:
    assert page_of([sent(1)], [], 1, 10, head_seq=4) == EventsPage((sent(1),), 5, False, (2, 3, 4))
    assert page_of([], [sent(6)], 5, 10, head_seq=5) == EventsPage((sent(6),), 7, False, (5,))
    assert page_of([sent(1), sent(2)], [], 1, 2, head_seq=4) == EventsPage((sent(1), sent(2)), 3, True), "it goes on in the next page"


def test_a_page_names_only_so_many_as_missing_and_the_next_goes_on() -> None:
    page = page_of([sent(1), sent(MISSING_LIMIT + 10)], [], 1, 10, head_seq=MISSING_LIMIT + 12)
    assert (seqs(page.events), page.next_seq, page.more, len(page.missing)) == ([1], MISSING_LIMIT + 2, True, MISSING_LIMIT)
    page = page_of([sent(MISSING_LIMIT + 10)], [], page.next_seq, 10, head_seq=MISSING_LIMIT + 12)
    assert (seqs(page.events), page.next_seq, page.more) == ([MISSING_LIMIT + 10], MISSING_LIMIT + 13, False)
    assert page.missing == (*range(MISSING_LIMIT + 2, MISSING_LIMIT + 10), MISSING_LIMIT + 11, MISSING_LIMIT + 12)
    page = page_of([], [], 1, 10, head_seq=MISSING_LIMIT + 1)
    assert (page.next_seq, page.more) == (MISSING_LIMIT + 1, True)


def test_a_page_ends_before_it_is_longer_than_a_device_may_lag_behind() -> None:
    long = [sent(seq, body=b"x" * 1_000) for seq in range(1, 6)]
    page = page_of(long, [], 1, 10, 3 * (1_000 + ITEM_BYTES))
    assert (seqs(page.events), page.next_seq, page.more) == ([1, 2, 3], 4, True)


def test_an_event_longer_than_a_page_is_given_alone() -> None:
    long = [sent(seq, body=b"x" * 1_000) for seq in range(1, 3)]
    assert seqs(page_of(long, [], 1, 10, 500).events) == [1]
