"""The folds: repeats change nothing, marks only rise, and a row of changes says the same as the events one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.values import Content
from store.views import (
    ChangeEvent,
    MessageChanges,
    fold_changes,
    fold_membership,
    fold_message,
    lay_changes,
    message_of,
)
from tests.store.folded import folded_head, folded_messages, folded_place
from tests.store.histories import USERS, Story, stories

SEEDS = st.integers(0, 10_000)


def story_of(seed: int, events_count: int = 60) -> Story:
    return stories(seed, 1, events_count)[0]


@given(SEEDS)
def test_a_row_of_changes_says_the_same_as_the_events_one_by_one(seed: int) -> None:
    history = story_of(seed).history
    changes: dict[int, MessageChanges] = {}
    for event in history:
        if isinstance(event, ChangeEvent):
            changes[event.target_seq] = fold_changes(changes.get(event.target_seq), event)
    for event in history:
        if isinstance(event, events.MessageSent):
            assert lay_changes(message_of(event), changes.get(event.seq)) == folded_messages(history)[event.seq]


@given(SEEDS, st.data())
def test_folding_the_newest_events_again_changes_nothing(seed: int, data: st.DataObject) -> None:
    history = story_of(seed).history
    again = history[data.draw(st.integers(0, len(history))) :]
    assert folded_head(again, folded_head(history)) == folded_head(history)
    for user in USERS:
        place = repeated = folded_place(history, user)
        for event in again:
            repeated = fold_membership(repeated, event, user, folded_head(history))
        assert repeated == place
    views = folded_messages(history)
    for event in again:
        if isinstance(event, ChangeEvent):
            views[event.target_seq] = fold_message(views[event.target_seq], event)
    assert views == folded_messages(history)


@given(SEEDS)
def test_a_read_mark_never_goes_down(seed: int) -> None:
    for user in USERS:
        place, seen = None, (0, 0)
        for event in story_of(seed).history:
            place = fold_membership(place, event, user)
            if place is not None:
                assert (place.read_seq, place.read_ordinal) >= seen
                seen = (place.read_seq, place.read_ordinal)


def test_who_sends_has_read_up_to_its_own_message_and_who_joins_what_was_there() -> None:
    story = story_of(1, 1)
    story.send("u-ana", "one")
    story.send("u-ben", "two")
    story.add(events.MemberAdded(**story.base("u-ana"), member="u-dan", role="member"))
    story.send("u-ana", "three")
    unread = {}
    for user in USERS:
        place = folded_place(story.history, user)
        assert place is not None
        unread[user] = story.ordinal - place.read_ordinal
    assert unread == {"u-ana": 0, "u-ben": 1, "u-cleo": 3, "u-dan": 1}


def test_the_creator_is_a_member_also_where_the_event_does_not_name_it() -> None:
    story = Story(rng=story_of(1).rng, conversation="g-x")
    story.add(events.ConversationCreated(**story.base("u-ana"), conversation_kind="group", title="t", members=()))
    place = folded_place(story.history, "u-ana")
    assert place is not None
    assert (place.role, place.active, place.joined_seq) == ("owner", True, 1)


def test_who_left_keeps_an_inactive_place_and_a_new_join_makes_it_active() -> None:
    story = story_of(1, 1)
    story.add(events.MemberLeft(**story.base("u-ben")))
    left = folded_place(story.history, "u-ben")
    assert left is not None
    assert (left.active, left.changed_seq, left.joined_seq) == (False, 2, 1)
    story.add(events.MemberAdded(**story.base("u-ana"), member="u-ben", role="admin"))
    back = folded_place(story.history, "u-ben")
    assert back is not None
    assert (back.active, back.changed_seq, back.joined_seq, back.role) == (True, 3, 3, "admin")


def test_reads_and_reactions_do_not_make_a_conversation_active() -> None:
    story = story_of(1, 1)
    story.send("u-ana", "one")
    before = folded_head(story.history)
    for _ in range(9):  # later in time
        story.read("u-ben", story.history[1])
    after = folded_head(story.history)
    assert before is not None
    assert after is not None
    assert after.at_ms == before.at_ms
    assert after.head_seq == before.head_seq + 9


def test_a_recalled_message_stays_recalled_and_bare() -> None:
    story = story_of(1, 1)
    story.send("u-ana", "one")
    views = folded_messages(story.history)
    late: list[events.Event] = [
        events.MessageRecalled(**story.base("u-ana"), target_seq=2),
        events.MessageEdited(**story.base("u-ana"), target_seq=2, content=Content("text/plain", b"again")),
        events.ReactionAdded(**story.base("u-ben"), target_seq=2, reaction="+1"),
    ]
    view = views[2]
    for event in late:
        view = fold_message(view, event)
    assert (view.content, view.recalled, view.reactions) == (None, True, {})


def test_a_change_without_its_message_is_a_bug_of_the_caller() -> None:
    story = story_of(1, 1)
    with pytest.raises(ValueError, match="was not given"):
        fold_message(None, events.MessageRecalled(**story.base("u-ana"), target_seq=7))
