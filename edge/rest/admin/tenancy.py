"""Roles, API keys and policies of the tenant."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from edge.clocks import clock_ms
from edge.people import policies as named
from edge.people.permits import BUILT_IN, PERMISSIONS, Giving, OfKey, OfRole, TenantRole
from edge.rest import models
from edge.rest.admin.acting import Act, Admin, Administrator, maker_of
from edge.rest.errors import Problem

router = APIRouter(prefix="/v1/admin")
ROLES_LIMIT, KEYS_LIMIT = 200, 1_000
KEY_MS_LIMIT = 10 * 365 * 86_400_000
RoleName = Annotated[str, Path(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_-]*$")]
KeyPath = Annotated[str, Path(max_length=64)]
PolicyName = Annotated[str, Path(max_length=64)]


class RoleDefinition(BaseModel):
    level: int = Field(ge=0, le=99, description="Orders roles: nobody acts on who has a level as high as its own")
    permissions: list[str] = Field(max_length=len(PERMISSIONS), description=", ".join(PERMISSIONS))


class RoleItem(RoleDefinition):
    role: str
    level: int
    built_in: bool


class HolderItem(BaseModel):
    user: str
    role: str


class Roles(BaseModel):
    roles: list[RoleItem]
    holders: list[HolderItem]
    permissions: dict[str, str]


class RoleGiven(BaseModel):
    role: str = Field(min_length=1, max_length=32)


class NewApiKey(BaseModel):
    name: str = Field(min_length=1, max_length=64)
    scopes: list[str] = Field(min_length=1, max_length=len(PERMISSIONS))
    ttl_ms: int | None = Field(default=None, ge=1_000, le=KEY_MS_LIMIT, description="None: until it is revoked")


class MadeApiKey(BaseModel):
    id: str
    key: str = Field(description="Shown now and never again")
    expires_at_ms: int


class ApiKeyItem(BaseModel):
    id: str
    name: str
    scopes: list[str]
    maker: str
    made_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int
    used_at_ms: int = Field(description="To the minute; 0: never")


class ApiKeyList(BaseModel):
    keys: list[ApiKeyItem]


class PolicyValue(BaseModel):
    value: dict[str, Any] = Field(description="What is not given has its default")


class PolicyList(BaseModel):
    policies: dict[str, dict[str, Any]]


def known(permissions: list[str]) -> frozenset[str]:
    """Raises: Problem 422."""
    if unknown := sorted(set(permissions) - set(PERMISSIONS)):
        raise Problem(422, "unknown_permission", f"there is no permission {unknown[0][:64]!r}")
    return frozenset(permissions)


# ---- roles


@router.get("/roles")
async def roles(admin: Admin) -> Roles:
    async def work() -> Roles:
        found = [
            RoleItem(role=role.role, level=role.level, permissions=sorted(role.permissions), built_in=role.role in BUILT_IN)
            for role in admin.node.tenancy.roles()
        ]
        holders = [HolderItem(user=user, role=role.role) for user, role in await admin.node.tenancy.holders()]
        return Roles(roles=found, holders=holders, permissions=dict(PERMISSIONS))

    return await admin.perform(Act("roles.list", "roles.read"), work)


@router.put("/roles/{role}", status_code=204)
async def define_role(role: RoleName, body: RoleDefinition, admin: Admin) -> None:
    """Makes the role, or changes it for everybody who holds it. Only below one's own level, and only with one's own permissions."""
    tenancy = admin.node.tenancy
    detail = {"level": body.level, "permissions": sorted(set(body.permissions) & set(PERMISSIONS))}

    async def about() -> OfRole:
        return OfRole(tenancy.role(role), TenantRole(role, body.level, known(body.permissions)))

    async def work() -> None:
        if tenancy.role(role) is None and len(tenancy.roles()) >= ROLES_LIMIT:
            raise Problem(409, "too_many", f"at most {ROLES_LIMIT} roles")
        await tenancy.define(admin.who, TenantRole(role, body.level, known(body.permissions)))

    await admin.perform(Act("roles.define", "roles.define", "role", role, detail, changes=True), work, about)


@router.delete("/roles/{role}", status_code=204)
async def drop_role(role: RoleName, admin: Admin) -> None:
    """Who holds it is a plain user from now on, also if a role of that name is defined again."""

    async def about() -> OfRole:
        before = admin.node.tenancy.role(role)
        if before is None:
            raise Problem(404, "unknown_role", "there is no such role")
        return OfRole(before, None)

    await admin.perform(
        Act("roles.drop", "roles.define", "role", role, changes=True), lambda: admin.node.tenancy.drop(admin.who, role), about
    )


@router.put("/users/{user}/role", status_code=204)
async def give_role(user: models.UserPath, body: RoleGiven, admin: Admin) -> None:
    """`user` takes every other role away."""

    async def about() -> Giving:
        target, given = await admin.on_user(user), admin.node.tenancy.role(body.role)
        if given is None:
            raise Problem(404, "unknown_role", "there is no such role")
        return Giving(user, target.holds, given)

    async def work() -> None:
        await admin.node.tenancy.give(admin.who, user, body.role, clock_ms())

    await admin.perform(Act("roles.give", "roles.give", "user", user, {"role": body.role}, changes=True), work, about)


# ---- keys


@router.post("/keys", status_code=201)
async def make_key(body: NewApiKey, admin: Admin) -> MadeApiKey:
    """For an app's own backend. A key can do what its scopes name, as long as its maker may; it makes no keys itself."""

    async def about() -> OfKey:
        return OfKey(known(body.scopes))

    async def work() -> MadeApiKey:
        now_ms = clock_ms()
        if sum(key.lives(now_ms) for key in await admin.node.api_keys.all()) >= KEYS_LIMIT:
            raise Problem(409, "too_many", f"at most {KEYS_LIMIT} keys")
        expires_at_ms = 0 if body.ttl_ms is None else now_ms + body.ttl_ms
        made = await admin.node.api_keys.make(admin.who, body.name, known(body.scopes), expires_at_ms)
        return MadeApiKey(id=made.key_id, key=made.text, expires_at_ms=made.expires_at_ms)

    detail = {"scopes": sorted(set(body.scopes) & set(PERMISSIONS))}
    return await admin.perform(Act("keys.make", "keys.manage", "key", "", detail, changes=True), work, about)


