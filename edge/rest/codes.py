"""Sign-in by a code or a link, and the addresses and numbers that a user adds by one."""

from fastapi import APIRouter, Request, Response

from edge.clocks import clock_ms
from edge.people.code_desk import Asked
from edge.people.codes import CodeKind, Subject
from edge.people.identifiers import BadIdentifier, email_key, phone_key
from edge.people.registering import add_identifier, new_identifier, remove_identifier
from edge.people.signing import Proof
from edge.rest import way_models as models
from edge.rest.access import AnyNode, Caller, SignedInCaller, SteppedUp, address_of, base_url_of
from edge.rest.accounts import NEEDED, SignInAnswer, answered
from edge.rest.errors import Problem
from edge.rest.models import DeviceInfo, IdPath
from store.accounts import Identifier

router = APIRouter(prefix="/v1")


def key_of(kind: CodeKind, to: str) -> tuple[str, str]:
    """(as it is compared, as it is shown). Raises: Problem 422 bad_email, bad_phone."""
    try:
        return email_key(to) if kind == "email" else phone_key(to)
    except BadIdentifier as bad:
        raise Problem(422, bad.code, bad.detail) from None


def _sent(asked: Asked) -> models.CodeSent:
    return models.CodeSent(expires_at_ms=asked.expires_at_ms, retry_after_ms=asked.retry_after_ms)


@router.get("/sign-in/methods")
async def methods(node: AnyNode) -> models.Methods:
    """What a page may offer to who is not signed in."""
    found = node.ways.open_methods()
    providers = node.ways.providers.providers.values() if "provider" in found else ()
    return models.Methods(
        password="password" in found,
        email="email" in found,
        phone="phone" in found,
        passkey="passkey" in found,
        providers=[models.OpenProvider(id=each.id, name=each.name) for each in providers],
    )


@router.post("/sign-in/code", status_code=202)
async def ask(body: models.CodeWanted, node: AnyNode, request: Request) -> models.CodeSent:
    """The answer is the same whether or not the address has an account."""
    node.ways.take_code(address_of(request))
    node.ways.need(body.kind)
    key, _ = key_of(body.kind, body.to)
    subject = Subject("sign_in", body.kind, key)
    return _sent(await node.ways.codes.ask(subject, base_url_of(request), lambda: node.ways.may_send(body.kind, key)))


@router.post("/sign-in/code/confirm", responses=NEEDED)
async def confirm(body: models.CodeSignIn, node: AnyNode, request: Request, response: Response) -> SignInAnswer:
    """Makes the account if there is none and the tenant lets people sign up so."""
    node.ways.take_guess(address_of(request))
    node.ways.need(body.kind)
    key = key_of(body.kind, body.to)
    await node.ways.confirm(Subject("sign_in", body.kind, key[0]), body.code)
    return answered(await node.ways.enter(body.kind, key, Proof(body.kind), body.device or DeviceInfo()), response)


@router.post("/sign-in/link", responses=NEEDED)
async def link(body: models.LinkSignIn, node: AnyNode, request: Request, response: Response) -> SignInAnswer:
    """`token`: what stood behind #link= in the mail."""
    node.ways.take_guess(address_of(request))
    subject = await node.ways.codes.confirm_link(body.token)
    node.ways.need(subject.kind)
    key = key_of(subject.kind, subject.to)
    return answered(await node.ways.enter(subject.kind, key, Proof(subject.kind), body.device or DeviceInfo()), response)


# ---- addresses and numbers of who is signed in


@router.post("/me/identifiers/code", status_code=202)
async def ask_to_add(body: models.CodeWanted, caller: SignedInCaller, request: Request) -> models.CodeSent:
    """Sends a code to the address or number; who reads it may add it."""
    ways = caller.node.ways
    ways.take_code(address_of(request))
    if body.kind not in ways.codes.senders:
        raise Problem(403, "method_off", "this node sends no such codes")
    subject = Subject("add", body.kind, key_of(body.kind, body.to)[0], caller.user)

    async def always() -> bool:
        return True

    return _sent(await ways.codes.ask(subject, base_url_of(request), always))


@router.post("/me/identifiers", status_code=201)
async def add(body: models.CodeShown, caller: SteppedUp, request: Request) -> models.IdentifierAdded:
    """From now on it signs in as well."""
    caller.node.ways.take_guess(address_of(request))
    key = key_of(body.kind, body.to)
    await caller.node.ways.codes.confirm(Subject("add", body.kind, key[0], caller.user), body.code)
    identifier = new_identifier(body.kind, key, clock_ms())
    await add_identifier(caller.node, caller.user, identifier)
    return models.IdentifierAdded(identifier=identifier.identifier_id)


@router.delete("/me/identifiers/{identifier}", status_code=204)
async def remove(identifier: IdPath, caller: SteppedUp) -> None:
    """Not the last way in, and not the name."""
    present = await caller.node.accounts.identifiers_of(caller.user)
    found = next((each for each in present if each.identifier_id == identifier), None)
    if found is None:
        raise Problem(404, "unknown_identifier", "you have no such identifier")
    if found.kind == "name":
        raise Problem(409, "name_stays", "a name is not taken off")
    if not await _ways_left(caller, [each for each in present if each is not found]):
        raise Problem(409, "last_way_in", "nothing would be left to sign in with")
    await remove_identifier(caller.node, caller.user, found)


async def _ways_left(caller: Caller, left: list[Identifier]) -> bool:
    account = await caller.node.accounts.by_id(caller.user)
    by_password = account is not None and account.password_hash is not None and any(each.kind != "external" for each in left)
    by_itself = any(each.kind in ("email", "phone", "external") for each in left)
    return by_password or by_itself or "passkey" in await caller.node.ways.factors.kinds(caller.user)
