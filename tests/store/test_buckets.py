"""Walking through buckets: every one once, the right way, in growing waves."""

from hypothesis import given
from hypothesis import strategies as st

from store.buckets import WAVE_BUCKETS_LIMIT, bucket_of, downwards, upwards
from store.schema import BUCKET_SEQS


@given(st.integers(0, 200), st.integers(0, 200))
def test_upwards_names_every_bucket_to_the_last_once(first: int, last: int) -> None:
    assert [bucket for wave in upwards(first, last) for bucket in wave] == list(range(first, last + 1))


@given(st.integers(1, 200_000))
def test_downwards_names_every_bucket_to_the_first_once(before_seq: int) -> None:
    walked = [bucket for wave in downwards(before_seq) for bucket in wave]
    assert walked == list(range(bucket_of(before_seq - 1), -1, -1))
    assert all(len(wave) <= WAVE_BUCKETS_LIMIT for wave in downwards(before_seq))


def test_a_million_events_back_need_few_waves() -> None:
    assert len(list(downwards(1_000 * BUCKET_SEQS))) < 70
