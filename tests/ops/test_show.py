"""A conversation is shown as it was at any of its moments, with what was edited and recalled, and nothing in it acts on a terminal."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.memory import MemoryLog
from log.port import Entry
from log.spans import UnknownPosition
from ops.show.command import NothingYet, folded
from ops.show.fold import Conversation, Message
from ops.show.words import as_json, lines_of, safe
from schemas import events
from schemas.partition import partition_of
from schemas.values import Content, Member
from store.views import MessageView, fold_membership, fold_message
from tests.ops.replay_parts import EVENTS, T0_MS, base, run
from tests.store.histories import USERS, records, stories

GROUP = "g-show"


def about(seq: int, user: str = "u-ana") -> dict[str, Any]:
    return base(GROUP, seq, user)


def text(words: str) -> Content:
    return Content("text/plain", words.encode())


STORY: list[events.Event] = [
    events.ConversationCreated(**about(1), conversation_kind="group", title="Trip", members=(Member("u-ana", "owner"), Member("u-ben"))),
    events.MessageSent(**about(2), content=text("see you at 5")),
    events.ReactionAdded(**about(3, "u-ben"), target_seq=2, reaction="+1"),
    events.MessageEdited(**about(4), target_seq=2, content=text("see you at 6")),
    events.MemberAdded(**about(5), member="u-cem", role="member"),
    events.MessageSent(**about(6, "u-cem"), content=Content("image/png", b"abc"), reply_to=2),
    events.MessageRecalled(**about(7, "u-ana"), target_seq=6),
    events.ReactionRemoved(**about(8, "u-ben"), target_seq=2, reaction="+1"),
    events.MemberLeft(**about(9, "u-ben")),
    events.ConversationRenamed(**about(10), title="Trip, again"),
]


def shown(upto: int, history: bool = False) -> list[str]:
    state = Conversation(GROUP)
    for event in STORY[:upto]:
        state.take(event)
    return list(lines_of(state, history))


def test_a_conversation_is_shown_as_its_members_saw_it_then() -> None:
    assert shown(3) == [
        "g-show (group) “Trip”, as of seq 3, 2026-09-21T14:13:20.003Z",
        "members: u-ana owner, u-ben member",
        "     1  2026-09-21T14:13:20.001Z  u-ana · conversation_created conversation_kind=group title=Trip "
        'members=[{"user":"u-ana","role":"owner"},{"user":"u-ben","role":"member"}]',
        "     2  2026-09-21T14:13:20.002Z  u-ana: see you at 5",
        "        +1 u-ben",
    ]
    assert shown(10)[:2] == ["g-show (group) “Trip, again”, as of seq 10, 2026-09-21T14:13:20.010Z", "members: u-ana owner, u-cem member"]
    assert shown(10)[3:9] == [
        "     2  2026-09-21T14:13:20.002Z  u-ana: see you at 6",
        "        edited by u-ana at seq 4, 2026-09-21T14:13:20.004Z",
        "     5  2026-09-21T14:13:20.005Z  u-ana · member_added member=u-cem role=member",
        "     6  2026-09-21T14:13:20.006Z  u-cem (to 2): (recalled)",
        "        recalled by u-ana at seq 7, 2026-09-21T14:13:20.007Z",
        "     9  2026-09-21T14:13:20.009Z  u-ben · member_left",
    ]


def test_the_history_has_what_was_edited_and_recalled() -> None:
    lines = "\n".join(shown(10, history=True))
    assert "was at seq 2, 2026-09-21T14:13:20.002Z: see you at 5" in lines
    assert "was at seq 6, 2026-09-21T14:13:20.006Z: (image/png, 3 bytes)" in lines
    assert "see you at 5" not in "\n".join(shown(10))


def test_as_json_it_says_the_same_and_gives_the_original_only_with_the_history() -> None:
    state = Conversation(GROUP)
    for event in STORY:
        state.take(event)
    plain, full = (json.loads(json.dumps(as_json(state, history))) for history in (False, True))
    assert (plain["as_of"], plain["title"]) == ({"seq": 10, "at_ms": T0_MS + 10}, "Trip, again")
    [edited, recalled] = [entry for entry in plain["entries"] if entry["type"] == "message"]
    assert edited["content"]["text"] == "see you at 6"
    assert edited["edits"] == [{"seq": 4, "at_ms": T0_MS + 4, "user": "u-ana"}]
    assert (recalled["content"], recalled["recalled"]["user"]) == (None, "u-ana")
    assert "see you at 5" not in json.dumps(plain)
    [first, second] = [entry for entry in full["entries"] if entry["type"] == "message"]
    assert (first["original"]["text"], second["original"]["base64"]) == ("see you at 5", "YWJj")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_at_every_cut_messages_and_members_are_those_of_the_timelines(seed: int) -> None:
    for story in stories(seed, 2, 60):
        state, views, places = Conversation(story.conversation), dict[int, MessageView](), dict[str, Any]()
        for event in story.history:
            state.take(event)
            if isinstance(event, events.MessageSent):
                views[event.seq] = fold_message(None, event)
            elif (target := getattr(event, "target_seq", None)) in views:
                views[target] = fold_message(views[target], event)
            places = {user: fold_membership(places.get(user), event, user) for user in USERS}
            messages = [entry for entry in state.entries if isinstance(entry, Message)]
            assert {each.seq: (each.content, bool(each.recalled)) for each in messages} == {
                seq: (view.content, view.recalled) for seq, view in views.items()
            }
            told = {each.seq: {name: tuple(sorted(who)) for name, who in each.reactions.items()} for each in messages if not each.recalled}
            assert told == {seq: dict(view.reactions) for seq, view in views.items() if not view.recalled}
            assert set(state.members) == {user for user, place in places.items() if place is not None and place.active}


# ---- from the log


def test_a_moment_is_found_in_the_log_among_other_conversations() -> None:
    async def body(log: MemoryLog) -> None:
        made = stories(7, 6, 200)
        for record in records([event for story in made for event in story.history], 4):
            await log.publish(EVENTS, record.partition, [Entry(record.key, record.value, record.timestamp_ms)])
        story = max(made, key=lambda each: len(each.history))
        for event in story.history[::5]:
            assert (await folded(log, story.conversation, None, event.seq)).seq == event.seq
            by_time = await folded(log, story.conversation, event.at_ms, None)
            assert by_time.seq == max(each.seq for each in story.history if each.at_ms <= event.at_ms)
        assert (await folded(log, story.conversation, None, None)).seq == len(story.history)
        with pytest.raises(UnknownPosition, match=f"its head is {len(story.history)}"):
            await folded(log, story.conversation, None, len(story.history) + 1)
        for conversation, until_ms in ((story.conversation, 1), ("g-none", None)):
            with pytest.raises(NothingYet):
                await folded(log, conversation, until_ms, None)

    run(body)


def test_what_the_log_has_no_more_is_said_and_what_is_damaged_is_left_out() -> None:
    async def body(log: MemoryLog) -> None:
        partition = partition_of(GROUP.encode(), 4)
        for record in records(STORY, 4):
            await log.publish(EVENTS, partition, [Entry(record.key, record.value, record.timestamp_ms)])
        log.put_bytes(EVENTS, partition, GROUP.encode(), b"rubbish")
        log.drop_before(EVENTS, partition, 3)
        state = await folded(log, GROUP, None, None)
        lines = list(lines_of(state, False))
        assert (state.first_seq, state.seq) == (4, 10)
        assert "the log begins at seq 4" in lines[1]
        assert any("message_edited target_seq=2" in line for line in lines)
        json.dumps(as_json(state, True))

    run(body)


@given(st.text())
def test_nothing_that_users_wrote_acts_on_a_terminal(words: str) -> None:
    assert not set("\x1b\r\n\x00\x9b\u202e\u2028") & set(safe(words + "\x1b[2J\r\u202e"))
    assert safe("plain ünïcode 👍🏽") == "plain ünïcode 👍🏽"
