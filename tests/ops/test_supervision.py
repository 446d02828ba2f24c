"""The supervisor's decisions, without processes, clocks or chance."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ops.supervision import Answered, Ended, Gone, Keep, Kill, Observation, Phase, Policy, Silent, Start, Watch, backoff_s, step

POLICY = Policy()
RUNNING = Watch(phase=Phase.RUNNING, started_s=0, answered_s=100, progressed_s=100, progress=7, failures_count=0)


def test_a_new_child_is_started_at_once() -> None:
    watch, action = step(Watch(), Gone(), 5.0, 0.0, POLICY)
    assert action == Start()
    assert watch.phase is Phase.STARTING


def test_a_starting_child_has_the_start_limit_to_answer() -> None:
    watch, _ = step(Watch(), Gone(), 0.0, 0.0, POLICY)
    assert step(watch, Silent(), 60.0, 0.0, POLICY)[1] == Keep()
    assert step(watch, Silent(), 60.5, 0.0, POLICY)[1] == Kill("no first answer for 60 s", 0.5)


def test_a_running_child_that_falls_silent_is_killed() -> None:
    assert step(RUNNING, Silent(), 120.0, 0.0, POLICY)[1] == Keep()
    assert isinstance(step(RUNNING, Silent(), 121.0, 0.0, POLICY)[1], Kill)


def test_answering_without_progress_is_a_hang() -> None:
    same = Answered(ok=True, progress=7, idle=False)
    assert step(RUNNING, same, 130.0, 0.0, POLICY)[1] == Keep()
    assert step(RUNNING, same, 131.0, 0.0, POLICY)[1] == Kill("no progress for 31 s", 0.5)


def test_progress_or_idleness_keeps_a_child() -> None:
    for seen in (Answered(ok=True, progress=8, idle=False), Answered(ok=True, progress=7, idle=True)):
        watch, action = step(RUNNING, seen, 131.0, 0.0, POLICY)
        assert action == Keep()
        assert watch.progressed_s == 131.0


def test_a_child_that_says_it_is_not_well_is_killed_though_it_moves() -> None:
    watch = RUNNING
    for second in range(101, 131):
        watch, action = step(watch, Answered(ok=False, progress=second, idle=True), float(second), 0.0, POLICY)
        assert action == Keep()
    assert step(watch, Answered(ok=False, progress=999, idle=True), 131.0, 0.0, POLICY)[1] == Kill(
        "reports that it is not well for 31 s", 0.5
    )


def test_standing_still_is_excused_while_kafka_is_away_but_silence_is_not() -> None:
    watch, action = step(RUNNING, Answered(ok=False, progress=7, idle=False), 1_000.0, 0.0, POLICY, excused=True)
    assert action == Keep()
    # Afterwards the child has the whole limit again.
    assert step(watch, Answered(ok=True, progress=7, idle=False), 1_030.0, 0.0, POLICY)[1] == Keep()
    assert isinstance(step(RUNNING, Silent(), 1_000.0, 0.0, POLICY, excused=True)[1], Kill)


def test_an_ended_child_waits_for_its_back_off_and_then_starts() -> None:
    watch, action = step(replace(RUNNING, started_s=90), Gone(), 101.0, 0.0, POLICY)
    assert action == Ended(0.5)
    assert step(watch, Gone(), 101.4, 0.0, POLICY)[1] == Keep()
    assert step(watch, Gone(), 101.5, 0.0, POLICY)[1] == Start()


def test_back_off_doubles_up_to_the_limit_and_a_steady_run_resets_it() -> None:
    watch, now_s, pauses = Watch(), 0.0, []
    for _ in range(9):
        watch, action = step(watch, Gone(), now_s, 0.0, POLICY)
        assert action == Start()
        watch, action = step(watch, Gone(), now_s, 0.0, POLICY)
        assert isinstance(action, Ended)
        pauses.append(action.again_in_s)
        now_s = watch.start_at_s
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    watch, _ = step(watch, Gone(), now_s, 0.0, POLICY)
    assert step(watch, Gone(), now_s + 61, 0.0, POLICY)[1] == Ended(0.5)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_back_off_stays_in_its_bounds(failures: int, jitter: float) -> None:
    assert POLICY.backoff_first_s / 2 <= backoff_s(POLICY, failures, jitter) <= POLICY.backoff_limit_s


observations: st.SearchStrategy[Observation] = st.one_of(
    st.just(Gone()), st.just(Silent()), st.builds(Answered, ok=st.booleans(), progress=st.integers(0, 3), idle=st.booleans())
)


@given(st.lists(st.tuples(observations, st.floats(0, 40), st.floats(0, 1)), max_size=60))
def test_a_child_is_started_only_when_gone_and_killed_only_when_running(seen: list[tuple[Observation, float, float]]) -> None:
    watch, now_s, running = Watch(), 0.0, False
    for observation, passed_s, jitter in seen:
        now_s += passed_s
        if not running:
            observation = Gone()
        watch, action = step(watch, observation, now_s, jitter, POLICY)
        if isinstance(observation, Gone):
            running = False
        match action:
            case Start():
                assert not running
                running = True
            case Kill(again_in_s=pause_s) | Ended(again_in_s=pause_s):
                assert 0 < pause_s <= POLICY.backoff_limit_s + 1e-6
                running = False
        assert running == (watch.phase is not Phase.WAITING)
