"""Users made by an app's own backend, bots and services, and tokens for them."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from edge.clocks import clock_ms
from edge.errors import BadToken, ExpiredToken
from edge.people.permits import NOBODY, OfUser
from edge.people.registering import NewAccount, Taken, name_identifier, register
from edge.people.signing import new_token_id
from edge.rest import models
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.errors import Problem
from edge.tokens import Grant
from schemas.accounts import UserKind
from store.accounts import Account
from store.sign_ins import NO_SIGN_IN

router = APIRouter(prefix="/v1/admin")
AT_ONCE = 32
BEING_TAKEN_RETRY_MS = 5_000


class NewBot(BaseModel):
    name: str = Field(min_length=1, max_length=254)
    kind: Literal["bot", "service"] = "bot"


class MintedToken(BaseModel):
    access_token: str
    access_expires_at_ms: int


class TokenWanted(BaseModel):
    ttl_ms: int | None = Field(default=None, ge=1_000, lt=2**53, description="At most EDGE_ADMIN_TOKEN_MS, which is also the default")


class GivenToken(BaseModel):
    access_token: str = Field(min_length=1, max_length=4096)


def minted(admin: Administrator, user: str, ttl_ms: int | None = None, *, bulk: bool = False) -> MintedToken:
    """Of no sign-in: it ends by itself, with all the user's sign-ins, or when it is revoked. `bulk`: without the limit of commands."""
    node, now_ms = admin.node, clock_ms()
    expires_ms = now_ms + min(ttl_ms or node.settings.admin_token_ms, node.settings.admin_token_ms)
    token = node.key.mint(Grant(user, NO_SIGN_IN, expires_ms, bulk, new_token_id(), ("admin",)), now_ms)
    return MintedToken(access_token=token, access_expires_at_ms=expires_ms)


async def account_named(admin: Administrator, name: str, user_kind: UserKind) -> tuple[Account, bool]:
    """The account of the name, and whether it was made now. Raises: Problem 409 (the name is kept back), 503 (it is just being taken).

    Who was taking it may have died on the way: then it is free again after a while, and the same call makes it.
    """
    identifier = name_identifier(name)
    try:
        return await register(admin.node, NewAccount(identifier, identifier.shown, user_kind, by=admin.actor.id)), True
    except Taken as taken:
        if not taken.holder:
            raise
        account = await admin.node.accounts.by_id(taken.holder)
        if account is None:
            raise Problem(503, "unavailable", "the name is just being taken: try again", True, BEING_TAKEN_RETRY_MS) from None
        return account, False


@router.post("/users")
async def make_users(body: models.NewUsers, admin: Admin) -> models.MintedUsers:
    """Makes users without a password and mints their tokens; a name that exists gets a new token for its user.

    An API key needs the scopes users.create and tokens.mint; nobody gets a token of a user that stands as high as itself.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> models.MintedUser:
        async with turns:
            account, made = await account_named(admin, name, "person")
            if not made:
                await may_mint(admin, account.user)
        token = minted(admin, account.user, bulk=admin.actor.kind == "root")
        return models.MintedUser(user=account.user, name=account.name, **token.model_dump())

    async def work() -> models.MintedUsers:
        admin.require("tokens.mint", OfUser("", NOBODY))
        return models.MintedUsers(users=list(await asyncio.gather(*(one(user.name) for user in body.users))))

    return await admin.perform(Act("users.create", "users.create", detail={"count": len(body.users)}, changes=True), work)


async def may_mint(admin: Administrator, user: str) -> None:
    """Raises: Problem 403; 409 for a user that is frozen or deleted."""
    admin.require("tokens.mint", await admin.on_user(user))
    state = await admin.node.accounts.state_of(user)
    if state is not None and state.state != "active":
        raise Problem(409, "wrong_state", f"the user is {state.state}")


@router.post("/bots", status_code=201)
async def make_bot(body: NewBot, admin: Admin) -> models.User:
    """A bot or a service: a user that never signs in; it gets its tokens from POST /v1/admin/users/{user}/tokens."""

    async def work() -> models.User:
        account, made = await account_named(admin, body.name, body.kind)
        if not made:
            raise Problem(409, "name_taken", "the name is taken")
        return models.User(user=account.user, name=account.name)

    return await admin.perform(Act("users.create", "users.create", detail={"kind": body.kind}, changes=True), work)


@router.post("/users/{user}/tokens", status_code=201)
async def mint_token(user: models.UserPath, body: TokenWanted, admin: Admin) -> MintedToken:
    async def work() -> MintedToken:
        await may_mint(admin, user)
        return minted(admin, user, body.ttl_ms)

    return await admin.perform(Act("tokens.mint", "tokens.mint", "user", user, changes=True), work, lambda: admin.on_user(user))


@router.post("/tokens/revoke", status_code=204)
async def revoke_token(body: GivenToken, admin: Admin) -> None:
    """One access token: its sessions close everywhere, and it opens none any more. One that has expired is no matter."""
    try:
        grant = admin.node.key.check(body.access_token, clock_ms())
    except ExpiredToken:
        grant = None
    except BadToken:
        raise Problem(422, "bad_token", "the access token is not one of ours") from None

    async def work() -> None:
        if grant is not None:
            await admin.node.people.revoke_token(grant, admin.actor.id)

    async def about() -> OfUser | None:
        return await admin.on_user(grant.user) if grant is not None else None

    act = Act("tokens.revoke", "sign_ins.end", "user", grant.user if grant is not None else "", changes=True)
    await admin.perform(act, work, about)
