import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.push.breaker import Breaker, BreakerLimits, is_fault
from streams.push.channels.port import Accepted, Outcome, Refused

LIMITS = BreakerLimits(window=10, least=5, failed_ratio=0.6, open_ms=1_000, open_most_ms=4_000, tries=2)


def opened(at: int = 0) -> Breaker:
    breaker = Breaker(LIMITS)
    for _ in range(5):
        assert breaker.ask(at)
        breaker.tell(True, at)
    return breaker


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Accepted(200), False),
        (Refused("retry", 503, ""), True),
        (Refused("retry", 0, "timeout"), True),
        (Refused("retry", 429, "TooManyRequests"), False),
        (Refused("remove_token", 410, ""), False),
        (Refused("give_up", 413, ""), False),
        (Refused("misconfigured", 403, ""), False),
    ],
)
def test_only_a_service_that_does_not_work_is_a_fault(outcome: Outcome, fault: bool) -> None:
    assert is_fault(outcome) == fault


def test_it_opens_when_enough_failed() -> None:
    breaker = opened()
    assert (breaker.state, breaker.ask(0), breaker.opens_in_ms(400)) == ("open", False, 600)


def test_few_failures_among_successes_do_not_open_it() -> None:
    breaker = Breaker(LIMITS)
    for number in range(1_000):
        breaker.tell(number % 3 == 0, number)
    assert breaker.state == "closed"


def test_four_failures_are_too_few_to_judge() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(4):
        breaker.tell(True, 0)
    assert breaker.state == "closed"


def test_after_its_time_a_few_are_let_through_and_close_it() -> None:
    breaker = opened()
    assert [breaker.ask(1_000) for _ in range(4)] == [True, True, False, False]
    breaker.tell(False, 1_010)
    assert breaker.state == "half_open"
    breaker.tell(False, 1_020)
    assert (breaker.state, breaker.ask(1_020)) == ("closed", True)


def test_one_failure_opens_it_for_twice_as_long_up_to_the_limit() -> None:
    breaker, now, waits = opened(), 1_000, []
    for _ in range(4):
        assert breaker.ask(now)
        breaker.tell(True, now)
        waits.append(breaker.opens_in_ms(now))
        now += waits[-1]
    assert waits == [2_000, 4_000, 4_000, 4_000]


def test_what_was_let_through_and_not_sent_makes_room() -> None:
    breaker = opened()
    assert [breaker.ask(1_000), breaker.ask(1_000), breaker.ask(1_000)] == [True, True, False]
    breaker.give_back()
    assert breaker.ask(1_000)


def test_tries_of_which_nothing_is_ever_heard_do_not_keep_it_half_open() -> None:
    breaker = opened()
    assert [breaker.ask(1_000), breaker.ask(1_000), breaker.ask(1_000 + LIMITS.open_most_ms - 1)] == [True, True, False]
    assert breaker.ask(1_000 + LIMITS.open_most_ms)


@given(st.lists(st.tuples(st.sampled_from(["ask", "ask", "well", "fault", "fault", "back"]), st.integers(0, 2_000)), max_size=200))
def test_laws(steps: list[tuple[str, int]]) -> None:
    """While it is open nothing goes; half open, at most as many as allowed; and it never stays open longer than its limit."""
    breaker, now, out, went = Breaker(LIMITS), 0, 0, False
    for what, wait in steps:
        now += wait
        before, since = breaker.state, breaker.since_mono_ms
        if what == "ask":
            went = breaker.ask(now)
            assert not went or before != "open" or now - since >= LIMITS.open_ms
        elif what == "back":
            breaker.give_back()
        else:
            breaker.tell(what == "fault", now)
        out = (out if since == breaker.since_mono_ms and before == breaker.state else 0) + (int(went) if what == "ask" else -1)
        out = max(0, out)
        assert breaker.state != "half_open" or out <= LIMITS.tries
        assert breaker.opens_in_ms(now) <= LIMITS.open_most_ms
    assert breaker.ask(now + LIMITS.open_most_ms)


@pytest.mark.parametrize("wrong", [{"window": 1, "least": 2}, {"failed_ratio": 0.0}, {"open_ms": 0}, {"open_most_ms": 1}, {"tries": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="window"):
        BreakerLimits(**wrong)  # type: ignore[arg-type]
