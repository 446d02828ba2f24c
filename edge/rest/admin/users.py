"""Users as an administrator sees and changes them: list, profile, state, sign-ins, factors."""

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from edge.clocks import clock_ms
from edge.people.people import every_sign_in
from edge.rest import models
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.errors import Problem
from edge.rest.profiles import ProfileBody, ProfilePatch, change_of, place_text, profile_body, read_place
from edge.rest.sign_ins import sign_in_item
from schemas.accounts import UserState

router = APIRouter(prefix="/v1/admin/users")
PAGE_LIMIT = 200
SignInPath = Annotated[str, Path(max_length=128)]


class UserItem(BaseModel):
    user: str
    name: str
    display_name: str
    user_kind: Literal["person", "bot", "service"]
    state: UserState


class UserPage(BaseModel):
    """A page may be short and not the last: ask on with `next` as `after` until it is null."""

    users: list[UserItem]
    next: str | None


class UserDetail(UserItem):
    reason: str
    changed_at_ms: int
    changed_by: str
    role: str
    level: int
    identifiers: list[models.OwnIdentifier]
    password: bool
    profile: ProfileBody


class Reason(BaseModel):
    reason: str = Field(default="", max_length=200, description="Stands in the log for ever: nothing personal")


async def user_items(admin: Administrator, names: dict[str, str], state: str | None) -> list[UserItem]:
    node = admin.node
    states, profiles = await node.accounts.states_of(names), await node.profiles.tables.get(names)
    items = []
    for user, name in names.items():
        known = states.get(user)
        now = known.state if known is not None else "active"
        if state in (None, now):
            shown = profiles[user].display_name if user in profiles else ""
            kind = known.user_kind if known is not None else "person"
            items.append(UserItem(user=user, name=name, display_name=shown, user_kind=kind, state=now))
    return items


