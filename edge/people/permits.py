"""Who may do what in a tenant: roles as data, and the one function that decides. Pure.

Called by the administrator's interface and wherever a user's tenant role counts. Rules of this file:

1. Nothing is allowed that a role, or a key's scopes, do not name. There is no other way to power than `permits`.
2. Nobody acts on a user, role or key of a level as high as its own; so nobody acts on itself.
3. Nobody gives a permission that it lacks: not by a role, not by a key, not by a token that acts as somebody else.
4. A key has what its scopes name and its maker still has; a key that outlives its maker's power has none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

ROOT_LEVEL, ADMIN_LEVEL, LEVEL_MAX = 100, 90, 99  # of `root`, of the built-in `admin`, and the highest that can be given
USER_ROLE, ROOT_ROLE = "user", "root"

# What there is to be allowed: the name and what it lets one do.
PERMISSIONS: Mapping[str, str] = {
    "users.read": "list users and read any of them",
    "users.create": "make users, bots and services, also in bulk",
    "users.edit": "change other users' profiles",
    "users.freeze": "freeze, unfreeze and restore users",
    "users.delete": "delete users for good",
    "sign_ins.read": "see where users are signed in",
    "sign_ins.end": "end users' sign-ins and revoke tokens",
    "factors.read": "see which second factors users have",
    "factors.remove": "remove users' second factors",
    "tokens.mint": "mint access tokens of users",
    "roles.read": "list tenant roles",
    "roles.define": "define and drop tenant roles",
    "roles.give": "give tenant roles to users",
    "keys.manage": "make, list and revoke API keys",
    "policies.read": "read the tenant's policies",
    "policies.edit": "change the tenant's policies",
    "retention.read": "read how long content is kept, the matters, and what they hold",
    "retention.edit": "change how long content is kept",
    "holds": "open and close matters, place and lift legal holds",
    "conversations.read": "read any conversation's facts and members",
    "conversations.manage": "act in conversations in the name of a member",
    "decisions.read": "ask who could do what in which conversation, and why",
    "events.read": "read what administrators did",
    "webhooks.read": "see webhooks and what became of deliveries",
    "webhooks.manage": "set webhooks, which send events of all conversations elsewhere, and repeat deliveries",
    "push": "send pushes to audiences, label users for them, and read what became of pushes",
}
EVERYTHING = frozenset(PERMISSIONS)

# What a signed-in user does only just after it showed a factor again. A key shows no factors: its scopes were chosen for this.
SENSITIVE = frozenset(
    {"users.delete", "factors.remove", "tokens.mint", "roles.define", "roles.give", "keys.manage", "policies.edit", "conversations.manage"}
    | {"webhooks.manage", "retention.edit", "holds"}
)
# What would let one do everything that its target may do.
BECOMING = frozenset({"tokens.mint"})


@dataclass(frozen=True, slots=True)
class TenantRole:
    """`level` orders roles, 0 to 100; `permissions` are all that its holders may do."""

    role: str
    level: int
    permissions: frozenset[str]


NOBODY = TenantRole(USER_ROLE, 0, frozenset())
ROOT = TenantRole(ROOT_ROLE, ROOT_LEVEL, EVERYTHING)
_READS = frozenset({"users.read", "sign_ins.read", "factors.read", "roles.read"})
BUILT_IN: Mapping[str, TenantRole] = {
    USER_ROLE: NOBODY,
    "support": TenantRole("support", 30, _READS | {"sign_ins.end", "factors.remove"}),
    "moderator": TenantRole(
        "moderator",
        50,
        frozenset(
            {"users.read", "users.freeze", "sign_ins.end", "roles.read", "conversations.read", "conversations.manage", "decisions.read"}
        ),
    ),
    "admin": TenantRole("admin", ADMIN_LEVEL, EVERYTHING),
    ROOT_ROLE: ROOT,
}
FIXED = frozenset({USER_ROLE, ROOT_ROLE})  # what everybody has, and what the holder of the node's key has


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `id`: a user, a key's id, or `root`. `stepped_up`: showed a factor a moment ago (only asked of users)."""

    kind: Literal["user", "key", "root"]
    id: str
    level: int
    permissions: frozenset[str]
    stepped_up: bool = False


@dataclass(frozen=True, slots=True)
class OfUser:
    """Acting on a user, with the tenant role that it holds."""

    user: str
    holds: TenantRole


@dataclass(frozen=True, slots=True)
class OfRole:
    """Defining a role (`after`), or dropping it (None). `before`: as it is; None: it does not exist."""

    before: TenantRole | None
    after: TenantRole | None


