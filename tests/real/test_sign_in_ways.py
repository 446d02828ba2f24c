"""Providers, passkeys and second factors against real ends: `oidc-provider`, Chromium's authenticator, a whole Warbler."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pyotp
import pytest
import yaml
from playwright.sync_api import Browser, Page

from log.kafka import KafkaLog
from log.settings import LogSettings
from ops.embedded.ports import next_free
from tests.edge.people.idp import CODE, Idp, query_of, serving
from tests.edge.people.test_provider_desk import qq, wechat
from tests.real import running
from tests.real.running import Running
from tests.real.sign_in_world import JSON, Caller, identity_provider, problem

pytestmark = pytest.mark.real
SECRET = "a secret of the client"


@pytest.fixture(scope="module")
def dialects() -> Iterator[Idp]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def site(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory, dialects: Idp) -> Iterator[Running]:
    port = next_free(18_930)
    acme = {"id": "acme", "name": "Acme", "kind": "oidc", "issuer": f"http://127.0.0.1:{port}", "client_id": "warbler"}
    providers = [{**acme, "scopes": ["openid", "profile"]}, wechat(dialects), qq(dialects)]
    path = tmp_path_factory.mktemp("providers") / "providers.yaml"
    path.write_text(yaml.safe_dump({"providers": [{**each, "client_secret_env": "IDP_SECRET"} for each in providers]}))
    env = {"EDGE_PROVIDERS": str(path), "IDP_SECRET": SECRET, "EDGE_CODES_TO_CONSOLE": "1"}
    started = running.start_beside(cassandra_address, tmp_path_factory.mktemp("ways"), env=env)
    try:
        with identity_provider([f"{started.page}/v1/sign-in/providers/acme/callback"], port):
            yield started
    finally:
        running.stop(started.process)


@pytest.fixture
def http(site: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.page, timeout=90) as client:
        yield client


# ---- providers


def through(http: httpx.Client, login: str, return_to: str = "/") -> str:
    """Signs in at the provider as a browser would, form after form, and where it ends up at our site."""
    answer = http.get("/v1/sign-in/providers/acme/start", params={"return_to": return_to})
    for _ in range(12):
        if answer.has_redirect_location:
            where = urljoin(str(answer.url), answer.headers["location"])
            if urlsplit(where).netloc == http.base_url.netloc.decode() and "/callback" not in where:
                return where.removeprefix(str(http.base_url).rstrip("/"))
            answer = http.get(where)
            continue
        form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert form is not None, (answer.status_code, answer.text)
        assert prompt is not None, answer.text
        answer = http.post(form.group(1), data={"prompt": prompt.group(1), "login": login, "password": "any"})
    raise AssertionError("it goes round in circles")


def test_an_openid_provider_signs_in_and_the_second_time_it_is_the_same_user(http: httpx.Client, site: Running) -> None:
    assert {"id": "acme", "name": "Acme"} in http.get("/v1/sign-in/methods").json()["providers"]
    where = through(http, "ana", "/?tab=1")
    path, _, handoff = where.partition("#handoff=")
    assert path == "/?tab=1"
    ana = Caller(http)
    assert ana.post("/sign-in/handoff", handoff=handoff, device=ana.device).status_code == 200
    assert ana.signed_in["name"] == "ana"
    assert ana.call("GET", "/me").json()["identifiers"][0]["kind"] == "external"
    assert problem(ana.post("/sign-in/handoff", handoff=handoff)) == (401, "bad_handoff")
    with httpx.Client(base_url=site.page, timeout=90) as other:
        again = Caller(other)
        again.post("/sign-in/handoff", handoff=through(other, "ana").partition("#handoff=")[2])
        assert again.signed_in["user"] == ana.signed_in["user"]
        stolen = through(other, "ana").partition("#handoff=")[2]
        assert problem(Caller(http).post("/sign-in/handoff", handoff=stolen)) == (401, "bad_handoff")  # in another browser


def test_who_is_signed_in_adds_a_provider_and_it_cannot_become_anothers(http: httpx.Client) -> None:
    bo = Caller(http)
    bo.register()
    handoff = through(http, "bo").partition("#handoff=")[2]
    assert bo.post("/me/identifiers/external", handoff=handoff).status_code == 201
    by_acme = Caller(http)
    by_acme.post("/sign-in/handoff", handoff=through(http, "bo").partition("#handoff=")[2])
    assert by_acme.signed_in["user"] == bo.signed_in["user"]
    eve = Caller(http)
    eve.register()
    handoff = through(http, "bo").partition("#handoff=")[2]
    assert problem(eve.post("/me/identifiers/external", handoff=handoff)) == (409, "identifier_taken")


@pytest.mark.parametrize("provider", ["wechat", "qq"])
def test_a_provider_with_its_own_dialect_signs_in(http: httpx.Client, provider: str) -> None:
    away = http.get(f"/v1/sign-in/providers/{provider}/start")
    assert away.status_code == 302
    state = query_of(away.headers["location"])["state"]
    back = http.get(f"/v1/sign-in/providers/{provider}/callback", params={"state": state, "code": CODE})
    handoff = back.headers["location"].partition("#handoff=")[2]
    ana = Caller(http)
    assert ana.post("/sign-in/handoff", handoff=handoff, device=ana.device).status_code == 200
    assert ana.signed_in["name"] in ("安娜", "阿宝")


@pytest.mark.parametrize("return_to", ["//evil.example", "https://evil.example", "/\\evil.example", "", "x" * 1025])
def test_nobody_is_sent_to_another_site(http: httpx.Client, return_to: str) -> None:
    status, code = problem(http.get("/v1/sign-in/providers/acme/start", params={"return_to": return_to}))
    assert (status, code) in [(422, "bad_return_to"), (422, "invalid")]


def test_a_state_of_another_browser_and_an_unknown_provider_lead_nowhere(http: httpx.Client, site: Running) -> None:
    with httpx.Client(base_url=site.page, timeout=90) as eve:
        state = query_of(eve.get("/v1/sign-in/providers/wechat/start").headers["location"])["state"]
    swapped = http.get("/v1/sign-in/providers/wechat/callback", params={"state": state, "code": CODE})
    assert swapped.headers["location"] == "/#error=bad_state"
    assert problem(http.get("/v1/sign-in/providers/nobody/start")) == (404, "unknown_provider")
    assert http.get("/v1/sign-in/providers/nobody/callback").headers["location"] == "/#error=bad_state"


# ---- second factors


def otp(secret: str) -> str:
    return pyotp.TOTP(secret).now()


def next_otp(secret: str) -> str:
    """A code of a step that was not shown yet, and is good now: that of the next one."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30)


