"""What happens to users, by themselves and by administrators, as facts; and what changed in a user's roster.

Topics `account-events` (key user), `admin-events` (key actor) and `rosters` (key user). Rule: nothing personal and nothing secret is in
them: names, addresses, numbers and keys stand in rows that can be deleted; here are opaque ids. One exception: where an
administrator's call came from.
"""

from typing import Literal

from msgspec import Struct

from schemas.values import Relation, RequestsTaken, StrangersTaken, Visibility

UserKind = Literal["person", "bot", "service"]
UserState = Literal["active", "frozen", "deactivated", "deleted"]
IdentifierKind = Literal["name", "email", "phone", "external"]
FactorKind = Literal["totp", "passkey", "recovery_codes"]
EndReason = Literal["signed_out", "revoked", "replaced", "reused", "frozen", "deactivated", "deleted"]
PushMode = Literal["all", "mentions", "none"]
QuietLets = Literal["mentions", "calls"]
AlertOn = Literal["all", "last_used"]


class PrivacyChanged(Struct, frozen=True, kw_only=True, tag_field="kind", tag="privacy_changed"):
    """What a user wants others to see and do, from now on. `searchable`: whether a search by others finds it."""

    tenant: str
    user: str
    receipts: bool
    presence: Visibility
    at_ms: int
    strangers: StrangersTaken = "everyone"
    friend_requests: RequestsTaken = "everyone"
    searchable: bool = True


class AccountEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every account event carries. `event_id`: chosen by who writes it; a repeat has the same."""

    event_id: str
    tenant: str
    user: str
    at_ms: int


class UserRegistered(AccountEventBase, frozen=True, kw_only=True, tag="user_registered"):
    """`user_kind`: person, bot or service. `by`: the user itself, an administrator, an API key, or the provider of its first sign-in."""

    user_kind: UserKind
    by: str


class UserStateChanged(AccountEventBase, frozen=True, kw_only=True, tag="user_state_changed"):
    """`state`: active, frozen, deactivated (by itself; signing in makes it active) or deleted (for good; its rows are gone)."""

    state: UserState
    reason: str
    by: str


class IdentifierChanged(AccountEventBase, frozen=True, kw_only=True, tag="identifier_changed"):
    """`identifier_id` is opaque: never the name, address or number itself."""

    identifier_kind: IdentifierKind
    identifier_id: str
    state: Literal["added", "removed"]


class ProfileChanged(AccountEventBase, frozen=True, kw_only=True, tag="profile_changed"):
    """What it says stands in the row of this version."""

    version: int


class SignedIn(AccountEventBase, frozen=True, kw_only=True, tag="signed_in"):
    """`sign_in`: the family of refresh tokens. `method`: password, email, phone, passkey, oidc:<provider>, or admin.

    `factors`: which second ones were shown. `remembered`: later sign-ins on this device need none.
    """

    sign_in: str
    device: str
    platform: str
    method: str
    factors: tuple[str, ...]
    remembered: bool
    expires_at_ms: int


class SignInRefused(AccountEventBase, frozen=True, kw_only=True, tag="sign_in_refused"):
    """For a user that exists; `reason`: wrong_secret, wrong_factor, too_many, frozen, or policy."""

    method: str
    reason: str


class SignInEnded(AccountEventBase, frozen=True, kw_only=True, tag="sign_in_ended"):
    """Every edge closes its sessions. `reason` replaced: by another of its platform; reused: a refresh token came back that was used up."""

    sign_in: str
    device: str
    reason: EndReason
    by: str


class TokenRevoked(AccountEventBase, frozen=True, kw_only=True, tag="token_revoked"):
    """One access token; edges refuse it, and close the sessions it opened."""

    token_id: str
    expires_at_ms: int
    by: str


class SteppedUp(AccountEventBase, frozen=True, kw_only=True, tag="stepped_up"):
    """A factor was shown again, for something sensitive."""

    sign_in: str
    factor: str


class FactorChanged(AccountEventBase, frozen=True, kw_only=True, tag="factor_changed"):
    """`factor_kind`: totp, passkey or recovery_codes. `state`: added, removed, or used_up (recovery codes)."""

    factor_id: str
    factor_kind: FactorKind
    state: Literal["added", "removed", "used_up"]
    by: str


class DeviceForgotten(AccountEventBase, frozen=True, kw_only=True, tag="device_forgotten"):
    """It must show a second factor again."""

    device: str
    by: str


class TenantRoleGiven(AccountEventBase, frozen=True, kw_only=True, tag="tenant_role_given"):
    role: str
    by: str


class PushModeChanged(AccountEventBase, frozen=True, kw_only=True, tag="push_mode_changed"):
    """`mode`: all, mentions or none; until `until_ms`, 0: for good. `conversation_id` empty: everywhere."""

    conversation_id: str
    mode: PushMode
    until_ms: int


class PushTokenChanged(AccountEventBase, frozen=True, kw_only=True, tag="push_token_changed"):
    """Never the token itself. `state` removed: by its device, with its sign-in, or because another user's device has it now (`moved`).

    `invalidated`: the vendor said that it is dead; `reason` is the vendor's word. With the end of `sign_in` it is removed without an event
    of its own. A later `added` of the same device and channel takes its place.
    """

    device: str
    channel: str
    token_id: str
    state: Literal["added", "removed", "moved", "invalidated"]
    reason: str
    by: str
    sign_in: str


class PushSettingsChanged(AccountEventBase, frozen=True, kw_only=True, tag="push_settings_changed"):
    """Quiet from `quiet_from_min` until `quiet_until_min`, minutes of the day in `time_zone` (equal: never), but for `quiet_lets`.

    `content_shown` False: pushes say only that there is something. `alert_on`: all devices, or the one that was used last.
    """

    time_zone: str
    quiet_from_min: int
    quiet_until_min: int
    quiet_lets: tuple[QuietLets, ...]
    content_shown: bool
    badge: bool
    alert_on: AlertOn
    locale: str


class PushLabelsChanged(AccountEventBase, frozen=True, kw_only=True, tag="push_labels_changed"):
    """Its tags or its alias for audiences, which stand in a row."""

    by: str


AccountEvent = (
    PrivacyChanged
    | UserRegistered
    | UserStateChanged
    | IdentifierChanged
    | ProfileChanged
    | SignedIn
    | SignInRefused
    | SignInEnded
    | TokenRevoked
    | SteppedUp
    | FactorChanged
    | DeviceForgotten
    | TenantRoleGiven
    | PushModeChanged
    | PushTokenChanged
    | PushSettingsChanged
    | PushLabelsChanged
)


class AdminEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every admin event carries.

    `actor`: a user, the id of an API key, `root` (who holds the node's admin key), or `operator:<os user>@<host name>`, who ran a command.
    """

    event_id: str
    tenant: str
    actor: str
    actor_kind: Literal["user", "key", "root", "operator"]
    from_address: str
    at_ms: int


