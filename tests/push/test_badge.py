from hypothesis import given
from hypothesis import strategies as st

from store.views import ReadMark
from streams.push.badge import BADGE_LIMIT, Standing, badge, unread_of
from streams.push.situation import Mode


def standing(conversation: str = "c1", head: int = 10, read: int = 4, **fields: object) -> Standing:
    return Standing(conversation, True, head, ReadMark(2 * read, read), **fields)  # type: ignore[arg-type]


def test_300_unread_over_several_conversations() -> None:
    standings = [standing("c1", 120, 0), standing("c2", 1_000, 900), standing("c3", 83, 3), standing("muted", 500, 0)]
    assert badge(standings, {"muted": Mode("none")}, None, 0) == 300


def test_what_was_read_quietly_counts_as_read() -> None:
    assert unread_of(standing(own_read=ReadMark(18, 9))) == 1
    assert unread_of(standing(read=7, own_read=ReadMark(8, 4))) == 3


def test_a_conversation_marked_unread_counts_at_least_one() -> None:
    assert unread_of(standing(head=10, read=10, marked=True)) == 1
    assert unread_of(standing(head=10, read=4, marked=True)) == 6


def test_a_row_that_is_behind_its_read_mark_counts_nothing() -> None:
    assert unread_of(standing(head=3, read=10)) == 0


def test_one_that_was_left_counts_nothing() -> None:
    left = Standing("c1", False, 10, ReadMark(0, 0), marked=True)
    assert badge([left], {}, None, 0) == 0


def test_muted_for_a_time_counts_again_afterwards() -> None:
    assert badge([standing()], {"c1": Mode("none", 100)}, None, 99) == 0
    assert badge([standing()], {"c1": Mode("none", 100)}, None, 100) == 6


def test_none_everywhere_leaves_what_was_chosen_otherwise() -> None:
    assert badge([standing("c1"), standing("c2")], {"c2": Mode("mentions")}, Mode("none"), 0) == 6


def test_a_badge_has_an_end() -> None:
    assert badge([standing(head=10**9)], {}, None, 0) == BADGE_LIMIT


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=20))
def test_the_badge_is_the_sum_and_never_negative(rows: list[tuple[int, int, int, bool]]) -> None:
    standings = [
        Standing(f"c{at}", True, head, ReadMark(read, read), ReadMark(own, own), marked)
        for at, (head, read, own, marked) in enumerate(rows)
    ]
    expected = sum(max(head - max(read, own), 1 if marked else 0, 0) for head, read, own, marked in rows)
    assert badge(standings, {}, None, 0) == expected
