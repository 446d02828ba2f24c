"""Facts of groups: folds that may be repeated, what holds now, and nothing secret in a row."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.values import GroupSettings
from store.facts import (
    Fact,
    FactKey,
    RoleValue,
    UntilValue,
    changes_of,
    fold_facts,
    is_over,
    role_now,
    settings_of,
    until_ms_of,
    value_bytes,
    value_of,
)
from store.public_groups import ALL, leading, matches, rows_of, words_of
from store.views import Membership, floor_of
from tests.store.histories import Story

BASE: dict[str, Any] = {
    "event_id": "g-1:1",
    "tenant": "default",
    "conversation_id": "g-1",
    "seq": 1,
    "ordinal": 0,
    "at_ms": 5,
    "user": "u-ana",
    "device": "d",
    "command_id": "c",
    "trace_id": "",
}


def history_of(seed: int) -> list[events.Event]:
    story = Story(random.Random(seed), "g-1")
    for _ in range(120):
        story.step()
    return story.history


@given(st.integers(0, 5_000), st.integers(0, 120), st.integers(0, 120))
def test_folding_again_what_was_folded_before_changes_nothing(seed: int, cut: int, back: int) -> None:
    history = history_of(seed)
    rows = fold_facts({}, history[:cut])
    assert fold_facts(rows, history[max(0, cut - back) :]) == fold_facts({}, history)


@given(st.integers(0, 5_000))
def test_every_value_survives_its_row_and_holds_no_secret(seed: int) -> None:
    for event in history_of(seed):
        for change in changes_of(event):
            if change.value is not None:
                stored = value_bytes(change.value)
                assert value_of(stored) == change.value
                assert b"5ec7e7" not in stored  # the hash of a link's secret, in these histories


def ban(until_ms: int, active: bool = True) -> Fact:
    return Fact(kind="ban", key="u", active=active, value=UntilValue(by="a", at_ms=1, until_ms=until_ms), changed_seq=3)


def test_a_ban_holds_until_its_time_or_for_ever_and_not_once_it_was_taken_back() -> None:
    assert until_ms_of(ban(0), 100) == 0
    assert until_ms_of(ban(101), 100) == 101
    assert until_ms_of(ban(100), 100) is None
    assert until_ms_of(ban(0, active=False), 100) is None
    assert until_ms_of(None, 100) is None


def test_an_invitation_is_over_when_its_user_s_place_changed_after_it() -> None:
    asked = Fact(kind="invitation", key="u", active=True, value=None, changed_seq=10)
    assert not is_over(asked, 9)  # left before it was invited again
    assert is_over(asked, 11)


def test_who_had_a_role_that_was_dropped_is_a_member_also_when_the_role_comes_back() -> None:
    facts = fold_facts(
        {},
        [
            events.RoleDefined(**{**BASE, "seq": 2}, role="mod", level=5, permissions=("mute",)),
            events.RoleDropped(**{**BASE, "seq": 4}, role="mod"),
            events.RoleDefined(**{**BASE, "seq": 6}, role="mod", level=7, permissions=()),
        ],
    )
    mod = facts[FactKey("role", "mod")]
    assert isinstance(mod.value, RoleValue)
    assert mod.value.level == 7
    assert [role_now("mod", given, mod) for given in (3, 7)] == ["member", "mod"]
    assert role_now("admin", 3, mod) == "admin"


def test_settings_are_those_of_the_creation_until_they_are_changed() -> None:
    key = FactKey("settings", "")
    assert settings_of(None) == (GroupSettings(), 0)
    public = GroupSettings(visibility="public")
    created = events.ConversationCreated(**BASE, conversation_kind="group", title="t", members=(), settings=public)
    facts = fold_facts({}, [created])
    assert settings_of(facts[key]) == (public, 0)
    changed = events.SettingsChanged(**{**BASE, "seq": 2}, settings=GroupSettings(), settings_version=1)
    assert settings_of(fold_facts(facts, [changed])[key]) == (GroupSettings(), 1)


def test_a_newcomer_reads_from_its_last_joining_on_where_history_is_for_those_who_were_there() -> None:
    place = Membership(
        user="u",
        conversation_id="g-1",
        conversation_kind="group",
        title="",
        role="member",
        joined_seq=40,
        active=True,
        changed_seq=55,
        read_seq=0,
        read_ordinal=0,
    )
    assert floor_of(place, GroupSettings(history="joined")) == 40
    assert floor_of(place, GroupSettings()) == 1
    assert floor_of(None, GroupSettings(history="joined")) == 1


def test_titles_are_found_by_the_beginnings_of_their_words_of_any_case_and_script() -> None:
    assert words_of("Straße der Bücher, der") == ("strasse", "der", "bücher")
    assert matches("Straße der Bücher", "büch STRA")
    assert not matches("Straße der Bücher", "bücherei")
    assert matches("anything", "")
    assert leading("Anna and Ann", "an") == "and"
    assert leading("Anna", "x") == leading("Anna", "") == ALL
    assert rows_of("Go go", "g-1") == [("*", "", "g-1"), ("g", "go", "g-1")]
    assert len(words_of("w" * 1000)[0]) == 32
    assert len(words_of(" ".join(map(str, range(100))))) == 16
