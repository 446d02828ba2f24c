"""Sign-in through providers against local ones that lie: whatever is wrong with an answer, nobody comes in by it."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from joserfc.jwk import ECKey

from edge.people.provider_desk import ProviderDesk
from edge.people.providers import BadAnswer, Person, Provider, filled, load, local_path, problems_of, read_answer
from edge.people.ways_settings import WaysSettings
from edge.rest.errors import Problem
from edge.settings import BadSetting
from tests.edge.people.idp import CLIENT, CODE, SECRET, Idp, query_of, serving
from tests.edge.people.slips import MemorySlips

BASE = "http://localhost:8480"
ENV = {"IDP_SECRET": SECRET}


def oidc(idp: Idp, **more: Any) -> dict[str, Any]:
    return {"id": "acme", "name": "Acme", "kind": "oidc", "issuer": idp.address, "client_id": CLIENT, **{"scopes": ["openid"], **more}}


def wechat(idp: Idp) -> dict[str, Any]:
    return {
        "id": "wechat",
        "name": "WeChat",
        "kind": "oauth2",
        "client_id": CLIENT,
        "authorize_url": f"{idp.address}/connect/qrconnect",
        "authorize_fragment": "wechat_redirect",
        "token_url": f"{idp.address}/sns/oauth2/access_token",
        "token_method": "GET",
        "client_auth": "post",
        "pkce": False,
        "names": {"client_id": "appid", "client_secret": "secret"},
        "scopes": ["snsapi_login"],
        "user_urls": [f"{idp.address}/sns/userinfo?access_token={{access_token}}&openid={{openid}}"],
        "bearer": False,
        "errors": ["errcode"],
        "subject": "unionid",
        "display_name": "nickname",
    }


def qq(idp: Idp) -> dict[str, Any]:
    user_info = f"{idp.address}/user/get_user_info?access_token={{access_token}}&oauth_consumer_key={{client_id}}&openid={{openid}}"
    return {
        "id": "qq",
        "name": "QQ",
        "kind": "oauth2",
        "client_id": CLIENT,
        "authorize_url": f"{idp.address}/oauth2.0/authorize",
        "token_url": f"{idp.address}/oauth2.0/token",
        "token_method": "GET",
        "client_auth": "post",
        "pkce": False,
        "scopes": ["get_user_info"],
        "user_urls": [f"{idp.address}/oauth2.0/me?access_token={{access_token}}", user_info],
        "bearer": False,
        "errors": ["error", "ret"],
        "subject": "openid",
        "display_name": "nickname",
    }


@pytest.fixture
def idp() -> Iterator[Idp]:
    with serving() as found:
        yield found


class Browser:
    """One browser that goes to a provider and back."""

    def __init__(self, tmp_path: Path, provider: dict[str, Any]) -> None:
        path = tmp_path / "providers.yaml"
        path.write_text(yaml.safe_dump({"providers": [{**provider, "client_secret_env": "IDP_SECRET"}]}))
        self.id = provider["id"]
        self.slips = MemorySlips()
        self.desk = ProviderDesk(WaysSettings(provider_timeout_ms=2_000), self.slips, load(str(path), ENV), ENV)
        self.cookie = ""
        self.url = ""

    async def leave(self, return_to: str = "/") -> dict[str, str]:
        leaving = await self.desk.start(self.id, return_to, BASE, self.cookie)
        self.cookie, self.url = leaving.cookie, leaving.url
        return query_of(leaving.url)

    async def back(self, **params: str) -> str:
        return await self.desk.callback(self.id, {"code": CODE, **params}, self.cookie)


def signed_in(where: str) -> str:
    _, _, handoff = where.partition("#handoff=")
    assert handoff, where
    return handoff


def test_an_openid_provider_says_who_it_is_once(idp: Idp, tmp_path: Path) -> None:
    async def body() -> None:
        browser = Browser(tmp_path, oidc(idp))
        asked = await browser.leave("/inbox?tab=1")
        idp.nonce = asked["nonce"]
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        assert asked["redirect_uri"] == f"{BASE}/v1/sign-in/providers/acme/callback"
        where = await browser.back(state=asked["state"])
        assert where.startswith("/inbox?tab=1#handoff=")
        assert await browser.desk.person(signed_in(where), browser.cookie) == Person("acme", "s-1", "Ana")
        with pytest.raises(Problem, match="handoff"):
            await browser.desk.person(signed_in(where), browser.cookie)
        assert await browser.back(state=asked["state"]) == "/#error=bad_state"
        token = next(params for path, params in idp.asked if path == "/token")
        assert len(token["code_verifier"]) >= 43
        assert not any(SECRET.encode() in value or value == b"at" for value in browser.slips.wrote)

    asyncio.run(body())


HostileClaims = Callable[[dict[str, Any]], dict[str, Any]]
LIES: list[tuple[HostileClaims, str]] = [
    (lambda claims: {**claims, "nonce": "of another sign-in"}, "bad_nonce"),
    (lambda claims: {name: value for name, value in claims.items() if name != "nonce"}, "bad_nonce"),
    (lambda claims: {**claims, "nonce": 7}, "bad_nonce"),
    (lambda claims: {**claims, "iss": "http://127.0.0.1:1"}, "bad_issuer"),
    (lambda claims: {**claims, "iss": claims["iss"] + "/"}, "bad_issuer"),
    (lambda claims: {**claims, "aud": "somebody else"}, "bad_audience"),
    (lambda claims: {**claims, "aud": []}, "bad_audience"),
    (lambda claims: {**claims, "aud": {"warbler": 1}}, "bad_audience"),
    (lambda claims: {**claims, "aud": [CLIENT, "another"]}, "bad_audience"),
    (lambda claims: {**claims, "azp": "another"}, "bad_audience"),
    (lambda claims: {**claims, "exp": int(time.time()) - 3_600}, "token_expired"),
    (lambda claims: {**claims, "exp": "soon"}, "bad_token"),
    (lambda claims: {**claims, "exp": True}, "bad_token"),
    (lambda claims: {**claims, "iat": int(time.time()) + 3_600}, "bad_token"),
    (lambda claims: {**claims, "sub": ""}, "provider_failed"),
    (lambda claims: {**claims, "sub": "s" * 256}, "provider_failed"),
    (lambda claims: {**claims, "sub": ["s-1"]}, "provider_failed"),
]


@pytest.mark.parametrize(("lie", "code"), LIES)
def test_an_id_token_that_lies_lets_nobody_in(idp: Idp, tmp_path: Path, lie: HostileClaims, code: str) -> None:
    idp.claims = lie
    assert outcome(idp, tmp_path) == f"/#error={code}"


def outcome(idp: Idp, tmp_path: Path, **params: str) -> str:
    async def body() -> str:
        browser = Browser(tmp_path, oidc(idp))
        asked = await browser.leave()
        idp.nonce = asked["nonce"]
        return await browser.back(state=asked["state"], **params)

    return asyncio.run(body())


def test_an_id_token_of_two_audiences_is_good_if_it_was_made_for_us(idp: Idp, tmp_path: Path) -> None:
    idp.claims = lambda claims: {**claims, "aud": ["another", CLIENT], "azp": CLIENT}
    assert outcome(idp, tmp_path).startswith("/#handoff=")


def forged(idp: Idp, how: str) -> None:
    if how == "another key":
        idp.key = ECKey.generate_key("P-256", {"kid": "k1"}, auto_kid=False)
    elif how == "unknown kid":
        idp.header = {"alg": "ES256", "kid": "k2"}
        idp.key = ECKey.generate_key("P-256", {"kid": "k2"}, auto_kid=False)
    elif how == "none":
        idp.sign = lambda claims: hs256(claims, b"").replace(hs256({}, b"").split(".")[0], "eyJhbGciOiJub25lIn0").rpartition(".")[0] + "."
    elif how == "the client's secret":
        idp.sign = lambda claims: hs256(claims, SECRET.encode())
    elif how == "HS256 with the public key":
        idp.sign = lambda claims: hs256(claims, idp.published.as_pem(private=False))
    elif how == "cut":
        whole = idp.sign
        idp.sign = lambda claims: whole(claims)[:-4]
    else:
        idp.sign = lambda claims: how


def hs256(claims: dict[str, Any], key: bytes) -> str:
    """As an attacker would write it; libraries refuse to."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "k1"}, claims)]
    text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.new(key, text, "sha256").digest()
    return (text + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()


FORGERIES = [
    *("another key", "unknown kid", "none", "the client's secret", "HS256 with the public key"),
    *("cut", "", "a.b.c", "....", "e30.e30."),
]


@pytest.mark.parametrize("how", FORGERIES)
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(idp: Idp, tmp_path: Path, how: str) -> None:
    forged(idp, how)
    assert outcome(idp, tmp_path) == "/#error=bad_signature"


def test_states_are_not_swapped_between_browsers_providers_or_times(idp: Idp, tmp_path: Path) -> None:
    async def body() -> None:
        ana, eve = Browser(tmp_path, oidc(idp)), Browser(tmp_path, oidc(idp))
        eve.desk = ana.desk
        of_ana, of_eve = await ana.leave(), await eve.leave()
        idp.nonce = of_eve["nonce"]
        assert await ana.back(state=of_eve["state"]) == "/#error=bad_state"  # Eve's answer in Ana's browser
        idp.nonce = of_ana["nonce"]
        assert await ana.desk.callback("another", {"code": CODE, "state": of_ana["state"]}, ana.cookie) == "/#error=bad_state"
        assert await ana.back(state=of_ana["state"]) == "/#error=bad_state"  # it was used up by that
        assert await ana.back(state="") == await ana.back() == await ana.back(state="é" * 500) == "/#error=bad_state"
        fresh = await ana.leave()
        idp.nonce = fresh["nonce"]
        assert await ana.desk.callback("acme", {"code": CODE, "state": fresh["state"]}, "") == "/#error=bad_state"

    asyncio.run(body())


def test_a_handoff_is_for_the_browser_that_began(idp: Idp, tmp_path: Path) -> None:
    async def body() -> None:
        ana = Browser(tmp_path, oidc(idp))
        idp.nonce = (asked := await ana.leave())["nonce"]
        handoff = signed_in(await ana.back(state=asked["state"]))
        with pytest.raises(Problem, match="another browser"):
            await ana.desk.person(handoff, "the cookie of another")
        with pytest.raises(Problem, match="another browser"):
            await ana.desk.person(handoff, ana.cookie)  # it was tried, so it is used up

    asyncio.run(body())


def test_the_issuer_of_the_answer_counts(idp: Idp, tmp_path: Path) -> None:
    assert outcome(idp, tmp_path, iss="http://127.0.0.1:1") == "/#error=bad_issuer"
    idp.metadata = {"authorization_response_iss_parameter_supported": True}
    assert outcome(idp, tmp_path) == "/#error=bad_issuer"
    assert outcome(idp, tmp_path, iss=idp.address).startswith("/#handoff=")


@pytest.mark.parametrize(("scopes", "asked"), [([], "openid"), (["profile"], "openid profile"), (["openid", "email"], "openid email")])
def test_an_openid_provider_is_always_asked_who_it_is(idp: Idp, tmp_path: Path, scopes: list[str], asked: str) -> None:
    assert asyncio.run(Browser(tmp_path, oidc(idp, scopes=scopes)).leave())["scope"] == asked


def test_what_somebody_says_no_to_is_told(idp: Idp, tmp_path: Path) -> None:
    assert outcome(idp, tmp_path, error="access_denied") == "/#error=denied"
    assert outcome(idp, tmp_path, error="<script>") == "/#error=provider_failed"
    assert outcome(idp, tmp_path, code="") == "/#error=provider_failed"


ANSWERS = [
    *((500, "{}"), (200, ""), (200, "<html>"), (200, "[]"), (200, "{}")),
    *((200, '{"error":"invalid_grant"}'), (400, '{"access_token":"x"}')),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_token_endpoint_that_says_nonsense_lets_nobody_in(idp: Idp, tmp_path: Path, answer: tuple[int, str]) -> None:
    idp.bodies["/token"] = answer
    assert outcome(idp, tmp_path) == "/#error=provider_failed"


def test_the_name_of_somebody_else_is_not_taken(idp: Idp, tmp_path: Path) -> None:
    idp.bodies["/me"] = (200, '{"sub":"s-2","name":"Eve"}')

    async def body() -> None:
        browser = Browser(tmp_path, oidc(idp))
        idp.nonce = (asked := await browser.leave())["nonce"]
        assert await browser.desk.person(signed_in(await browser.back(state=asked["state"])), browser.cookie) == Person("acme", "s-1", "")

    asyncio.run(body())


@pytest.mark.parametrize("lie", [{"issuer": "http://127.0.0.1:1"}, {"token_endpoint": "http://example.org/token"}, {"jwks_uri": 7}])
def test_metadata_that_lies_is_not_followed(idp: Idp, tmp_path: Path, lie: dict[str, Any]) -> None:
    idp.metadata = lie
    with pytest.raises(Problem, match="does not answer"):
        asyncio.run(Browser(tmp_path, oidc(idp)).leave())


def test_a_provider_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    with serving() as gone:
        provider = oidc(gone)
    with pytest.raises(Problem, match="does not answer"):
        asyncio.run(Browser(tmp_path, provider).leave())


def test_wechat_says_who_it_is(idp: Idp, tmp_path: Path) -> None:
    async def body() -> None:
        browser = Browser(tmp_path, wechat(idp))
        asked = await browser.leave()
        assert browser.url.endswith("#wechat_redirect")
        assert asked["appid"] == CLIENT
        assert "client_id" not in asked
        handoff = signed_in(await browser.back(state=asked["state"]))
        assert await browser.desk.person(handoff, browser.cookie) == Person("wechat", "un-1", "安娜")
        asked = await browser.leave()
        assert await browser.back(state=asked["state"], code="another") == "/#error=provider_failed"

    asyncio.run(body())


def test_qq_says_who_it_is(idp: Idp, tmp_path: Path) -> None:
    async def body() -> None:
        browser = Browser(tmp_path, qq(idp))
        asked = await browser.leave()
        handoff = signed_in(await browser.back(state=asked["state"]))
        assert await browser.desk.person(handoff, browser.cookie) == Person("qq", "QQ-qq-at", "阿宝")
        asked = await browser.leave()
        assert await browser.back(state=asked["state"], code="another") == "/#error=provider_failed"

    asyncio.run(body())


@pytest.mark.parametrize("path", ["/", "/inbox", "/inbox?tab=1&x=%2F%2Fevil", "/ä"])
def test_a_path_of_this_site_is_local(path: str) -> None:
    assert local_path(path)


FOREIGN = [
    *("", "inbox", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil", "/a b"),
    *("/#x", "/" + "a" * 512, "\n/", "/\x7f"),
]


@pytest.mark.parametrize("path", FOREIGN)
def test_what_a_browser_could_take_for_another_site_is_not(idp: Idp, tmp_path: Path, path: str) -> None:
    assert not local_path(path)
    with pytest.raises(Problem, match="return_to"):
        asyncio.run(Browser(tmp_path, oidc(idp)).leave(path))


@pytest.mark.parametrize("text", ["", "x", "[1]", "null", "callback(1)", "<a=b>", "callback({}", "{" * 5_000, "[" * 100_000])
def test_what_is_no_answer_is_not_read(text: str) -> None:
    with pytest.raises(BadAnswer):
        read_answer(text)


def test_an_answer_is_read_in_each_of_its_dialects() -> None:
    assert read_answer('callback( {"a":1} );') == read_answer(' {"a": 1}\n') == {"a": 1}
    assert read_answer("a=1&b=%20x") == {"a": "1", "b": " x"}
    assert filled("u?a={a}", {"a": "x&y=z"}) == "u?a=x%26y%3Dz"


def test_the_readme_shows_providers_that_are_good() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    shown = readme.partition("```yaml\nproviders:\n")[2].partition("```")[0]
    providers = msgspec.convert(yaml.safe_load("providers:\n" + shown), dict[str, list[Provider]])["providers"]
    assert [provider.id for provider in providers] == ["acme", "wechat", "qq"]
    assert [problem for provider in providers for problem in problems_of(provider)] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": ""}, "issuer is missing"),
        ({"issuer": "http://idp.example"}, "must be https"),
        ({"id": "Not an id"}, "regex"),
        ({"kind": "saml"}, "Invalid enum value"),
        ({"unknown": 1}, "unknown field"),
        ({"client_secret_env": "NOT_THERE"}, "its secret is not there"),
        ({"client_secret_file": "/nowhere"}, "its secret is not there"),
    ],
)
def test_a_bad_file_of_providers_says_what_is_wrong(idp: Idp, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(yaml.safe_dump({"providers": [{**oidc(idp), **change}]}))
    with pytest.raises(BadSetting, match=words):
        load(str(path), ENV)
