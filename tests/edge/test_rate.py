"""The token bucket: never more than the burst plus the rate, and the wait it names is the right one."""

from hypothesis import given
from hypothesis import strategies as st

from edge.rate import Bucket, Buckets

RATES = st.integers(1, 1_000)


@given(per_s=RATES, burst=st.integers(1, 50), gaps_ms=st.lists(st.integers(0, 2_000), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_the_rate_allow(per_s: int, burst: int, gaps_ms: list[int]) -> None:
    bucket, now, taken = Bucket(per_s, burst, burst, 0), 0, 0
    for gap in gaps_ms:
        now += gap
        taken += bucket.take(now) == 0
        assert taken <= burst + now * per_s / 1_000 + 1e-6
        assert 0 <= bucket.level <= burst


@given(per_s=RATES, burst=st.integers(1, 50), at_ms=st.integers(0, 10**9), part_ms=st.integers(0, 1_000))
def test_whoever_waits_as_long_as_was_said_is_served_and_not_before(per_s: int, burst: int, at_ms: int, part_ms: int) -> None:
    bucket = Bucket(per_s, burst, 0, at_ms)
    now = at_ms + min(part_ms, 999 // per_s)
    wait_ms = bucket.take(now)
    assert wait_ms >= 1
    early = Bucket(per_s, burst, bucket.level, now)
    # the sums are floating point, so a hair must be allowed on both sides
    assert early.take(now + wait_ms - 1.001) > 0
    assert bucket.take(now + wait_ms) <= 1


def test_a_full_bucket_serves_its_burst_at_once() -> None:
    bucket = Bucket(50, 200, 200, 0)
    assert [bucket.take(0) for _ in range(201)] == [0] * 200 + [20]


def test_a_device_that_was_silent_for_long_has_no_more_than_the_burst() -> None:
    bucket = Bucket(1_000, 5, 5, 0)
    assert sum(bucket.take(10**9) == 0 for _ in range(100)) == 5


@given(st.lists(st.sampled_from("abcdef"), max_size=60))
def test_buckets_are_bounded_and_forget_the_one_asked_for_longest_ago(keys: list[str]) -> None:
    buckets = Buckets(1, 5, keys_limit=3)
    recent: list[str] = []
    levels: dict[str, float] = {}
    for key in keys:
        bucket = buckets.of(key, 0.0)
        assert bucket.level == (levels[key] if key in recent else 5), "one that is remembered is the same one"
        bucket.take(0.0)
        levels[key] = bucket.level
        recent = [*(each for each in recent if each != key), key][-3:]
        assert len(buckets) <= 3
