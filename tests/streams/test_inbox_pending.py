"""What an undelivered message leads to: the schedule's laws, pushes and cancellations over random lives, saving."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notices import PushCancelled, PushRequested
from schemas.records import RedeliveryAsked
from streams.inbox.limits import InboxLimits
from streams.inbox.schedule import CARES, KINDS, Action, Care, Waits, steps
from streams.inbox.users import Users
from tests.streams.inbox_parts import LIMITS, REPEAT_MS, SETTLE_MS, START_MS, TIMEOUT_MS, Fed, closed, notified, opened, renewed, settled

LONG_MS = 10 * 24 * 3_600_000
CASES = [(kind, care, live) for kind in KINDS for care in CARES for live in (True, False)]


@pytest.mark.parametrize(("kind", "care", "live"), CASES)
def test_a_schedule_ascends_ends_in_a_push_and_is_empty_only_for_what_may_be_lost(kind: Any, care: Care, live: bool) -> None:
    planned = steps(kind, care, live, Waits(TIMEOUT_MS, REPEAT_MS))
    times = [step.after_ms for step in planned]
    assert times == sorted(set(times))
    actions = [step.action for step in planned]
    assert (planned == ()) == (care == "ephemeral")
    if planned:
        assert actions.count(Action.PUSH) == 1
        assert all(action is Action.REDELIVER for action in actions[: actions.index(Action.PUSH)])
        assert (Action.PUSH_AGAIN in actions) == (care == "at_least_once")
        assert (times[0] == 0) == (not live)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.sampled_from(CASES))
def test_a_longer_timeout_moves_no_step_forward(timeout_ms: int, more_ms: int, case: Any) -> None:
    kind, care, live = case
    sooner, later = (steps(kind, care, live, Waits(each, REPEAT_MS)) for each in (timeout_ms, timeout_ms + more_ms))
    assert [step.action for step in sooner] == [step.action for step in later]
    assert all(one.after_ms <= other.after_ms for one, other in zip(sooner, later, strict=True))


def test_a_silent_session_is_asked_with_back_off_then_a_push() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms, lease_ms=LONG_MS), notified(1, 3))
    fed.after(LIMITS.keep_ms - 1)
    done = [(at_ms - START_MS, type(effect)) for at_ms, effect in fed.effects if not hasattr(effect, "state")]
    assert done == [(TIMEOUT_MS, RedeliveryAsked), (3 * TIMEOUT_MS, RedeliveryAsked), (4 * TIMEOUT_MS, PushRequested)]
    assert [(each.from_seq, each.to_seq, each.reason) for each in fed.pushes] == [(1, 3, "silent")]


def test_an_absent_user_is_pushed_at_once_what_is_new_only_and_delivery_cancels() -> None:
    fed = Fed()
    fed.feed(notified(1, 2))
    fed.after(1_000)
    fed.feed(notified(3), notified(2, 3), notified(5))
    assert [(each.from_seq, each.to_seq, each.reason) for each in fed.pushes] == [(1, 2, "absent"), (3, 3, "absent"), (4, 5, "absent")]
    fed.feed(settled(2))
    fed.feed(settled(9))
    fed.feed(settled(9), notified(4, 5))
    assert [each.up_to_seq for each in fed.cancelled] == [2, 5]
    assert fed.users.pending_count == 0


def test_who_comes_after_a_push_is_asked_again_but_not_pushed_again() -> None:
    fed = Fed()
    fed.feed(notified(1))
    fed.after(60_000)
    fed.feed(opened(fed.now_ms, lease_ms=LONG_MS))
    fed.after(20 * TIMEOUT_MS)
    assert len(fed.redeliveries) == 2
    assert len(fed.pushes) == 1
    fed.feed(notified(2))
    fed.after(20 * TIMEOUT_MS)
    assert [(each.from_seq, each.to_seq, each.reason) for each in fed.pushes] == [(1, 1, "absent"), (2, 2, "silent")]


def test_who_goes_with_something_undelivered_is_pushed_after_the_settle_time_but_not_for_a_flicker() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms, lease_ms=LONG_MS), notified(1))
    fed.after(1_000)
    fed.feed(closed(fed.now_ms))
    fed.after(SETTLE_MS - 1)
    fed.feed(opened(fed.now_ms, session="s-2", lease_ms=LONG_MS))
    fed.after(TIMEOUT_MS - 5_000)
    assert fed.pushes == []
    fed.feed(closed(fed.now_ms, session="s-2"))
    fed.after(SETTLE_MS)
    assert [each.reason for each in fed.pushes] == ["absent"]


def test_at_least_once_is_pushed_a_second_time_and_no_third() -> None:
    fed = Fed()
    fed.feed(notified(1, qos="at_least_once"))
    fed.after(LIMITS.keep_ms - 1)
    assert [(each.attempt, each.reason, each.at_ms - START_MS) for each in fed.pushes] == [(1, "absent", 0), (2, "undelivered", REPEAT_MS)]
    assert len({each.push_id for each in fed.pushes}) == 2


def test_a_watermark_that_is_faster_than_its_notification_settles_it() -> None:
    fed = Fed()
    fed.feed(settled(4), notified(3, 4))
    assert fed.effects == []
    fed.feed(notified(4, 5))
    assert [(each.from_seq, each.to_seq) for each in fed.pushes] == [(5, 5)]


def test_watermarks_are_remembered_up_to_their_limit_the_newest_ones() -> None:
    fed = Fed(limits=dataclasses.replace(LIMITS, watermarks_limit=2))
    fed.feed(*(settled(1, conversation=f"g-{number}") for number in range(3)))
    fed.feed(*(notified(1, conversation=f"g-{number}") for number in range(3)))
    assert [each.conversation_id for each in fed.pushes] == ["g-0"]


def test_of_too_many_conversations_the_oldest_makes_room_after_a_push() -> None:
    fed = Fed(limits=dataclasses.replace(LIMITS, conversations_limit=2))
    fed.feed(opened(fed.now_ms, lease_ms=LONG_MS))
    fed.feed(*(notified(1, conversation=f"g-{number}") for number in range(4)))
    assert [each.conversation_id for each in fed.pushes] == ["g-0", "g-1"]
    assert fed.users.pending_count == 2


def test_what_nobody_fetched_is_forgotten_after_the_time_to_keep_it_and_not_before_a_push() -> None:
    fed = Fed()
    fed.feed(notified(1))
    fed.after(LIMITS.keep_ms - 1)
    assert fed.users.pending_count == 1
    fed.after(1)
    assert fed.users.pending_count == 0
    assert len(fed.pushes) == 1


def test_what_was_saved_and_then_delivered_is_saved_as_nothing_and_what_was_not_saved_is_not_saved_at_all() -> None:
    fed = Fed()
    fed.feed(opened(fed.now_ms, lease_ms=LONG_MS), notified(1))
    assert fed.users.unsaved() == [], "a whole generation has to pass"
    assert fed.users.unsaved() == ["u-ana"]
    saved = fed.users.snapshot("u-ana", fed.now_ms)
    assert saved is not None
    assert [(each.from_seq, each.to_seq) for each in saved.pending] == [(1, 1)]
    fed.users.saved(["u-ana"])
    assert fed.users.oldest_unsaved is None
    fed.feed(settled(1))
    assert fed.users.oldest_unsaved is not None
    fed.users.unsaved()
    assert fed.users.unsaved() == ["u-ana"]
    assert fed.users.snapshot("u-ana", fed.now_ms) is None
    fed.users.saved(["u-ana"])
    fed.feed(notified(2), settled(2))
    assert fed.users.oldest_unsaved is None


STEP = st.one_of(
    st.tuples(st.just("notify"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("settle"), st.integers(-2, 1), st.booleans()),
    st.tuples(st.sampled_from(["come", "go", "renew"]), st.just(0), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 5 * TIMEOUT_MS), st.booleans()),
    st.tuples(st.just("reload"), st.just(0), st.booleans()),
)


def reloaded(fed: Fed, sessions: list[Any]) -> Users:
    """A successor's users: what is saved (here: everything), the sessions, the presences."""
    users = Users(fed.limits)
    for _ in range(2):
        fed.users.unsaved()
    for presence in fed.presences:
        users.load_presence(presence)
    for event in sessions:
        users.load_session(event)
    if "u-ana" in fed.users._users:
        users.load_saved("u-ana", fed.users.snapshot("u-ana", fed.now_ms))
    users._marks.update(fed.users._marks)
    users.begin(fed.now_ms)
    users.release(fed.now_ms)
    return users


