"""The one end of every way to sign in, and what follows: refresh, tickets. Called by the routes of `edge.rest`, calls `people`.

Whoever proved who somebody is (by a password, a code, a passkey, a provider) calls `open_sign_in`; nothing else mints a sign-in.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.clocks import clock_ms
from edge.errors import BadToken, ExpiredToken
from edge.people.login_policy import too_many
from edge.people.recording import head_of
from edge.rest import models
from edge.rest.errors import Problem
from edge.tokens import Grant, Ticket, refresh_hash
from schemas import accounts as facts
from store.accounts import Account
from store.sign_ins import Family, SignIn, Use

if TYPE_CHECKING:
    from edge.node import Node


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody showed to be a user. `method`: as in the event `signed_in`; `factors`: second ones shown with it."""

    method: str
    factors: tuple[str, ...] = ()
    remembered: bool = False


# (account, device, proof) -> what is still to be shown, None: nothing. The account is active, and the proof was right.
FactorGate = Callable[[Account, models.DeviceInfo, Proof], Awaitable[models.FactorNeeded | None]]


async def no_factor(account: Account, device: models.DeviceInfo, proof: Proof) -> models.FactorNeeded | None:
    return None


def new_sign_in_id() -> str:
    return "l-" + secrets.token_hex(12)


def new_token_id() -> str:
    return "t-" + secrets.token_hex(10)


async def open_sign_in(node: "Node", user: str, proof: Proof, device: models.DeviceInfo) -> models.SignedIn | models.FactorNeeded:
    """Tokens, or what is still to be shown.

    Raises: Problem 403 account_frozen, 401 bad_credentials (deleted), 403 too_many_devices (policy); StoreUnavailable, LogError.
    A user that had deactivated itself is active again.
    """
    account = await node.accounts.by_id(user)
    state = await node.accounts.state_of(user)
    if account is None or (state is not None and state.state == "deleted"):
        raise Problem(401, "bad_credentials", "the name or the password is wrong")
    if state is not None and state.state == "frozen":
        node.people.note_refused(user, proof.method, "frozen")
        raise Problem(403, "account_frozen", "an administrator froze this account")
    if (needed := await node.people.factor_gate(account, device, proof)) is not None:
        return needed
    if state is not None and state.state == "deactivated":
        await node.people.change_state(user, "active", "signed in", user)
    return await _opened(node, account, proof, device)


async def _opened(node: "Node", account: Account, proof: Proof, device: models.DeviceInfo) -> models.SignedIn:
    now_ms, settings = clock_ms(), node.settings
    sign_in_id, ends_at_ms = new_sign_in_id(), now_ms + settings.sign_in_ms
    refresh_token = node.key.mint_refresh(sign_in_id, secrets.token_urlsafe(32))
    device_id, platform = device.id or "", device.platform or ""
    event = facts.SignedIn(
        **head_of(account.user, now_ms),
        sign_in=sign_in_id,
        device=device_id,
        platform=platform,
        method=proof.method,
        factors=proof.factors,
        remembered=proof.remembered,
        expires_at_ms=ends_at_ms,
    )
    await node.people.record(event)
    expires_at_ms = min(now_ms + settings.refresh_token_ms, ends_at_ms)
    await node.tables.sign_ins.open_family(
        sign_in_id, Family(account.user, refresh_hash(refresh_token), expires_at_ms, ends_at_ms, False), now_ms
    )
    if device.name:
        await node.tables.sign_ins.name_device(account.user, sign_in_id, device.name)
    own = SignIn(sign_in_id, device_id, platform, proof.method, proof.factors, proof.remembered, now_ms, ends_at_ms, now_ms)
    await _make_room(node, account.user, own)
    return _answer(node, account.user, account.name, sign_in_id, refresh_token, (proof.method, *proof.factors))


