"""What a conversation's rules rest on: roles, members, mutes, bans, invitations, applications, links; and the fold that makes it of events.

Pure. Held by the conversation's owner as part of its state, and folded from the log by whoever asks who could do what in the past;
`store.verdicts` says what follows from it.
Rule 1: what ends by itself (a mute, a ban) holds the time of its end and is judged by a command's or an event's time, never by a clock.
Rule 2: nothing is walked through for one event: what has ended is forgotten two entries at a time, whenever one is added.
Rule 3: an invitation or application counts for PENDING_MS. That is no setting, because whoever folds the log must come to the same.
Rule 4: `fold_standing` changes the value in place; the argument must not be used again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, get_args

from msgspec import Struct

from schemas import events
from schemas.records import MemberState
from schemas.values import ConversationKind, GroupSettings, Permission, Role
from store.ties import NO_TIE, FriendEvent, Tie, fold_tie
from store.views import members_of

OWNER_LEVEL, ADMIN_LEVEL, MEMBER_LEVEL = 100, 50, 0
PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))


class Rights(Struct, frozen=True):
    """What a role may do; it may act on members and roles of a smaller level only."""

    level: int
    permissions: frozenset[Permission]


class Invitation(Struct, frozen=True):
    role: Role
    by: str
    at_ms: int


class Application(Struct, frozen=True):
    """`link_id`: the link it came by, or empty."""

    text: str
    link_id: str
    at_ms: int


class Link(Struct, frozen=True):
    """`secret_hash`: SHA-256 in hexadecimal. `expires_at_ms`, `uses_limit` 0: without end."""

    secret_hash: str
    expires_at_ms: int
    uses_limit: int
    uses: int
    approval: bool

    def open_at(self, at_ms: int) -> bool:
        return (not self.expires_at_ms or at_ms < self.expires_at_ms) and (not self.uses_limit or self.uses < self.uses_limit)


_OWNER = Rights(OWNER_LEVEL, PERMISSIONS)
_ADMIN = Rights(ADMIN_LEVEL, PERMISSIONS - {"appoint", "roles", "dissolve"})
# What a role may do where the conversation itself said nothing else. A direct conversation has neither owner nor admin.
DEFAULT_ROLES: Mapping[ConversationKind, Mapping[Role, Rights]] = {
    "direct": {"member": Rights(MEMBER_LEVEL, frozenset({"send"}))},
    "group": {"owner": _OWNER, "admin": _ADMIN, "member": Rights(MEMBER_LEVEL, frozenset({"send"}))},
    "channel": {"owner": _OWNER, "admin": _ADMIN, "member": Rights(MEMBER_LEVEL, frozenset())},
}
PENDING_MS = 30 * 86_400_000
BUILT_IN: frozenset[Role] = frozenset({"owner", "admin", "member"})


@dataclass(slots=True)
class Standing:
    """Who may do what in one conversation. Shape: nothing grows with its age.

    `roles`: what was defined here, the overridden `admin` and `member` among them. `members` hold their read marks too.
    `mutes`, `bans`: user -> until; a ban's 0: for ever. `spoke`: user -> time of its last message, only while there is slow mode.
    `holders`: who has a role that was defined here, besides the built-in ones.
    """

    kind: ConversationKind
    dissolved: bool = False
    settings: GroupSettings = field(default_factory=GroupSettings)
    settings_version: int = 0
    roles: dict[Role, Rights] = field(default_factory=dict)
    members: dict[str, MemberState] = field(default_factory=dict)
    holders: dict[Role, set[str]] = field(default_factory=dict)
    mutes: dict[str, int] = field(default_factory=dict)
    all_muted_until_ms: int = 0
    spoke: dict[str, int] = field(default_factory=dict)
    bans: dict[str, int] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    tie: Tie = NO_TIE  # of a direct conversation: how its two members stand to each other

    def rights(self, role: Role) -> Rights:
        """What the role may do here; one that is not defined (any more) is as good as `member`."""
        return self.roles.get(role) or self.default_rights(role)

    def default_rights(self, role: Role) -> Rights:
        """What it may do where the conversation says nothing else."""
        defaults = DEFAULT_ROLES[self.kind]
        return defaults.get(role) or self.roles.get("member") or defaults["member"]

    def has_role(self, role: Role) -> bool:
        return role in self.roles or role in DEFAULT_ROLES[self.kind]

    def banned(self, user: str, at_ms: int) -> bool:
        until_ms = self.bans.get(user)
        return until_ms is not None and (until_ms == 0 or at_ms < until_ms)

    def invitation(self, user: str, at_ms: int) -> Invitation | None:
        """The user's invitation, if it still counts."""
        invitation = self.invitations.get(user)
        return invitation if invitation is not None and at_ms < invitation.at_ms + PENDING_MS else None

    def application(self, user: str, at_ms: int) -> Application | None:
        application = self.applications.get(user)
        return application if application is not None and at_ms < application.at_ms + PENDING_MS else None

    def place(self, user: str, role: Role, seq: int, ordinal: int) -> None:
        """The user is a member from this event on."""
        self.members[user] = MemberState(user, role, seq, seq, ordinal)
        self._hold(user, role)
        self.invitations.pop(user, None)
        self.applications.pop(user, None)

    def unplace(self, user: str) -> None:
        member = self.members.pop(user, None)
        if member is not None:
            self._let_go(user, member.role)

    def regrade(self, user: str, role: Role) -> None:
        member = self.members.get(user)
        if member is not None:
            self._let_go(user, member.role)
            self.members[user] = MemberState(user, role, member.joined_seq, member.read_seq, member.read_ordinal)
            self._hold(user, role)

    def _hold(self, user: str, role: Role) -> None:
        if role not in BUILT_IN:
            self.holders.setdefault(role, set()).add(user)

    def _let_go(self, user: str, role: Role) -> None:
        if role not in BUILT_IN and (users := self.holders.get(role)) is not None:
            users.discard(user)
            if not users:
                del self.holders[role]


