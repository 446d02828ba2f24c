"""Counts of receipts: the same as counting by hand, whatever came in which order."""

from hypothesis import given
from hypothesis import strategies as st

from edge.counts import STATES, Count, Tally

USERS = st.sampled_from(("a", "b", "c", "d"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), USERS),
        st.tuples(st.just("leave"), USERS),
        st.tuples(st.sampled_from(STATES), USERS, st.integers(1, 6)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 7), USERS)
def test_a_count_is_that_of_the_members_marks(steps: list[tuple[str, ...]], seq: int, asking: str) -> None:
    tally = Tally()
    members: set[str] = set()
    marks: dict[tuple[str, str], int] = {}
    for step in steps:
        match step:
            case ("join", user):
                tally.join(user)
                members.add(user)
            case ("leave", user):
                tally.leave(user)
                members.discard(user)
            case (state, user, up_to_seq):
                tally.mark(user, state, up_to_seq)  # type: ignore[arg-type]
                for each in {state, "delivered"}:
                    marks[user, each] = max(marks.get((user, each), 0), int(up_to_seq))
    others = members - {asking}
    reached = [sum(marks.get((user, state), 0) >= seq for user in others) for state in STATES]
    assert tally.count(seq, asking) == Count(len(others), *reached)


def test_a_mark_and_a_count_do_not_look_at_every_member() -> None:
    """With 100,000 members at 3 distinct watermarks: the counters that a count sums have 3 entries, and a mark touches 2 of them."""
    tally = Tally()
    for number in range(100_000):
        tally.join(f"u{number}")
        tally.mark(f"u{number}", "delivered", number % 3 + 1)
    assert [len(counter) for counter in tally._reached] == [3, 1, 1]
    assert tally.count(3, "u2") == Count(99_999, 33_332, 0, 0)
    tally.mark("u0", "read", 3)
    assert tally.count(3, "u2") == Count(99_999, 33_333, 1, 0)
    assert [len(counter) for counter in tally._reached] == [3, 2, 1]


def test_what_was_said_before_joining_counts_from_the_joining_on() -> None:
    tally = Tally()
    tally.mark("a", "played", 5)
    assert tally.count(5, "me") == Count(0, 0, 0, 0)
    tally.join("a")
    assert tally.count(5, "me") == Count(1, 1, 0, 1)
