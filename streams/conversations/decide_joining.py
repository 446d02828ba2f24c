"""Decisions about coming in: invitations, applications, links. Pure; `decide` has checked the rights of members before.

Rule 1: a private group is not there for who is no member: it comes in by invitation or link, or is added. `joining` is about public ones.
Rule 2: a link that is wrong, revoked, over or used up is refused alike, in the same time; only who holds a good one hears of a ban.
Rule 3: whoever comes in, in whatever way, is not banned, and there is room.
Source: docs/decisions/0017-who-may-do-what.md
"""

import hmac
import re

from schemas import commands, events
from schemas.events import Event
from store.standing import Link
from store.verdicts import NOT_MEMBER, may_enter, may_grant
from streams.conversations.answers import Refused, refusal
from streams.conversations.checks import Outcome, full, length_problem, newcomer_problem, role_problem, term_problem
from streams.conversations.common import common
from streams.conversations.rules import Rules
from streams.conversations.state import Conversation

_LINK_ID = re.compile(r"k-[0-9a-f]{32}")  # the creating command's id; so it is no other word of MemberAdded.via
_SECRET_HASH = re.compile(r"[0-9a-f]{64}")
_NO_LINK = Link("0" * 64, 0, 0, 0, False)
ALREADY_MEMBER = Refused("already_member", "you are a member already")
LINK_INVALID = Refused("link_invalid", "the link is wrong, revoked, over or used up")


def invite_member(state: Conversation, command: commands.InviteMember, at_ms: int, rules: Rules) -> Outcome:
    if problem := newcomer_problem(state, command.member, at_ms) or role_problem(state, command.role):
        return problem
    if not may_grant(state.standing, command.user, command.role):
        return Refused("not_allowed", "the role must be below your own and give nothing that you have not")
    pending = state.standing.invitation(command.member, at_ms)
    if pending is not None and pending.role == command.role:
        return Refused("already_done", "the user is invited already")
    invitations = state.standing.invitations
    if command.member not in invitations and len(invitations) >= rules.invitations_limit:
        return Refused("invitations_limit", f"{len(invitations)} invitations are open; the limit is {rules.invitations_limit}")
    return (events.MemberInvited(**common(state, command, at_ms), member=command.member, role=command.role),)


def answer_invitation(state: Conversation, command: commands.AnswerInvitation, at_ms: int, rules: Rules) -> Outcome:
    invitation = state.standing.invitation(command.user, at_ms)
    if invitation is None:
        return Refused("not_invited", "there is no open invitation of yours")
    if not command.accept:
        return (events.InvitationDeclined(**common(state, command, at_ms)),)
    if problem := _entry_problem(state, command.user, at_ms, rules):
        return problem
    role = invitation.role if state.standing.has_role(invitation.role) else "member"  # it may have been dropped since
    return (events.MemberAdded(**common(state, command, at_ms), member=command.user, role=role, via="invitation"),)


def apply_to_join(state: Conversation, command: commands.ApplyToJoin, at_ms: int, rules: Rules) -> Outcome:
    settings = state.standing.settings
    if command.user in state.members:
        return ALREADY_MEMBER
    if state.kind == "direct" or settings.visibility == "private":
        return refusal(NOT_MEMBER, at_ms)
    if settings.joining == "invited":
        return Refused("not_allowed", "one joins by invitation only")
    if settings.joining == "open":
        return _entry_problem(state, command.user, at_ms, rules) or _joined(state, command, at_ms, "open")
    if settings.question and not command.text:
        return Refused("empty", "who applies answers the question")
    return _application(state, command, at_ms, rules, command.text, "")


def answer_application(state: Conversation, command: commands.AnswerApplication, at_ms: int, rules: Rules) -> Outcome:
    if state.standing.application(command.member, at_ms) is None:
        return Refused("no_request", "the user has not applied, or was answered")
    if problem := length_problem("reason", command.reason, rules.reason_bytes_limit):
        return problem
    if not command.accept:
        return (events.ApplicationDeclined(**common(state, command, at_ms), member=command.member, reason=command.reason),)
    if problem := _entry_problem(state, command.member, at_ms, rules):
        return problem
    return (events.MemberAdded(**common(state, command, at_ms), member=command.member, role="member", via="application"),)


def create_link(state: Conversation, command: commands.CreateLink, at_ms: int, rules: Rules) -> Outcome:
    if _LINK_ID.fullmatch(command.link_id) is None or _SECRET_HASH.fullmatch(command.secret_hash) is None:
        return Refused("invalid", "a link has an id of k- and 32, and a hash of 64 hexadecimal digits")
    if command.link_id in state.standing.links:
        return Refused("already_done", "there is a link with this id")
    if command.expires_at_ms and (problem := term_problem(command.expires_at_ms, at_ms, rules)):
        return problem
    if not 0 <= command.uses_limit <= rules.members_limit:
        return Refused("invalid", f"a link is used 1 to {rules.members_limit} times, or without limit: 0")
    links_count = sum(link.open_at(at_ms) for link in state.standing.links.values())
    if links_count >= rules.links_limit:
        return Refused("links_limit", f"{links_count} links are open; the limit is {rules.links_limit}")
    created = events.LinkCreated(
        **common(state, command, at_ms),
        link_id=command.link_id,
        secret_hash=command.secret_hash,
        expires_at_ms=command.expires_at_ms,
        uses_limit=command.uses_limit,
        approval=command.approval,
    )
    return (created,)


def revoke_link(state: Conversation, command: commands.RevokeLink, at_ms: int, rules: Rules) -> Outcome:
    if command.link_id not in state.standing.links:
        return Refused("unknown_target", "there is no such link, or it is revoked already")
    return (events.LinkRevoked(**common(state, command, at_ms), link_id=command.link_id),)


def join_by_link(state: Conversation, command: commands.JoinByLink, at_ms: int, rules: Rules) -> Outcome:
    if command.user in state.members:
        return ALREADY_MEMBER
    link = state.standing.links.get(command.link_id, _NO_LINK)
    right = hmac.compare_digest(link.secret_hash.encode(), command.secret_hash.encode())
    if not right or link is _NO_LINK or not link.open_at(at_ms):
        return LINK_INVALID
    if link.approval:
        return _application(state, command, at_ms, rules, command.text, command.link_id)
    return _entry_problem(state, command.user, at_ms, rules) or _joined(state, command, at_ms, command.link_id)


def _application(
    state: Conversation, command: commands.ApplyToJoin | commands.JoinByLink, at_ms: int, rules: Rules, text: str, link_id: str
) -> Outcome:
    entry = may_enter(state.standing, command.user, at_ms)
    if not entry.allowed:
        return refusal(entry, at_ms)
    if problem := length_problem("application", text, rules.application_bytes_limit):
        return problem
    applications = state.standing.applications
    if state.standing.application(command.user, at_ms) is not None:
        return Refused("already_done", "you have applied already; the answer is still to come")
    if command.user not in applications and len(applications) >= rules.applications_limit:
        return Refused("applications_limit", f"{len(applications)} applications are open; the limit is {rules.applications_limit}")
    return (events.ApplicationMade(**common(state, command, at_ms), text=text, link_id=link_id),)


def _entry_problem(state: Conversation, user: str, at_ms: int, rules: Rules) -> Refused | None:
    entry = may_enter(state.standing, user, at_ms)
    return full(state, rules) if entry.allowed else refusal(entry, at_ms)


def _joined(state: Conversation, command: commands.Command, at_ms: int, via: str) -> tuple[Event, ...]:
    return (events.MemberAdded(**common(state, command, at_ms), member=command.user, role="member", via=via),)