def rehold(standing: Standing) -> None:
    """Find `holders` again, which no snapshot has. Blocks: a walk through all members, at unpacking only."""
    standing.holders = {}
    for member in standing.members.values():
        standing._hold(member.user, member.role)


def fold_standing(standing: Standing | None, event: events.Event) -> Standing:
    """The standing after the event. Raises: ValueError for a first event that is no creation."""
    if standing is None:
        return _created(event)
    fold = FOLDS.get(type(event))
    if fold is not None:
        fold(standing, event)
    return standing


def _created(event: events.Event) -> Standing:
    if not isinstance(event, events.ConversationCreated):
        raise ValueError(f"event {event.event_id} is the first of its conversation and does not create it")
    standing = Standing(event.conversation_kind, settings=event.settings or GroupSettings())
    standing.tie = fold_tie(NO_TIE, event)
    for member in members_of(event):
        standing.place(member.user, member.role, event.seq, event.ordinal)
    return standing


def _message_sent(standing: Standing, event: events.MessageSent) -> None:
    """Who sends a message has read up to it."""
    member = standing.members.get(event.user)
    if member is not None:
        standing.members[member.user] = MemberState(member.user, member.role, member.joined_seq, event.seq, event.ordinal)
    if standing.tie.refusing:
        standing.tie = fold_tie(standing.tie, event)
    if standing.settings.slow_mode_ms:
        standing.spoke.pop(event.user, None)
        standing.spoke[event.user] = event.at_ms
        for user in list(islice(standing.spoke, 2)):
            if standing.spoke[user] <= event.at_ms - standing.settings.slow_mode_ms:
                del standing.spoke[user]


def _read_marked(standing: Standing, event: events.ReadMarked) -> None:
    member = standing.members.get(event.user)
    if member is not None and event.up_to_seq > member.read_seq:
        standing.members[member.user] = MemberState(member.user, member.role, member.joined_seq, event.up_to_seq, event.up_to_ordinal)


def _member_added(standing: Standing, event: events.MemberAdded) -> None:
    standing.place(event.member, event.role, event.seq, event.ordinal)
    _use(standing, event.via)


def _member_left(standing: Standing, event: events.MemberLeft) -> None:
    standing.unplace(event.user)


def _member_removed(standing: Standing, event: events.MemberRemoved) -> None:
    standing.unplace(event.member)


def _role_changed(standing: Standing, event: events.RoleChanged) -> None:
    standing.regrade(event.member, event.role)


def _settings_changed(standing: Standing, event: events.SettingsChanged) -> None:
    # who had waited long enough is not kept waiting by a longer slow mode, whether its entry was forgotten by now or not
    horizon_ms = event.at_ms - standing.settings.slow_mode_ms if event.settings.slow_mode_ms else event.at_ms
    standing.spoke = {user: spoke_ms for user, spoke_ms in standing.spoke.items() if spoke_ms > horizon_ms}
    standing.settings, standing.settings_version = event.settings, event.settings_version


