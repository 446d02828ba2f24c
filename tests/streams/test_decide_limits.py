"""What a command may hold, at each limit and one beyond; and that a refusal names the number."""

import dataclasses
from typing import Any

import pytest

from schemas import commands
from schemas.ids import direct_conversation_id
from schemas.values import Content, ConversationKind, Member
from streams.conversations.decide import Refused
from streams.conversations.rules import DAY_MS, Rules
from tests.streams.talking import DIRECT_ID, GROUP_ID, T0_MS, Talk, code_of, opened, text

SMALL = Rules(text_bytes_limit=10, content_bytes_limit=20, title_bytes_limit=8, reaction_bytes_limit=4, mentions_limit=2, members_limit=3)


def refusal(talk: Talk, command: commands.Command) -> Refused:
    decision = talk.decide(command)
    assert isinstance(decision, Refused), decision
    return decision


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (text("0123456789"), "accepted"),
        (text("0123456789a"), "too_long"),
        (text("ééééé"), "accepted"),
        (text("éééééé"), "too_long"),
        (text(""), "empty"),
        (text(b"\xff"), "invalid"),
        (text(b"\xc3"), "invalid"),
        (text(b"\xed\xa0\x80"), "invalid"),
        (Content("text/plain; charset=utf-8", b"\xff"), "invalid"),
        (Content("text/markdown", b"\xff"), "invalid"),
        (Content("image/png", b"\xff" * 20), "accepted"),
        (Content("image/png", b"\xff" * 21), "too_long"),
        (Content("image/png", b""), "empty"),
        (Content("text/plain", b"\xff" * 20, "key-1"), "accepted"),
        (Content("text/plain", b"\xff" * 21, "key-1"), "too_long"),
        (Content("text", b"hi"), "invalid"),
        (Content("", b"hi"), "invalid"),
        (Content("a/" + "b" * 253, b"hi"), "accepted"),
        (Content("a/" + "b" * 254, b"hi"), "invalid"),
    ],
)
def test_content_is_checked_for_new_and_edited_messages(content: Content, expected: str) -> None:
    talk = opened(rules=SMALL)
    sent = talk.send("ana", "first")
    assert code_of(talk.decide(talk.command(commands.SendMessage, "ana", content=content))) == expected
    assert code_of(talk.decide(talk.command(commands.EditMessage, "ana", target_seq=sent, content=content))) == expected


