"""One call of an administrator: who it is, whether it may, what the log hears of it. Every route of this folder goes through `perform`.

What the log hears (`admin_acted`, one event id a call):
1. refused: once, with the refusal's code, before the refusal is answered;
2. a read: once, `done` or the code of what went wrong, before the answer;
3. a change: `begun` before anything is changed, and once more when it is over, before the answer. A `begun` that nothing follows is a
   call whose node died in it: what it came to is told by the facts themselves, which name who did it.
A call that cannot be read (422) asks for nothing; it is told as `invalid`. Who shows no key of ours is nobody, and is only counted.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from edge.clocks import clock_ms, mono_ms
from edge.metrics import ADMIN_REFUSED
from edge.node import Node
from edge.people.admin_log import Who
from edge.people.api_keys import is_key
from edge.people.permits import NOBODY, ROOT, Actor, OfUser, Target, TenantRole, key_actor, permits, root_actor, user_actor
from edge.rest.access import AnyNode, Given, address_of, caller_of, stepped_up
from edge.rest.errors import Problem, code_of
from schemas.accounts import AdminActed
from schemas.errors import WarblerError
from store.tenancy import StoredKey

T = TypeVar("T")
TARGET_CHARS_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Act:
    """`action`: what the log calls it. `detail`: nothing personal. `changes`: it is told before as well."""

    action: str
    permission: str
    target_kind: str = ""
    target: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    changes: bool = False


Call = Mapping[str, Any]  # what the events of one call have in common
About = Callable[[], Awaitable[Target | None]]


async def no_target() -> None:
    """For acts that are on nobody."""


@dataclass(frozen=True, slots=True)
class Administrator:
    node: Node
    who: Who

    @property
    def actor(self) -> Actor:
        return self.who.actor

    async def perform(self, act: Act, work: Callable[[], Awaitable[T]], about: About = no_target) -> T:
        """What `work` answers. Raises: Problem, with what it came to in the log; LogUnavailable, and nothing was done."""
        call = await self.begin(act, about)
        try:
            answer = await work()
        except WarblerError as exc:
            await self.tell(call, act, code_of(exc))
            raise
        await self.tell(call, act, "done")
        return answer

    async def begin(self, act: Act, about: About = no_target) -> Call:
        """The call, once it is allowed; a change is told. Raises: Problem, which is told too; LogUnavailable."""
        call = self.who.base()
        try:
            verdict = permits(self.actor, act.permission)
            if verdict.allowed or verdict.code == "step_up_needed":
                verdict = permits(self.actor, act.permission, await about())
            if not verdict.allowed:
                raise Problem(403, verdict.code, verdict.detail)
        except WarblerError as exc:
            await self.tell(call, act, code_of(exc))
            raise
        if act.changes:
            await self.tell(call, act, "begun")
        return call

    async def tell(self, call: Call, act: Act, outcome: str) -> None:
        """Raises: LogUnavailable."""
        detail = json.dumps(act.detail, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
        target = act.target[:TARGET_CHARS_LIMIT].encode("utf-8", "replace").decode()
        event = AdminActed(**call, action=act.action, target_kind=act.target_kind, target=target, outcome=outcome, detail=detail)
        await self.node.admin_log.tell(event)

    async def tell_invalid(self, action: str) -> None:
        """A call that could not be read. Raises: LogUnavailable."""
        await self.tell(self.who.base(), Act(action, ""), "invalid")

    def require(self, permission: str, target: Target) -> None:
        """What an act needs beside its own permission. Raises: Problem 403."""
        verdict = permits(self.actor, permission, target)
        if not verdict.allowed:
            raise Problem(403, verdict.code, verdict.detail)

    async def on_user(self, user: str) -> OfUser:
        """Raises: Problem 404 unknown_user, StoreUnavailable."""
        if await self.node.accounts.by_id(user) is None and await self.node.accounts.state_of(user) is None:
            raise Problem(404, "unknown_user", "there is no such user")
        return OfUser(user, await self.node.tenancy.role_of_user(user))


async def administrator_of(request: Request, node: AnyNode, given: Given) -> Administrator:
    """Raises: Problem 401 for nobody of ours, 403 for a user without a tenant role; 429."""
    actor = await _actor(request, node, given)
    if actor.kind != "root" and (wait_ms := node.admin_buckets.of(actor.id, mono_ms()).take(mono_ms())):
        ADMIN_REFUSED.labels("rate_limited").inc()
        raise Problem(429, "rate_limited", "too many calls", True, wait_ms)
    admin = Administrator(node, Who(actor, address_of(request)))
    request.state.tell_invalid = admin.tell_invalid
    return admin


async def _actor(request: Request, node: Node, given: Any) -> Actor:
    root_key: str | None = request.app.state.admin_key
    text = given.credentials if given is not None else ""
    if root_key and hmac.compare_digest(text.encode("utf-8", "replace"), root_key.encode()):
        return root_actor()
    if is_key(text):
        key = await node.api_keys.check(text, clock_ms())
        if key is None:
            ADMIN_REFUSED.labels("bad_key").inc()
            raise Problem(401, "bad_key", "the API key is not one of ours, was revoked, or has expired")
        return key_actor(key.key_id, key.scopes, await maker_of(node, key))
    try:
        caller = await caller_of(node, given)
    except Problem as refused:
        ADMIN_REFUSED.labels(refused.code).inc()
        raise
    role = await node.tenancy.role_of_user(caller.user)
    return user_actor(caller.user, role, role != NOBODY and await _has_stepped_up(caller))


async def _has_stepped_up(caller: Any) -> bool:
    try:
        await stepped_up(caller)
    except Problem:
        return False
    return True


async def maker_of(node: Node, key: StoredKey) -> TenantRole:
    """What the maker of a key is now: nobody when it is not active any more. Raises: StoreUnavailable."""
    if key.maker_kind == "root":
        return ROOT
    state = await node.accounts.state_of(key.maker)
    return await node.tenancy.role_of_user(key.maker) if state is not None and state.state == "active" else NOBODY


Admin = Annotated[Administrator, Depends(administrator_of)]