@router.get("/keys")
async def keys(admin: Admin) -> ApiKeyList:
    async def work() -> ApiKeyList:
        return ApiKeyList(
            keys=[
                ApiKeyItem(
                    id=key.key_id,
                    name=key.name,
                    scopes=sorted(key.scopes),
                    maker=key.maker,
                    made_at_ms=key.made_at_ms,
                    expires_at_ms=key.expires_at_ms,
                    revoked_at_ms=key.revoked_at_ms,
                    used_at_ms=key.used_at_ms,
                )
                for key in await admin.node.api_keys.all()
            ]
        )

    return await admin.perform(Act("keys.list", "keys.manage"), work)


@router.delete("/keys/{key}", status_code=204)
async def revoke_key(key: KeyPath, admin: Admin) -> None:
    """It is dead on every node when this is answered."""

    async def about() -> OfKey:
        found = await admin.node.api_keys.get(key)
        if found is None:
            raise Problem(404, "unknown_key", "there is no such key")
        return OfKey(found.scopes, found.maker, (await maker_of(admin.node, found)).level)

    await admin.perform(
        Act("keys.revoke", "keys.manage", "key", key, changes=True), lambda: admin.node.api_keys.revoke(admin.who, key), about
    )


# ---- policies


@router.get("/policies")
async def policies(admin: Admin) -> PolicyList:
    """What holds now, defaults included."""
    return await admin.perform(Act("policies.list", "policies.read"), lambda: _policies(admin))


async def _policies(admin: Administrator) -> PolicyList:
    now = admin.node.tenancy.policies
    return PolicyList(policies={name: named.plain(getattr(now, name)) for name in named.KINDS})


@router.put("/policies/{policy}")
async def change_policy(policy: PolicyName, body: PolicyValue, admin: Admin) -> PolicyValue:
    """In the place of what held before, as a whole. Holds on every node within a second, while the log is well."""

    async def work() -> PolicyValue:
        try:
            value = named.read(policy, body.value)
        except named.BadPolicy as bad:
            raise Problem(422 if policy in named.KINDS else 404, "bad_policy", str(bad)) from None
        await admin.node.tenancy.change_policy(admin.who, policy, named.written(value))
        return PolicyValue(value=named.plain(value))

    return await admin.perform(Act("policies.change", "policies.edit", "policy", policy, changes=True), work)