@pytest.mark.parametrize(
    ("mentions", "expected"),
    [(("a", "b"), "accepted"), (("a", "b", "c"), "too_long"), (("",), "invalid"), (("a" * 128,), "accepted"), (("a" * 129,), "invalid")],
)
def test_mentions_are_checked_for_new_and_edited_messages(mentions: tuple[str, ...], expected: str) -> None:
    talk = opened(rules=SMALL)
    sent = talk.send("ana", "first")
    assert code_of(talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi"), mentions=mentions))) == expected
    edit = talk.command(commands.EditMessage, "ana", target_seq=sent, content=text("hi"), mentions=mentions)
    assert code_of(talk.decide(edit)) == expected


@pytest.mark.parametrize(("reaction", "expected"), [("", "empty"), ("+1", "accepted"), ("🐦", "accepted"), ("🐦!", "too_long")])
def test_reactions_are_checked(reaction: str, expected: str) -> None:
    talk = opened(rules=SMALL)
    sent = talk.send("ana", "first")
    for command_type in (commands.AddReaction, commands.RemoveReaction):
        assert code_of(talk.decide(talk.command(command_type, "ana", target_seq=sent, reaction=reaction))) == expected


@pytest.mark.parametrize(("title", "expected"), [("12345678", "accepted"), ("123456789", "too_long"), ("", "empty")])
def test_titles_are_checked(title: str, expected: str) -> None:
    talk = opened(rules=SMALL)
    assert code_of(talk.decide(talk.command(commands.RenameConversation, "ana", title=title))) == expected
    fresh = Talk(SMALL)
    created = fresh.decide(fresh.command(commands.CreateConversation, "ana", conversation_kind="group", title=title, members=()))
    assert code_of(created) == ("accepted" if expected == "empty" else expected)  # a group may begin without a title


@pytest.mark.parametrize("seq", [-1, 0, 1, 2, 3, 4])
def test_a_target_is_checked_where_it_is_remembered(seq: int) -> None:
    """Seq 1 is the creation, 2 a message, 3 a recalled one, 4 the recall; the head is 4."""
    talk = opened(rules=SMALL)
    talk.send("ana", "first")
    talk.must(talk.command(commands.RecallMessage, "ana", target_seq=talk.send("ana", "second")))
    expected = {2: "accepted"}.get(seq, "invalid" if seq < 1 else "unknown_target")
    assert code_of(talk.decide(talk.command(commands.EditMessage, "ana", target_seq=seq, content=text("hi")))) == expected
    assert code_of(talk.decide(talk.command(commands.RecallMessage, "ana", target_seq=seq))) == expected
    assert code_of(talk.decide(talk.command(commands.AddReaction, "ana", target_seq=seq, reaction="+1"))) == expected
    assert code_of(talk.decide(talk.command(commands.RemoveReaction, "ana", target_seq=seq, reaction="+1"))) == expected
    replied = talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi"), reply_to=seq))
    assert code_of(replied) == ("invalid" if seq < 1 else "accepted")


def test_a_seq_beyond_the_head_is_refused_everywhere() -> None:
    talk = opened(rules=SMALL)
    beyond = talk.head.head_seq + 1
    for command in (
        talk.command(commands.EditMessage, "ana", target_seq=beyond, content=text("hi")),
        talk.command(commands.RecallMessage, "ana", target_seq=beyond),
        talk.command(commands.AddReaction, "ana", target_seq=beyond, reaction="+1"),
        talk.command(commands.RemoveReaction, "ana", target_seq=beyond, reaction="+1"),
        talk.command(commands.MarkRead, "ana", up_to_seq=beyond, up_to_ordinal=0),
        talk.command(commands.SendMessage, "ana", content=text("hi"), reply_to=beyond),
    ):
        refused = refusal(talk, command)
        assert refused.code == "seq_ahead"
        assert str(talk.head.head_seq) in refused.detail


def test_the_windows_close_after_their_last_millisecond() -> None:
    talk = opened(members={"ada": "admin", "ben": "member"}, rules=Rules(edit_window_ms=1000, recall_window_ms=2000))
    sent = talk.send("ben")

    def outcome(user: str, command_type: type[commands.Command], **fields: Any) -> str:
        return code_of(talk.decide(talk.command(command_type, user, target_seq=sent, **fields)))

    for age_ms, edit, recall in ((1000, "accepted", "accepted"), (1001, "too_late", "accepted"), (2001, "too_late", "too_late")):
        talk.now_ms = T0_MS + age_ms
        assert outcome("ben", commands.EditMessage, content=text("hi")) == edit
        assert outcome("ben", commands.RecallMessage) == recall
        assert outcome("ada", commands.RecallMessage) == "accepted"


def test_beyond_memory_edits_and_recalls_are_too_late_and_reactions_pass() -> None:
    talk = opened(rules=Rules(remembered_commands=3))
    sent = talk.send("ana")
    for _ in range(3):
        talk.send("ana")
    assert refusal(talk, talk.command(commands.EditMessage, "ana", target_seq=sent, content=text("hi"))).code == "too_late"
    assert refusal(talk, talk.command(commands.RecallMessage, "ana", target_seq=sent)).code == "too_late"
    assert code_of(talk.decide(talk.command(commands.AddReaction, "ana", target_seq=sent, reaction="+1"))) == "accepted"


def test_the_members_limit_counts_the_creator() -> None:
    talk = Talk(SMALL)

    def created(count: int) -> str:
        members = tuple(Member(f"u{n}") for n in range(count))
        return code_of(talk.decide(talk.command(commands.CreateConversation, "ana", conversation_kind="group", title="", members=members)))

    assert created(2) == "accepted"
    assert created(3) == "members_limit"


def test_a_conversation_at_its_limit_takes_nobody_until_somebody_goes() -> None:
    talk = opened(members={"ben": "member", "bob": "member"}, rules=SMALL)
    refused = refusal(talk, talk.command(commands.AddMember, "ana", member="new"))
    assert refused.code == "members_limit"
    assert "3" in refused.detail
    talk.must(talk.command(commands.LeaveConversation, "bob"))
    talk.must(talk.command(commands.AddMember, "ana", member="new"))


@pytest.mark.parametrize(
    ("kind", "conversation_id", "members", "expected"),
    [
        ("direct", DIRECT_ID, (Member("ben"),), "accepted"),
        ("direct", DIRECT_ID, (Member("ben"), Member("ana")), "accepted"),
        ("direct", DIRECT_ID, (), "invalid"),
        ("direct", DIRECT_ID, (Member("ana"),), "invalid"),
        ("direct", DIRECT_ID, (Member("ben"), Member("bob")), "invalid"),
        ("direct", DIRECT_ID, (Member("ben", "admin"),), "invalid"),
        ("direct", DIRECT_ID, (Member("bob"),), "invalid"),
        ("direct", direct_conversation_id("ben", "bob"), (Member("ben"),), "invalid"),
        ("direct", GROUP_ID, (Member("ben"),), "invalid"),
        ("group", GROUP_ID, (Member("ben"), Member("bob", "admin")), "accepted"),
        ("group", GROUP_ID, (Member("ana"),), "accepted"),
        ("group", GROUP_ID, (Member("ben"), Member("ben", "admin")), "invalid"),
        ("group", GROUP_ID, (Member("ben", "owner"),), "invalid"),
        ("group", GROUP_ID, (Member(""),), "invalid"),
        ("group", GROUP_ID, (Member("b" * 129),), "invalid"),
        ("group", DIRECT_ID, (Member("ben"),), "invalid"),
        ("channel", "#checkpoint", (), "invalid"),
        ("channel", "", (), "invalid"),
        ("channel", GROUP_ID, (Member("ben"),), "accepted"),
    ],
)
def test_a_creation_is_checked(kind: ConversationKind, conversation_id: str, members: tuple[Member, ...], expected: str) -> None:
    talk = Talk(SMALL, conversation_id)
    command = talk.command(commands.CreateConversation, "ana", conversation_kind=kind, title="", members=members)
    assert code_of(talk.decide(command)) == expected


def test_every_limit_has_a_variable_that_is_refused_by_name() -> None:
    for limit in dataclasses.fields(Rules):
        variable = f"STREAMS_{limit.name.upper()}"
        least = limit.metadata["least"]
        assert getattr(Rules.from_env({variable: str(least)}), limit.name) == least
        for bad in ("many", "", "-1", "99999999999999999999"):
            with pytest.raises(ValueError, match=f"^{variable}="):
                Rules.from_env({variable: bad})


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert dataclasses.asdict(Rules.from_env({})) == {
        "members_limit": 100_000,
        "members_whole_limit": 1_000,
        "text_bytes_limit": 16_384,
        "content_bytes_limit": 49_152,
        "title_bytes_limit": 256,
        "reaction_bytes_limit": 64,
        "mentions_limit": 100,
        "edit_window_ms": DAY_MS,
        "recall_window_ms": DAY_MS,
        "remembered_commands": 1_000,
        "command_horizon_ms": DAY_MS,
        "clock_ahead_ms": 60_000,
        "read_events_members_limit": 100,
        "description_bytes_limit": 4_096,
        "question_bytes_limit": 512,
        "avatar_bytes_limit": 512,
        "slow_mode_limit_ms": DAY_MS // 4,
        "application_bytes_limit": 1_000,
        "reason_bytes_limit": 500,
        "role_bytes_limit": 64,
        "roles_limit": 50,
        "role_members_limit": 100,
        "links_limit": 100,
        "invitations_limit": 1_000,
        "applications_limit": 1_000,
        "bans_limit": 10_000,
        "mutes_limit": 10_000,
        "term_limit_ms": 3_650 * DAY_MS,
        "friend_text_bytes_limit": 512,
        "friend_request_cooldown_ms": DAY_MS,
        "at_least_once_direct": 0,
        "at_least_once_group": 0,
        "at_least_once_channel": 0,
    }
