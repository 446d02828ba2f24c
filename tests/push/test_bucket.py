import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.push.bucket import TokenBucket

steps = st.lists(st.integers(0, 3_000), max_size=80)


@given(st.floats(0.1, 1_000), st.floats(0, 100), steps)
def test_never_more_than_the_burst_and_what_time_gave(per_second: float, burst: float, waits: list[int]) -> None:
    """Over every stretch from the beginning, asking as often as one likes."""
    bucket = TokenBucket.full(per_second, 0, burst)
    now = taken = 0
    for wait in waits:
        now += wait
        for _ in range(20):
            taken += bucket.take(now) == 0
        assert taken <= bucket.burst + now * per_second / 1000 + 1e-6


@given(st.floats(0.1, 1_000), steps)
def test_who_waits_as_long_as_told_is_served(per_second: float, waits: list[int]) -> None:
    bucket = TokenBucket.full(per_second, 0)
    now = 0
    for wait in waits:
        now += wait
        if told := bucket.take(now):
            now += told
            assert bucket.take(now) == 0


def test_without_a_quota_nobody_waits() -> None:
    bucket = TokenBucket.full(0, 0)
    assert [bucket.take(0) for _ in range(1000)] == [0] * 1000


def test_a_clock_that_was_set_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket.full(1, 10_000, burst=2)
    assert [bucket.take(10_000), bucket.take(10_000), bucket.take(0) > 0, bucket.take(5_000) > 0] == [0, 0, True, True]
    assert bucket.take(11_000) == 0


@given(st.lists(st.integers(-10_000, 10_000), max_size=40))
def test_a_clock_that_goes_back_gives_nothing(jumps: list[int]) -> None:
    bucket = TokenBucket.full(10, 0, 5)
    now = furthest = taken = 0
    for jump in jumps:
        now += jump
        furthest = max(furthest, now)
        taken += bucket.take(now) == 0
        assert taken <= 5 + furthest / 100 + 1e-6


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="per_second"):
        TokenBucket.full(rate, 0)