def with_totp(http: httpx.Client) -> tuple[Caller, str, list[str]]:
    ana = Caller(http)
    ana.register()
    begun = ana.post("/me/factors/totp", name="Phone").json()
    confirmed = ana.post(f"/me/factors/totp/{begun['factor']}/confirm", code=otp(begun["secret"]))
    assert confirmed.status_code == 200, confirmed.text
    return ana, begun["secret"], confirmed.json()["recovery_codes"]


def test_a_sign_in_waits_for_its_second_factor_and_a_remembered_device_does_not(http: httpx.Client) -> None:
    ana, secret, codes = with_totp(http)
    waiting = ana.log_in()
    assert waiting.status_code == 202, waiting.text
    asked = waiting.json()
    assert asked["factors"] == ["totp", "recovery_codes"]
    shown = {"challenge": asked["challenge"], "kind": "totp"}
    assert problem(ana.post("/sign-in/factor", **shown, code="000000")) == (401, "bad_factor")
    assert problem(ana.post("/sign-in/factor", **{**shown, "kind": "passkey"})) == (422, "factor_not_asked")
    assert problem(ana.post("/sign-in/factor", **{**shown, "kind": "enrolled"})) == (409, "nothing_enrolled")
    done = ana.post("/sign-in/factor", **shown, code=next_otp(secret), remember=True)
    assert done.status_code == 200, done.text
    token = done.json()["remember_token"]
    assert problem(ana.post("/sign-in/factor", **shown, code=next_otp(secret))) == (401, "bad_challenge")
    assert ana.log_in(remember_token=token).status_code == 200
    assert ana.log_in(id="another", remember_token=token).status_code == 202
    assert ana.log_in(remember_token=token[:-1] + "x").status_code == 202
    # a remembered device has shown no factor: what is sensitive needs one
    ana.log_in(remember_token=token)
    factor = next(each["factor"] for each in ana.call("GET", "/me/factors").json()["factors"] if each["kind"] == "totp")
    assert problem(ana.call("DELETE", f"/me/factors/{factor}")) == (403, "step_up_needed")
    assert problem(ana.post("/me/step-up", kind="password", password="correct horse battery")) == (422, "factor_not_asked")
    assert ana.post("/me/step-up", kind="recovery_codes", code=codes[0]).status_code == 204
    assert ana.call("GET", "/me/factors").json()["recovery_codes_left"] == 9
    assert ana.call("DELETE", f"/me/factors/{factor}").status_code == 204
    assert ana.log_in().status_code == 200  # nothing is left to be asked for


