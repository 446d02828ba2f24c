"""Passkeys: signing in by one, adding one."""

from fastapi import APIRouter, Request, Response

from edge.people.signing import Proof, open_sign_in
from edge.rest import way_models as models
from edge.rest.access import AnyNode, Enroller, address_of, base_url_of
from edge.rest.accounts import NEEDED, SignInAnswer, answered
from edge.rest.models import DeviceInfo

router = APIRouter(prefix="/v1")


@router.post("/sign-in/passkey/options")
async def sign_in_options(node: AnyNode, request: Request) -> models.PasskeyOptions:
    """For navigator.credentials.get; the browser offers the passkeys it has for this site."""
    node.ways.take_code(address_of(request))
    node.ways.need("passkey")
    challenge, options = await node.ways.factors.passkey_options("sign_in", node.ways.site(base_url_of(request)), "")
    return models.PasskeyOptions(challenge=challenge, options=options)


@router.post("/sign-in/passkey", responses=NEEDED)
async def sign_in(body: models.PasskeySignIn, node: AnyNode, request: Request, response: Response) -> SignInAnswer:
    """The authenticator has verified its user, so no second factor is asked for."""
    node.ways.take_guess(address_of(request))
    node.ways.need("passkey")
    user = await node.ways.factors.passkey_user(body.challenge, body.credential, node.ways.site(base_url_of(request)))
    return answered(await open_sign_in(node, user, Proof("passkey", ("passkey",)), body.device or DeviceInfo()), response)


@router.post("/me/passkeys/options")
async def add_options(who: Enroller, request: Request) -> models.PasskeyOptions:
    """For navigator.credentials.create. Also for a sign-in that waits for its first factor: Authorization: Challenge …"""
    account = await who.node.accounts.by_id(who.user)
    name = "" if account is None else account.name
    challenge, options = await who.node.ways.factors.passkey_options("add", who.node.ways.site(base_url_of(request)), who.user, name)
    return models.PasskeyOptions(challenge=challenge, options=options)


@router.post("/me/passkeys", status_code=201)
async def add(body: models.NewPasskey, who: Enroller, request: Request) -> models.Added:
    site = who.node.ways.site(base_url_of(request))
    who.may_add("passkey")
    factor, codes = await who.node.ways.factors.add_passkey(who.user, body.challenge, body.credential, body.name, site, who.user)
    await who.note("passkey")
    return models.Added(factor=factor, recovery_codes=codes)
