from dataclasses import replace
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.push.channels.port import Refused, Verdict
from streams.push.retrying import RetryLimits, ceiling_ms, delay_ms, held_ms, in_time, retries, spared

LIMITS = RetryLimits()
BUSY = Refused("retry", 503, "")
verdicts = st.sampled_from(["retry", "remove_token", "give_up", "misconfigured"])
chances = st.floats(0, 1)


@given(st.integers(1, 100), chances)
def test_a_wait_is_within_its_ceiling(tries: int, chance: float) -> None:
    wait = delay_ms(BUSY, tries, chance, LIMITS)
    if tries >= LIMITS.tries:
        assert wait is None
    else:
        assert wait is not None
        assert LIMITS.least_ms <= wait <= ceiling_ms(tries, LIMITS) <= LIMITS.most_ms


def test_it_is_tried_as_often_as_allowed() -> None:
    assert delay_ms(BUSY, LIMITS.tries - 1, 0.5, LIMITS) is not None
    assert delay_ms(BUSY, LIMITS.tries, 0.5, LIMITS) is None


def test_the_ceiling_doubles() -> None:
    assert [ceiling_ms(tries, LIMITS) for tries in (1, 2, 3, 4)] == [5_000, 10_000, 20_000, 40_000]
    assert ceiling_ms(10_000, LIMITS) == LIMITS.most_ms


def test_the_jitter_is_full() -> None:
    """What failed together is spread over the whole time from nearly nothing to the ceiling."""
    waits = [delay_ms(BUSY, 4, number / 1000, LIMITS) or 0 for number in range(1001)]
    assert min(waits) == LIMITS.least_ms
    assert max(waits) == 40_000
    assert 19_000 < mean(waits) < 21_000


@given(st.integers(0, 10**8), st.integers(1, 11), chances)
def test_retry_after_is_never_undercut(after_ms: int, tries: int, chance: float) -> None:
    wait = delay_ms(replace(BUSY, retry_after_ms=after_ms), tries, chance, LIMITS)
    assert wait is not None
    assert min(after_ms, LIMITS.retry_after_ms) < wait <= min(after_ms, LIMITS.retry_after_ms) + LIMITS.base_ms


def test_a_retry_after_from_a_broken_clock_is_not_believed() -> None:
    assert (delay_ms(replace(BUSY, retry_after_ms=10**15), 1, 0, LIMITS) or 0) <= LIMITS.retry_after_ms + LIMITS.base_ms
    assert (delay_ms(replace(BUSY, retry_after_ms=-5), 1, 0, LIMITS) or 0) > 0


@given(verdicts, st.integers(1, 100), chances)
def test_what_the_table_says_is_final_is_not_tried_again(verdict: Verdict, tries: int, chance: float) -> None:
    wait = delay_ms(Refused(verdict, 400, "x"), tries, chance, LIMITS)
    assert (wait is not None) == (verdict == "misconfigured" or (verdict == "retry" and tries < LIMITS.tries))
    assert retries(verdict) or wait is None


def test_a_token_registered_after_its_death_is_spared() -> None:
    dead = Refused("remove_token", 410, "Unregistered", dead_since_ms=5_000)
    assert not spared(dead, 4_999)
    assert spared(dead, 5_001)
    assert not spared(Refused("remove_token", 410, "Unregistered"), 5_001)
    assert delay_ms(dead, 1, 0.5, LIMITS) is not None


@given(chances, st.integers(0, 10**6))
def test_what_is_held_is_looked_at_when_the_breaker_opens_and_not_before(chance: float, opens_in_ms: int) -> None:
    wait = held_ms(chance, LIMITS, opens_in_ms)
    assert max(opens_in_ms, LIMITS.least_ms) <= wait <= max(opens_in_ms, LIMITS.held_ms // 2) + LIMITS.held_ms // 2


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_nothing_is_tried_at_its_deadline_or_later(now_ms: int, wait_ms: int, deadline_ms: int) -> None:
    assert in_time(now_ms, wait_ms, deadline_ms) == (now_ms + wait_ms < deadline_ms)


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"least_ms": 0}, {"base_ms": 1}, {"most_ms": 1}, {"held_ms": 0}, {"retry_after_ms": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        RetryLimits(**wrong)
