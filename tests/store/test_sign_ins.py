"""What a use of a refresh token comes to, without a table: one successor each, and late reuse is seen."""

from hypothesis import given
from hypothesis import strategies as st

from store.sign_ins import USED_LIMIT, Family, Use, judged, used_after

GRACE_MS = 1_000


def after(family: Family, use: Use) -> Family:
    return Family(family.user, use.next_hash, family.expires_at_ms, family.ends_at_ms, False, used_after(family, use))


def use(number: int, now_ms: int) -> Use:
    return Use(f"h{number}", f"h{number + 1}", now_ms, GRACE_MS, 10**9)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 700)), max_size=60))
def test_a_token_is_good_until_its_grace_is_over_and_never_after(uses: list[tuple[int, int]]) -> None:
    """Any tokens of the chain, in any order, at any times: against what was really exchanged when."""
    family, now_ms, exchanged_at = Family("u", "h0", 10**12, 10**12, False), 0, dict[int, int]()
    for number, passed in uses:
        now_ms += passed
        current = int(family.token_hash[1:])
        outcome = judged(family, use(number, now_ms))
        if number == current:
            assert outcome == "exchange"
            exchanged_at[number] = now_ms
            family = after(family, use(number, now_ms))
        elif number < current and now_ms - exchanged_at[number] <= GRACE_MS:
            assert outcome == "again"
        else:
            assert outcome == "reused"
        assert len(family.used) <= USED_LIMIT


def test_what_is_remembered_is_bounded_and_the_newest_stay() -> None:
    family = Family("u", "h0", 10**12, 10**12, False)
    for number in range(100):
        family = after(family, use(number, 5))
    assert len(family.used) == USED_LIMIT
