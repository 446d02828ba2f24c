"""Sign-in through a provider: away to it, back from it, and the handoff to the page. Called by `edge.rest.providers`.

What the browser carries is a state, good once, and a cookie that only it has: an answer for somebody else's browser is refused.
Source: RFC 6749, RFC 7636, RFC 9700 (what to defend against), OpenID Connect Discovery 1.0.
"""

import asyncio
import hashlib
import hmac
import importlib
import re
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import msgspec
import structlog
from joserfc import jwt
from joserfc.jwk import KeySet
from msgspec import Struct

from edge.clocks import clock_ms, mono_ms
from edge.people.providers import (
    ID_TOKEN_ALGORITHMS,
    BadAnswer,
    Person,
    Provider,
    check_id_token,
    filled,
    is_safe,
    local_path,
    person_of,
    read_answer,
    refused,
    renamed,
    scope_of,
    secret_of,
)
from edge.people.swapping import AnySlips
from edge.people.ways_settings import WaysSettings
from edge.rest.errors import Problem

with warnings.catch_warnings():
    importlib.import_module("authlib.deprecate")  # which would switch its warning on again
    warnings.simplefilter("ignore")  # Authlib would rather have httpx2; the rest of us uses httpx, and it takes both
    from authlib.integrations.httpx_client import AsyncOAuth2Client

LOGGER = structlog.get_logger()
METADATA_KEEP_MS = 3_600_000
KEYS_AGE_MS_MIN = 30_000  # a token with an unknown key makes us ask anew, but not for every forged one
USED_KEEP_S = 600
CALLBACK = "/v1/sign-in/providers/{}/callback"
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


class Away(Struct, frozen=True, array_like=True):
    """What is kept while the person is at the provider. `browser`: hash of the cookie of who left."""

    provider: str
    nonce: str
    verifier: str
    return_to: str
    browser: str
    redirect_uri: str


class Handoff(Struct, frozen=True, array_like=True):
    person: Person
    browser: str


@dataclass(frozen=True, slots=True)
class Leaving:
    url: str
    cookie: str


@dataclass(slots=True)
class _Known:
    """What a provider publishes about itself."""

    metadata: Mapping[str, Any]
    keys: KeySet
    at_mono_ms: float