def test_a_forgotten_device_is_asked_again(http: httpx.Client) -> None:
    ana, secret, _ = with_totp(http)
    asked = ana.log_in().json()
    token = ana.post("/sign-in/factor", challenge=asked["challenge"], kind="totp", code=next_otp(secret), remember=True).json()[
        "remember_token"
    ]
    assert ana.call("DELETE", f"/me/remembered-devices/{ana.device['id']}").json() == {"forgotten": 1}
    assert ana.log_in(remember_token=token).status_code == 202


def test_a_factor_of_one_user_does_not_open_the_sign_in_of_another(http: httpx.Client) -> None:
    ana, _, _ = with_totp(http)
    eve, eves, codes = with_totp(http)
    asked = ana.log_in().json()
    for kind, code in (("totp", next_otp(eves)), ("recovery_codes", codes[0])):
        assert problem(eve.post("/sign-in/factor", challenge=asked["challenge"], kind=kind, code=code)) == (401, "bad_factor")


def admin(site: Running, http: httpx.Client, value: JSON) -> None:
    key = {"Authorization": f"Bearer {site.admin_key}"}
    answer = http.put("/v1/admin/policies/second_factor", headers=key, json={"value": value})
    assert answer.status_code < 300, answer.text


def test_a_tenant_that_wants_a_factor_gets_one_before_anybody_is_in(http: httpx.Client, site: Running) -> None:
    admin(site, http, {"everyone": True})
    try:
        ana = Caller(http)
        name = f"t-{time.time_ns()}"
        waiting = ana.post("/register", name=name, password="correct horse battery", device=ana.device)
        assert (waiting.status_code, waiting.json()["enrol"]) == (202, True)
        token = waiting.json()["challenge"]
        assert problem(ana.call("GET", "/me/factors", f"Challenge {token}")) == (401, "no_token")  # it opens nothing else
        begun = ana.post("/me/factors/totp", f"Challenge {token}", name="Phone").json()
        assert problem(ana.post("/sign-in/factor", challenge=token, kind="enrolled")) == (409, "nothing_enrolled")
        done = ana.post(f"/me/factors/totp/{begun['factor']}/confirm", f"Challenge {token}", code=otp(begun["secret"]))
        assert len(done.json()["recovery_codes"]) == 10
        assert ana.post("/sign-in/factor", challenge=token, kind="enrolled").status_code == 200
        assert problem(ana.post("/me/factors/totp", f"Challenge {token}")) == (401, "bad_challenge")
    finally:
        admin(site, http, {})


def test_what_is_sensitive_is_refused_to_an_old_sign_in(http: httpx.Client, site: Running) -> None:
    ana, _, codes = with_totp(http)
    ana.log_in()
    assert problem(ana.post("/me/recovery-codes", "Bearer nothing")) == (401, "bad_token")
    fresh = ana.post("/me/recovery-codes")
    assert problem(fresh) == (403, "step_up_needed")  # it signed in by a password alone, before there was a factor
    assert ana.post("/me/step-up", kind="recovery_codes", code=codes[1]).status_code == 204
    assert len(ana.post("/me/recovery-codes").json()["codes"]) == 10
    assert problem(ana.post("/me/step-up", kind="recovery_codes", code=codes[2])) == (401, "bad_factor")


BAD: list[tuple[str, Any]] = [
    ("/sign-in/factor", {"challenge": "", "kind": "totp", "code": "1"}),
    ("/sign-in/factor", {"challenge": "x" * 129, "kind": "totp", "code": "1"}),
    ("/sign-in/factor", {"challenge": "x", "kind": "sms", "code": "1"}),
    ("/sign-in/factor", {"challenge": "x", "kind": "totp", "code": 123456}),
    ("/sign-in/factor", {"challenge": "x", "kind": "totp", "code": "1" * 65}),
    ("/sign-in/factor", {"challenge": "x", "kind": "passkey", "credential": []}),
    ("/sign-in/factor", {"challenge": "x", "kind": "totp", "remember": "perhaps"}),
    ("/sign-in/passkey", {"challenge": "x", "credential": "text"}),
    ("/sign-in/passkey", {"challenge": None, "credential": {}}),
    ("/sign-in/passkey", {"challenge": "x", "credential": {str(number): 1 for number in range(33)}}),
    ("/sign-in/handoff", {"handoff": ""}),
    ("/sign-in/handoff", {"handoff": "x" * 257}),
]


@pytest.mark.parametrize(("path", "body"), BAD)
def test_bad_fields_are_refused(http: httpx.Client, path: str, body: Any) -> None:
    assert problem(http.post(f"/v1{path}", json=body)) == (422, "invalid")