def _member_invited(standing: Standing, event: events.MemberInvited) -> None:
    standing.invitations.pop(event.member, None)
    standing.invitations[event.member] = Invitation(event.role, event.user, event.at_ms)
    _forget_pending(standing.invitations, event.at_ms)


def _invitation_declined(standing: Standing, event: events.InvitationDeclined) -> None:
    standing.invitations.pop(event.user, None)


def _application_made(standing: Standing, event: events.ApplicationMade) -> None:
    standing.applications.pop(event.user, None)
    standing.applications[event.user] = Application(event.text, event.link_id, event.at_ms)
    _forget_pending(standing.applications, event.at_ms)
    _use(standing, event.link_id)


def _forget_pending(pending: dict[str, Invitation] | dict[str, Application], at_ms: int) -> None:
    for user in list(islice(pending, 2)):  # the oldest come first
        if pending[user].at_ms + PENDING_MS <= at_ms:
            del pending[user]


def _application_declined(standing: Standing, event: events.ApplicationDeclined) -> None:
    standing.applications.pop(event.member, None)


def _link_created(standing: Standing, event: events.LinkCreated) -> None:
    for link_id in [link_id for link_id, link in standing.links.items() if not link.open_at(event.at_ms)]:
        del standing.links[link_id]
    standing.links[event.link_id] = Link(event.secret_hash, event.expires_at_ms, event.uses_limit, 0, event.approval)


def _link_revoked(standing: Standing, event: events.LinkRevoked) -> None:
    standing.links.pop(event.link_id, None)


def _use(standing: Standing, link_id: str) -> None:
    link = standing.links.get(link_id)
    if link is not None:
        standing.links[link_id] = Link(link.secret_hash, link.expires_at_ms, link.uses_limit, link.uses + 1, link.approval)


def _member_banned(standing: Standing, event: events.MemberBanned) -> None:
    standing.unplace(event.member)
    standing.invitations.pop(event.member, None)
    standing.applications.pop(event.member, None)
    _until(standing.bans, event.member, event.until_ms, event.at_ms)


def _member_unbanned(standing: Standing, event: events.MemberUnbanned) -> None:
    standing.bans.pop(event.member, None)


def _member_muted(standing: Standing, event: events.MemberMuted) -> None:
    if event.until_ms:
        _until(standing.mutes, event.member, event.until_ms, event.at_ms)
    else:
        standing.mutes.pop(event.member, None)


def _until(ends: dict[str, int], user: str, until_ms: int, at_ms: int) -> None:
    """Note the user's end; the two entries looked at longest ago are dropped if they have ended, and else go to the back."""
    ends.pop(user, None)
    ends[user] = until_ms
    for other in list(islice(ends, 2)):
        end_ms = ends.pop(other)
        if end_ms == 0 or at_ms < end_ms:
            ends[other] = end_ms


def _all_muted(standing: Standing, event: events.AllMuted) -> None:
    standing.all_muted_until_ms = event.until_ms


def _role_defined(standing: Standing, event: events.RoleDefined) -> None:
    standing.roles[event.role] = Rights(event.level, frozenset(event.permissions))


def _role_dropped(standing: Standing, event: events.RoleDropped) -> None:
    standing.roles.pop(event.role, None)


def _dissolved(standing: Standing, event: events.ConversationDissolved) -> None:
    standing.dissolved = True
    for pending in (standing.invitations, standing.applications, standing.links, standing.spoke):
        pending.clear()


def _tied(standing: Standing, event: FriendEvent) -> None:
    standing.tie = fold_tie(standing.tie, event)


# The other events change nothing here.
FOLDS: dict[type[Any], Callable[[Standing, Any], None]] = {
    events.MessageSent: _message_sent,
    events.ReadMarked: _read_marked,
    events.MemberAdded: _member_added,
    events.MemberLeft: _member_left,
    events.MemberRemoved: _member_removed,
    events.RoleChanged: _role_changed,
    events.SettingsChanged: _settings_changed,
    events.MemberInvited: _member_invited,
    events.InvitationDeclined: _invitation_declined,
    events.ApplicationMade: _application_made,
    events.ApplicationDeclined: _application_declined,
    events.LinkCreated: _link_created,
    events.LinkRevoked: _link_revoked,
    events.MemberBanned: _member_banned,
    events.MemberUnbanned: _member_unbanned,
    events.MemberMuted: _member_muted,
    events.AllMuted: _all_muted,
    events.RoleDefined: _role_defined,
    events.RoleDropped: _role_dropped,
    events.ConversationDissolved: _dissolved,
    **dict.fromkeys(get_args(FriendEvent), _tied),
}
