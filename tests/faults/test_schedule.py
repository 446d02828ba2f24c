"""The schedule is a function of its seed, and strikes with everything there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.schedule import ALL_KINDS, FORMS, QUICK_KINDS, schedule

COUNTS = {"edge": 2, "owner": 2, "projector": 2}
SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_the_same_seed_gives_the_same_faults(seed: int) -> None:
    assert schedule(seed, 600, COUNTS) == schedule(seed, 600, COUNTS)


def test_other_seeds_give_other_faults() -> None:
    assert len({schedule(seed, 600, COUNTS) for seed in range(20)}) == 20


@given(SEEDS)
def test_thirty_minutes_hold_sixty_faults_of_every_kind(seed: int) -> None:
    faults = schedule(seed, 1_800, COUNTS)
    assert len(faults) >= 60
    assert len({fault.kind for fault in faults}) == len(ALL_KINDS)
    assert all(fault.at_s + fault.lasts_s < 1_800 for fault in faults)


@given(SEEDS)
def test_faults_come_in_order_and_within_their_bounds(seed: int) -> None:
    faults = schedule(seed, 900, COUNTS)
    for fault in faults:
        form = FORMS[fault.action]
        kind, _, number = fault.target.partition("-")
        assert kind in form.targets
        assert not number or 1 <= int(number) <= COUNTS[kind]
        assert form.lasts_s[0] <= fault.lasts_s <= form.lasts_s[1]
        assert form.amount[0] <= fault.amount <= form.amount[1]
    firsts = [fault.at_s for fault in faults]
    assert firsts == sorted(firsts)


@given(SEEDS)
def test_only_what_was_asked_for_strikes(seed: int) -> None:
    wanted = {f"{action.value}: {target}" for action, target in QUICK_KINDS}
    assert {fault.kind for fault in schedule(seed, 400, COUNTS, QUICK_KINDS)} <= wanted


def test_a_run_that_is_too_short_has_no_faults() -> None:
    assert schedule(1, 20, COUNTS) == ()
