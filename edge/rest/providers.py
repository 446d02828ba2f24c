"""Sign-in through OpenID Connect and OAuth 2 providers: away, back, and the handoff to the page."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Query, Request, Response
from fastapi.responses import RedirectResponse

from edge.clocks import clock_ms
from edge.people.identifiers import external_key
from edge.people.registering import add_identifier, new_identifier
from edge.people.signing import Proof
from edge.rest import way_models as models
from edge.rest.access import AnyNode, SteppedUp, address_of, base_url_of
from edge.rest.accounts import NEEDED, SignInAnswer, answered
from edge.rest.models import DeviceInfo, IdPath

router = APIRouter(prefix="/v1")
COOKIE = "warbler_way"
Browser = Annotated[str, Cookie(alias=COOKIE, max_length=128, include_in_schema=False)]


@router.get("/sign-in/providers/{provider}/start", status_code=302, response_class=RedirectResponse)
async def start(
    provider: IdPath, node: AnyNode, request: Request, return_to: Annotated[str, Query(max_length=1024)] = "/", browser: Browser = ""
) -> RedirectResponse:
    """Sends the browser to the provider. It comes back to `return_to` with #handoff=… or #error=…."""
    node.ways.take_code(address_of(request))
    node.ways.need("provider")
    base_url = base_url_of(request)
    leaving = await node.ways.providers.start(provider, return_to, base_url, browser)
    answer = RedirectResponse(leaving.url, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    answer.set_cookie(
        COOKIE,
        leaving.cookie,
        max_age=node.ways.settings.provider_state_ms // 1000,
        path="/v1",
        secure=base_url.startswith("https:"),
        httponly=True,
        samesite="lax",  # the way back from the provider is a navigation from another site
    )
    return answer


@router.get("/sign-in/providers/{provider}/callback", status_code=302, response_class=RedirectResponse)
async def callback(provider: IdPath, node: AnyNode, request: Request, browser: Browser = "") -> RedirectResponse:
    """Where the provider sends the browser back to."""
    node.ways.take_guess(address_of(request))
    where = await node.ways.providers.callback(provider, dict(request.query_params), browser)
    return RedirectResponse(where, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@router.post("/sign-in/handoff", responses=NEEDED)
async def handoff(body: models.HandoffSignIn, node: AnyNode, request: Request, response: Response, browser: Browser = "") -> SignInAnswer:
    """What stood behind #handoff=, in the browser that began. Makes the account if the tenant lets people sign up so."""
    node.ways.take_guess(address_of(request))
    node.ways.need("provider")
    person = await node.ways.providers.person(body.handoff, browser)
    key, proof = external_key(person.provider, person.subject), Proof(f"oidc:{person.provider}")
    return answered(await node.ways.enter("external", key, proof, body.device or DeviceInfo(), person.name), response)


@router.post("/me/identifiers/external", status_code=201)
async def add(body: models.HandoffShown, caller: SteppedUp, request: Request, browser: Browser = "") -> models.IdentifierAdded:
    """The provider's account signs in as well from now on."""
    caller.node.ways.take_guess(address_of(request))
    person = await caller.node.ways.providers.person(body.handoff, browser)
    identifier = new_identifier("external", external_key(person.provider, person.subject), clock_ms())
    await add_identifier(caller.node, caller.user, identifier)
    return models.IdentifierAdded(identifier=identifier.identifier_id)
