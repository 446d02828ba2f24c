"""Decisions about roles: what they may do, and who has them. Pure; `decide` has checked membership and rights before.

Rule 1: nobody acts on a role or a member whose level is not below its own; so nobody changes what it may do itself.
Rule 2: nobody gives a permission that it has not itself; what a role has already may stay.
Rule 3: a role is dropped together with the members' having it, in one decision, so that no reader has to know when it was dropped.
Source: docs/decisions/0017-who-may-do-what.md
"""

from schemas import commands, events
from schemas.values import Role
from store.standing import BUILT_IN, MEMBER_LEVEL, OWNER_LEVEL, PERMISSIONS
from store.verdicts import may_grant, outranks
from streams.conversations.answers import Refused
from streams.conversations.checks import NOT_A_MEMBER, Outcome, length_problem, role_problem
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation


def change_role(state: Conversation, command: commands.ChangeRole, at_ms: int, rules: Rules) -> Outcome:
    """Giving the owner's role away makes the owner an admin: two events, the given one first."""
    target = state.members.get(command.member)
    if target is None:
        return NOT_A_MEMBER
    if problem := role_problem(state, command.role):
        return problem
    own = state.members[command.user].role
    if command.member == command.user:
        return Refused("not_allowed", "nobody changes its own role; the owner's changes by making another member the owner")
    changed = events.RoleChanged(**common(state, command, at_ms), member=command.member, role=command.role)
    if command.role == "owner":
        if own != "owner":
            return Refused("not_allowed", "only the owner hands the ownership over")
        return (changed, events.RoleChanged(**common(state, command, at_ms, before=1), member=command.user, role="admin"))
    if not may_grant(state.standing, command.user, command.role, target.role):
        return Refused("not_allowed", "the old and the new role must be below your own, and the new one may give nothing that you have not")
    return (changed,)


def define_role(state: Conversation, command: commands.DefineRole, at_ms: int, rules: Rules) -> Outcome:
    if problem := _definition_problem(state, command, rules):
        return problem
    own = state.standing.rights(state.members[command.user].role)
    asked = frozenset(command.permissions)
    known = state.standing.has_role(command.role)
    before = state.standing.rights(command.role).permissions if known else frozenset()
    if command.level >= own.level or (known and not outranks(state.standing, command.user, command.role)):
        return Refused("not_allowed", f"a role that you define is below your own level, {own.level}, before and after")
    if given := asked - before - own.permissions:
        return Refused("not_allowed", f"you cannot give what you have not: {', '.join(sorted(given))}")
    if not known and len(state.standing.roles) >= rules.roles_limit:
        return Refused(
            "roles_limit", f"the conversation has {len(state.standing.roles)} roles of its own; the limit is {rules.roles_limit}"
        )
    fields = common(state, command, at_ms)
    return (events.RoleDefined(**fields, role=command.role, level=command.level, permissions=command.permissions),)


def _definition_problem(state: Conversation, command: commands.DefineRole, rules: Rules) -> Refused | None:
    role = command.role
    if not role or role != role.strip() or not role.isprintable():
        return Refused("invalid", "a role's name is printable and neither empty nor framed by spaces")
    if role == "owner":
        return Refused("not_allowed", "the owner may do everything, always")
    if role == "member" and command.level != MEMBER_LEVEL:
        return Refused("invalid", f"the level of member is {MEMBER_LEVEL}")
    if role != "member" and not MEMBER_LEVEL < command.level < OWNER_LEVEL:
        return Refused("invalid", f"level {command.level}: {MEMBER_LEVEL + 1} to {OWNER_LEVEL - 1}")
    if not PERMISSIONS.issuperset(command.permissions) or len(set(command.permissions)) != len(command.permissions):
        return Refused("invalid", "there is no such permission, or it is named twice")
    return length_problem("role's name", role, rules.role_bytes_limit)


def drop_role(state: Conversation, command: commands.DropRole, at_ms: int, rules: Rules) -> Outcome:
    """A role of the conversation's own; an overridden `member` or `admin` is as it was at the beginning."""
    standing = state.standing
    if command.role not in standing.roles:
        return Refused("unknown_target", f"no role {command.role!r} was defined here")
    if not outranks(standing, command.user, command.role):
        return Refused("not_allowed", "only roles below your own level may be dropped")
    if command.role in BUILT_IN:
        return _restored(state, command, at_ms)
    users = sorted(standing.holders.get(command.role, ()))
    if len(users) > rules.role_members_limit:
        return Refused("roles_limit", f"{len(users)} members have the role; give another one to all but {rules.role_members_limit} first")
    changed = [
        events.RoleChanged(**common(state, command, at_ms, before=place), member=user, role="member") for place, user in enumerate(users, 1)
    ]
    return (events.RoleDropped(**common(state, command, at_ms), role=command.role), *changed)  # first what was asked: the ack is its seq


def _restored(state: Conversation, command: commands.DropRole, at_ms: int) -> Outcome:
    """What `admin` and `member` get back by it is given, too: it has to be the actor's own."""
    own: Role = state.members[command.user].role
    back = state.standing.default_rights(command.role)
    given = back.permissions - state.standing.rights(command.role).permissions - state.standing.rights(own).permissions
    if given or back.level >= state.standing.rights(own).level:
        return Refused("not_allowed", f"what {command.role} had at the beginning is more than you may give")
    return (events.RoleDropped(**common(state, command, at_ms), role=command.role),)
