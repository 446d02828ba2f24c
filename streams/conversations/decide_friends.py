"""Decisions about the two users of a direct conversation: friend requests and their answers, the end of a friendship, blocks. Pure.

Rule 1: `request_friend` and `block_user` create the conversation where there is none, in the same decision. Rule 2: two requests that cross
are an acceptance. Rule 3: what is so already is refused as `already_friends` or `already_done`, so that a repeat changes nothing.
Rule 4: while one of the two blocks the other, neither may ask or accept; declining, removing and unblocking stay possible.
"""

from typing import Any

from schemas import commands, events
from schemas.ids import direct_conversation_id
from schemas.values import Member
from store.ties import NO_TIE, Tie, blocked
from streams.conversations.answers import Refused
from streams.conversations.checks import Outcome, implausible, length_problem, plausible
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

FriendCommand = commands.RequestFriend | commands.AnswerFriendRequest | commands.RemoveFriend | commands.BlockUser | commands.UnblockUser


def request_friend(state: Conversation | None, command: commands.RequestFriend, at_ms: int, rules: Rules) -> Outcome:
    tie = _tie(state)
    problem = _problem(command) or length_problem("text", command.text, rules.friend_text_bytes_limit) or _blocked(tie, command.user)
    if problem is not None:
        return problem
    match tie.relation(command.user):
        case "friends":
            return Refused("already_friends", "you are friends already")
        case "requested":
            return Refused("already_done", "your request is open already")
        case "asked":
            fields = _common(state, command, at_ms)
            return (events.FriendAccepted(**fields, member=command.member, text=command.text),)
        case "none":
            problem = _untaken(command) or _too_soon(tie, command, at_ms, rules)
            if problem is not None:
                return problem
            requested = events.FriendRequested(**_common(state, command, at_ms), member=command.member, text=command.text)
            return (*_creation(state, command, at_ms), requested)


def answer_friend_request(state: Conversation | None, command: commands.AnswerFriendRequest, at_ms: int, rules: Rules) -> Outcome:
    tie = _tie(state)
    problem = _problem(command) or length_problem("text", command.text, rules.friend_text_bytes_limit)
    if problem is not None:
        return problem
    if tie.friends:
        return Refused("already_friends", "you are friends already")
    if tie.relation(command.user) != "asked":
        return Refused("no_request", "the other user has not asked, or took the request back")
    fields = _common(state, command, at_ms)
    if command.accept:
        problem = _blocked(tie, command.user)
        return problem or (events.FriendAccepted(**fields, member=command.member, text=command.text),)
    if tie.blocked_by and command.text:
        return Refused("blocked", "while one of you blocks the other a request is declined without words")
    return (events.FriendDeclined(**fields, member=command.member, text=command.text),)


def remove_friend(state: Conversation | None, command: commands.RemoveFriend, at_ms: int, rules: Rules) -> Outcome:
    """Ends the friendship, or takes the user's own request back."""
    problem = _problem(command)
    if problem is not None:
        return problem
    tie = _tie(state)
    if tie.relation(command.user) not in ("friends", "requested"):
        return Refused("already_done", "you are no friends, and no request of yours is open")
    # only with the end of a friendship the stranger policy begins anew; the event says what holds, so that it can be read by itself
    refusing = _of_the_two(command.refuse_strangers, command) if tie.friends else tie.refusing
    return (events.FriendRemoved(**_common(state, command, at_ms), member=command.member, refuse_strangers=refusing),)


def block_user(state: Conversation | None, command: commands.BlockUser, at_ms: int, rules: Rules) -> Outcome:
    problem = _problem(command)
    if problem is not None:
        return problem
    if command.user in _tie(state).blocked_by:
        return Refused("already_done", "you block this user already")
    blocking = events.UserBlocked(**_common(state, command, at_ms), member=command.member)
    return (*_creation(state, command, at_ms), blocking)


def unblock_user(state: Conversation | None, command: commands.UnblockUser, at_ms: int, rules: Rules) -> Outcome:
    problem = _problem(command)
    if problem is not None:
        return problem
    if command.user not in _tie(state).blocked_by:
        return Refused("already_done", "you do not block this user")
    return (events.UserUnblocked(**_common(state, command, at_ms), member=command.member),)


def _tie(state: Conversation | None) -> Tie:
    return NO_TIE if state is None else state.standing.tie


def _common(state: Conversation | None, command: FriendCommand, at_ms: int) -> dict[str, Any]:
    """Of the event that the command asks for; where there is no conversation yet, its creation is before it."""
    return common(state, command, at_ms, before=1 if state is None else 0)


def _creation(
    state: Conversation | None, command: commands.RequestFriend | commands.BlockUser, at_ms: int
) -> tuple[events.ConversationCreated, ...]:
    if state is not None:
        return ()
    fields = common(None, command, at_ms)
    members = (Member(command.user), Member(command.member))
    refusing = _of_the_two(command.refuse_strangers, command)
    return (events.ConversationCreated(**fields, conversation_kind="direct", title="", members=members, refuse_strangers=refusing),)


def _problem(command: FriendCommand) -> Refused | None:
    if command.member == command.user:
        return Refused("invalid", "nobody is a friend of itself")
    if not plausible(command.member):
        return implausible()
    if command.conversation_id != direct_conversation_id(command.user, command.member):
        return Refused("invalid", "the id is not that of the direct conversation of these two users")
    return None


def _blocked(tie: Tie, user: str) -> Refused | None:
    return Refused(*blocked(tie, user)) if tie.blocked_by else None


def _untaken(command: commands.RequestFriend) -> Refused | None:
    if command.taken == "nobody":
        return Refused("not_allowed", "the user takes no friend requests")
    if command.taken == "question" and not command.text.strip():
        return Refused("empty", "the user asks a question: a request needs an answer to it")
    return None


def _too_soon(tie: Tie, command: commands.RequestFriend, at_ms: int, rules: Rules) -> Refused | None:
    declined_at_ms = tie.declined_at_ms(command.user)
    if declined_at_ms is None or at_ms - declined_at_ms >= rules.friend_request_cooldown_ms:
        return None
    wait_ms = rules.friend_request_cooldown_ms - (at_ms - declined_at_ms)
    return Refused("too_soon", "your request was declined; ask again later", wait_ms)


def _of_the_two(users: tuple[str, ...], command: FriendCommand) -> tuple[str, ...]:
    return tuple(sorted({command.user, command.member} & set(users)))
