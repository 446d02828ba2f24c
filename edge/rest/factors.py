"""Second factors: shown at a sign-in, for something sensitive, listed, added, removed."""

from fastapi import APIRouter, Request

from edge.clocks import clock_ms
from edge.people.factor_desk import Shown
from edge.people.recording import head_of
from edge.rest import way_models as models
from edge.rest.access import AnyNode, Caller, Enroller, SignedInCaller, SteppedUp, address_of, base_url_of
from edge.rest.accounts import NEEDED, SignInAnswer
from edge.rest.errors import Problem
from edge.rest.models import IdPath
from schemas import accounts as facts

router = APIRouter(prefix="/v1")


@router.post("/sign-in/factor/options")
async def options(body: models.FactorChallenge, node: AnyNode, request: Request) -> models.PasskeyOptions:
    """For a passkey as the second factor of the sign-in that waits."""
    node.ways.take_guess(address_of(request))
    waiting = await node.ways.gate.challenge(body.challenge)
    challenge, wanted = await node.ways.factors.passkey_options("factor", node.ways.site(base_url_of(request)), waiting.user)
    return models.PasskeyOptions(challenge=challenge, options=wanted)


@router.post("/sign-in/factor", responses=NEEDED)
async def show(body: models.FactorShown, node: AnyNode, request: Request) -> SignInAnswer:
    """Tokens for the device that began. With `remember` it is not asked again for a while (`remember_token` in later sign-ins)."""
    node.ways.take_guess(address_of(request))
    what = None if body.kind == "enrolled" else Shown(body.kind, body.code or "", body.passkey_challenge or "", body.credential)
    return await node.ways.gate.show(body.challenge, what, body.remember, node.ways.site(base_url_of(request)))


# ---- of who is signed in


@router.get("/me/factors")
async def mine(caller: SignedInCaller) -> models.FactorList:
    """Oldest first."""
    return await factor_list(caller.node, caller.user)


async def factor_list(node: AnyNode, user: str) -> models.FactorList:
    found = await node.ways.factors.of_user(user)
    items = [
        models.FactorItem(
            factor=each.factor.factor,
            kind=each.factor.kind,
            name=each.factor.name,
            added_at_ms=each.factor.added_at_ms,
            used_at_ms=each.used_at_ms,
        )
        for each in found
    ]
    return models.FactorList(factors=items, recovery_codes_left=sum(each.left for each in found))


@router.post("/me/factors/totp", status_code=201)
async def begin_totp(body: models.TotpWanted, who: Enroller) -> models.TotpBegun:
    """Also for a sign-in that waits for its first factor: Authorization: Challenge …"""
    account = await who.node.accounts.by_id(who.user)
    who.may_add("totp")
    new = await who.node.ways.factors.begin_totp(who.user, "" if account is None else account.name, body.name)
    return models.TotpBegun(factor=new.factor, secret=new.secret, uri=new.uri, qr_svg=new.qr_svg)


@router.post("/me/factors/totp/{factor}/confirm")
async def confirm_totp(factor: IdPath, body: models.TotpCode, who: Enroller, request: Request) -> models.Confirmed:
    """From now on it is asked for."""
    who.node.ways.take_guess(address_of(request))
    who.may_add("totp")
    codes = await who.node.ways.factors.confirm_totp(who.user, factor, body.code, who.user)
    await who.note("totp")
    return models.Confirmed(recovery_codes=codes)


@router.delete("/me/factors/{factor}", status_code=204)
async def remove(factor: IdPath, caller: SteppedUp) -> None:
    """Remembered devices are forgotten with it."""
    await caller.node.ways.factors.remove(caller.user, factor, caller.user)
    await caller.node.ways.gate.forget(caller.user, None, caller.user)


@router.post("/me/recovery-codes")
async def new_recovery_codes(caller: SteppedUp) -> models.RecoveryCodes:
    """Shown this once; those before are void."""
    return models.RecoveryCodes(codes=await caller.node.ways.factors.new_recovery_codes(caller.user, caller.user))


@router.delete("/me/remembered-devices")
async def forget_all(caller: SignedInCaller) -> models.Forgotten:
    """Every device must show a second factor again."""
    return models.Forgotten(forgotten=await caller.node.ways.gate.forget(caller.user, None, caller.user))


@router.delete("/me/remembered-devices/{device}")
async def forget(device: IdPath, caller: SignedInCaller) -> models.Forgotten:
    """That device must show a second factor again."""
    return models.Forgotten(forgotten=await caller.node.ways.gate.forget(caller.user, device, caller.user))


# ---- step-up


@router.post("/me/step-up/options")
async def step_up_options(caller: SignedInCaller, request: Request) -> models.PasskeyOptions:
    site = caller.node.ways.site(base_url_of(request))
    challenge, wanted = await caller.node.ways.factors.passkey_options("step_up", site, caller.user)
    return models.PasskeyOptions(challenge=challenge, options=wanted)


@router.post("/me/step-up", status_code=204)
async def step_up(body: models.StepUpShown, caller: SignedInCaller, request: Request) -> None:
    """For a while this sign-in may do what is sensitive. Who has a second factor shows that, not the password."""
    caller.node.ways.take_guess(address_of(request))
    if body.kind == "password":
        await _show_password(body.password or "", caller)
    else:
        what = Shown(body.kind, body.code or "", body.challenge or "", body.credential)
        await caller.node.ways.factors.show(caller.user, what, "step_up", caller.node.ways.site(base_url_of(request)))
    base = head_of(caller.user, clock_ms())
    await caller.node.people.record(facts.SteppedUp(**base, sign_in=caller.grant.sign_in, factor=body.kind))


async def _show_password(password: str, caller: Caller) -> None:
    node = caller.node
    if await node.ways.factors.kinds(caller.user):
        raise Problem(422, "factor_not_asked", "show one of your second factors")
    await node.ways.factors.count(caller.user)
    account = await node.accounts.by_id(caller.user)
    if account is None or not await node.people.passwords.verify(account.password_hash, password):
        node.people.note_refused(caller.user, "password", "wrong_secret")
        raise Problem(401, "bad_factor", "the password is wrong")
    await node.ways.factors.right(caller.user)
