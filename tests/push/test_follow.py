"""What follows from an answer: pure, every kind of answer."""

import pytest

from schemas.pushes import PushState
from streams.push.alert import Alert, AlertKind
from streams.push.channels.port import Accepted, Outcome, Refused
from streams.push.decide import Planned
from streams.push.follow import RETRY_LONG_TOPIC, RETRY_MIDDLE_TOPIC, RETRY_SHORT_TOPIC, About, Classes, answered, held
from tests.push.situations import NOON_MS, request, token

CLASSES = Classes(10_000, 60_000)
DEADLINE_MS = NOON_MS + 3_600_000


def planned(kind: AlertKind = "alert", registered_at_ms: int = 1_000) -> Planned:
    alert = Alert(kind, "k" * 32, "c" * 32, "title", "body", 1, NOON_MS, DEADLINE_MS, "")
    return Planned(token(registered_at_ms=registered_at_ms), alert)


@pytest.mark.parametrize(
    ("outcome", "delay_ms", "state", "reason"),
    [
        (Accepted(200, "v-1"), None, "accepted", ""),
        (Refused("retry", 503, "busy"), 5_000, "retrying", "status_503"),
        (Refused("retry", 0, "timeout"), 5_000, "retrying", "timeout"),
        (Refused("retry", 0, "refused"), 5_000, "retrying", "connection"),
        (Refused("retry", 200, "80000001"), 5_000, "retrying", "vendor"),
        (Refused("retry", 503, "busy"), None, "rejected", "status_503"),
        (Refused("retry", 503, "busy"), 3_600_000, "expired", "status_503"),
        (Refused("give_up", 413, "too_long"), 5_000, "rejected", "status_413"),
        (Refused("give_up", 0, "expired"), 5_000, "expired", "expired"),
        (Refused("misconfigured", 403, "bad key"), 300_000, "retrying", "misconfigured"),
        (Refused("remove_token", 410, "Unregistered"), None, "invalidated", "dead_token"),
        (Refused("remove_token", 410, "Unregistered", dead_since_ms=2_000), None, "invalidated", "dead_token"),
        (Refused("remove_token", 410, "Unregistered", dead_since_ms=500), 5_000, "retrying", "status_410"),
    ],
)
def test_each_answer_has_its_result(outcome: Outcome, delay_ms: int | None, state: PushState, reason: str) -> None:
    outputs = answered(About.of(request()), planned(), outcome, 50, delay_ms, NOON_MS, CLASSES)
    (result,) = outputs.results
    assert (result.state, result.reason, result.tries, result.latency_ms) == (state, reason, 1, 50)
    assert bool(outputs.rows) == (state == "accepted")
    assert bool(outputs.retries) == (state == "retrying")
    assert bool(outputs.dead) == (state == "invalidated")


def test_a_token_that_is_registered_anew_while_the_vendor_is_asked_stays() -> None:
    outputs = answered(About.of(request()), planned(), Refused("remove_token", 410, "Unregistered"), 50, None, NOON_MS, CLASSES)
    assert outputs.dead[0].asked_ms == NOON_MS - 50
    from_a_clock_ahead = planned(registered_at_ms=NOON_MS + 7)
    outputs = answered(About.of(request()), from_a_clock_ahead, Refused("remove_token", 410, ""), 50, None, NOON_MS, CLASSES)
    assert outputs.dead[0].asked_ms == NOON_MS + 7


@pytest.mark.parametrize(
    ("delay_ms", "topic"),
    [(10_000, RETRY_SHORT_TOPIC), (10_001, RETRY_MIDDLE_TOPIC), (60_000, RETRY_MIDDLE_TOPIC), (60_001, RETRY_LONG_TOPIC)],
)
def test_the_delay_chooses_the_topic_and_the_record_says_when(delay_ms: int, topic: str) -> None:
    outputs = answered(About.of(request(), tries=2), planned(), Refused("retry", 500, ""), 5, delay_ms, NOON_MS, CLASSES)
    ((found, retry),) = outputs.retries
    assert found == topic
    assert (retry.not_before_ms, retry.tries, retry.deadline_ms) == (NOON_MS + delay_ms, 3, DEADLINE_MS)


def test_what_is_held_is_no_try_and_comes_back_at_its_deadline_at_the_latest() -> None:
    outputs = held(About.of(request(), tries=2), planned(), "channel_off", 10**9, NOON_MS, CLASSES)
    ((_, retry),) = outputs.retries
    assert (retry.not_before_ms, retry.tries, retry.why) == (DEADLINE_MS, 2, "channel_off")


@pytest.mark.parametrize(("kind", "shown"), [("alert", True), ("ring", True), ("silent", False), ("withdraw", False)])
def test_only_what_is_on_a_screen_is_remembered_as_shown(kind: AlertKind, shown: bool) -> None:
    outputs = answered(About.of(request()), planned(kind), Accepted(200), 5, None, NOON_MS, CLASSES)
    (row,) = outputs.rows
    assert row.alerted.shown == shown


def test_a_withdrawal_is_never_tried_again() -> None:
    outputs = answered(About.of(request()), planned("withdraw"), Refused("retry", 503, ""), 5, 1_000, NOON_MS, CLASSES)
    assert not outputs.retries
    assert outputs.results[0].state == "rejected"
