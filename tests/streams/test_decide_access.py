"""Who may do what: the whole product of kind, role and command, held against a table written by hand."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from schemas import commands
from schemas.values import ConversationKind, GroupSettings, Role
from streams.conversations.decide import HANDLERS
from tests.streams.talking import T0_MS, Talk, code_of, opened, text

# The actors: who does it, by kind. In a direct conversation everybody is a member.
ACTORS = {
    "direct": {"member": "ben", "stranger": "zoe"},
    "group": {"owner": "ana", "admin": "ada", "member": "ben", "stranger": "zoe"},
    "channel": {"owner": "ana", "admin": "ada", "member": "ben", "stranger": "zoe"},
}

# + accepted   - not_allowed   m not_member   t unknown_target   a already_member   s owner_must_stay   e conversation_exists
# i not_invited   n no_request   l link_invalid
TABLE = """
                          direct  | group               | channel
                          mem str | own adm mem str     | own adm mem str
create_again               e   e  |  e   e   e   e      |  e   e   e   e
send                       +   m  |  +   +   +   m      |  +   +   -   m
edit_own                   +   m  |  +   +   +   m      |  +   +   -   m
edit_others                -   m  |  -   -   -   m      |  -   -   -   m
recall_own                 +   m  |  +   +   +   m      |  +   +   +   m
recall_members             -   m  |  +   +   -   m      |  +   +   -   m
recall_owners              -   m  |  +   +   -   m      |  +   +   -   m
add_reaction               +   m  |  +   +   +   m      |  +   +   +   m
remove_reaction            +   m  |  +   +   +   m      |  +   +   +   m
mark_read                  +   m  |  +   +   +   m      |  +   +   +   m
rename                     -   m  |  +   +   -   m      |  +   +   -   m
leave                      -   m  |  s   +   +   m      |  s   +   +   m
add_as_member              -   m  |  +   +   -   m      |  +   +   -   m
add_as_admin               -   m  |  +   -   -   m      |  +   -   -   m
add_as_owner               -   m  |  -   -   -   m      |  -   -   -   m
add_again                  -   m  |  a   a   -   m      |  a   a   -   m
remove_member              -   m  |  +   +   -   m      |  +   +   -   m
remove_admin               -   m  |  +   -   -   m      |  +   -   -   m
remove_owner               -   m  |  -   -   -   m      |  -   -   -   m
remove_self                -   m  |  -   -   -   m      |  -   -   -   m
remove_stranger            -   m  |  t   t   -   m      |  t   t   -   m
make_owner                 -   m  |  +   -   -   m      |  +   -   -   m
make_admin                 -   m  |  +   -   -   m      |  +   -   -   m
make_member                -   m  |  +   -   -   m      |  +   -   -   m
make_self_member           -   m  |  -   -   -   m      |  -   -   -   m
make_self_owner            -   m  |  -   -   -   m      |  -   -   -   m
make_stranger_admin        -   m  |  t   -   -   m      |  t   -   -   m
announce                   -   m  |  +   +   -   m      |  +   +   -   m
settings                   -   m  |  +   +   -   m      |  +   +   -   m
invite_as_member           -   m  |  +   +   -   m      |  +   +   -   m
invite_as_admin            -   m  |  +   -   -   m      |  +   -   -   m
invite_member              -   m  |  a   a   -   m      |  a   a   -   m
accept_invitation          i   i  |  i   i   i   i      |  i   i   i   i
apply                      a   m  |  a   a   a   m      |  a   a   a   m
accept_application         -   m  |  n   n   -   m      |  n   n   -   m
make_link                  -   m  |  +   +   -   m      |  +   +   -   m
revoke_link                -   m  |  t   t   -   m      |  t   t   -   m
join_by_link               a   l  |  a   a   a   l      |  a   a   a   l
ban_member                 -   m  |  +   +   -   m      |  +   +   -   m
ban_admin                  -   m  |  +   -   -   m      |  +   -   -   m
ban_owner                  -   m  |  -   -   -   m      |  -   -   -   m
ban_self                   -   m  |  -   -   -   m      |  -   -   -   m
ban_stranger               -   m  |  +   +   -   m      |  +   +   -   m
unban                      -   m  |  t   t   -   m      |  t   t   -   m
mute_member                -   m  |  +   +   -   m      |  +   +   -   m
mute_admin                 -   m  |  +   -   -   m      |  +   -   -   m
mute_owner                 -   m  |  -   -   -   m      |  -   -   -   m
mute_self                  -   m  |  -   -   -   m      |  -   -   -   m
mute_stranger              -   m  |  t   t   -   m      |  t   t   -   m
mute_all                   -   m  |  +   +   -   m      |  +   +   -   m
define_role                -   m  |  +   -   -   m      |  +   -   -   m
define_admin               -   m  |  +   -   -   m      |  +   -   -   m
define_owner               -   m  |  -   -   -   m      |  -   -   -   m
drop_role                  -   m  |  t   -   -   m      |  t   -   -   m
nickname_own               -   m  |  +   +   +   m      |  +   +   +   m
nickname_of_member         -   m  |  +   +   -   m      |  +   +   -   m
nickname_of_owner          -   m  |  +   -   -   m      |  +   -   -   m
dissolve                   -   m  |  +   -   -   m      |  +   -   -   m
"""
CODES = {
    "+": "accepted",
    "-": "not_allowed",
    "m": "not_member",
    "t": "unknown_target",
    "a": "already_member",
    "s": "owner_must_stay",
    "e": "conversation_exists",
    "i": "not_invited",
    "n": "no_request",
    "l": "link_invalid",
}
COLUMNS: list[tuple[ConversationKind, str]] = [
    ("direct", "member"),
    ("direct", "stranger"),
    *[("group", role) for role in ("owner", "admin", "member", "stranger")],
    *[("channel", role) for role in ("owner", "admin", "member", "stranger")],
]


def scene(kind: ConversationKind) -> tuple[Talk, dict[str, int]]:
    """A conversation with every role twice, in which each has sent one message: user -> its seq."""
    if kind == "direct":
        talk = opened("direct")
        return talk, {user: talk.send(user) for user in ("ana", "ben")}
    members: dict[str, Role] = {"ada": "admin", "amy": "admin", "ben": "admin", "bob": "admin"}
    talk = opened(kind, members)
    sent = {user: talk.send(user) for user in ("ana", "ada", "amy", "ben", "bob")}
    for user in ("ben", "bob"):  # they were admins so that they could send in a channel
        talk.must(talk.command(commands.ChangeRole, "ana", member=user, role="member"))
    return talk, sent


LINK, HASH = "k-" + "0" * 32, "a" * 64
SOON_MS = T0_MS + 60_000
Ask = Callable[[Talk, str, dict[str, int]], commands.Command]


def _role_change(member: str | None, role: Role) -> Ask:
    return lambda talk, actor, sent: talk.command(commands.ChangeRole, actor, member=member or actor, role=role)


def _addition(member: str, role: Role) -> Ask:
    return lambda talk, actor, sent: talk.command(commands.AddMember, actor, member=member, role=role)


def _removal(member: str | None) -> Ask:
    return lambda talk, actor, sent: talk.command(commands.RemoveMember, actor, member=member or actor)


def _plain(command_type: type[commands.Command], **fields: Any) -> Ask:
    return lambda talk, actor, sent: talk.command(command_type, actor, **fields)


def _other(actor: str, sent: dict[str, int]) -> int:
    """A message of somebody else."""
    return next(seq for user, seq in reversed(sent.items()) if user != actor)


ASKS: dict[str, Ask] = {
    "create_again": lambda talk, actor, sent: talk.command(
        commands.CreateConversation, actor, conversation_kind=talk.head.kind, title="", members=()
    ),
    "send": lambda talk, actor, sent: talk.command(commands.SendMessage, actor, content=text("hi")),
    "edit_own": lambda talk, actor, sent: talk.command(commands.EditMessage, actor, target_seq=sent.get(actor, 2), content=text("ho")),
    "edit_others": lambda talk, actor, sent: talk.command(commands.EditMessage, actor, target_seq=_other(actor, sent), content=text("ho")),
    "recall_own": lambda talk, actor, sent: talk.command(commands.RecallMessage, actor, target_seq=sent.get(actor, 2)),
    "recall_members": lambda talk, actor, sent: talk.command(commands.RecallMessage, actor, target_seq=_other(actor, sent)),
    "recall_owners": lambda talk, actor, sent: talk.command(commands.RecallMessage, actor, target_seq=sent["ana"]),
    "add_reaction": lambda talk, actor, sent: talk.command(commands.AddReaction, actor, target_seq=sent["ana"], reaction="+1"),
    "remove_reaction": lambda talk, actor, sent: talk.command(commands.RemoveReaction, actor, target_seq=sent["ana"], reaction="+1"),
    "mark_read": lambda talk, actor, sent: talk.command(
        commands.MarkRead, actor, up_to_seq=talk.head.head_seq, up_to_ordinal=talk.head.head_ordinal
    ),
    "rename": lambda talk, actor, sent: talk.command(commands.RenameConversation, actor, title="Owls"),
    "leave": lambda talk, actor, sent: talk.command(commands.LeaveConversation, actor),
    "add_as_member": _addition("new", "member"),
    "add_as_admin": _addition("new", "admin"),
    "add_as_owner": _addition("new", "owner"),
    "add_again": _addition("ana", "member"),
    "remove_member": _removal("bob"),
    "remove_admin": _removal("amy"),
    "remove_owner": _removal("ana"),
    "remove_self": _removal(None),
    "remove_stranger": _removal("zoe"),
    "make_owner": _role_change("bob", "owner"),
    "make_admin": _role_change("bob", "admin"),
    "make_member": _role_change("amy", "member"),
    "make_self_member": _role_change(None, "member"),
    "make_self_owner": _role_change(None, "owner"),
    "make_stranger_admin": _role_change("zoe", "admin"),
    "announce": lambda talk, actor, sent: talk.command(commands.SendMessage, actor, content=text("hear"), announcement=True),
    "settings": _plain(commands.ChangeSettings, settings=GroupSettings(description="of birds")),
    "invite_as_member": _plain(commands.InviteMember, member="new", role="member"),
    "invite_as_admin": _plain(commands.InviteMember, member="new", role="admin"),
    "invite_member": _plain(commands.InviteMember, member="ana", role="member"),
    "accept_invitation": _plain(commands.AnswerInvitation, accept=True),
    "apply": _plain(commands.ApplyToJoin, text="hello"),
    "accept_application": _plain(commands.AnswerApplication, member="zoe", accept=True),
    "make_link": _plain(commands.CreateLink, link_id=LINK, secret_hash=HASH, expires_at_ms=0),
    "revoke_link": _plain(commands.RevokeLink, link_id=LINK),
    "join_by_link": _plain(commands.JoinByLink, link_id=LINK, secret_hash=HASH),
    "ban_member": _plain(commands.BanMember, member="bob"),
    "ban_admin": _plain(commands.BanMember, member="amy"),
    "ban_owner": _plain(commands.BanMember, member="ana"),
    "ban_self": lambda talk, actor, sent: talk.command(commands.BanMember, actor, member=actor),
    "ban_stranger": _plain(commands.BanMember, member="zoe"),
    "unban": _plain(commands.UnbanMember, member="zoe"),
    "mute_member": _plain(commands.MuteMember, member="bob", until_ms=SOON_MS),
    "mute_admin": _plain(commands.MuteMember, member="amy", until_ms=SOON_MS),
    "mute_owner": _plain(commands.MuteMember, member="ana", until_ms=SOON_MS),
    "mute_self": lambda talk, actor, sent: talk.command(commands.MuteMember, actor, member=actor, until_ms=SOON_MS),
    "mute_stranger": _plain(commands.MuteMember, member="zoe", until_ms=SOON_MS),
    "mute_all": _plain(commands.MuteAll, until_ms=SOON_MS),
    "define_role": _plain(commands.DefineRole, role="guide", level=10, permissions=("mute",)),
    "define_admin": _plain(commands.DefineRole, role="admin", level=60, permissions=("send", "mute")),
    "define_owner": _plain(commands.DefineRole, role="owner", level=99, permissions=()),
    "drop_role": _plain(commands.DropRole, role="guide"),
    "nickname_own": lambda talk, actor, sent: talk.command(commands.ChangeNickname, actor, member=actor, nickname_id="n1"),
    "nickname_of_member": _plain(commands.ChangeNickname, member="bob", nickname_id="n1"),
    "nickname_of_owner": _plain(commands.ChangeNickname, member="ana", nickname_id="n1"),
    "dissolve": _plain(commands.DissolveConversation),
}


def cases() -> list[tuple[str, ConversationKind, str, str]]:
    rows = [line.replace("|", " ").split() for line in TABLE.strip().splitlines()[2:]]
    return [(row[0], kind, role, CODES[mark]) for row in rows for (kind, role), mark in zip(COLUMNS, row[1:], strict=True)]


@pytest.mark.parametrize(("ask", "kind", "role", "expected"), cases())
def test_each_role_may_do_what_the_table_says(ask: str, kind: ConversationKind, role: str, expected: str) -> None:
    talk, sent = scene(kind)
    code = code_of(talk.decide(ASKS[ask](talk, ACTORS[kind][role], sent)))
    assert ("accepted" if code == "noted" else code) == expected  # noted: it has read that far already


def test_the_table_is_the_full_product_and_every_command_is_in_it() -> None:
    assert {case[0] for case in cases()} == set(ASKS)
    talk, sent = scene("group")
    ours = {commands.NoteCall}
    of_friends = {commands.RequestFriend, commands.AnswerFriendRequest, commands.RemoveFriend, commands.BlockUser, commands.UnblockUser}
    assert {type(ask(talk, "ana", sent)) for ask in ASKS.values()} == set(get_args(commands.Command)) - of_friends - ours
    assert set(HANDLERS) | {commands.CreateConversation} | of_friends == set(get_args(commands.Command))


@pytest.mark.parametrize("ask", sorted(set(ASKS) - {"create_again"}))
def test_nothing_can_be_asked_of_a_conversation_that_does_not_exist(ask: str) -> None:
    talk, sent = scene("group")
    command = ASKS[ask](talk, "ana", sent)
    talk.state = None
    assert code_of(talk.decide(command)) == "unknown_conversation"


def test_to_another_tenant_a_conversation_does_not_exist_but_its_id_is_taken() -> None:
    talk, _ = scene("group")
    foreign = {"tenant": "other"}
    assert code_of(talk.decide(talk.command(commands.SendMessage, "ana", content=text("hi"), **foreign))) == "unknown_conversation"
    again = talk.command(commands.CreateConversation, "ana", conversation_kind="group", title="", members=(), **foreign)
    assert code_of(talk.decide(again)) == "conversation_exists"


def test_who_left_or_was_removed_is_a_stranger() -> None:
    talk, _ = scene("group")
    talk.must(talk.command(commands.LeaveConversation, "ben"))
    talk.must(talk.command(commands.RemoveMember, "ana", member="bob"))
    for user in ("ben", "bob"):
        assert code_of(talk.decide(talk.command(commands.SendMessage, user, content=text("hi")))) == "not_member"


def test_an_owner_who_is_alone_may_leave() -> None:
    talk = opened("group", {})
    talk.must(talk.command(commands.LeaveConversation, "ana"))
    assert talk.head.members == {}


def test_handing_the_ownership_over_is_one_command_of_two_events() -> None:
    talk, _ = scene("group")
    command = talk.command(commands.ChangeRole, "ana", member="bob", role="owner")
    first = talk.must(command)
    assert [(event.seq, event.member, event.role) for event, _ in talk.log[-2:]] == [  # type: ignore[union-attr]
        (first, "bob", "owner"),
        (first + 1, "ana", "admin"),
    ]
    assert {event.command_id for event, _ in talk.log[-2:]} == {command.command_id}
    assert (talk.head.members["ana"].role, talk.head.members["bob"].role) == ("admin", "owner")
    repeated = talk.decide(command)
    assert code_of(repeated) == "repeated"
    assert getattr(repeated, "seq", None) == first


# ---- the same product once more, in conversations that are quiet in some way

SPEAKING = {"send", "announce", "edit_own", "edit_others", "add_reaction"}
SENDING = {"send", "announce"}
READING = {"mark_read", "leave"}
OF_NO_STATE = {"create_again", "accept_invitation", "apply", "join_by_link"}  # decided before it is asked who may do what
STATES = ("muted", "all_muted", "slow_mode", "dissolved", "banned")


def in_state(state: str, talk: Talk, actor: str) -> None:
    """Brings the conversation into the state, as its owner would."""
    until_ms = talk.now_ms + 30_000
    commands_of: dict[str, commands.Command] = {
        "muted": talk.command(commands.MuteMember, "ana", member=actor, until_ms=until_ms),
        "all_muted": talk.command(commands.MuteAll, "ana", until_ms=until_ms),
        "slow_mode": talk.command(commands.ChangeSettings, "ana", settings=GroupSettings(slow_mode_ms=60_000)),
        "dissolved": talk.command(commands.DissolveConversation, "ana"),
        "banned": talk.command(commands.BanMember, "ana", member=actor),
    }
    talk.must(commands_of[state])


def spoke(talk: Talk, actor: str) -> None:
    """The actor's last message, if it may send at all."""
    talk.do(talk.command(commands.SendMessage, actor, content=text("just now")))


