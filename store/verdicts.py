"""Who may do what: the one function that judges, for the owner's decisions, for edges that ask, and for "could U have done X?".

Pure. `may` looks at a `Standing` and at nothing else; `could` folds events into one and names the event that the answer rests on.
Rule 1: to who is no member nothing is told but that; only "join" is judged for others.
Rule 2: the rules about a certain target (its level, its state) are the decision's; this is about the action itself.
Source: docs/decisions/0017-who-may-do-what.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from schemas.events import Event
from schemas.records import MemberState, RefusalCode
from schemas.values import Permission, Role
from store.standing import PERMISSIONS, Standing, fold_standing
from store.ties import refusal_of_writing

# Besides what a role gives: `read` is also marking as read, `edit` and `retract` are about one's own messages (and reactions),
# `nickname` is one's own, `relate` is what two users of a direct conversation do about being friends.
Action = Literal[Permission, "read", "react", "edit", "retract", "nickname", "leave", "join", "relate"]

# What an action asks of the role. The rest every member may do.
NEEDS: Mapping[Action, Permission] = {**{permission: permission for permission in PERMISSIONS}, "edit": "send"}
IN_DIRECT: frozenset[Action] = frozenset({"read", "react", "send", "edit", "retract", "relate"})
IN_GROUPS: frozenset[Action] = frozenset({"read", "react", "edit", "retract", "nickname", "leave", *PERMISSIONS})
WHEN_DISSOLVED: frozenset[Action] = frozenset({"read", "leave"})
SPEAKING: frozenset[Action] = frozenset({"send", "announce", "edit", "react"})
SLOWED: frozenset[Action] = frozenset({"send", "announce"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the action is allowed, else why not. `until_ms`: when that ends by itself; 0: it does not."""

    allowed: bool
    code: RefusalCode | None = None
    detail: str = ""
    until_ms: int = 0


ACTIONS: frozenset[Action] = frozenset(get_args(Action))
ALLOWED = Verdict(True)
UNKNOWN = Verdict(False, "unknown_conversation", "there is no such conversation")
NOT_MEMBER = Verdict(False, "not_member", "only members may do this")
DISSOLVED = Verdict(False, "dissolved", "the conversation was dissolved; its members may still read it")


def may(standing: Standing | None, user: str, action: Action, at_ms: int) -> Verdict:
    """The verdict on the action at this time."""
    if standing is None:
        return UNKNOWN
    if action == "join":
        return _may_join(standing, user, at_ms)
    member = standing.members.get(user)
    if member is None:
        return NOT_MEMBER
    if standing.dissolved and action not in WHEN_DISSOLVED:
        return DISSOLVED
    if standing.kind == "direct":
        return _in_direct(standing, member, action)
    return _in_groups(standing, member, action, at_ms)


def _in_direct(standing: Standing, member: MemberState, action: Action) -> Verdict:
    if action not in IN_DIRECT:
        return _not_allowed(standing, member)
    refusal = refusal_of_writing(standing.tie, member.user) if action in SPEAKING else None
    return ALLOWED if refusal is None else Verdict(False, refusal.code, refusal.detail)


def _in_groups(standing: Standing, member: MemberState, action: Action, at_ms: int) -> Verdict:
    permissions = standing.rights(member.role).permissions
    needed = NEEDS.get(action)
    if action not in IN_GROUPS or (needed is not None and needed not in permissions):
        return _not_allowed(standing, member)
    if action not in SPEAKING:
        return ALLOWED
    muted_until_ms = standing.mutes.get(member.user, 0)
    if at_ms < muted_until_ms:
        return Verdict(False, "muted", f"you are muted until {muted_until_ms}", muted_until_ms)
    if at_ms < standing.all_muted_until_ms and "speak_muted" not in permissions:
        return Verdict(False, "muted", f"all are muted until {standing.all_muted_until_ms}", standing.all_muted_until_ms)
    if standing.settings.slow_mode_ms and action in SLOWED and "speak_muted" not in permissions:
        return _slowed(standing, member.user, at_ms)
    return ALLOWED


def _slowed(standing: Standing, user: str, at_ms: int) -> Verdict:
    spoke_ms = standing.spoke.get(user)
    until_ms = 0 if spoke_ms is None else spoke_ms + standing.settings.slow_mode_ms
    if at_ms >= until_ms:
        return ALLOWED
    return Verdict(False, "slow_mode", f"one message every {standing.settings.slow_mode_ms} ms; the next one from {until_ms}", until_ms)


