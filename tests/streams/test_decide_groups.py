"""Groups: every field at its limit and one beyond, what ends by itself, roles that would give themselves more, and how one gets in."""

from typing import Any

import pytest

from schemas import commands, events
from schemas.values import GroupSettings, Member, Permission, Role
from streams.conversations.decide import Refused
from streams.conversations.rules import Rules
from tests.streams.talking import T0_MS, Talk, code_of, opened, text

LINK, OTHER_LINK, HASH, WRONG = "k-" + "0" * 32, "k-" + "1" * 32, "a" * 64, "b" * 64
MINUTE_MS = 60_000
SMALL = Rules(
    description_bytes_limit=4,
    question_bytes_limit=4,
    avatar_bytes_limit=4,
    slow_mode_limit_ms=1_000,
    application_bytes_limit=4,
    reason_bytes_limit=4,
    role_bytes_limit=4,
    term_limit_ms=MINUTE_MS,
    members_limit=7,
)
MEMBERS: dict[str, Role] = {"ada": "admin", "amy": "admin", "ben": "member", "bob": "member"}


def group(kind: Any = "group", rules: Rules | None = None, **chosen: Any) -> Talk:
    """ana owns it, ada and amy are admins, ben and bob members; with these settings."""
    talk = opened(kind, MEMBERS, rules)
    if chosen:
        talk.must(talk.command(commands.ChangeSettings, "ana", settings=GroupSettings(**chosen)))
    return talk


def ask(talk: Talk, command_type: type[commands.Command], user: str, **fields: Any) -> str:
    """What becomes of it; an accepted one is done."""
    return code_of(talk.do(talk.command(command_type, user, **fields)))


def says(talk: Talk, user: str) -> str:
    return ask(talk, commands.SendMessage, user, content=text("hi"))


def define(talk: Talk, user: str, role: str, level: int, *permissions: Permission) -> str:
    return ask(talk, commands.DefineRole, user, role=role, level=level, permissions=permissions)


def give(talk: Talk, user: str, member: str, role: str) -> str:
    return ask(talk, commands.ChangeRole, user, member=member, role=role)


# ---- every field


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"description": "1234"}, "accepted"),
        ({"description": "12345"}, "too_long"),
        ({"description": "éé"}, "accepted"),
        ({"description": "ééa"}, "too_long"),
        ({"question": "1234"}, "accepted"),
        ({"question": "12345"}, "too_long"),
        ({"avatar": "1234"}, "accepted"),
        ({"avatar": "12345"}, "too_long"),
        ({"slow_mode_ms": 1_000}, "accepted"),
        ({"slow_mode_ms": 1_001}, "invalid"),
        ({"slow_mode_ms": -1}, "invalid"),
        ({}, "already_done"),
    ],
)
def test_settings_are_checked_in_a_change_and_at_the_creation(fields: dict[str, Any], expected: str) -> None:
    talk = group(rules=SMALL)
    chosen = GroupSettings(**fields)
    assert ask(talk, commands.ChangeSettings, "ana", settings=chosen) == expected
    fresh = Talk(SMALL)
    created = ask(fresh, commands.CreateConversation, "ana", conversation_kind="group", title="t", members=(), settings=chosen)
    assert created == ("accepted" if expected == "already_done" else expected)


TERMS = [(1, "accepted"), (MINUTE_MS, "accepted"), (MINUTE_MS + 1, "invalid"), (0, "invalid"), (-1, "invalid"), (-(10**15), "invalid")]


