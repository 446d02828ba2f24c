"""The ways in: register, and sign in by each method, up to a `Login` or to the second factor that is asked for. A shell."""

import asyncio
import time
from typing import Any, Literal

import msgspec
from msgspec import Struct

from warbler.http import Http, path_of
from warbler.people import CodeSent, ContactKind, FactorKind, PasskeyOptions, People

REFRESH_BEFORE_MS = 30_000

Platform = Literal["web", "ios", "android", "desktop", "bot"]


class Tokens(Struct, frozen=True):
    """Who one is, and for how long. `refresh_token` is good for one use: the answer holds the next.

    `sign_in` names it among the user's. `remember_token`: a later sign-in of this device needs no second factor with it.
    """

    user: str
    name: str
    access_token: str
    access_expires_at_ms: int
    refresh_token: str
    sign_in: str = ""
    remember_token: str | None = None


class FactorNeeded(Struct, frozen=True):
    """Not in yet: one of `factors` is to be shown (`Ways.factor`).

    `enrol`: the tenant demands one and the user has none, so one is to be made first.
    """

    challenge: str
    factors: tuple[FactorKind, ...]
    enrol: bool
    expires_at_ms: int


class Provider(Struct, frozen=True):
    id: str
    name: str


class Methods(Struct, frozen=True):
    """Which ways the server offers."""

    password: bool
    email: bool
    phone: bool
    passkey: bool
    providers: tuple[Provider, ...] = ()


class DeviceInfo(Struct, frozen=True, omit_defaults=True):
    """What is shown of this device in the user's list of sign-ins. `remember_token`: of an earlier sign-in on it."""

    id: str | None = None
    name: str | None = None
    platform: Platform | None = None
    remember_token: str | None = None


class Login:
    """A sign-in that stays good: `await login.token()` gives a valid access token, refreshed where needed.

    A refresh whose answer was lost is asked again with the same token: the server gives the same successor within its grace.
    """

    def __init__(self, http: Http, tokens: Tokens) -> None:
        self._http, self.tokens = http, tokens
        self._renewing = asyncio.Lock()
        http.access_token = tokens.access_token
        http.token_source = self.token

    @property
    def user(self) -> str:
        return self.tokens.user

    @property
    def name(self) -> str:
        return self.tokens.name

    async def token(self, refused: str | None = None) -> str:
        """`refused`: a token the server did not take, whatever the clock here says. Delivery: one refresh at a time."""
        async with self._renewing:
            over = self.tokens.access_expires_at_ms - int(time.time() * 1000) < REFRESH_BEFORE_MS
            if over or refused == self.tokens.access_token:
                self.tokens = await refreshed(self._http, self.tokens)
                self._http.access_token = self.tokens.access_token
            return self.tokens.access_token


async def refreshed(http: Http, tokens: Tokens) -> Tokens:
    """Raises: RequestFailed 401 when the sign-in is over."""
    renewed = await http.call("POST", "/v1/refresh", Tokens, {"refresh_token": tokens.refresh_token}, token="")
    kept = tokens.remember_token if renewed.remember_token is None else renewed.remember_token
    return msgspec.structs.replace(renewed, sign_in=renewed.sign_in or tokens.sign_in, remember_token=kept)


