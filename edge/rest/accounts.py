"""Register, log in, refresh, log out, tickets, look users up."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from edge.clocks import clock_ms
from edge.people.doors import check_sign_in, check_sign_up
from edge.people.identifiers import BadIdentifier, name_key
from edge.people.log_in import log_in
from edge.people.registering import NewAccount, name_identifier, register
from edge.people.signing import Proof, mint_ticket, open_sign_in
from edge.people.signing import refresh as refreshed
from edge.rest import models
from edge.rest.access import AnyNode, SignedInCaller, address_of
from edge.rest.errors import Problem
from schemas.errors import WarblerError

router = APIRouter(prefix="/v1")
well_known = APIRouter()
USERS_PER_LOOKUP_LIMIT = 500
NEEDED: dict[int | str, dict[str, Any]] = {202: {"model": models.FactorNeeded}}

SignInAnswer = models.SignedIn | models.FactorNeeded


def answered(outcome: SignInAnswer, response: Response, status: int = 200) -> SignInAnswer:
    """With its status: 202 where a factor is still to be shown."""
    response.status_code = 202 if isinstance(outcome, models.FactorNeeded) else status
    return outcome


@router.post("/register", status_code=201, responses=NEEDED)
async def sign_up(body: models.Registration, node: AnyNode, response: Response) -> SignInAnswer:
    identifier = name_identifier(body.name)
    check_sign_up(node.tenancy.policies, identifier.shown, body.password)
    account = await register(node, NewAccount(identifier, identifier.shown, password=body.password))
    return answered(await open_sign_in(node, account.user, Proof("password"), body.device or models.DeviceInfo()), response, 201)


@router.post("/login", responses=NEEDED)
async def login(body: models.Credentials, node: AnyNode, request: Request, response: Response) -> SignInAnswer:
    check_sign_in(node.tenancy.policies)
    return answered(await log_in(node, body, address_of(request)), response)


@router.post("/refresh")
async def refresh(body: models.RefreshToken, node: AnyNode) -> models.SignedIn:
    """The same token again within EDGE_REFRESH_GRACE_MS gets the same answer; later it ends the sign-in, because it was copied."""
    return await refreshed(node, body.refresh_token)


@router.post("/logout", status_code=204)
async def logout(body: models.RefreshToken, node: AnyNode) -> None:
    try:
        sign_in_id = node.key.check_refresh(body.refresh_token)
    except WarblerError:
        raise Problem(401, "bad_token", "not a refresh token of ours") from None
    family = await node.tables.sign_ins.family(sign_in_id)
    if family is not None and not family.revoked and family.user:
        sign_in = await node.tables.sign_ins.get(family.user, sign_in_id)
        await node.people.end_sign_in(family.user, sign_in_id, "" if sign_in is None else sign_in.device, "signed_out", family.user)


@router.post("/ticket")
async def ticket(caller: SignedInCaller) -> models.Ticket:
    """Good for one WebSocket: as `token` of its hello, or as `?ticket=` in its URL."""
    return mint_ticket(caller.node, caller.grant)


@well_known.get("/.well-known/jwks.json")
async def jwks(node: AnyNode) -> dict[str, Any]:
    """The public keys that access tokens are checked with."""
    return node.key.jwks(clock_ms())


@router.get("/users")
async def users(
    ids: Annotated[str, Query(max_length=65_000, description="user ids, separated by commas")], caller: SignedInCaller
) -> models.Users:
    wanted = [user for user in ids.split(",") if user]
    if len(wanted) > USERS_PER_LOOKUP_LIMIT:
        raise Problem(422, "invalid", f"at most {USERS_PER_LOOKUP_LIMIT} ids at once")
    names = await caller.node.accounts.by_ids(wanted)
    return models.Users(users=[models.User(user=user, name=name) for user, name in names.items()])


@router.get("/users/by-name/{name}")
async def user_by_name(name: Annotated[str, Path(max_length=254)], caller: SignedInCaller) -> models.User:
    try:
        account = await caller.node.accounts.by_identifier("name", name_key(name)[0])
    except BadIdentifier:
        account = None
    if account is None:
        raise Problem(404, "unknown_user", f"there is no user named {name!r}")
    return models.User(user=account.user, name=account.name)