@pytest.mark.parametrize(("after_ms", "expected"), TERMS)
def test_a_term_ends_in_the_future_and_not_too_late(after_ms: int, expected: str) -> None:
    until_ms = T0_MS + after_ms
    link = {"link_id": LINK, "secret_hash": HASH, "expires_at_ms": until_ms}
    assert ask(group(rules=SMALL), commands.BanMember, "ana", member="ben", until_ms=until_ms) == expected
    assert ask(group(rules=SMALL), commands.MuteMember, "ana", member="ben", until_ms=until_ms) == expected
    assert ask(group(rules=SMALL), commands.MuteAll, "ana", until_ms=until_ms) == expected
    assert ask(group(rules=SMALL), commands.CreateLink, "ana", **link) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "accepted"),
        ({"link_id": ""}, "invalid"),
        ({"link_id": "open"}, "invalid"),
        ({"link_id": LINK[:-1]}, "invalid"),
        ({"link_id": LINK + "0"}, "invalid"),
        ({"link_id": LINK[:-1] + "F"}, "invalid"),
        ({"secret_hash": ""}, "invalid"),
        ({"secret_hash": HASH[:-1]}, "invalid"),
        ({"secret_hash": HASH + "a"}, "invalid"),
        ({"secret_hash": HASH[:-1] + "é"}, "invalid"),
        ({"uses_limit": 7}, "accepted"),
        ({"uses_limit": 8}, "invalid"),
        ({"uses_limit": -1}, "invalid"),
    ],
)
def test_links_are_checked(changed: dict[str, Any], expected: str) -> None:
    fields = {"link_id": LINK, "secret_hash": HASH, "expires_at_ms": 0, **changed}
    assert ask(group(rules=SMALL), commands.CreateLink, "ana", **fields) == expected


@pytest.mark.parametrize(
    ("role", "level", "expected"),
    [
        ("lead", 1, "accepted"),
        ("lead", 99, "accepted"),
        ("lead", 0, "invalid"),
        ("lead", 100, "invalid"),
        ("lead", -1, "invalid"),
        ("guide", 1, "too_long"),
        ("", 1, "invalid"),
        (" a", 1, "invalid"),
        ("a ", 1, "invalid"),
        ("a\n", 1, "invalid"),
        ("a\u202e", 1, "invalid"),
        ("a\0", 1, "invalid"),
        ("owner", 99, "not_allowed"),
    ],
)
def test_roles_are_checked(role: str, level: int, expected: str) -> None:
    assert define(group(rules=SMALL), "ana", role, level) == expected


def test_what_is_built_in_may_be_overridden_but_for_the_level_of_member() -> None:
    talk = group()
    assert define(talk, "ana", "member", 1) == "invalid"
    assert define(talk, "ana", "member", 0, "send", "add") == "accepted"
    assert ask(talk, commands.AddMember, "ben", member="zoe") == "accepted"
    assert ask(talk, commands.AddMember, "ben", member="yan", role="admin") == "not_allowed"
    assert define(talk, "ana", "admin", 20, "send") == "accepted"
    assert ask(talk, commands.RemoveMember, "ada", member="ben") == "not_allowed"
    assert ask(talk, commands.DropRole, "ana", role="admin") == "accepted"
    assert ask(talk, commands.RemoveMember, "ada", member="ben") == "accepted"
    assert ask(talk, commands.DropRole, "ana", role="admin") == "unknown_target"


@pytest.mark.parametrize(("reason", "expected"), [("1234", "accepted"), ("12345", "too_long"), ("", "accepted")])
def test_reasons_are_checked(reason: str, expected: str) -> None:
    assert ask(group(rules=SMALL), commands.BanMember, "ana", member="ben", reason=reason) == expected
    talk = group(rules=SMALL, visibility="public", joining="apply")
    assert ask(talk, commands.ApplyToJoin, "zoe", text="hi") == "accepted"
    assert ask(talk, commands.AnswerApplication, "ana", member="zoe", accept=False, reason=reason) == expected


@pytest.mark.parametrize(("said", "expected"), [("1234", "accepted"), ("12345", "too_long"), ("", "empty")])
def test_applications_are_checked_and_answer_the_question(said: str, expected: str) -> None:
    talk = group(rules=SMALL, visibility="public", joining="apply", question="why?")
    assert ask(talk, commands.ApplyToJoin, "zoe", text=said) == expected


@pytest.mark.parametrize("member", ["", "a" * 129, "é" * 65])
def test_users_that_cannot_be_are_refused(member: str) -> None:
    for command_type in (commands.InviteMember, commands.BanMember, commands.AddMember):
        assert ask(group(), command_type, "ana", member=member) == "invalid"
    assert ask(group(), commands.ChangeNickname, "ana", member="ben", nickname_id="n" * 65) == "too_long"
    assert ask(group(), commands.ChangeNickname, "ana", member="ben", nickname_id="n" * 64) == "accepted"


