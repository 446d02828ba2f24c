"""Who else may say who somebody is: OpenID Connect and plain OAuth 2 providers as data, and what their answers mean. Pure but for `load`.

A provider that speaks its own dialect (other parameter names, a GET for the token, JSONP) is described, not programmed.
Source: OpenID Connect Core 1.0 (3.1.3.7: what to check of an ID token), RFC 9207 (issuer in the answer), RFC 7636 (PKCE).
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote

import msgspec
import yaml
from msgspec import Meta, Struct

from edge.settings import BadSetting
from schemas.errors import WarblerError

LEEWAY_MS = 60_000  # clocks of two companies
SUBJECT_CHARS_LIMIT = 255  # OpenID Connect Core, 2
NAME_CHARS_LIMIT = 128
RETURN_TO_CHARS_LIMIT = 512
# Asymmetric ones only: the key of HS256 would be the client's secret, and with `none` there is no key at all.
ID_TOKEN_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_JSONP = re.compile(r"^[\w.$]+\(\s*(\{.*\})\s*\)\s*;?$", re.DOTALL)


class BadAnswer(WarblerError):
    """What a provider said cannot be believed or understood. `code`: what the person is told."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Provider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider of the file EDGE_PROVIDERS. `names`: what it calls client_id, client_secret, redirect_uri, scope, code.

    `user_urls`: asked one after another; {access_token}, {client_id} and every field of the answers so far may stand in them.
    `subject`, `display_name`: the fields of all answers together that say who it is. `errors`: fields that say no.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    kind: Literal["oidc", "oauth2"]
    client_id: Annotated[str, Meta(min_length=1)]
    client_secret_env: str = ""
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    issuer: str = ""
    authorize_url: str = ""
    token_url: str = ""
    user_urls: tuple[str, ...] = ()
    token_method: Literal["GET", "POST"] = "POST"
    client_auth: Literal["basic", "post", "none"] = "basic"
    pkce: bool = True
    names: dict[str, str] = {}
    authorize_params: dict[str, str] = {}
    authorize_fragment: str = ""
    bearer: bool = True
    errors: tuple[str, ...] = ("error",)
    subject: str = "sub"
    display_name: str = "name"


def load(path: str, env: Mapping[str, str]) -> dict[str, Provider]:
    """The providers of a YAML or JSON file, by their id. Raises: BadSetting, which names the file and what is wrong."""
    try:
        found = msgspec.convert(yaml.safe_load(Path(path).read_text(encoding="utf-8")), dict[str, list[Provider]])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as bad:
        raise BadSetting(f"EDGE_PROVIDERS={path}: {bad}") from None
    providers = found.get("providers", [])
    by_id = {provider.id: provider for provider in providers}
    problems = [problem for provider in providers for problem in problems_of(provider)]
    problems += ["two providers have the same id"] if len(by_id) < len(providers) else []
    for provider in providers:
        try:
            secret_of(provider, env)
        except (KeyError, OSError) as missing:
            problems.append(f"{provider.id}: its secret is not there ({missing})")
    if problems:
        raise BadSetting(f"EDGE_PROVIDERS={path}: {'; '.join(problems)}")
    return by_id


def problems_of(provider: Provider) -> list[str]:
    needed = {"oidc": ("issuer",), "oauth2": ("authorize_url", "token_url", "user_urls")}[provider.kind]
    problems = [f"{provider.id}: {field} is missing" for field in needed if not getattr(provider, field)]
    urls = [provider.issuer, provider.authorize_url, provider.token_url, *provider.user_urls]
    return problems + [f"{provider.id}: {url} must be https (or http on loopback)" for url in urls if url and not is_safe(url)]


def is_safe(url: str) -> bool:
    """Nobody between here and there can read or change it."""
    return url.startswith("https://") or re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", url) is not None


