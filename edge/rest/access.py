"""Who calls: the node, the user behind a bearer token, the administrator behind the admin key."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from edge.clocks import clock_ms
from edge.errors import BadToken, ExpiredToken
from edge.node import Node
from edge.rest.errors import Problem
from edge.tokens import Grant

_bearer = HTTPBearer(auto_error=False)


@dataclass(frozen=True, slots=True)
class Caller:
    node: Node
    grant: Grant

    @property
    def user(self) -> str:
        return self.grant.user


def node_of(request: Request) -> Node:
    node = request.app.state.node
    assert isinstance(node, Node)
    return node


AnyNode = Annotated[Node, Depends(node_of)]
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def caller_of(node: AnyNode, given: Given) -> Caller:
    if given is None:
        raise Problem(401, "no_token", "an access token is needed: Authorization: Bearer ...")
    try:
        grant = node.key.check(given.credentials, clock_ms())
    except ExpiredToken:
        raise Problem(401, "token_expired", "the access token has expired: refresh it") from None
    except BadToken:
        raise Problem(401, "bad_token", "the access token is not one of ours") from None
    if (why := await node.people.refusal(grant)) is not None:
        raise Problem(403, "account_frozen", "an administrator froze this account") if why == "frozen" else _revoked(why)
    return Caller(node, grant)


def _revoked(why: str) -> Problem:
    return Problem(401, "token_revoked", "signed in on another device" if why == "replaced" else "the sign-in or the token was revoked")


async def caller_or_admin_of(request: Request, node: AnyNode, given: Given) -> tuple[Node, Caller | None]:
    """No caller: the administrator."""
    key: str | None = request.app.state.admin_key
    if key and given is not None and hmac.compare_digest(given.credentials.encode(), key.encode()):
        return node, None
    return node, await caller_of(node, given)


async def member_of(caller: Caller, conversation: str) -> None:
    """Raises: Problem 403 not_member."""
    if not await caller.node.reader.is_member(caller.user, conversation):
        raise Problem(403, "not_member", "you are not a member of this conversation")


def address_of(request: Request) -> str:
    """Where a call comes from."""
    return request.client.host if request.client is not None else ""


def base_url_of(request: Request) -> str:
    """The address by which this site is opened: EDGE_PUBLIC_URL, else what the request says. Shape: no slash at the end."""
    return (node_of(request).ways.settings.public_url or str(request.base_url)).rstrip("/")


async def stepped_up(caller: Caller) -> Caller:
    """The caller, if it showed who it is within the tenant's policy `step_up`. Raises: Problem 403 step_up_needed, StoreUnavailable."""
    found = await caller.node.tables.sign_ins.get(caller.user, caller.grant.sign_in)
    if found is None or clock_ms() - found.proved_at_ms > caller.node.tenancy.policies.step_up.minutes * 60_000:
        raise _step_up_needed()
    # A sign-in that was spared the second factor shows less than a step-up would: the thief of a remembered device comes so far.
    fresh = found.proved_at_ms == found.opened_at_ms and not found.factors
    if fresh and await caller.node.ways.factors.kinds(caller.user):
        raise _step_up_needed()
    return caller


def _step_up_needed() -> Problem:
    return Problem(403, "step_up_needed", "show once more that it is you (POST /v1/me/step-up), then try again")


@dataclass(frozen=True, slots=True)
class Enrolling:
    """Who adds a factor: a user who is signed in, or whose sign-in waits for its first one (`challenge`)."""

    node: Node
    user: str
    challenge: str | None = None

    def may_add(self, kind: str) -> None:
        """Raises: Problem 403 factor_off."""
        if kind not in self.node.tenancy.policies.second_factor.factors:
            raise Problem(403, "factor_off", "the tenant does not take this kind of factor")

    async def note(self, kind: str) -> None:
        """It was added."""
        if self.challenge is not None:
            await self.node.ways.gate.note_enrolled(self.challenge, kind)


async def enroller_of(request: Request, node: AnyNode, given: Given) -> Enrolling:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "challenge":
        caller = await stepped_up(await caller_of(node, given))
        return Enrolling(node, caller.user)
    waiting = await node.ways.gate.challenge(token.strip())
    if not waiting.enrol:
        raise Problem(403, "factor_not_asked", "this sign-in waits for a factor that is there")
    return Enrolling(node, waiting.user, token.strip())


async def stepped_up_caller_of(node: AnyNode, given: Given) -> Caller:
    return await stepped_up(await caller_of(node, given))


CallerOrAdmin = Annotated[tuple[Node, Caller | None], Depends(caller_or_admin_of)]
SteppedUp = Annotated[Caller, Depends(stepped_up_caller_of)]
Enroller = Annotated[Enrolling, Depends(enroller_of)]
SignedInCaller = Annotated[Caller, Depends(caller_of)]