def test_counts_have_limits() -> None:
    rules = Rules(invitations_limit=1, applications_limit=1, bans_limit=1, mutes_limit=1, links_limit=1, roles_limit=1, members_limit=6)
    talk = group(rules=rules, visibility="public", joining="apply")
    later = talk.now_ms + MINUTE_MS
    asks: list[tuple[str, Any, str, dict[str, Any], dict[str, Any]]] = [
        ("invitations_limit", commands.InviteMember, "ana", {"member": "x"}, {"member": "y"}),
        ("bans_limit", commands.BanMember, "ana", {"member": "x"}, {"member": "y"}),
        ("mutes_limit", commands.MuteMember, "ana", {"member": "ben", "until_ms": later}, {"member": "bob", "until_ms": later}),
        ("roles_limit", commands.DefineRole, "ana", {"role": "a", "level": 1}, {"role": "b", "level": 1}),
    ]
    for code, command_type, user, first, second in asks:
        assert ask(talk, command_type, user, **first) == "accepted"
        assert ask(talk, command_type, user, **second) == code
    made = {"secret_hash": HASH, "expires_at_ms": later}
    assert ask(talk, commands.CreateLink, "ana", link_id=LINK, **made) == "accepted"
    assert ask(talk, commands.CreateLink, "ana", link_id=OTHER_LINK, **made) == "links_limit"
    assert ask(talk, commands.ApplyToJoin, "zoe") == "accepted"
    assert ask(talk, commands.ApplyToJoin, "yan") == "applications_limit"
    talk.now_ms += MINUTE_MS
    again = {"secret_hash": HASH, "expires_at_ms": 0}
    assert ask(talk, commands.CreateLink, "ana", link_id=OTHER_LINK, **again) == "accepted"  # the first one is over
    assert ask(talk, commands.JoinByLink, "xia", link_id=OTHER_LINK, secret_hash=HASH) == "accepted"
    assert ask(talk, commands.JoinByLink, "wim", link_id=OTHER_LINK, secret_hash=HASH) == "members_limit"
    assert ask(talk, commands.AnswerApplication, "ana", member="zoe", accept=True) == "members_limit"


# ---- speaking


def test_who_is_muted_is_silent_until_then_and_is_told_how_long() -> None:
    talk = group()
    seq = talk.send("ben")
    assert ask(talk, commands.MuteMember, "ada", member="ben", until_ms=talk.now_ms + 1_000) == "accepted"
    talk.now_ms += 400
    refused = talk.decide(talk.command(commands.SendMessage, "ben", content=text("hi")))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_ms) == ("muted", 600)
    assert ask(talk, commands.EditMessage, "ben", target_seq=seq, content=text("ho")) == "muted"
    assert ask(talk, commands.AddReaction, "ben", target_seq=seq, reaction="loud") == "muted"
    assert ask(talk, commands.RecallMessage, "ben", target_seq=seq) == "accepted"
    assert says(talk, "bob") == "accepted"
    talk.now_ms += 599
    assert says(talk, "ben") == "muted"
    talk.now_ms += 1
    assert says(talk, "ben") == "accepted"


def test_a_mute_outlasts_leaving_and_ends_when_it_is_lifted() -> None:
    talk = group(visibility="public", joining="open")
    assert ask(talk, commands.MuteMember, "ada", member="ben", until_ms=talk.now_ms + MINUTE_MS) == "accepted"
    assert ask(talk, commands.LeaveConversation, "ben") == "accepted"
    assert ask(talk, commands.ApplyToJoin, "ben") == "accepted"
    assert says(talk, "ben") == "muted"
    assert ask(talk, commands.MuteMember, "ada", member="ben", until_ms=0) == "accepted"
    assert ask(talk, commands.MuteMember, "ada", member="ben", until_ms=0) == "already_done"
    assert says(talk, "ben") == "accepted"