def secret_of(provider: Provider, env: Mapping[str, str]) -> str:
    """Raises: KeyError, OSError."""
    if provider.client_secret_file:
        return Path(provider.client_secret_file).read_text(encoding="utf-8").strip()
    return env[provider.client_secret_env] if provider.client_secret_env else ""


def scope_of(provider: Provider) -> str:
    """What is asked for; without `openid` an OpenID provider would not say who it is."""
    first = ("openid",) if provider.kind == "oidc" and "openid" not in provider.scopes else ()
    return provider.scope_separator.join((*first, *provider.scopes))


def local_path(path: str) -> bool:
    """Whether it stays on this site, whatever a browser makes of it: no other host, no scheme, no fragment of its own."""
    if len(path) > RETURN_TO_CHARS_LIMIT or not path.startswith("/") or path.startswith("//"):
        return False
    return not any(character in "\\#" or ord(character) <= 32 or ord(character) == 127 for character in path)


def read_answer(text: str) -> dict[str, Any]:
    """The fields of a provider's answer: JSON, JSON in a JavaScript call, or a form. Raises: BadAnswer."""
    stripped = text.strip()
    called = _JSONP.match(stripped)
    try:
        found = json.loads(called.group(1) if called else stripped)
    except (ValueError, RecursionError):
        found = dict(parse_qsl(stripped)) if re.match(r"^[\w.%+-]+=", stripped) else None
    if not isinstance(found, dict):
        raise BadAnswer("provider_failed", "the provider's answer is none that is known")
    return found


def refused(provider: Provider, answer: Mapping[str, Any]) -> str:
    """The error that the answer tells; empty: none. 0 means success where errors are numbers."""
    said = [answer[field] for field in provider.errors if answer.get(field) not in (None, "", 0, "0")]
    return str(said[0])[:100] if said else ""


def filled(url: str, fields: Mapping[str, Any]) -> str:
    """The URL with every {field} replaced. Raises: BadAnswer for a field that no answer had."""
    try:
        return re.sub(r"\{(\w+)\}", lambda match: quote(str(fields[match.group(1)]), safe=""), url)
    except KeyError as missing:
        raise BadAnswer("provider_failed", f"the provider did not say {missing}") from None


def renamed(params: Iterable[tuple[str, str]], names: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(names.get(name, name), value) for name, value in params]


class Person(Struct, frozen=True, array_like=True):
    """Who a provider says somebody is."""

    provider: str
    subject: str
    name: str


def person_of(provider: Provider, fields: Mapping[str, Any]) -> Person:
    """Raises: BadAnswer if it does not say who."""
    subject = fields.get(provider.subject)
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS_LIMIT:
        raise BadAnswer("provider_failed", "the provider does not say who it is")
    name = fields.get(provider.display_name)
    return Person(provider.id, subject, name[:NAME_CHARS_LIMIT] if isinstance(name, str) else "")


def check_id_token(claims: Mapping[str, Any], provider: Provider, nonce: str, now_ms: int) -> None:
    """What must be true of the claims of an ID token whose signature is good. Raises: BadAnswer."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if claims.get("iss") != provider.issuer:
        raise BadAnswer("bad_issuer", "the ID token is of another issuer")
    if provider.client_id not in audiences:
        raise BadAnswer("bad_audience", "the ID token is for somebody else")
    if claims.get("azp", provider.client_id) != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise BadAnswer("bad_audience", "the ID token was made for another client")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise BadAnswer("bad_nonce", "the ID token is for another sign-in")
    _check_times(claims, now_ms)


def _check_times(claims: Mapping[str, Any], now_ms: int) -> None:
    if now_ms > _time_ms(claims.get("exp")) + LEEWAY_MS:
        raise BadAnswer("token_expired", "the ID token is over")
    if _time_ms(claims.get("iat")) > now_ms + LEEWAY_MS:
        raise BadAnswer("bad_token", "the ID token is of the future")


def _time_ms(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
        raise BadAnswer("bad_token", "the ID token does not say its times")
    return value * 1000
