"""Register, log in, refresh, log out, look users up; and the administrator's call that makes users in bulk."""

import asyncio
import secrets
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import APIRouter, Query

from edge.clocks import clock_ms
from edge.errors import BadToken
from edge.node import Node
from edge.rest import models
from edge.rest.access import AdminNode, AnyNode, SignedInCaller
from edge.rest.errors import Problem
from edge.tokens import ADMIN_LOGIN, Grant, refresh_hash
from store.accounts import Account

router = APIRouter(prefix="/v1")
_hasher = PasswordHasher()
# compared against when the name is unknown, so that the answer takes as long and does not tell which it was
_NOBODY_HASH = _hasher.hash(secrets.token_hex(16))
USERS_PER_LOOKUP_LIMIT = 500
_argon_turns: dict[int, asyncio.Semaphore] = {}


def _turns(node: Node) -> asyncio.Semaphore:
    return _argon_turns.setdefault(id(node), asyncio.Semaphore(node.settings.passwords_at_once))


def new_user_id() -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "u-" + "".join(secrets.choice(alphabet) for _ in range(20))


def _verified(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


@router.post("/register", status_code=201)
async def register(body: models.Credentials, node: AnyNode) -> models.SignedIn:
    async with _turns(node):
        password_hash = await asyncio.to_thread(_hasher.hash, body.password)
    user = new_user_id()
    creation = await node.accounts.create_user(user, body.name, password_hash, clock_ms())
    if not creation.created:
        raise Problem(409, "name_taken", f"the name {body.name!r} is taken")
    return await _sign_in(node, creation.account)


@router.post("/login")
async def login(body: models.Credentials, node: AnyNode) -> models.SignedIn:
    account = await node.accounts.by_name(body.name)
    stored = account.password_hash if account is not None and account.password_hash else _NOBODY_HASH
    async with _turns(node):
        good = await asyncio.to_thread(_verified, stored, body.password)
    if account is None or not good:
        raise Problem(401, "bad_credentials", "the name or the password is wrong")
    return await _sign_in(node, account)


@router.post("/refresh")
async def refresh(body: models.RefreshToken, node: AnyNode) -> models.SignedIn:
    login_id = _login_of(node, body)
    following = node.key.mint_refresh(login_id, secrets.token_urlsafe(32))
    now_ms = clock_ms()
    expires_ms = now_ms + node.settings.refresh_token_ms
    rotation = await node.accounts.rotate(login_id, refresh_hash(body.refresh_token), refresh_hash(following), expires_ms, now_ms)
    if rotation.outcome != "rotated":
        raise Problem(401, "token_revoked" if rotation.outcome in ("revoked", "reused") else "bad_token", _WHY[rotation.outcome])
    names = await node.accounts.by_ids([rotation.user])
    return _signed_in(node, rotation.user, names.get(rotation.user, ""), login_id, following, now_ms)


def _login_of(node: Node, body: models.RefreshToken) -> str:
    try:
        return node.key.check_refresh(body.refresh_token)
    except BadToken:
        raise Problem(401, "bad_token", "not a refresh token of ours") from None


_WHY = {
    "reused": "the refresh token was used before: the whole sign-in is revoked",
    "revoked": "the sign-in was revoked",
    "expired": "the refresh token has expired",
    "unknown": "not a refresh token of ours",
}


@router.post("/logout", status_code=204)
async def logout(body: models.RefreshToken, node: AnyNode) -> None:
    login_id = _login_of(node, body)
    await node.accounts.revoke(login_id)


@router.get("/users")
async def users(ids: Annotated[str, Query(description="user ids, separated by commas")], caller: SignedInCaller) -> models.Users:
    wanted = [user for user in ids.split(",") if user]
    if len(wanted) > USERS_PER_LOOKUP_LIMIT:
        raise Problem(422, "invalid", f"at most {USERS_PER_LOOKUP_LIMIT} ids at once")
    names = await caller.node.accounts.by_ids(wanted)
    return models.Users(users=[models.User(user=user, name=name) for user, name in names.items()])


@router.get("/users/by-name/{name}")
async def user_by_name(name: str, caller: SignedInCaller) -> models.User:
    account = await caller.node.accounts.by_name(name)
    if account is None:
        raise Problem(404, "unknown_user", f"there is no user named {name!r}")
    return models.User(user=account.user, name=account.name)


@router.post("/admin/users")
async def admin_users(body: models.NewUsers, node: AdminNode) -> models.MintedUsers:
    """Makes users without a password and mints their tokens; a name that exists gets a new token for its user."""
    now_ms = clock_ms()
    expires_ms = now_ms + node.settings.admin_token_ms

    async def one(name: str) -> models.MintedUser:
        account = (await node.accounts.create_user(new_user_id(), name, None, now_ms)).account
        token = node.key.mint(Grant(account.user, ADMIN_LOGIN, expires_ms, bulk=True), now_ms)
        return models.MintedUser(user=account.user, name=account.name, access_token=token, access_expires_at_ms=expires_ms)

    turns = asyncio.Semaphore(32)

    async def in_turn(name: str) -> models.MintedUser:
        async with turns:
            return await one(name)

    return models.MintedUsers(users=list(await asyncio.gather(*(in_turn(user.name) for user in body.users))))


async def _sign_in(node: Node, account: Account) -> models.SignedIn:
    login_id = "l-" + secrets.token_hex(12)
    refresh_token = node.key.mint_refresh(login_id, secrets.token_urlsafe(32))
    now_ms = clock_ms()
    await node.accounts.open_login(login_id, account.user, refresh_hash(refresh_token), now_ms + node.settings.refresh_token_ms, now_ms)
    return _signed_in(node, account.user, account.name, login_id, refresh_token, now_ms)


def _signed_in(node: Node, user: str, name: str, login_id: str, refresh_token: str, now_ms: int) -> models.SignedIn:
    expires_ms = now_ms + node.settings.access_token_ms
    token = node.key.mint(Grant(user, login_id, expires_ms), now_ms)
    return models.SignedIn(user=user, name=name, access_token=token, access_expires_at_ms=expires_ms, refresh_token=refresh_token)
