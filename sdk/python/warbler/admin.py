"""The administrator's interface: users, sign-ins, roles, API keys, policies, and what was decided. A shell over `Http`.

`Admin(url, key=...)`: with an API key, the node's admin key, or the access token of a user with a tenant role.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from warbler import frames
from warbler.http import WITHIN_S, path_of
from warbler.people import Factors, Identifier, Profile, SignIn
from warbler.pushes import AdminPushes
from warbler.retention import AdminRetention
from warbler.webhooks import AdminWebhooks

UserState = Literal["active", "frozen", "deactivated", "deleted"]
UserKind = Literal["person", "bot", "service"]


class MintedUser(Struct, frozen=True):
    user: str
    name: str
    access_token: str
    access_expires_at_ms: int


class MintedToken(Struct, frozen=True):
    access_token: str
    access_expires_at_ms: int


class ListedUser(Struct, frozen=True):
    user: str
    name: str
    display_name: str
    user_kind: UserKind
    state: UserState


class UserPage(Struct, frozen=True):
    """May be short and not the last."""

    users: tuple[ListedUser, ...]
    next: str | None = None


class UserDetail(Struct, frozen=True):
    """`reason`, `changed_at_ms`, `changed_by`: of its state. `role`, `level`: in the tenant."""

    user: str
    name: str
    display_name: str
    user_kind: UserKind
    state: UserState
    reason: str
    changed_at_ms: int
    changed_by: str
    role: str
    level: int
    identifiers: tuple[Identifier, ...]
    password: bool
    profile: Profile


class TenantRole(Struct, frozen=True):
    role: str
    level: int
    permissions: tuple[str, ...]
    built_in: bool = False


class Holder(Struct, frozen=True):
    user: str
    role: str


class TenantRoles(Struct, frozen=True):
    """`permissions`: all there are, each with what it allows."""

    roles: tuple[TenantRole, ...]
    holders: tuple[Holder, ...]
    permissions: dict[str, str]


class MadeKey(Struct, frozen=True):
    """`key` is shown now and never again. `expires_at_ms` 0: without end."""

    id: str
    key: str
    expires_at_ms: int


class ApiKey(Struct, frozen=True):
    """`revoked_at_ms`, `used_at_ms` 0: never."""

    id: str
    name: str
    scopes: tuple[str, ...]
    maker: str
    made_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int
    used_at_ms: int


class Decision(Struct, frozen=True):
    """Whether it was allowed, and why: `by_seq` is the event that made it so, of the conversation as of `at_seq`."""

    allowed: bool
    code: str
    detail: str
    by_seq: int
    at_seq: int
    since_ms: int = 0
    by_time: bool = False


class AdminEvents(Struct, frozen=True):
    """As they stand in the log: `kind`, `actor`, `action`, `target`, `outcome` and so on."""

    events: tuple[dict[str, Any], ...]
    next: str | None = None


class Committed(Struct, frozen=True):
    seq: int
    at_ms: int


class _Minted(Struct, frozen=True):
    users: list[MintedUser]


class _SignIns(Struct, frozen=True):
    sign_ins: list[SignIn]


class _Ended(Struct, frozen=True):
    ended: int


class _Keys(Struct, frozen=True):
    keys: list[ApiKey]


class _Policies(Struct, frozen=True):
    policies: dict[str, dict[str, Any]]


class Admin(AdminPushes, AdminRetention, AdminWebhooks):
    """Raises, from every call, as `Http`; 403 not_permitted where the key or role does not reach so far. Every call stands in the log."""

    def __init__(self, url: str | Sequence[str], *, key: str, within_s: float = WITHIN_S) -> None:
        super().__init__(url, access_token=key, within_s=within_s)

    # ---- users

    async def make_users(self, names: Sequence[str]) -> list[MintedUser]:
        """Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names."""
        return (await self.call("POST", "/v1/admin/users", _Minted, {"users": [{"name": name} for name in names]})).users

    async def import_users(self, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """An outcome for each line, then one with the sums. Shape: at most 10,000 lines of name, email, phone, password_hash, profile."""
        body = b"\n".join(msgspec.json.encode(line) for line in lines)
        content = {"content": body, "headers": {"content-type": "application/x-ndjson"}}
        answer = await self.response("POST", "/v1/admin/users/import", content)
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in answer.content.splitlines() if line]

    async def make_bot(self, name: str, kind: Literal["bot", "service"] = "bot") -> str:
        """A user that never signs in; its tokens come from `mint_token`."""
        return str((await self.call("POST", "/v1/admin/bots", dict[str, Any], {"name": name, "kind": kind}))["user"])

    async def users(self, q: str | None = None, state: UserState | None = None) -> AsyncIterator[UserPage]:
        """Pages of users whose name begins so, or of all."""
        async for page in self.pages("/v1/admin/users", UserPage, {"q": q, "state": state}):
            yield page

    async def user(self, user: str) -> UserDetail:
        return await self.call("GET", path_of("admin", "users", user), UserDetail)

    async def change_user(self, user: str, **change: object) -> Profile:
        """Its profile: display_name, about, fields, version."""
        return await self.call("PATCH", path_of("admin", "users", user), Profile, change)

    async def freeze(self, user: str, reason: str = "") -> None:
        """Closes its sessions everywhere, and no way in is open until `unfreeze`. `reason` stays in the log: nothing personal."""
        await self.call("POST", path_of("admin", "users", user, "freeze"), type(None), {"reason": reason})

    async def unfreeze(self, user: str, reason: str = "") -> None:
        await self.call("POST", path_of("admin", "users", user, "unfreeze"), type(None), {"reason": reason})

    async def restore(self, user: str, reason: str = "") -> None:
        """A user that deactivated itself is there again."""
        await self.call("POST", path_of("admin", "users", user, "restore"), type(None), {"reason": reason})

    async def delete_user(self, user: str) -> None:
        """For good: what is personal is gone."""
        await self.call("DELETE", path_of("admin", "users", user), type(None))

    # ---- sign-ins, tokens, factors

    async def mint_token(self, user: str, ttl_ms: int | None = None) -> MintedToken:
        body = {} if ttl_ms is None else {"ttl_ms": ttl_ms}
        return await self.call("POST", path_of("admin", "users", user, "tokens"), MintedToken, body)

    async def revoke_token(self, access_token: str) -> None:
        """Its sessions close everywhere, and it opens none any more."""
        await self.call("POST", "/v1/admin/tokens/revoke", type(None), {"access_token": access_token})

    async def sign_ins(self, user: str) -> list[SignIn]:
        return (await self.call("GET", path_of("admin", "users", user, "sign-ins"), _SignIns)).sign_ins

    async def end_sign_in(self, user: str, sign_in: str) -> None:
        await self.call("DELETE", path_of("admin", "users", user, "sign-ins", sign_in), type(None))

    async def end_sign_ins(self, user: str) -> int:
        """All of them, and the tokens that were minted without one; how many they were."""
        return (await self.call("DELETE", path_of("admin", "users", user, "sign-ins"), _Ended)).ended

    async def factors(self, user: str) -> Factors:
        return await self.call("GET", path_of("admin", "users", user, "factors"), Factors)

    async def remove_factor(self, user: str, factor: str) -> None:
        await self.call("DELETE", path_of("admin", "users", user, "factors", factor), type(None))

    # ---- roles, keys, policies

    async def roles(self) -> TenantRoles:
        return await self.call("GET", "/v1/admin/roles", TenantRoles)

    async def define_role(self, role: str, level: int, permissions: Sequence[str]) -> None:
        """Only below one's own level, and only with one's own permissions."""
        body = {"level": level, "permissions": list(permissions)}
        await self.call("PUT", path_of("admin", "roles", role), type(None), body)

    async def drop_role(self, role: str) -> None:
        await self.call("DELETE", path_of("admin", "roles", role), type(None))

    async def give_role(self, user: str, role: str) -> None:
        await self.call("PUT", path_of("admin", "users", user, "role"), type(None), {"role": role})

    async def make_key(self, name: str, scopes: Sequence[str], ttl_ms: int | None = None) -> MadeKey:
        return await self.call("POST", "/v1/admin/keys", MadeKey, {"name": name, "scopes": list(scopes), "ttl_ms": ttl_ms})

    async def keys(self) -> list[ApiKey]:
        return (await self.call("GET", "/v1/admin/keys", _Keys)).keys

    async def revoke_key(self, key: str) -> None:
        await self.call("DELETE", path_of("admin", "keys", key), type(None))

    async def policies(self) -> dict[str, dict[str, Any]]:
        return (await self.call("GET", "/v1/admin/policies", _Policies)).policies

    async def set_policy(self, policy: str, value: dict[str, Any]) -> None:
        """What is not given has its default."""
        await self.response("PUT", path_of("admin", "policies", policy), {"json": {"value": value}})

    # ---- what happened, and why

    async def events(self) -> AsyncIterator[AdminEvents]:
        """Pages of what administrators did, from the log."""
        async for page in self.pages("/v1/admin/events", AdminEvents):
            yield page

    async def could(self, user: str, action: str, conversation: str, at_ms: int | None = None) -> Decision:
        """Could the user do this there and then, and by which event."""
        params = {"user": user, "action": action, "conversation": conversation, "at_ms": at_ms}
        return await self.call("GET", "/v1/admin/decisions", Decision, params=params)

    async def conversation(self, conversation: str) -> dict[str, Any]:
        return await self.call("GET", path_of("admin", "conversations", conversation), dict[str, Any])

    async def command(self, as_user: str, command: frames.CommandFrames) -> Committed:
        """Gives a command as one of the conversation's members. An empty `id`: the server makes one."""
        fields = msgspec.to_builtins(command)
        given = {name: value for name, value in fields.items() if name != "conversation" and (name, value) != ("id", "")}
        path = path_of("admin", "conversations", command.conversation, "commands")
        return await self.call("POST", path, Committed, {"as_user": as_user, "command": given})