class AdminActed(AdminEventBase, frozen=True, kw_only=True, tag="admin_acted"):
    """One call of the administrator's interface. `outcome`: done, or the refusal's code. `detail`: JSON, nothing personal."""

    action: str
    target_kind: str
    target: str
    outcome: str
    detail: str


class TenantRoleDefined(AdminEventBase, frozen=True, kw_only=True, tag="tenant_role_defined"):
    """What holders of the role may do; `level` orders roles, and none may be given or changed by who has less."""

    role: str
    level: int
    permissions: tuple[str, ...]


class TenantRoleDropped(AdminEventBase, frozen=True, kw_only=True, tag="tenant_role_dropped"):
    """Who had it is a plain user now."""

    role: str


class ApiKeyMade(AdminEventBase, frozen=True, kw_only=True, tag="api_key_made"):
    """The key itself is shown once and kept nowhere; `expires_at_ms` 0: without end."""

    key_id: str
    scopes: tuple[str, ...]
    expires_at_ms: int


class ApiKeyRevoked(AdminEventBase, frozen=True, kw_only=True, tag="api_key_revoked"):
    key_id: str


class PolicyChanged(AdminEventBase, frozen=True, kw_only=True, tag="policy_changed"):
    """`policy`: the name of a tenant policy; `value`: JSON."""

    policy: str
    value: str


AdminEvent = AdminActed | TenantRoleDefined | TenantRoleDropped | ApiKeyMade | ApiKeyRevoked | PolicyChanged


class RosterEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every roster event carries: for one user, in one order."""

    tenant: str
    user: str
    at_ms: int


class RosterChanged(RosterEventBase, frozen=True, kw_only=True, tag="roster_changed"):
    """About `other`; None: as it was. `relation` as `user` sees it. `seq`: of the event in the direct conversation that made it so."""

    other: str
    conversation_id: str
    seq: int
    relation: Relation | None = None
    blocked: bool | None = None
    text: str = ""


class RosterNoted(RosterEventBase, frozen=True, kw_only=True, tag="roster_noted"):
    """The user changed its alias or tags of `other`, which stand in a row."""

    other: str


class InvitationChanged(RosterEventBase, frozen=True, kw_only=True, tag="invitation_changed"):
    """The user was invited into a conversation (by `by`), or that is over. `state`: invited, joined, declined, withdrawn."""

    conversation_id: str
    seq: int
    state: Literal["invited", "joined", "declined", "withdrawn"]
    by: str


class ApplicationChanged(RosterEventBase, frozen=True, kw_only=True, tag="application_changed"):
    """What became of the user's application. `state`: applied, joined, declined, withdrawn."""

    conversation_id: str
    seq: int
    state: Literal["applied", "joined", "declined", "withdrawn"]
    by: str
    reason: str = ""


RosterEvent = RosterChanged | RosterNoted | InvitationChanged | ApplicationChanged