class Ways:
    """Raises, from every call, as `Http`; a wrong password, code or answer is a RequestFailed 401 that says no more than that."""

    def __init__(self, http: Http, device: DeviceInfo | None = None) -> None:
        self._http = http
        self.device = device

    async def methods(self) -> Methods:
        return await self._http.call("GET", "/v1/sign-in/methods", Methods, token="")

    async def register(self, name: str, password: str) -> Login | FactorNeeded:
        """A new user. The tenant may want a second factor of it at once."""
        return await self._enter("/v1/register", name=name, password=password)

    async def password(self, name: str, password: str) -> Login | FactorNeeded:
        """`name`: the name, or an e-mail address or phone number of the user."""
        return await self._enter("/v1/login", name=name, password=password)

    async def request_code(self, kind: ContactKind, to: str) -> CodeSent:
        """Sends a code (and, by e-mail, a link). The answer is the same whether anybody has this address."""
        return await self._http.call("POST", "/v1/sign-in/code", CodeSent, {"kind": kind, "to": to}, token="")

    async def code(self, kind: ContactKind, to: str, code: str) -> Login | FactorNeeded:
        return await self._enter("/v1/sign-in/code/confirm", kind=kind, to=to, code=code)

    async def link(self, token: str) -> Login | FactorNeeded:
        """`token`: what stands behind `#link=` in the link that was mailed."""
        return await self._enter("/v1/sign-in/link", token=token)

    def provider_path(self, provider: str, return_to: str = "/") -> str:
        """Where a browser is to go; it comes back to `return_to` with `#handoff=` or `#error=`."""
        return f"{path_of('sign-in', 'providers', provider, 'start')}?return_to={path_of(return_to).removeprefix('/v1/')}"

    async def handoff(self, handoff: str) -> Login | FactorNeeded:
        return await self._enter("/v1/sign-in/handoff", handoff=handoff)

    async def passkey_options(self) -> PasskeyOptions:
        return await self._http.call("POST", "/v1/sign-in/passkey/options", PasskeyOptions, {}, token="")

    async def passkey(self, challenge: str, credential: dict[str, Any]) -> Login | FactorNeeded:
        """`credential`: what the authenticator answered, as JSON."""
        return await self._enter("/v1/sign-in/passkey", challenge=challenge, credential=credential)

    async def factor_options(self, needed: FactorNeeded) -> PasskeyOptions:
        """For a passkey as the second factor."""
        return await self._http.call("POST", "/v1/sign-in/factor/options", PasskeyOptions, {"challenge": needed.challenge}, token="")

    async def factor(self, needed: FactorNeeded, kind: FactorKind, code: str, *, remember: bool = False) -> Login | FactorNeeded:
        """Shows a second factor; the policy may want yet another.

        `remember`: this device needs none the next time, with `Tokens.remember_token`.
        """
        return await self._show(needed, kind, remember, code=code)

    async def passkey_factor(
        self, needed: FactorNeeded, asked: PasskeyOptions, credential: dict[str, Any], *, remember: bool = False
    ) -> Login | FactorNeeded:
        """`asked`: what `factor_options` gave, and `credential` the authenticator's answer to it."""
        return await self._show(needed, "passkey", remember, passkey_challenge=asked.challenge, credential=credential)

    def enrolling(self, needed: FactorNeeded) -> People:
        """Where `enrol` is true: adds the first factor (`enrol_totp` and `confirm_totp`); then `enrolled`."""
        return People(self._http.challenged(needed.challenge))

    async def enrolled(self, needed: FactorNeeded, *, remember: bool = False) -> Login | FactorNeeded:
        """A factor was added on the way: goes in with it."""
        return await self._show(needed, "enrolled", remember)

    async def _show(self, needed: FactorNeeded, kind: str, remember: bool, **shown: object) -> Login | FactorNeeded:
        body = {"challenge": needed.challenge, "kind": kind, "remember": remember, **shown}
        return self._entered(await self._http.call("POST", "/v1/sign-in/factor", dict[str, Any], body, token=""))

    async def _enter(self, path: str, **fields: object) -> Login | FactorNeeded:
        return self._entered(await self._http.call("POST", path, dict[str, Any], self._body(**fields), token=""))

    def _entered(self, answer: dict[str, Any]) -> Login | FactorNeeded:
        if "access_token" in answer:
            return Login(self._http, msgspec.convert(answer, Tokens))
        return msgspec.convert(answer, FactorNeeded)

    def _body(self, **fields: object) -> dict[str, object]:
        return fields if self.device is None else {**fields, "device": self.device}
