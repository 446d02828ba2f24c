"""Calls every method of the Python SDK's REST classes once, with sample arguments, over a transport that only writes down."""

import functools
import inspect
import types
import typing
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import httpx
import msgspec
from warbler import Admin, FactorNeeded, Rest
from warbler.errors import RequestFailed
from warbler.frames import BlockUser, FrameMember, LeaveConversation
from warbler.groups import Listing
from warbler.http import Http
from warbler.ids import uuid7
from warbler.people import PasskeyOptions
from warbler.push import PushSettings
from warbler.ways import Tokens, refreshed

SAMPLES: dict[str, Any] = {
    "password": "long enough",
    "new": "long enough too",
    "needed": FactorNeeded("ch", ("totp",), False, 1),
    "asked": PasskeyOptions("ch", {}),
    "command": LeaveConversation(id="", conversation="g-1"),
    "command_id": uuid7(1, 1),
    "ids": ["u-1"],
    "media_type": "image/png",
    "action": "send",
    "role": "helper",
    "ttl_ms": 60_000,
    "members": [FrameMember("u-1")],
    "avatar": "",
    "audience": "tags",
    "campaign": uuid7(2, 2),
    "channel": "webpush",
    "locale": "de",
    "push_settings": PushSettings(),
}
# not one request each, or no request at all
NO_CALLS = {"close", "call", "response", "pages", "challenged", "provider_path", "enrolling"}


@dataclass(frozen=True)
class Asked:
    name: str
    method: str
    path: str
    query: dict[str, str]
    body: Any


async def everything_asked() -> list[Asked]:
    asked: list[Asked] = []
    for make in (lambda: Rest("http://edge"), lambda: Admin("http://edge", key="k")):
        http: Http = make()
        for part in (http, *(each for each in vars(http).values() if type(each).__module__.startswith("warbler."))):
            for name, method in inspect.getmembers(part, inspect.ismethod):
                if not name.startswith("_") and name not in NO_CALLS:
                    given = [functools.partial(method, **arguments(method, everything)) for everything in (False, True)]
                    asked += await _asked(f"{type(part).__name__}.{name}", http, given)
        await http.close()
    rest = Rest("http://edge")
    about_friend = BlockUser(id="", conversation="", member="u-1")
    tokens = Tokens("u-1", "ana", "a", 0, "r")
    by_hand = [functools.partial(rest.groups.listing, "g-1", what) for what in get_args(Listing)]
    return asked + await _asked("by hand", rest, [lambda: rest.command(about_friend), lambda: refreshed(rest, tokens), *by_hand])


async def _asked(name: str, http: Http, given: Sequence[Callable[[], Any]]) -> list[Asked]:
    seen: list[Asked] = []

    def answer(request: httpx.Request) -> httpx.Response:
        kind = request.headers.get("content-type", "")
        body = msgspec.json.decode(request.content) if kind == "application/json" and request.content else None
        seen.append(Asked(name, request.method, request.url.path, dict(request.url.params), body))
        return httpx.Response(418, json={"code": "teapot", "detail": "", "retryable": False})

    http._http = httpx.AsyncClient(base_url="http://edge", transport=httpx.MockTransport(answer))
    for ask in given:
        try:
            await _finish(ask())
            raise AssertionError(f"{name} takes a refusal for an answer")
        except RequestFailed:
            continue  # as every call is answered here
    return seen


async def _finish(result: Any) -> None:
    if isinstance(result, AsyncIterator):
        async for _ in result:
            pass
    else:
        await result


def arguments(method: Callable[..., Any], everything: bool) -> dict[str, Any]:
    """`everything`: also those with a default."""
    hints = typing.get_type_hints(method)
    given = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            given["about"] = "me"
        elif everything or parameter.default is parameter.empty:
            given[name] = SAMPLES[name] if name in SAMPLES else sample(hints[name])
    return given


def sample(hint: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if hint in (str, Any, object):
        return "sample-1"
    if hint in (int, bool, bytes):
        return hint(1)
    if origin is Literal:
        return args[0]
    if origin in (Union, types.UnionType):
        return sample(args[0])
    if origin is dict:
        return {sample(args[0]): sample(args[1])}
    if origin is not None and isinstance(origin, type):
        return [sample(args[0])]
    assert issubclass(hint, msgspec.Struct), hint
    fields = typing.get_type_hints(hint)
    return hint(**{name: sample(fields[name]) for name in hint.__struct_fields__})
