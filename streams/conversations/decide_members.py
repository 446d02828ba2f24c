"""Decisions about the conversation itself and its members. Pure; `decide` has checked membership and rights before."""

import re

from schemas import commands, events
from schemas.ids import direct_conversation_id
from schemas.values import Member
from store.standing import DEFAULT_ROLES
from store.verdicts import may_grant, outranks
from streams.conversations.answers import Refused
from streams.conversations.checks import (
    NOT_A_MEMBER,
    Outcome,
    full,
    implausible,
    length_problem,
    newcomer_problem,
    plausible,
    role_problem,
    settings_problem,
)
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

_GROUP_ID = re.compile(r"g-[0-9a-f]{32}")  # the creating command's id; also keeps groups out of the ids of direct conversations


def create_conversation(command: commands.CreateConversation, at_ms: int, rules: Rules) -> Outcome:
    others = tuple(member for member in command.members if member.user != command.user)
    problem = _direct_problem(command, others) if command.conversation_kind == "direct" else _group_problem(command, others, rules)
    problem = problem or length_problem("title", command.title, rules.title_bytes_limit)
    if problem is not None:
        return problem
    actor = Member(command.user, "member" if command.conversation_kind == "direct" else "owner")
    created = events.ConversationCreated(
        **common(None, command, at_ms),
        conversation_kind=command.conversation_kind,
        title=command.title,
        members=(actor, *others),
        settings=command.settings,
        refuse_strangers=command.refuse_strangers,
    )
    return (created,)


def _direct_problem(command: commands.CreateConversation, others: tuple[Member, ...]) -> Refused | None:
    if len(others) != 1 or not plausible(others[0].user):
        return Refused("invalid", "a direct conversation has exactly 2 different members: you and 1 other")
    if others[0].role != "member":
        return Refused("invalid", "both sides of a direct conversation are members")
    if command.conversation_id != direct_conversation_id(command.user, others[0].user):
        return Refused("invalid", "the id is not that of the direct conversation of these two users")
    if command.settings is not None:
        return Refused("invalid", "a direct conversation has no settings")
    if not {command.user, others[0].user}.issuperset(command.refuse_strangers):
        return Refused("invalid", "who refuses strangers is one of the two")
    return None


def _group_problem(command: commands.CreateConversation, others: tuple[Member, ...], rules: Rules) -> Refused | None:
    if _GROUP_ID.fullmatch(command.conversation_id) is None:
        return Refused("invalid", "the id of a group or channel is g- and 32 hexadecimal digits")
    if len(others) + 1 > rules.members_limit:
        return Refused("members_limit", f"{len(others) + 1} members; the limit is {rules.members_limit}")
    if len({member.user for member in others}) != len(others):
        return Refused("invalid", "a member is named twice")
    if not all(plausible(member.user) for member in others):
        return implausible()
    if any(member.role == "owner" for member in others):
        return Refused("invalid", "a conversation has 1 owner: who creates it")
    if any(member.role not in DEFAULT_ROLES[command.conversation_kind] for member in others):
        return Refused("invalid", "a new conversation has only the roles admin and member")
    if command.refuse_strangers:
        return Refused("invalid", "strangers are refused in direct conversations")
    return None if command.settings is None else settings_problem(command.settings, rules)


def add_member(state: Conversation, command: commands.AddMember, at_ms: int, rules: Rules) -> Outcome:
    if problem := newcomer_problem(state, command.member, at_ms) or role_problem(state, command.role):
        return problem
    if not may_grant(state.standing, command.user, command.role):
        return Refused("not_allowed", "a new member's role must be below your own and give nothing that you have not")
    if problem := full(state, rules):
        return problem
    return (events.MemberAdded(**common(state, command, at_ms), member=command.member, role=command.role),)


def remove_member(state: Conversation, command: commands.RemoveMember, at_ms: int, rules: Rules) -> Outcome:
    target = state.members.get(command.member)
    if target is None:
        return NOT_A_MEMBER
    if not outranks(state.standing, command.user, target.role):
        return Refused("not_allowed", "only members below your own level may be removed; to go yourself, leave")
    return (events.MemberRemoved(**common(state, command, at_ms), member=command.member),)


def leave_conversation(state: Conversation, command: commands.LeaveConversation, at_ms: int, rules: Rules) -> Outcome:
    """With its last member a conversation ends: nobody could ever come in again. From one that was dissolved the owner may go, too."""
    others_count = len(state.members) - 1
    if state.standing.dissolved:
        return (events.MemberLeft(**common(state, command, at_ms)),)
    if others_count and state.members[command.user].role == "owner":
        return Refused("owner_must_stay", f"{others_count} others are left; hand the ownership over first")
    left = events.MemberLeft(**common(state, command, at_ms))
    return (left,) if others_count else (left, events.ConversationDissolved(**common(state, command, at_ms, before=1)))


def rename_conversation(state: Conversation, command: commands.RenameConversation, at_ms: int, rules: Rules) -> Outcome:
    if not command.title:
        return Refused("empty", "a title has at least 1 byte")
    return length_problem("title", command.title, rules.title_bytes_limit) or (
        events.ConversationRenamed(**common(state, command, at_ms), title=command.title),
    )
