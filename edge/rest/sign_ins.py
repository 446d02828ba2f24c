"""What a user sees and ends of its own: account, devices, password."""

from typing import Annotated

from fastapi import APIRouter, Path

from edge.clocks import clock_ms, mono_ms
from edge.people.doors import check_password
from edge.people.log_in import too_many_guesses
from edge.rest import models
from edge.rest.access import Caller, SignedInCaller, stepped_up
from edge.rest.errors import Problem
from store.accounts import Account
from store.sign_ins import SignIn

router = APIRouter(prefix="/v1/me")


@router.get("")
async def me(caller: SignedInCaller) -> models.Me:
    account, state = await _account(caller), await caller.node.accounts.state_of(caller.user)
    identifiers = [
        models.OwnIdentifier(identifier=each.identifier_id, kind=each.kind, shown=each.shown)
        for each in await caller.node.accounts.identifiers_of(caller.user)
    ]
    return models.Me(
        user=caller.user,
        name=account.name,
        state="active" if state is None else state.state,
        role=(await caller.node.tenancy.role_of_user(caller.user)).role,
        identifiers=identifiers,
        password=account.password_hash is not None,
    )


async def _account(caller: Caller) -> Account:
    account = await caller.node.accounts.by_id(caller.user)
    if account is None:
        raise Problem(404, "unknown_user", "the account is gone")
    return account


@router.get("/sign-ins")
async def sign_ins(caller: SignedInCaller) -> models.SignIns:
    """Where the user is signed in, oldest first."""
    now_ms = clock_ms()
    found = [each for each in await caller.node.tables.sign_ins.of_user(caller.user) if each.is_open(now_ms)]
    return models.SignIns(sign_ins=[sign_in_item(each, caller.grant.sign_in) for each in found])


def sign_in_item(each: SignIn, current: str) -> models.SignInItem:
    return models.SignInItem(
        sign_in=each.sign_in,
        device=each.device,
        device_name=each.device_name,
        platform=each.platform,
        method=each.method,
        factors=list(each.factors),
        opened_at_ms=each.opened_at_ms,
        seen_at_ms=max(each.seen_at_ms, each.opened_at_ms),
        current=each.sign_in == current,
    )


@router.delete("/sign-ins/{sign_in}", status_code=204)
async def end(sign_in: Annotated[str, Path(max_length=128)], caller: SignedInCaller) -> None:
    """Signs that device out: its sessions close, its tokens are void."""
    found = await caller.node.tables.sign_ins.get(caller.user, sign_in)
    if found is None or not found.is_open(clock_ms()):
        raise Problem(404, "unknown_sign_in", "you have no such sign-in")
    await caller.node.people.end_sign_in(caller.user, sign_in, found.device, "signed_out", caller.user)


@router.delete("/sign-ins")
async def end_others(caller: SignedInCaller) -> models.Ended:
    """Signs every other device out."""
    current = caller.grant.sign_in
    ended = await caller.node.people.end_sign_ins(caller.user, lambda each: each.sign_in != current, "signed_out", caller.user)
    return models.Ended(ended=ended)


@router.put("/password", status_code=204)
async def change_password(body: models.NewPassword, caller: SignedInCaller) -> None:
    """Every other device is signed out. Without a password so far, who the user is must have been shown a moment ago."""
    node, account = caller.node, await _account(caller)
    check_password(node.tenancy.policies, body.new)
    if account.password_hash is None:
        await stepped_up(caller)
    elif wait_ms := node.people.guesses.wait_ms(f"old {caller.user}", mono_ms()):
        raise too_many_guesses(wait_ms)
    elif not await node.people.passwords.verify(account.password_hash, body.old):
        raise Problem(403, "bad_credentials", "the old password is wrong")
    node.people.guesses.right(f"old {caller.user}")
    await node.accounts.put_password(caller.user, await node.people.passwords.hash(body.new))
    await end_others(caller)


@router.post("/deactivate", status_code=204)
async def deactivate(caller: SignedInCaller) -> None:
    """Signs out everywhere; signing in makes the account active again."""
    await caller.node.people.change_state(caller.user, "deactivated", "by itself", caller.user)


@router.delete("", status_code=204)
async def delete(caller: SignedInCaller) -> None:
    """For good: what is personal is gone at once, and the name can be taken by others after a while."""
    await stepped_up(caller)
    await caller.node.people.change_state(caller.user, "deleted", "by itself", caller.user)
