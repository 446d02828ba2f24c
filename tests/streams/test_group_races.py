"""Two commands that race: whatever order the log gives them, the second meets what the first did, and all who fold the log agree."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import commands
from schemas.values import GroupSettings, Role
from store.standing import fold_standing
from store.views import Membership, fold_membership
from tests.streams.talking import T0_MS, Talk, code_of, opened, text

LINK, HASH = "k-" + "0" * 32, "a" * 64
USERS = ("ana", "ada", "ben", "zoe")
Make = Callable[[Talk], commands.Command]


def _by(user: str, command_type: type[commands.Command], **fields: Any) -> Make:
    return lambda talk: talk.command(command_type, user, **fields)


KICK = _by("ada", commands.RemoveMember, member="ben")
SEND = _by("ben", commands.SendMessage, content=text("hi"))
BAN = _by("ada", commands.BanMember, member="zoe")
JOIN = _by("zoe", commands.JoinByLink, link_id=LINK, secret_hash=HASH)
REVOKE = _by("ada", commands.RevokeLink, link_id=LINK)
ACCEPT = _by("ada", commands.AnswerApplication, member="zoe", accept=True)
ACCEPT_TOO = _by("ana", commands.AnswerApplication, member="zoe", accept=True)
DECLINE = _by("ana", commands.AnswerApplication, member="zoe", accept=False)
ADD = _by("ana", commands.AddMember, member="zoe")
TRANSFER = _by("ana", commands.ChangeRole, member="ben", role="owner")
OWNER_LEAVES = _by("ana", commands.LeaveConversation)
HEIR_LEAVES = _by("ben", commands.LeaveConversation)
MUTE = _by("ada", commands.MuteMember, member="ben", until_ms=T0_MS + 60_000)
DEMOTE = _by("ana", commands.ChangeRole, member="ada", role="member")
CLOSE = _by("ana", commands.ChangeSettings, settings=GroupSettings("public", "invited"))
APPLY = _by("zoe", commands.ApplyToJoin)
DISSOLVE = _by("ana", commands.DissolveConversation)

# The two, and what they come to in this order and in the other one.
RACES: dict[str, tuple[Make, Make, tuple[str, str], tuple[str, str]]] = {
    "kick, send": (KICK, SEND, ("accepted", "not_member"), ("accepted", "accepted")),
    "ban, join by link": (BAN, JOIN, ("accepted", "banned"), ("accepted", "accepted")),
    "revoke, join by link": (REVOKE, JOIN, ("accepted", "link_invalid"), ("accepted", "accepted")),
    "accept, accept": (ACCEPT, ACCEPT_TOO, ("accepted", "no_request"), ("accepted", "no_request")),
    "accept, decline": (ACCEPT, DECLINE, ("accepted", "no_request"), ("accepted", "no_request")),
    "accept, add": (ACCEPT, ADD, ("accepted", "already_member"), ("accepted", "no_request")),
    "accept, ban": (ACCEPT, BAN, ("accepted", "accepted"), ("accepted", "no_request")),
    "transfer, owner leaves": (TRANSFER, OWNER_LEAVES, ("accepted", "accepted"), ("owner_must_stay", "accepted")),
    "transfer, heir leaves": (TRANSFER, HEIR_LEAVES, ("accepted", "owner_must_stay"), ("accepted", "unknown_target")),
    "mute, send": (MUTE, SEND, ("accepted", "muted"), ("accepted", "accepted")),
    "demote, kick": (DEMOTE, KICK, ("accepted", "not_allowed"), ("accepted", "accepted")),
    "dissolve, send": (DISSOLVE, SEND, ("accepted", "dissolved"), ("accepted", "accepted")),
    "dissolve, join by link": (DISSOLVE, JOIN, ("accepted", "link_invalid"), ("accepted", "accepted")),
}


def scene() -> Talk:
    """ana owns, ada is an admin, ben a member; zoe has applied, and has a link."""
    members: dict[str, Role] = {"ada": "admin", "ben": "member"}
    talk = opened("group", members)
    talk.must(talk.command(commands.ChangeSettings, "ana", settings=GroupSettings("public", "apply")))
    talk.must(talk.command(commands.ApplyToJoin, "zoe"))
    talk.must(talk.command(commands.CreateLink, "ada", link_id=LINK, secret_hash=HASH, expires_at_ms=0))
    return talk


def agreed(talk: Talk) -> None:
    """The owner, a reader of the log, and the timelines have the same members with the same roles."""
    standing = None
    places: dict[str, Membership | None] = dict.fromkeys(USERS)
    for event, _ in talk.log:
        standing = fold_standing(standing, event)
        places = {user: fold_membership(place, event, user) for user, place in places.items()}
    assert standing == talk.head.standing
    active = {user: place.role for user, place in places.items() if place is not None and place.active}
    assert active == {user: member.role for user, member in talk.head.members.items()}


@pytest.mark.parametrize("race", sorted(RACES))
@pytest.mark.parametrize("turned", [False, True])
def test_the_logs_order_decides(race: str, turned: bool) -> None:
    one, other, straight, reverse = RACES[race]
    talk = scene()
    racing = [make(talk) for make in ((other, one) if turned else (one, other))]  # made before either is decided
    codes = tuple(code_of(talk.do(command)) for command in racing)
    assert codes == (reverse if turned else straight)
    agreed(talk)
    taken = [command for command, code in zip(racing, codes, strict=True) if code == "accepted"]
    assert {code_of(talk.decide(command)) for command in taken} == {"repeated"}


def test_an_application_that_races_the_closing_of_the_group_is_decided_by_their_order() -> None:
    for first, second, codes in ((CLOSE, APPLY, ["accepted", "not_allowed"]), (APPLY, CLOSE, ["already_done", "accepted"])):
        talk = scene()
        assert [code_of(talk.do(make(talk))) for make in (first, second)] == codes
        agreed(talk)