async def _make_room(node: "Node", user: str, own: SignIn) -> None:
    """After the own row is written and not before: of two that come at once, at least one sees both. Raises: Problem too_many_devices."""
    policy = node.tenancy.policies.login_policy
    ending = too_many(policy, own, await node.tables.sign_ins.of_user(user), clock_ms())
    for each in ending:
        await node.people.end_sign_in(user, each.sign_in, each.device, "replaced", user)
    if own in ending:
        node.people.note_refused(user, own.method, "policy")
        raise Problem(403, "too_many_devices", f"no more devices of platform {own.platform} can be signed in: sign out on another one")


async def refresh(node: "Node", refresh_token: str) -> models.SignedIn:
    """The next tokens. However often the same one is sent within EDGE_REFRESH_GRACE_MS, its successor is the same.

    Raises: Problem 401 bad_token, token_revoked; 403 account_frozen; StoreUnavailable, LogError.
    """
    try:
        sign_in_id, following = node.key.check_refresh(refresh_token), node.key.successor(refresh_token)
    except BadToken:
        raise Problem(401, "bad_token", "not a refresh token of ours") from None
    now_ms, settings = clock_ms(), node.settings
    use = Use(refresh_hash(refresh_token), refresh_hash(following), now_ms, settings.refresh_grace_ms, settings.refresh_token_ms)
    outcome, user = await node.tables.sign_ins.rotate(sign_in_id, use)
    if outcome == "reused":
        await node.people.end_sign_in(user, sign_in_id, await _device_of(node, user, sign_in_id), "reused", user)
    if outcome != "rotated":
        raise Problem(401, "token_revoked" if outcome in ("revoked", "reused") else "bad_token", _WHY[outcome])
    state = await node.accounts.state_of(user)
    if state is not None and state.state != "active":
        raise Problem(401, "token_revoked", "the account is not active")
    sign_in = await node.tables.sign_ins.get(user, sign_in_id)
    names = await node.accounts.by_ids([user])
    await node.tables.sign_ins.seen(user, sign_in_id, now_ms)
    methods = () if sign_in is None else (sign_in.method, *sign_in.factors)
    return _answer(node, user, names.get(user, ""), sign_in_id, following, methods)


_WHY = {
    "reused": "the refresh token was used before: the whole sign-in is revoked",
    "revoked": "the sign-in was revoked",
    "expired": "the refresh token has expired",
    "unknown": "not a refresh token of ours",
}


async def _device_of(node: "Node", user: str, sign_in_id: str) -> str:
    found = await node.tables.sign_ins.get(user, sign_in_id)
    return "" if found is None else found.device


def _answer(node: "Node", user: str, name: str, sign_in_id: str, refresh_token: str, methods: tuple[str, ...]) -> models.SignedIn:
    now_ms = clock_ms()
    expires_ms = now_ms + node.settings.access_token_ms
    token = node.key.mint(Grant(user, sign_in_id, expires_ms, False, new_token_id(), methods), now_ms)
    return models.SignedIn(
        user=user, name=name, access_token=token, access_expires_at_ms=expires_ms, refresh_token=refresh_token, sign_in=sign_in_id
    )


def mint_ticket(node: "Node", grant: Grant) -> models.Ticket:
    """For one WebSocket, within EDGE_TICKET_MS: so that no access token stands in a URL."""
    now_ms = clock_ms()
    ticket = Ticket("k-" + secrets.token_hex(12), grant, now_ms + node.settings.ticket_ms)
    return models.Ticket(ticket=node.key.mint_ticket(ticket, now_ms), expires_at_ms=ticket.expires_at_ms)


async def grant_of(node: "Node", token: str) -> Grant:
    """What an access token or a ticket allows; a ticket is used up. Raises: BadToken, ExpiredToken, StoreUnavailable."""
    now_ms = clock_ms()
    try:
        return node.key.check(token, now_ms)
    except ExpiredToken:
        raise
    except BadToken:
        ticket = node.key.check_ticket(token, now_ms)
    if not await node.tables.sign_ins.use_ticket(ticket.ticket_id):
        raise BadToken("the ticket was used before")
    return ticket.grant