def test_when_all_are_muted_only_those_speak_who_may() -> None:
    talk = group()
    assert ask(talk, commands.MuteAll, "ana", until_ms=talk.now_ms + 1_000) == "accepted"
    assert [says(talk, user) for user in ("ana", "ada", "ben")] == ["accepted", "accepted", "muted"]
    assert ask(talk, commands.MuteAll, "ana", until_ms=0) == "accepted"
    assert says(talk, "ben") == "accepted"


def test_slow_mode_is_a_wait_for_each_and_counts_from_when_it_began() -> None:
    talk = group()
    talk.send("ben")
    assert ask(talk, commands.ChangeSettings, "ana", settings=GroupSettings(slow_mode_ms=1_000)) == "accepted"
    assert says(talk, "ben") == "accepted"
    talk.now_ms += 999
    refused = talk.decide(talk.command(commands.SendMessage, "ben", content=text("hi")))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_ms) == ("slow_mode", 1)
    assert says(talk, "bob") == "accepted"
    assert says(talk, "ada") == says(talk, "ada") == "accepted"
    talk.now_ms += 1
    assert says(talk, "ben") == "accepted"
    assert ask(talk, commands.ChangeSettings, "ana", settings=GroupSettings()) == "accepted"
    assert says(talk, "ben") == "accepted"
    assert talk.head.standing.spoke == {}


def test_what_slow_mode_remembers_is_forgotten_when_it_is_over() -> None:
    talk = group(slow_mode_ms=1_000)
    for _ in range(20):
        talk.now_ms += 500
        says(talk, "ben")
        says(talk, "bob")
        assert len(talk.head.standing.spoke) <= 2
    talk.now_ms += 1_000
    says(talk, "ada")
    assert talk.head.standing.spoke == {"ada": talk.now_ms}


# ---- roles


def test_a_role_that_grants_itself_more_is_refused() -> None:
    talk = group()
    assert define(talk, "ana", "guide", 40, "send", "roles", "appoint", "mute") == "accepted"
    assert give(talk, "ana", "ben", "guide") == "accepted"
    assert define(talk, "ben", "guide", 40, "send", "roles", "appoint", "mute", "ban") == "not_allowed"
    assert define(talk, "ben", "helper", 40) == "not_allowed"
    assert define(talk, "ben", "helper", 39, "ban") == "not_allowed"
    assert define(talk, "ben", "member", 0, "send", "dissolve") == "not_allowed"
    assert define(talk, "ben", "admin", 39, "send") == "not_allowed"  # takes power from who is above
    assert define(talk, "ben", "helper", 39, "mute") == "accepted"
    assert give(talk, "ben", "ben", "helper") == "not_allowed"
    assert give(talk, "ben", "bob", "guide") == "not_allowed"
    assert give(talk, "ben", "bob", "admin") == "not_allowed"
    assert give(talk, "ben", "bob", "owner") == "not_allowed"
    assert give(talk, "ben", "ada", "member") == "not_allowed"
    assert give(talk, "ben", "bob", "helper") == "accepted"
    assert ask(talk, commands.DropRole, "ben", role="guide") == "not_allowed"


def test_a_role_below_that_can_more_is_not_given_by_who_cannot() -> None:
    talk = group()
    assert define(talk, "ana", "warden", 10, "ban") == "accepted"
    assert define(talk, "ana", "guide", 40, "appoint", "roles", "add", "invite") == "accepted"
    assert give(talk, "ana", "ben", "guide") == "accepted"
    assert give(talk, "ben", "bob", "warden") == "not_allowed"
    assert ask(talk, commands.AddMember, "ben", member="zoe", role="warden") == "not_allowed"
    assert ask(talk, commands.InviteMember, "ben", member="zoe", role="warden") == "not_allowed"
    assert define(talk, "ben", "warden", 20, "ban") == "accepted"  # it can that already
    assert define(talk, "ben", "warden", 20, "ban", "mute") == "not_allowed"