@given(st.lists(STEP, max_size=40))
def test_over_random_lives_nothing_settled_is_pushed_and_everything_else_is_in_the_end_once(drawn: list[Any]) -> None:
    fed, head, mark = Fed(), 0, 0
    sessions: list[Any] = []
    for kind, amount, _ in drawn:
        begun = len(fed.effects)
        match kind:
            case "notify":
                head += amount
                fed.feed(notified(head - amount + 1, head))
            case "settle":
                mark = max(mark, min(head, head + amount))
                fed.feed(settled(mark) if mark else notified(1, 1) if head else closed(fed.now_ms))
            case "come" | "renew" | "go":
                makes: dict[str, Any] = {"come": opened, "renew": renewed, "go": closed}
                event = makes[kind](fed.now_ms)
                sessions.append(event)
                fed.feed(event)
            case "reload":
                fed.users = reloaded(fed, sessions)
                fed.take()
            case _:
                fed.after(amount)
        for _, effect in fed.effects[begun:]:
            if isinstance(effect, PushRequested):
                assert effect.from_seq > mark, "settled means no push"
                assert effect.to_seq <= head
    fed.after(200_000)  # leases and the whole schedule
    asked: list[int] = []
    cancelled = 0
    for _, effect in fed.effects:
        if isinstance(effect, PushRequested):
            assert effect.from_seq > max(asked, default=0), "each message is asked for once"
            asked += range(effect.from_seq, effect.to_seq + 1)
        elif isinstance(effect, PushCancelled):
            cancelled = max(cancelled, effect.up_to_seq)
    undelivered = set(range(mark + 1, head + 1))
    assert undelivered <= set(asked), "every undelivered message of an absent user gets a push-request"
    assert not {seq for seq in asked if seq > cancelled} - undelivered, "what was delivered after its push is cancelled"


def test_the_limits_default_to_those_of_the_settings() -> None:
    from streams.inbox.inbox import limits_of
    from streams.settings import StreamsSettings

    assert limits_of(StreamsSettings()) == InboxLimits()


def test_the_table_of_the_schedule_in_the_documents_is_that_of_the_code() -> None:
    root = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location("make_schedule", root / "docs" / "make_schedule.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (root / "docs" / "delivery.md").read_text()
    assert module.written(page) == page, "run docs/make_schedule.py"
    assert page.count("| direct |") == 3