def expected_in(state: str, ask: str, role: str, may_speak: bool, plain: str) -> str:
    """What the answer `plain` becomes, by rules that stand here once more in other words than in the product."""
    if state == "banned" and role != "stranger" and ask in ("apply", "join_by_link"):
        return {"apply": "not_member", "join_by_link": "link_invalid"}[ask]  # it is no member of a private group, and has no link
    if role == "stranger" or ask in OF_NO_STATE:
        return plain
    if state == "banned":
        return "not_member"
    if state == "dissolved":
        return "accepted" if ask in READING else "dissolved"
    if not may_speak and ask != "add_reaction":  # a channel's member: what it may not do anyhow
        return plain
    if state == "muted":
        return "muted" if ask in SPEAKING and not (ask == "announce" and plain == "not_allowed") else plain
    if role in ("owner", "admin"):
        return plain
    if state == "all_muted":
        return "muted" if ask in SPEAKING - {"announce"} else plain
    return "slow_mode" if ask == "send" else plain


def state_cases() -> list[tuple[str, str, ConversationKind, str, str]]:
    return [
        (state, ask, kind, role, code)
        for state in STATES
        for ask, kind, role, code in cases()
        if kind != "direct" and not (role == "owner" and state in ("muted", "banned"))  # nobody is above the owner
    ]


@pytest.mark.parametrize("state", STATES)
def test_each_role_may_do_what_the_state_of_the_conversation_leaves_it(state: str) -> None:
    for _, ask, kind, role, plain in [case for case in state_cases() if case[0] == state]:
        talk, sent = scene(kind)
        actor = ACTORS[kind][role]
        if role != "stranger" or state not in ("muted", "banned"):
            in_state(state, talk, actor)
        if state == "slow_mode":
            spoke(talk, actor)
        code = code_of(talk.decide(ASKS[ask](talk, actor, sent)))
        may_speak = not (kind == "channel" and role == "member")
        wanted = expected_in(state, ask, role, may_speak, plain)
        assert ("accepted" if code == "noted" else code) == wanted, (state, ask, kind, role)