def test_dropping_a_role_makes_members_of_who_had_it_and_its_name_is_free() -> None:
    talk = group(rules=Rules(role_members_limit=2))
    assert define(talk, "ana", "guide", 40, "ban") == "accepted"
    for user in ("ben", "bob"):
        assert give(talk, "ana", user, "guide") == "accepted"
    assert ask(talk, commands.InviteMember, "ana", member="zoe", role="guide") == "accepted"
    assert ask(talk, commands.DropRole, "ana", role="guide") == "accepted"
    dropped = [event for event, _ in talk.log[-3:]]
    assert [type(event) for event in dropped] == [events.RoleDropped, events.RoleChanged, events.RoleChanged]
    assert define(talk, "ana", "guide", 40, "ban") == "accepted"
    assert ask(talk, commands.BanMember, "ben", member="xia") == "not_allowed"
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=True) == "accepted"
    for user in ("ben", "bob", "zoe"):
        give(talk, "ana", user, "guide")
    assert ask(talk, commands.DropRole, "ana", role="guide") == "roles_limit"


def test_a_role_that_is_not_there_cannot_be_given() -> None:
    for command_type in (commands.ChangeRole, commands.AddMember, commands.InviteMember):
        member = "ben" if command_type is commands.ChangeRole else "zoe"
        assert ask(group(), command_type, "ana", member=member, role="ghost") == "unknown_target"
    fresh = Talk()
    members = (Member("ben", "ghost"),)
    assert ask(fresh, commands.CreateConversation, "ana", conversation_kind="group", title="t", members=members) == "invalid"


def test_who_may_announce_may_do_so_also_where_it_may_not_send() -> None:
    talk = group("channel")
    assert define(talk, "ana", "herald", 10, "announce") == "accepted"
    assert give(talk, "ana", "ben", "herald") == "accepted"
    assert says(talk, "ben") == "not_allowed"
    sent = talk.send("ben", announcement=True)
    assert talk.log[sent - 1][0].announcement  # type: ignore[union-attr]


# ---- coming in


@pytest.mark.parametrize("joining", ["invited", "apply", "open"])
def test_a_private_group_tells_outsiders_nothing(joining: str) -> None:
    talk = group(visibility="private", joining=joining, question="why?")
    assert ask(talk, commands.ApplyToJoin, "zoe", text="hello") == "not_member"
    talk.must(talk.command(commands.BanMember, "ana", member="zoe"))
    assert ask(talk, commands.ApplyToJoin, "zoe", text="hello") == "not_member"
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=True) == "not_invited"
    assert ask(talk, commands.JoinByLink, "zoe", link_id=LINK, secret_hash=HASH) == "link_invalid"


def test_into_a_public_group_one_gets_as_it_says() -> None:
    assert ask(group(visibility="public", joining="invited"), commands.ApplyToJoin, "zoe") == "not_allowed"
    talk = group(visibility="public", joining="open")
    assert ask(talk, commands.ApplyToJoin, "zoe") == "accepted"
    assert talk.log[-1][0].via == "open"  # type: ignore[union-attr]
    assert ask(talk, commands.ApplyToJoin, "zoe") == "already_member"
    talk = group(visibility="public", joining="apply")
    assert ask(talk, commands.ApplyToJoin, "zoe") == "accepted"
    assert ask(talk, commands.ApplyToJoin, "zoe") == "already_done"
    assert says(talk, "zoe") == "not_member"
    assert ask(talk, commands.AnswerApplication, "ada", member="zoe", accept=True) == "accepted"
    assert talk.log[-1][0].via == "application"  # type: ignore[union-attr]


def test_invitations_are_answered_by_who_was_invited_and_end_after_a_month() -> None:
    talk = group()
    assert ask(talk, commands.InviteMember, "ada", member="zoe") == "accepted"
    assert ask(talk, commands.InviteMember, "ada", member="zoe") == "already_done"
    assert ask(talk, commands.AnswerInvitation, "yan", accept=True) == "not_invited"
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=False) == "accepted"
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=True) == "not_invited"
    assert ask(talk, commands.InviteMember, "ada", member="zoe") == "accepted"
    talk.now_ms += 30 * 86_400_000
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=True) == "not_invited"
    assert ask(talk, commands.InviteMember, "ada", member="zoe") == "accepted"
    assert ask(talk, commands.AnswerInvitation, "zoe", accept=True) == "accepted"
    assert talk.head.standing.invitations == {}