@router.get("")
async def list_users(
    admin: Admin,
    q: Annotated[str | None, Query(min_length=1, max_length=64, description="Name, or display name from a word on, begins so")] = None,
    state: UserState | None = None,
    after: Annotated[str, Query(max_length=256)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
) -> UserPage:
    """With `q` by name, without in an order of no meaning. Deleted users have no row any more; the log knows them."""

    async def found() -> tuple[dict[str, str], str | None]:
        if q is None:
            page = await admin.node.accounts.page(after, limit)
            return page, list(page)[-1] if len(page) == limit else None
        matches, following = await admin.node.profiles.search(q, read_place(after), limit, everybody)
        return {each.user: each.name for each in matches}, None if following is None else place_text(following)

    async def work() -> UserPage:
        names, following = await found()
        return UserPage(users=await user_items(admin, names, state), next=following)

    return await admin.perform(Act("users.list", "users.read"), work)


async def everybody(users: Iterable[str]) -> frozenset[str]:
    """Administrators find them all."""
    return frozenset(users)


@router.get("/{user}")
async def get_user(user: models.UserPath, admin: Admin) -> UserDetail:
    async def work() -> UserDetail:
        return await _detail(admin, user)

    return await admin.perform(Act("users.get", "users.read", "user", user), work)


async def _detail(admin: Administrator, user: str) -> UserDetail:
    node = admin.node
    holds = (await admin.on_user(user)).holds
    account, state = await node.accounts.by_id(user), await node.accounts.state_of(user)
    profile = await node.profiles.get(user)
    return UserDetail(
        user=user,
        name=account.name if account is not None else "",
        display_name=profile.display_name,
        user_kind=state.user_kind if state is not None else "person",
        state=state.state if state is not None else "active",
        reason=state.reason if state is not None else "",
        changed_at_ms=state.at_ms if state is not None else 0,
        changed_by=state.changed_by if state is not None else "",
        role=holds.role,
        level=holds.level,
        identifiers=[
            models.OwnIdentifier(identifier=each.identifier_id, kind=each.kind, shown=each.shown)
            for each in await node.accounts.identifiers_of(user)
        ],
        password=account is not None and account.password_hash is not None,
        profile=profile_body(profile),
    )


@router.patch("/{user}")
async def change_user(user: models.UserPath, body: ProfilePatch, admin: Admin) -> ProfileBody:
    """Its profile, by the same rules as for the user itself."""

    async def work() -> ProfileBody:
        await _there(admin, user)
        return profile_body(await admin.node.profiles.change(user, change_of(body)))

    changed = sorted(body.model_fields_set - {"version"})
    return await admin.perform(
        Act("users.edit", "users.edit", "user", user, {"changed": changed}, changes=True), work, lambda: admin.on_user(user)
    )


async def _there(admin: Administrator, user: str) -> None:
    if await admin.node.accounts.by_id(user) is None:
        raise Problem(404, "unknown_user", "the user was deleted")


# ---- state


async def _move(admin: Administrator, user: str, body: Reason, action: str, was: frozenset[UserState], state: UserState) -> None:
    permission = "users.delete" if state == "deleted" else "users.freeze"

    async def work() -> None:
        known = await admin.node.accounts.state_of(user)
        now = known.state if known is not None else "active"
        if now == state:
            return
        if now not in was:
            raise Problem(409, "wrong_state", f"the user is {now}")
        await admin.node.people.change_state(user, state, body.reason, admin.actor.id)

    act = Act(f"users.{action}", permission, "user", user, changes=True)
    await admin.perform(act, work, lambda: admin.on_user(user))


@router.post("/{user}/freeze", status_code=204)
async def freeze(user: models.UserPath, body: Reason, admin: Admin) -> None:
    """Closes its sessions everywhere, and no way in is open until it is unfrozen."""
    await _move(admin, user, body, "freeze", frozenset({"active", "deactivated"}), "frozen")


@router.post("/{user}/unfreeze", status_code=204)
async def unfreeze(user: models.UserPath, body: Reason, admin: Admin) -> None:
    await _move(admin, user, body, "unfreeze", frozenset({"frozen"}), "active")


@router.post("/{user}/restore", status_code=204)
async def restore(user: models.UserPath, body: Reason, admin: Admin) -> None:
    """A user that deactivated itself is there again."""
    await _move(admin, user, body, "restore", frozenset({"deactivated"}), "active")


@router.delete("/{user}", status_code=204)
async def delete_user(user: models.UserPath, admin: Admin) -> None:
    """For good: what is personal is gone at once, and its messages stay, from an opaque id."""
    await _move(admin, user, Reason(), "delete", frozenset({"active", "frozen", "deactivated"}), "deleted")


# ---- sign-ins


@router.get("/{user}/sign-ins")
async def list_sign_ins(user: models.UserPath, admin: Admin) -> models.SignIns:
    async def work() -> models.SignIns:
        await admin.on_user(user)
        now_ms = clock_ms()
        found = [each for each in await admin.node.tables.sign_ins.of_user(user) if each.is_open(now_ms)]
        return models.SignIns(sign_ins=[sign_in_item(each, "") for each in found])

    return await admin.perform(Act("sign_ins.list", "sign_ins.read", "user", user), work)


@router.delete("/{user}/sign-ins")
async def end_sign_ins(user: models.UserPath, admin: Admin) -> models.Ended:
    """All of them, and the tokens that were minted without one."""

    async def work() -> models.Ended:
        return models.Ended(ended=await admin.node.people.end_sign_ins(user, every_sign_in, "revoked", admin.actor.id))

    return await admin.perform(Act("sign_ins.end", "sign_ins.end", "user", user, changes=True), work, lambda: admin.on_user(user))


@router.delete("/{user}/sign-ins/{sign_in}", status_code=204)
async def end_sign_in(user: models.UserPath, sign_in: SignInPath, admin: Admin) -> None:
    async def work() -> None:
        found = await admin.node.tables.sign_ins.get(user, sign_in)
        if found is None or not found.is_open(clock_ms()):
            raise Problem(404, "unknown_sign_in", "there is no such sign-in")
        await admin.node.people.end_sign_in(user, sign_in, found.device, "revoked", admin.actor.id)

    act = Act("sign_ins.end", "sign_ins.end", "user", user, {"sign_in": sign_in[:64]}, changes=True)
    await admin.perform(act, work, lambda: admin.on_user(user))
