"""Decisions about the conversation itself and its members. Pure; `decide` has checked membership and rights before."""

import re

from schemas import commands, events
from schemas.events import Event
from schemas.ids import direct_conversation_id
from schemas.values import Member
from streams.conversations.access import outranks
from streams.conversations.answers import Refused
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

USER_ID_BYTES_LIMIT = 128
_GROUP_ID = re.compile(r"g-[0-9a-f]{32}")  # the creating command's id; also keeps groups out of the ids of direct conversations

Outcome = tuple[Event, ...] | Refused


def create_conversation(command: commands.CreateConversation, at_ms: int, rules: Rules) -> Outcome:
    others = tuple(member for member in command.members if member.user != command.user)
    problem = _direct_problem(command, others) if command.conversation_kind == "direct" else _group_problem(command, others, rules)
    problem = problem or _title_problem(command.title, rules)
    if problem is not None:
        return problem
    actor = Member(command.user, "member" if command.conversation_kind == "direct" else "owner")
    created = events.ConversationCreated(
        **common(None, command, at_ms), conversation_kind=command.conversation_kind, title=command.title, members=(actor, *others)
    )
    return (created,)


def _direct_problem(command: commands.CreateConversation, others: tuple[Member, ...]) -> Refused | None:
    if len(others) != 1 or not _plausible(others[0].user):
        return Refused("invalid", "a direct conversation has exactly 2 different members: you and 1 other")
    if others[0].role != "member":
        return Refused("invalid", "both sides of a direct conversation are members")
    if command.conversation_id != direct_conversation_id(command.user, others[0].user):
        return Refused("invalid", "the id is not that of the direct conversation of these two users")
    return None


def _group_problem(command: commands.CreateConversation, others: tuple[Member, ...], rules: Rules) -> Refused | None:
    if _GROUP_ID.fullmatch(command.conversation_id) is None:
        return Refused("invalid", "the id of a group or channel is g- and 32 hexadecimal digits")
    if len(others) + 1 > rules.members_limit:
        return Refused("members_limit", f"{len(others) + 1} members; the limit is {rules.members_limit}")
    if len({member.user for member in others}) != len(others):
        return Refused("invalid", "a member is named twice")
    if not all(_plausible(member.user) for member in others):
        return _implausible()
    if any(member.role == "owner" for member in others):
        return Refused("invalid", "a conversation has 1 owner: who creates it")
    return None


def _plausible(user: str) -> bool:
    return 0 < len(user.encode()) <= USER_ID_BYTES_LIMIT


def _implausible() -> Refused:
    return Refused("invalid", f"a user id has 1 to {USER_ID_BYTES_LIMIT} bytes")


def _title_problem(title: str, rules: Rules) -> Refused | None:
    title_bytes = len(title.encode())
    if title_bytes > rules.title_bytes_limit:
        return Refused("too_long", f"the title has {title_bytes} bytes; the limit is {rules.title_bytes_limit}")
    return None


def add_member(state: Conversation, command: commands.AddMember, at_ms: int, rules: Rules) -> Outcome:
    if command.member in state.members:
        return Refused("already_member", "the user is a member already")
    if not _plausible(command.member):
        return _implausible()
    if not outranks(state.members[command.user].role, command.role):
        return Refused("not_allowed", "a new member's role must be below your own")
    if len(state.members) >= rules.members_limit:
        return Refused("members_limit", f"the conversation has {len(state.members)} members; the limit is {rules.members_limit}")
    return (events.MemberAdded(**common(state, command, at_ms), member=command.member, role=command.role),)


def remove_member(state: Conversation, command: commands.RemoveMember, at_ms: int, rules: Rules) -> Outcome:
    target = state.members.get(command.member)
    if target is None:
        return Refused("unknown_target", "the user is not a member")
    if not outranks(state.members[command.user].role, target.role):
        return Refused("not_allowed", "only members below your own role may be removed; to go yourself, leave")
    return (events.MemberRemoved(**common(state, command, at_ms), member=command.member),)


def leave_conversation(state: Conversation, command: commands.LeaveConversation, at_ms: int, rules: Rules) -> Outcome:
    if state.members[command.user].role == "owner" and len(state.members) > 1:
        return Refused("owner_must_stay", f"{len(state.members) - 1} others are left; hand the ownership over first")
    return (events.MemberLeft(**common(state, command, at_ms)),)


def change_role(state: Conversation, command: commands.ChangeRole, at_ms: int, rules: Rules) -> Outcome:
    """Only the owner comes here. Giving its role away makes it an admin: two events, the given one first."""
    if command.member not in state.members:
        return Refused("unknown_target", "the user is not a member")
    if command.member == command.user:
        return Refused("not_allowed", "the owner's own role changes only by making another member the owner")
    changed = events.RoleChanged(**common(state, command, at_ms), member=command.member, role=command.role)
    if command.role != "owner":
        return (changed,)
    return (changed, events.RoleChanged(**common(state, command, at_ms, before=1), member=command.user, role="admin"))


def rename_conversation(state: Conversation, command: commands.RenameConversation, at_ms: int, rules: Rules) -> Outcome:
    if not command.title:
        return Refused("empty", "a title has at least 1 byte")
    return _title_problem(command.title, rules) or (events.ConversationRenamed(**common(state, command, at_ms), title=command.title),)