def test_links_are_used_so_often_until_then_and_by_who_has_the_secret() -> None:
    talk = group()
    made = {"secret_hash": HASH, "expires_at_ms": talk.now_ms + 1_000, "uses_limit": 2}
    assert ask(talk, commands.CreateLink, "ada", link_id=LINK, **made) == "accepted"
    assert ask(talk, commands.CreateLink, "ada", link_id=LINK, **made) == "already_done"
    refusals = []
    for link_id, secret_hash in ((LINK, WRONG), (OTHER_LINK, HASH), ("", ""), (OTHER_LINK, "0" * 64), (LINK, "é")):
        refusals.append(talk.decide(talk.command(commands.JoinByLink, "zoe", link_id=link_id, secret_hash=secret_hash)))
    assert ask(talk, commands.JoinByLink, "zoe", link_id=LINK, secret_hash=HASH) == "accepted"
    assert talk.log[-1][0].via == LINK  # type: ignore[union-attr]
    assert ask(talk, commands.JoinByLink, "zoe", link_id=LINK, secret_hash=HASH) == "already_member"
    assert ask(talk, commands.JoinByLink, "yan", link_id=LINK, secret_hash=HASH) == "accepted"
    refusals.append(talk.decide(talk.command(commands.JoinByLink, "xia", link_id=LINK, secret_hash=HASH)))  # used up
    assert ask(talk, commands.CreateLink, "ada", link_id=OTHER_LINK, **made) == "accepted"
    talk.now_ms += 1_000
    refusals.append(talk.decide(talk.command(commands.JoinByLink, "xia", link_id=OTHER_LINK, secret_hash=HASH)))  # over
    assert {code_of(refused) for refused in refusals} == {"link_invalid"}
    assert len(set(refusals)) == 1  # nobody learns which of the reasons it was
    assert ask(talk, commands.RevokeLink, "ada", link_id=OTHER_LINK) == "accepted"
    assert ask(talk, commands.RevokeLink, "ada", link_id=OTHER_LINK) == "unknown_target"


def test_a_link_with_approval_makes_an_application() -> None:
    talk = group()
    made = {"secret_hash": HASH, "expires_at_ms": 0, "approval": True, "uses_limit": 1}
    assert ask(talk, commands.CreateLink, "ada", link_id=LINK, **made) == "accepted"
    assert ask(talk, commands.JoinByLink, "zoe", link_id=LINK, secret_hash=HASH, text="me") == "accepted"
    assert (talk.log[-1][0].link_id, talk.log[-1][0].text) == (LINK, "me")  # type: ignore[union-attr]
    assert ask(talk, commands.JoinByLink, "yan", link_id=LINK, secret_hash=HASH) == "link_invalid"
    assert ask(talk, commands.AnswerApplication, "ada", member="zoe", accept=False) == "accepted"
    assert ask(talk, commands.AnswerApplication, "ada", member="zoe", accept=True) == "no_request"


def test_who_is_banned_gets_in_by_no_way_until_it_is_over() -> None:
    talk = group(visibility="public", joining="open")
    assert ask(talk, commands.CreateLink, "ada", link_id=LINK, secret_hash=HASH, expires_at_ms=0) == "accepted"
    assert ask(talk, commands.InviteMember, "ada", member="zoe") == "accepted"
    for user in ("zoe", "ben"):
        assert ask(talk, commands.BanMember, "ada", member=user, until_ms=talk.now_ms + 1_000) == "accepted"
        assert ask(talk, commands.BanMember, "ada", member=user, until_ms=talk.now_ms + 1_000) == "already_done"
        assert user not in talk.head.members
        assert ask(talk, commands.ApplyToJoin, user) == "banned"
        assert ask(talk, commands.AnswerInvitation, user, accept=True) == "not_invited"
        assert ask(talk, commands.JoinByLink, user, link_id=LINK, secret_hash=HASH) == "banned"
        assert ask(talk, commands.AddMember, "ana", member=user) == "banned"
        assert ask(talk, commands.InviteMember, "ana", member=user) == "banned"
    talk.now_ms += 1_000
    assert ask(talk, commands.UnbanMember, "ada", member="ben") == "unknown_target"
    assert ask(talk, commands.ApplyToJoin, "ben") == "accepted"
    assert ask(talk, commands.BanMember, "ada", member="zoe") == "accepted"
    assert ask(talk, commands.UnbanMember, "ada", member="zoe") == "accepted"
    assert ask(talk, commands.ApplyToJoin, "zoe") == "accepted"