def test_no_secret_is_in_the_log(http: httpx.Client, site: Running) -> None:
    ana, secret, codes = with_totp(http)
    asked = ana.log_in().json()
    ana.post("/sign-in/factor", challenge=asked["challenge"], kind="totp", code="000000")
    ana.post("/sign-in/factor", challenge=asked["challenge"], kind="recovery_codes", code=codes[0])
    time.sleep(0.5)  # refusals are told by and by
    told = asyncio.run(events_of(site.kafka, ana.signed_in["user"]))
    assert b"wrong_factor" in told
    assert b"recovery_codes" in told
    for hidden in (secret, *codes, asked["challenge"], ana.signed_in["refresh_token"], "correct horse"):
        assert hidden.encode() not in told


async def events_of(kafka: str, user: str) -> bytes:
    log = KafkaLog(LogSettings.from_env({**os.environ, "WARBLER_KAFKA": kafka}))
    await log.start()
    try:
        found = []
        for partition in range(await log.partitions_count("account-events")):
            found += await log.read("account-events", partition, 0, 10_000)
        return b"".join(record.value or b"" for record in found if record.key == user.encode())
    finally:
        await log.close()


# ---- passkeys, in a real browser

CREATE = """async ([options]) => (await navigator.credentials.create(
  {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})).toJSON()"""
GET = """async ([options]) => (await navigator.credentials.get(
  {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})).toJSON()"""


@pytest.fixture
def page(browser: Browser, site: Running) -> Iterator[Page]:
    """A page of the site at `localhost`, because an address cannot have passkeys, with an authenticator."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.page.replace("127.0.0.1", "localhost") + "/live")
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    yield page
    context.close()


def test_a_passkey_made_in_chromium_signs_in_and_is_a_factor(page: Page, site: Running) -> None:
    with httpx.Client(base_url=site.page.replace("127.0.0.1", "localhost"), timeout=90) as http:
        ana = Caller(http)
        ana.register()
        wanted = ana.post("/me/passkeys/options").json()
        credential = page.evaluate(CREATE, [wanted["options"]])
        added = ana.post("/me/passkeys", challenge=wanted["challenge"], credential=credential, name="Chromium")
        assert added.status_code == 201, added.text
        assert len(added.json()["recovery_codes"]) == 10
        # the first way in, without a name
        wanted = http.post("/v1/sign-in/passkey/options").json()
        answer = page.evaluate(GET, [wanted["options"]])
        again = Caller(http)
        assert again.post("/sign-in/passkey", challenge=wanted["challenge"], credential=answer, device=again.device).status_code == 200
        assert again.signed_in["user"] == ana.signed_in["user"]
        assert problem(again.post("/sign-in/passkey", challenge=wanted["challenge"], credential=answer)) == (401, "bad_challenge")
        # the second factor of a password
        asked = ana.log_in().json()
        assert asked["factors"] == ["passkey", "recovery_codes"]
        options = ana.post("/sign-in/factor/options", challenge=asked["challenge"]).json()
        shown = {"passkey_challenge": options["challenge"], "credential": page.evaluate(GET, [options["options"]])}
        assert ana.post("/sign-in/factor", challenge=asked["challenge"], kind="passkey", **shown).status_code == 200
        # and it proves who it is for something sensitive
        options = ana.post("/me/step-up/options").json()
        proof = {"challenge": options["challenge"], "credential": page.evaluate(GET, [options["options"]])}
        assert ana.post("/me/step-up", kind="passkey", **proof).status_code == 204
        assert ana.call("DELETE", f"/me/factors/{added.json()['factor']}").status_code == 204
        wanted = http.post("/v1/sign-in/passkey/options").json()
        removed = {"challenge": wanted["challenge"], "credential": page.evaluate(GET, [wanted["options"]])}
        assert problem(Caller(http).post("/sign-in/passkey", **removed)) == (401, "bad_passkey")


def test_a_passkey_of_localhost_does_not_open_the_site_at_its_address(page: Page, site: Running) -> None:
    with httpx.Client(base_url=site.page.replace("127.0.0.1", "localhost"), timeout=90) as http:
        ana = Caller(http)
        ana.register()
        wanted = ana.post("/me/passkeys/options").json()
        ana.post("/me/passkeys", challenge=wanted["challenge"], credential=page.evaluate(CREATE, [wanted["options"]]))
        wanted = http.post("/v1/sign-in/passkey/options").json()
        answer = page.evaluate(GET, [wanted["options"]])
    with httpx.Client(base_url=site.page, timeout=90) as other:  # another host and so another origin, of the same node
        refused = other.post("/v1/sign-in/passkey", json={"challenge": wanted["challenge"], "credential": answer})
        assert problem(refused) == (401, "bad_passkey")


def test_the_pins_of_the_identity_provider_are_exact() -> None:
    package = yaml.safe_load((Path(__file__).parent / "idp" / "package.json").read_text())
    assert package["dependencies"] == {"oidc-provider": "9.13.3"}
