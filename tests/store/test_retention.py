"""Rules, matters and holds: the narrowest rule holds, a hold wins, and the order of the log decides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.retention import (
    ContentExpired,
    HoldLifted,
    HoldPlaced,
    MatterClosed,
    MatterOpened,
    MatterScoped,
    RetentionDropped,
    RetentionEvent,
    RetentionSet,
    RuleScope,
)
from store.retention import FOR_EVER, MatterScope, Retention

DAY_MS = 86_400_000
GROUP, OTHER, ANA, BEN = "g-1", "g-2", "u-ana", "u-ben"
BASE: dict[str, Any] = {"event_id": "e", "tenant": "default", "actor": "root", "at_ms": 1_000}


def rule(scope: RuleScope, target: str, keep_ms: int) -> RetentionSet:
    return RetentionSet(**BASE, scope=scope, target=target, keep_ms=keep_ms)


def opened(matter: str = "m-1", *, conversations: tuple[str, ...] = (), users: tuple[str, ...] = (), **span: int) -> MatterOpened:
    times: dict[str, Any] = {"from_ms": 0, "until_ms": 0} | span
    return MatterOpened(**BASE, matter=matter, name="a letter", conversations=conversations, users=users, **times)


def hold(matter: str = "m-1") -> HoldPlaced:
    return HoldPlaced(**BASE, matter=matter, reason="")


def lifted(matter: str = "m-1") -> HoldLifted:
    return HoldLifted(**BASE, matter=matter, reason="")


def expired(decided_at: int) -> ContentExpired:
    about: dict[str, Any] = {"conversation_id": GROUP, "from_seq": 1, "before_seq": 2, "edit_seqs": (), "messages_count": 1, "keep_ms": 1}
    return ContentExpired(**BASE, **about, decided_at=decided_at)


def test_without_a_rule_everything_is_kept_for_ever() -> None:
    assert Retention().kept_until(GROUP, "group", 5) is None


def test_the_narrowest_rule_holds_and_for_ever_is_a_rule_too() -> None:
    rules = [rule("tenant", "", 3 * DAY_MS), rule("kind", "group", 2 * DAY_MS), rule("conversation", GROUP, FOR_EVER)]
    state = Retention.of(rules)
    assert state.kept_until("d-1", "direct", 5) == 5 + 3 * DAY_MS
    assert state.kept_until(OTHER, "group", 5) == 5 + 2 * DAY_MS
    assert state.kept_until(GROUP, "group", 5) is None
    assert state.after(RetentionDropped(**BASE, scope="conversation", target=GROUP)).keep_ms(GROUP, "group") == 2 * DAY_MS


def test_a_rule_that_is_set_again_is_the_later_one() -> None:
    assert Retention.of([rule("tenant", "", 1), rule("tenant", "", 2)]).keep_ms(GROUP, "group") == 2


@pytest.mark.parametrize(
    ("scope", "conversation", "people", "at_ms", "covered"),
    [
        (MatterScope(), OTHER, (), 5, True),
        (MatterScope(conversations=(GROUP,)), GROUP, (), 5, True),
        (MatterScope(conversations=(GROUP,)), OTHER, (ANA,), 5, False),
        (MatterScope(users=(ANA,)), OTHER, (ANA, BEN), 5, True),
        (MatterScope(users=(ANA,)), OTHER, (BEN,), 5, False),
        (MatterScope(conversations=(GROUP,), users=(ANA,)), OTHER, (ANA,), 5, True),
        (MatterScope(from_ms=5, until_ms=6), OTHER, (), 5, True),
        (MatterScope(from_ms=5, until_ms=6), OTHER, (), 4, False),
        (MatterScope(from_ms=5, until_ms=6), OTHER, (), 6, False),
        (MatterScope(from_ms=5), OTHER, (), 10**15, True),
    ],
)
def test_what_a_matter_covers(scope: MatterScope, conversation: str, people: tuple[str, ...], at_ms: int, covered: bool) -> None:
    assert scope.covers(conversation, people, at_ms) == covered


def test_a_matter_holds_from_its_hold_on_until_that_is_lifted_or_it_is_closed() -> None:
    state = Retention.of([opened(conversations=(GROUP,))])
    assert not state.held(GROUP, (), 5)
    state = state.after(hold())
    assert state.held(GROUP, (), 5)
    assert not state.held(OTHER, (), 5)
    assert not state.after(lifted()).held(GROUP, (), 5)
    closed = state.after(MatterClosed(**BASE, matter="m-1"))
    assert not closed.held(GROUP, (), 5)
    assert not closed.after(hold()).held(GROUP, (), 5), "a closed matter holds nothing any more"


def test_one_hold_that_is_left_is_enough() -> None:
    state = Retention.of([opened("m-1"), opened("m-2", users=(ANA,)), hold("m-1"), hold("m-2"), lifted("m-1")])
    assert state.held(GROUP, (ANA,), 5)
    assert not state.held(GROUP, (BEN,), 5)
    assert state.held_users == {ANA}


def test_a_matter_keeps_its_hold_when_it_is_about_something_else() -> None:
    scoped = MatterScoped(**BASE, matter="m-1", conversations=(OTHER,), users=(), from_ms=0, until_ms=0)
    state = Retention.of([opened(conversations=(GROUP,)), hold(), scoped])
    assert state.held(OTHER, (), 5)
    assert not state.held(GROUP, (), 5)


def test_a_matter_is_opened_once_and_one_that_is_not_known_changes_nothing() -> None:
    assert Retention.of([opened(users=(ANA,)), opened(users=(BEN,))]).matters["m-1"].scope.users == (ANA,)
    assert Retention.of([hold("m-9")]).matters == {}


def test_what_expired_is_void_if_something_was_ruled_between_the_decision_and_the_log() -> None:
    state = Retention.of([rule("tenant", "", 1), opened()])
    assert state.counts(expired(2))
    assert state.after(expired(2)).counts(expired(2)), "one that expired does not stand in another's way"
    assert not state.after(hold()).counts(expired(2))


EVENTS = st.sampled_from(
    [rule("tenant", "", 5), rule("kind", "group", 7), opened(), opened("m-2", users=(ANA,)), hold(), hold("m-2"), lifted(), expired(1)]
)


@given(st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_folding_in_two_parts_is_folding_at_once(happened: list[RetentionEvent], cut: int) -> None:
    state = Retention.of(happened[:cut])
    for event in happened[cut:]:
        state = state.after(event)
    assert state == Retention.of(happened)


@given(st.lists(EVENTS, max_size=12))
def test_what_is_held_no_rule_lets_expire(happened: list[RetentionEvent]) -> None:
    state = Retention.of(happened)
    narrower = state.after(rule("conversation", GROUP, 1))
    assert narrower.held(GROUP, (ANA,), 5) == state.held(GROUP, (ANA,), 5)