def _not_allowed(standing: Standing, member: MemberState) -> Verdict:
    return Verdict(False, "not_allowed", f"a {member.role} of a {standing.kind} conversation may not do this")


def _may_join(standing: Standing, user: str, at_ms: int) -> Verdict:
    """Whether it gets in by itself: where it is open, or by its invitation. A private group is not there for others."""
    if user in standing.members:
        return Verdict(False, "already_member", "you are a member already")
    invited = standing.invitation(user, at_ms) is not None
    if standing.kind == "direct" or (standing.settings.visibility == "private" and not invited):
        return NOT_MEMBER
    entry = may_enter(standing, user, at_ms)
    if not entry.allowed or invited or standing.settings.joining == "open":
        return entry
    if standing.settings.joining == "apply":
        return Verdict(False, "not_allowed", "who wants to join applies first")
    return Verdict(False, "not_allowed", "one joins by invitation only")


def may_enter(standing: Standing, user: str, at_ms: int) -> Verdict:
    """Whether nothing keeps the user out, in whatever way it comes."""
    if standing.dissolved:
        return DISSOLVED
    if standing.banned(user, at_ms):
        until_ms = standing.bans[user]
        return Verdict(False, "banned", f"banned until {until_ms}" if until_ms else "banned", until_ms)
    return ALLOWED


def outranks(standing: Standing, actor: str, role: Role) -> bool:
    """Whether the member's level is above the role's: only then may it act on who has it."""
    return standing.rights(standing.members[actor].role).level > standing.rights(role).level


def may_grant(standing: Standing, actor: str, role: Role, before: Role | None = None) -> bool:
    """Whether the member may make a `before` a `role` (None: a newcomer): below its own level, and nothing given that it has not itself."""
    if before is None and role == "member":
        return True
    own, old, new = standing.rights(standing.members[actor].role), standing.rights(before or "member"), standing.rights(role)
    return own.level > max(old.level, new.level) and new.permissions - old.permissions <= own.permissions


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict and what it rests on: the event `by_seq` (0: there was none), since `since_ms`.

    `by_time`: the answer changed because time passed, and `by_seq` is the event that had set when.
    """

    verdict: Verdict
    by_seq: int = 0
    since_ms: int = 0
    by_time: bool = False
    at_seq: int = 0  # of the last event that was there at the time


class Replay:
    """One question, asked of a conversation's events one by one from the first one on, however many there are."""

    def __init__(self, user: str, action: Action, at_ms: int) -> None:
        self._user, self._action, self._at_ms = user, action, at_ms
        self._standing: Standing | None = None
        self._answer = Explained(self._now(0))

    def take(self, event: Event) -> bool:
        """Whether the event was there at the time in question; of the first one that was not, nothing more has to come."""
        if event.at_ms > self._at_ms:
            return False
        self._pass(event.at_ms)
        self._standing = fold_standing(self._standing, event)
        verdict, before = self._now(event.at_ms), self._answer
        if _same(verdict, before.verdict):
            self._answer = Explained(verdict, before.by_seq, before.since_ms, before.by_time, event.seq)
        else:
            self._answer = Explained(verdict, event.seq, event.at_ms, at_seq=event.seq)
        return True

    def answer(self) -> Explained:
        """After the last event."""
        self._pass(self._at_ms)
        return self._answer

    def _pass(self, now_ms: int) -> None:
        """Time goes on without an event."""
        verdict, before = self._now(now_ms), self._answer
        if not _same(verdict, before.verdict):
            self._answer = Explained(verdict, before.by_seq, before.verdict.until_ms, True, before.at_seq)

    def _now(self, now_ms: int) -> Verdict:
        return may(self._standing, self._user, self._action, now_ms)


def could(history: Iterable[Event], user: str, action: Action, at_ms: int) -> Explained:
    """Whether the user could do this at the time, and by which event.

    Shape: `history` is the conversation's events from the first one on, in order; what is later than `at_ms` is not looked at.
    """
    replay = Replay(user, action, at_ms)
    for event in history:
        if not replay.take(event):
            break
    return replay.answer()


def _same(one: Verdict, other: Verdict) -> bool:
    """Whether it is the same answer, in whatever words."""
    return (one.allowed, one.code, one.until_ms) == (other.allowed, other.code, other.until_ms)