# ---- settings and the end


def test_settings_that_changed_meanwhile_are_not_overwritten() -> None:
    talk = group()
    first, second = GroupSettings(description="a"), GroupSettings(description="b")
    assert ask(talk, commands.ChangeSettings, "ana", settings=first) == "accepted"
    assert ask(talk, commands.ChangeSettings, "ada", settings=second, expected_version=2) == "stale_settings"
    assert ask(talk, commands.ChangeSettings, "ada", settings=second, expected_version=1) == "accepted"
    assert ask(talk, commands.ChangeSettings, "ana", settings=first, expected_version=1) == "stale_settings"
    assert (talk.head.standing.settings, talk.head.standing.settings_version) == (second, 2)


def test_a_direct_conversation_has_no_settings_and_strangers_are_one_of_the_two() -> None:
    talk = Talk(conversation_id=opened("direct").conversation_id)
    made = {"conversation_kind": "direct", "title": "", "members": (Member("ben"),)}
    assert ask(talk, commands.CreateConversation, "ana", **made, settings=GroupSettings()) == "invalid"
    assert ask(talk, commands.CreateConversation, "ana", **made, refuse_strangers=("zoe",)) == "invalid"
    assert ask(talk, commands.CreateConversation, "ana", **made, refuse_strangers=("ben",)) == "accepted"


def test_a_dissolved_group_may_be_read_and_left_and_nothing_else() -> None:
    talk = group(visibility="public", joining="open")
    sent = talk.send("ben")
    assert ask(talk, commands.CreateLink, "ada", link_id=LINK, secret_hash=HASH, expires_at_ms=0) == "accepted"
    assert ask(talk, commands.DissolveConversation, "ana") == "accepted"
    assert ask(talk, commands.DissolveConversation, "ana") == "dissolved"
    assert says(talk, "ana") == "dissolved"
    for command_type in (commands.RecallMessage, commands.AddReaction, commands.RemoveReaction):
        fields = {"target_seq": sent} | ({} if command_type is commands.RecallMessage else {"reaction": "+1"})
        assert ask(talk, command_type, "ben", **fields) == "dissolved"
    assert ask(talk, commands.AddMember, "ana", member="zoe") == "dissolved"
    assert ask(talk, commands.ApplyToJoin, "zoe") == "dissolved"
    assert ask(talk, commands.JoinByLink, "zoe", link_id=LINK, secret_hash=HASH) == "link_invalid"
    assert ask(talk, commands.MarkRead, "bob", up_to_seq=sent, up_to_ordinal=1) == "accepted"
    for user in ("ben", "ana", "bob", "ada", "amy"):
        assert ask(talk, commands.LeaveConversation, user) == "accepted"


def test_with_its_last_member_a_group_is_dissolved_in_the_same_decision() -> None:
    talk = opened("group", {})
    first = talk.must(talk.command(commands.LeaveConversation, "ana"))
    assert [type(event) for event, _ in talk.log[first - 1 :]] == [events.MemberLeft, events.ConversationDissolved]
    assert ask(talk, commands.ApplyToJoin, "zoe") == "not_member"


def test_a_permission_is_named_once_and_kept_in_the_order_given() -> None:
    talk = group()
    assert define(talk, "ana", "guide", 10, "send", "send") == "invalid"
    assert define(talk, "ana", "guide", 10, "send", "ban") == "accepted"
    assert talk.log[-1][0].permissions == ("send", "ban")  # type: ignore[union-attr]