class ProviderDesk:
    def __init__(self, settings: WaysSettings, slips: AnySlips, providers: Mapping[str, Provider], env: Mapping[str, str]) -> None:
        self._settings, self._slips, self.providers = settings, slips, providers
        self._secrets = {provider.id: secret_of(provider, env) for provider in providers.values()}
        self._known: dict[str, _Known] = {}
        self._learning = asyncio.Lock()

    def provider(self, provider_id: str) -> Provider:
        """Raises: Problem 404 unknown_provider."""
        found = self.providers.get(provider_id)
        if found is None:
            raise Problem(404, "unknown_provider", "there is no such provider")
        return found

    async def start(self, provider_id: str, return_to: str, base_url: str, cookie: str) -> Leaving:
        """Where the browser goes, and its cookie. Raises: Problem unknown_provider, bad_return_to, provider_failed; StoreUnavailable."""
        provider = self.provider(provider_id)
        if not local_path(return_to):
            raise Problem(422, "bad_return_to", "return_to is a path of this site: it starts with one / and has no #")
        cookie = cookie if _COOKIE.fullmatch(cookie) else secrets.token_urlsafe(32)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        away = Away(provider.id, nonce, verifier, return_to, _hash(cookie), base_url + CALLBACK.format(provider.id))
        keep_s = self._settings.provider_state_ms // 1000 + 1
        try:
            async with asyncio.timeout(self._settings.provider_timeout_ms / 1000):
                url = await self._authorize_url(provider, away, state)
        except (httpx.HTTPError, TimeoutError, BadAnswer) as failed:
            LOGGER.warning("a provider cannot be asked", provider=provider.id, reason=f"{type(failed).__name__}: {failed}")
            raise Problem(502, "provider_failed", "the provider does not answer", True) from None
        await _put(self._slips, _key("state", state), msgspec.json.encode(away), keep_s)
        return Leaving(url, cookie)

    async def _authorize_url(self, provider: Provider, away: Away, state: str) -> str:
        url = (await self._about(provider)).metadata["authorization_endpoint"] if provider.kind == "oidc" else provider.authorize_url
        extra = {**provider.authorize_params, **({"nonce": away.nonce} if provider.kind == "oidc" else {})}
        async with self._client(provider, away.redirect_uri) as client:
            made, _ = client.create_authorization_url(url, state=state, code_verifier=away.verifier if provider.pkce else None, **extra)
        parts = urlsplit(made)
        query = urlencode(renamed(parse_qsl(parts.query), provider.names))
        return str(urlunsplit(parts._replace(query=query, fragment=provider.authorize_fragment)))

    async def callback(self, provider_id: str, params: Mapping[str, str], cookie: str) -> str:
        """Where the browser goes with what came of it: the page, with #handoff=… or #error=…. Raises: StoreUnavailable."""
        kept = await self._slips.take(_key("state", params.get("state", "")), USED_KEEP_S)
        away = msgspec.json.decode(kept, type=Away) if kept else None
        if away is None or away.provider != provider_id or not hmac.compare_digest(away.browser, _hash(cookie)):
            return "/#error=bad_state"  # whose return_to it is, is not known either
        provider = self.providers.get(provider_id)
        try:
            if provider is None:
                raise BadAnswer("unknown_provider", "it was taken out of the configuration")
            async with asyncio.timeout(self._settings.provider_timeout_ms / 1000):
                person = await self._person(provider, away, params)
        except BadAnswer as bad:
            LOGGER.warning("a sign-in through a provider failed", provider=provider_id, code=bad.code, reason=bad.detail)
            return f"{away.return_to}#error={bad.code}"
        except (httpx.HTTPError, TimeoutError) as failed:
            LOGGER.warning("a provider cannot be asked", provider=provider_id, reason=type(failed).__name__)
            return f"{away.return_to}#error=provider_failed"
        handoff = secrets.token_urlsafe(32)
        value = msgspec.json.encode(Handoff(person, away.browser))
        await _put(self._slips, _key("handoff", handoff), value, self._settings.handoff_ms // 1000 + 1)
        return f"{away.return_to}#handoff={handoff}"

    async def person(self, handoff: str, cookie: str) -> Person:
        """Who it is, once. Raises: Problem 401 bad_handoff, StoreUnavailable."""
        kept = await self._slips.take(_key("handoff", handoff), USED_KEEP_S)
        found = msgspec.json.decode(kept, type=Handoff) if kept else None
        if found is None or not hmac.compare_digest(found.browser, _hash(cookie)):
            raise Problem(401, "bad_handoff", "the handoff was used, is over, or is another browser's: start again")
        return found.person

    # ---- at the provider

    def _client(self, provider: Provider, redirect_uri: str) -> Any:
        method = {"basic": "client_secret_basic", "post": "named", "none": "named"}[provider.client_auth]
        client = AsyncOAuth2Client(
            client_id=provider.client_id,
            client_secret=self._secrets[provider.id],
            token_endpoint_auth_method=method,
            redirect_uri=redirect_uri,
            scope=scope_of(provider),
            code_challenge_method="S256",
            timeout=self._settings.provider_timeout_ms / 1000,
        )
        client.register_client_auth_method(("named", _named(provider)))
        client.register_compliance_hook("access_token_response", _understood(provider))
        return client

    async def _person(self, provider: Provider, away: Away, params: Mapping[str, str]) -> Person:
        if params.get("error"):
            raise BadAnswer("denied" if params["error"] == "access_denied" else "provider_failed", "the provider says no")
        if not params.get("code"):
            raise BadAnswer("provider_failed", "the provider's answer has no code")
        if provider.kind == "oidc":
            return await self._oidc_person(provider, away, params)
        async with self._client(provider, away.redirect_uri) as client:
            fields = dict(await self._token(client, provider, provider.token_url, away, params["code"]))
            for url in provider.user_urls:
                known = {"client_id": provider.client_id, **fields}
                fields |= await self._asked(client, provider, filled(url, known), str(fields.get("access_token", "")))
        return person_of(provider, fields)

    async def _oidc_person(self, provider: Provider, away: Away, params: Mapping[str, str]) -> Person:
        metadata = (await self._about(provider)).metadata
        said = params.get("iss")
        if (said is not None or metadata.get("authorization_response_iss_parameter_supported")) and said != provider.issuer:
            raise BadAnswer("bad_issuer", "the answer is of another issuer")
        async with self._client(provider, away.redirect_uri) as client:
            token = await self._token(client, provider, metadata["token_endpoint"], away, params["code"])
            claims = await self._claims(provider, token.get("id_token"))
            check_id_token(claims, provider, away.nonce, clock_ms())
            if provider.display_name not in claims and metadata.get("userinfo_endpoint"):
                told = await self._asked(client, provider, str(metadata["userinfo_endpoint"]), str(token.get("access_token", "")))
                if told.get("sub") == claims.get("sub"):  # OpenID Connect Core, 5.3.2: else it is somebody else's
                    claims = {**told, **claims}
        return person_of(provider, claims)

    async def _token(self, client: Any, provider: Provider, url: str, away: Away, code: str) -> Mapping[str, Any]:
        extra = {"code_verifier": away.verifier} if provider.pkce else {}
        try:
            found: Mapping[str, Any] = await client.fetch_token(url, method=provider.token_method, code=code, **extra)
        except (BadAnswer, httpx.HTTPError):
            raise
        except Exception as failed:  # noqa: BLE001  Authlib raises its own, httpx's and plain ones for what a hostile provider says
            raise BadAnswer("provider_failed", f"no token: {type(failed).__name__}") from None
        return found

    async def _asked(self, client: Any, provider: Provider, url: str, access_token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"} if provider.bearer else {}
        answer = await client.request("GET", url, headers=headers, withhold_token=True)
        fields = read_answer(answer.text)
        if not answer.is_success or (error := refused(provider, fields)):
            raise BadAnswer("provider_failed", f"the provider answered {answer.status_code} {error if answer.is_success else ''}")
        return fields

    # ---- what an OpenID provider publishes

    async def _about(self, provider: Provider, since_mono_ms: float | None = None) -> _Known:
        """Its metadata and keys, at most an hour old, or fetched after `since_mono_ms`. Raises: BadAnswer, httpx.HTTPError."""
        oldest = mono_ms() - METADATA_KEEP_MS if since_mono_ms is None else since_mono_ms
        async with self._learning:
            known = self._known.get(provider.id)
            if known is None or known.at_mono_ms < oldest:
                known = self._known[provider.id] = await self._learned(provider)
            return known

    async def _learned(self, provider: Provider) -> _Known:
        async with httpx.AsyncClient(timeout=self._settings.provider_timeout_ms / 1000) as client:
            metadata = read_answer((await client.get(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")).text)
            if metadata.get("issuer") != provider.issuer:
                raise BadAnswer("bad_issuer", "the provider's metadata is of another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(metadata.get(name), str) or not is_safe(metadata[name]):
                    raise BadAnswer("provider_failed", f"the provider's {name} is missing or not https")
            published = read_answer((await client.get(metadata["jwks_uri"])).text)
        try:
            keys = KeySet.import_key_set(published)  # type: ignore[arg-type]  # it is checked by being imported
        except Exception as failed:  # noqa: BLE001  joserfc raises whatever a hostile key makes it stumble over
            raise BadAnswer("provider_failed", f"the provider's keys cannot be read: {type(failed).__name__}") from None
        return _Known(metadata, keys, mono_ms())

    async def _claims(self, provider: Provider, id_token: object) -> Mapping[str, Any]:
        """The claims of an ID token whose signature is the provider's. Raises: BadAnswer."""
        if not isinstance(id_token, str):
            raise BadAnswer("bad_token", "the provider gave no ID token")
        known = await self._about(provider)
        claims = _verified(known.keys, id_token)
        if claims is None and mono_ms() - known.at_mono_ms > KEYS_AGE_MS_MIN:  # it may have new keys
            claims = _verified((await self._about(provider, mono_ms())).keys, id_token)
        if claims is None:
            raise BadAnswer("bad_signature", "the ID token is not signed by the provider")
        return claims


def _verified(keys: KeySet, id_token: str) -> Mapping[str, Any] | None:
    try:
        return dict(jwt.decode(id_token, keys, algorithms=list(ID_TOKEN_ALGORITHMS)).claims)
    except Exception:  # noqa: BLE001  joserfc raises anything on a hostile header; whatever it is, the token is not good
        return None


def _named(provider: Provider) -> Any:
    """Authlib's client authentication with this provider's names for the parameters, in the query of a GET or the form of a POST."""

    def prepare(auth: Any, method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
        own = [("client_id", auth.client_id)] + ([("client_secret", auth.client_secret)] if provider.client_auth == "post" else [])
        parts, form = urlsplit(uri), body.decode() if isinstance(body, bytes) else body or ""
        given = parse_qsl(parts.query if method == "GET" else form)
        encoded = urlencode(renamed([*given, *own], provider.names))
        if method == "GET":
            return urlunsplit(parts._replace(query=encoded)), headers, body
        return uri, headers, encoded

    return prepare


def _understood(provider: Provider) -> Any:
    def hook(answer: httpx.Response) -> httpx.Response:
        fields = read_answer(answer.text)
        if error := refused(provider, fields):
            raise BadAnswer("provider_failed", f"no token: {error}")
        if not answer.is_success or not isinstance(fields.get("access_token"), str):
            raise BadAnswer("provider_failed", f"no token: {answer.status_code}")
        return httpx.Response(200, json=fields)

    return hook


async def _put(slips: AnySlips, key: str, value: bytes, keep_s: int) -> None:
    if not await slips.put_new(key, value, keep_s):
        raise Problem(503, "busy", "try again", True)  # the key holds 256 random bits: only our own repeat can have been here


def _key(kind: str, secret: str) -> str:
    return f"{kind}:{_hash(secret)}"


def _hash(secret: str) -> str:
    """Of a secret with 256 random bits: a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode()).hexdigest()
