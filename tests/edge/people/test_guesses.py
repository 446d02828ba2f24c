"""Guessing is made to wait, and nobody is kept out for good."""

from hypothesis import given
from hypothesis import strategies as st

from edge.people.guesses import Guesses, GuessRules

RULES = GuessRules(free=5, wait_ms=1_000, wait_ms_limit=900_000, forget_ms=3_600_000, keys_limit=1_000)


def test_ten_thousand_guesses_at_one_account_take_months() -> None:
    guesses, now, made = Guesses(RULES), 0.0, 0
    while made < 10_000:
        wait = guesses.wait_ms("ana", now)
        made += not wait
        now += wait
    assert now > 90 * 86_400_000


def test_the_first_guesses_are_free_and_each_wait_is_twice_the_last() -> None:
    guesses, now = Guesses(RULES), 0.0
    waits = []
    for _ in range(9):
        wait = guesses.wait_ms("ana", now)
        waits.append(wait)
        if wait:
            now += wait
            assert guesses.wait_ms("ana", now) == 0
    assert waits == [0, 0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000]


def test_who_is_right_or_waits_long_enough_begins_anew() -> None:
    guesses = Guesses(RULES)
    for _ in range(5):
        assert guesses.wait_ms("ana", 0) == 0
    assert guesses.wait_ms("ana", 0) > 0
    assert guesses.wait_ms("ben", 0) == 0
    guesses.right("ana")
    assert guesses.wait_ms("ana", 0) == 0
    for _ in range(4):
        guesses.wait_ms("ana", 0)
    assert guesses.wait_ms("ana", 1) > 0
    assert guesses.wait_ms("ana", RULES.forget_ms) == 0


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 5_000)), max_size=200))
def test_no_wait_is_longer_than_its_limit_and_memory_is_bounded(tries: list[tuple[int, int]]) -> None:
    rules = GuessRules(free=1, wait_ms=500, wait_ms_limit=4_000, forget_ms=60_000, keys_limit=20)
    guesses, now = Guesses(rules), 0.0
    for key, passed in tries:
        now += passed
        assert 0 <= guesses.wait_ms(str(key % 40), now) <= 4_000
        assert len(guesses) <= 20