@dataclass(frozen=True, slots=True)
class Giving:
    """Giving a role to a user that holds another."""

    user: str
    holds: TenantRole
    given: TenantRole


@dataclass(frozen=True, slots=True)
class OfKey:
    """Making a key with these scopes (`maker` empty: it is new), or revoking one of a maker with that level."""

    scopes: frozenset[str]
    maker: str = ""
    maker_level: int = 0


Target = OfUser | OfRole | Giving | OfKey


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` and `detail` say why not; empty when allowed."""

    allowed: bool
    code: str = ""
    detail: str = ""


ALLOWED = Verdict(True)


def root_actor() -> Actor:
    """Who holds the node's own key."""
    return Actor("root", "root", ROOT_LEVEL, EVERYTHING)


def user_actor(user: str, role: TenantRole, stepped_up: bool) -> Actor:
    return Actor("user", user, role.level, role.permissions, stepped_up)


def key_actor(key_id: str, scopes: Iterable[str], maker: TenantRole) -> Actor:
    """A key is never more than its maker is now; and no key makes keys, or it would outlive itself."""
    return Actor("key", key_id, maker.level, (frozenset(scopes) & maker.permissions) - {"keys.manage"})


def permits(actor: Actor, permission: str, target: Target | None = None) -> Verdict:
    """Whether the actor may do what the permission names, to the target."""
    assert permission in PERMISSIONS  # a route that asks for what does not exist is a bug of ours
    if permission not in actor.permissions:
        return Verdict(False, "not_allowed", f"this needs the permission {permission}")
    refused = _about(actor, permission, target)
    if refused is not None:
        return refused
    if actor.kind == "user" and permission in SENSITIVE and not actor.stepped_up:
        return Verdict(False, "step_up_needed", "show a factor again first: POST /v1/me/step-up")
    return ALLOWED


def _about(actor: Actor, permission: str, target: Target | None) -> Verdict | None:
    match target:
        case None:
            return None
        case OfUser(holds=holds):
            return _above(actor, holds.level, "the user") or (_lacks(actor, holds.permissions) if permission in BECOMING else None)
        case OfRole():
            return _defining(actor, target)
        case Giving(holds=holds, given=given):
            if given.role == ROOT_ROLE:
                return Verdict(False, "level_too_high", "root is the holder of the node's key and is given to nobody")
            return _above(actor, holds.level, "the user") or _above(actor, given.level, "the role") or _lacks(actor, given.permissions)
        case OfKey(maker=""):
            return _lacks(actor, target.scopes)
        case OfKey():
            return None if target.maker == actor.id else _above(actor, target.maker_level, "the key's maker")
        case _:
            assert_never(target)


def _defining(actor: Actor, target: OfRole) -> Verdict | None:
    before, after = target.before, target.after
    named = after or before
    if named is not None and (named.role in FIXED or (after is None and named.role in BUILT_IN)):
        return Verdict(False, "role_is_fixed", f"the role {named.role} is built in")
    if before is not None and (refused := _above(actor, before.level, "the role")):
        return refused
    return None if after is None else _above(actor, after.level, "the role") or _lacks(actor, after.permissions)


def _above(actor: Actor, level: int, whose: str) -> Verdict | None:
    if actor.level > level:
        return None
    return Verdict(False, "level_too_high", f"{whose} has the level {level}, yours is {actor.level}")


def _lacks(actor: Actor, given: frozenset[str]) -> Verdict | None:
    lacking = sorted(given - actor.permissions)
    return Verdict(False, "beyond_own", f"you do not have {', '.join(lacking)} yourself") if lacking else None


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role as it stands in its row. `definition` None: dropped. `dropped_at_ms`: when it was dropped last; 0: never."""

    role: str
    definition: TenantRole | None
    dropped_at_ms: int = 0


def role_of(rows: Mapping[str, RoleRow], role: str) -> TenantRole | None:
    """The role of that name as it is now; None: there is none."""
    row = rows.get(role)
    if role not in FIXED and row is not None and (row.definition is not None or role not in BUILT_IN):
        return row.definition
    return BUILT_IN.get(role)


def held(rows: Mapping[str, RoleRow], role: str, given_at_ms: int) -> TenantRole:
    """What somebody holds who was given the role then: nothing any more where the role was dropped since, also if it was defined anew."""
    row = rows.get(role)
    if row is not None and given_at_ms <= row.dropped_at_ms:
        return NOBODY
    return role_of(rows, role) or NOBODY
