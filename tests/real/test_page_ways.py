"""Every way in, in Chromium, against real ends: a mail server, an SMS gateway, an OpenID provider, a virtual authenticator."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from ops.embedded.ports import next_free
from tests.real import running
from tests.real.people import PASSWORD, Person, window
from tests.real.running import Running
from tests.real.sign_in_world import MailServer, SmsGateway, identity_provider, settings_of

pytestmark = pytest.mark.real
PORTS_FROM = 18_640
PROVIDERS = """
providers:
  - id: local
    name: Harbour ID
    kind: oidc
    issuer: "{issuer}"
    client_id: warbler
    client_secret_env: WARBLER_TEST_SECRET
    scopes: [openid, profile]
"""


@pytest.fixture(scope="module")
def site(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory, mail: MailServer, sms: SmsGateway) -> Iterator[Running]:
    """At `localhost`: a browser gives an address of numbers no passkeys."""
    data = tmp_path_factory.mktemp("ways")
    address = f"http://localhost:{next_free(PORTS_FROM)}"
    with identity_provider([f"{address}/v1/sign-in/providers/local/callback"]) as issuer:
        env = {**settings_of(mail, sms), **provider_settings(data, issuer), "EDGE_CODE_RESEND_MS": "1"}
        started = running.start_beside(cassandra_address, data, "--edges", "1", env=env, ports_from=PORTS_FROM)
        started.page = address
        try:
            yield started
        finally:
            running.stop(started.process)


def provider_settings(data: Path, issuer: str) -> dict[str, str]:
    (data / "providers.yaml").write_text(PROVIDERS.format(issuer=issuer))
    return {"EDGE_PROVIDERS": str(data / "providers.yaml"), "WARBLER_TEST_SECRET": "a secret of the client"}


@pytest.fixture
def ana(browser: Browser) -> Iterator[Person]:
    person = window(browser, "ana")
    yield person
    assert person.complaints == []
    person.page.context.close()


def press(person: Person, name: str) -> None:
    person.page.get_by_role("button", name=name, exact=True).click()


def go(person: Person, address: str) -> None:
    person.page.evaluate("address => { location.hash = address }", address)


def online(person: Person) -> None:
    expect(person.page.locator("#me-state")).to_have_text("Online")


def sign_out(person: Person) -> None:
    press(person, "Log out")
    expect(person.page.locator("#signin")).to_be_visible()


def by_password(person: Person) -> None:
    person.page.locator("#mode-login").click()
    person.page.get_by_label("Name").fill(person.name)
    person.page.get_by_label("Password").fill(PASSWORD)
    person.page.keyboard.press("Enter")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match.group(1)


def test_by_a_code_and_by_the_link_of_a_mail(ana: Person, site: Running, mail: MailServer) -> None:
    to = f"{ana.name}@example.org"
    ana.page.goto(site.page)
    press(ana, "Sign in with an e-mail code")
    ana.page.get_by_label("E-mail address").fill(to)
    press(ana, "Send the code")
    code = found(r"Your code: (\d{6})", mail.wait_for(to))
    ana.shoot("ways-code")
    ana.page.get_by_label("Code").fill("000000" if code != "000000" else "111111")
    press(ana, "Sign in")
    expect(ana.page.get_by_role("alert").filter(has_text="code is wrong")).to_be_visible()
    ana.page.get_by_label("Code").fill(code)
    press(ana, "Sign in")
    online(ana)
    name = ana.page.locator("#me-name").inner_text()

    sign_out(ana)
    press(ana, "Sign in with an e-mail code")
    ana.page.get_by_label("E-mail address").fill(to)
    press(ana, "Send the code")
    link = found(r"(http\S+#link=\S+)", mail.wait_for(to, 2))
    ana.page.goto("about:blank")
    ana.page.goto(link)
    online(ana)
    expect(ana.page.locator("#me-name")).to_have_text(name)
    assert "link=" not in ana.page.url
    sign_out(ana)
    ana.page.goto("about:blank")
    ana.page.goto(link)
    expect(ana.page.get_by_role("alert").filter(has_text=re.compile("used|old|wrong"))).to_be_visible()


def test_by_a_code_of_a_text_message(ana: Person, site: Running, sms: SmsGateway) -> None:
    to = f"+4930{secrets.randbelow(10**7):07d}"
    ana.page.goto(site.page)
    press(ana, "Sign in with a phone code")
    ana.page.get_by_label("Phone number").fill(to)
    press(ana, "Send the code")
    ana.page.get_by_label("Code").fill(sms.wait_for(to))
    ana.page.keyboard.press("Enter")
    online(ana)


def test_by_an_identity_provider_and_back(ana: Person, site: Running) -> None:
    ana.page.goto(site.page)
    ana.page.get_by_role("link", name="Continue with Harbour ID").click()
    ana.page.locator("input[name=login]").fill(ana.name)
    ana.page.locator("input[name=password]").fill("any")
    ana.page.locator("button[type=submit]").click()
    ana.page.get_by_role("button", name="Continue").click()
    online(ana)
    assert "handoff" not in ana.page.url
    go(ana, "/account")
    expect(ana.page.get_by_role("list", name="Identifiers")).to_contain_text("Linked account")


def test_by_a_passkey(ana: Person, site: Running) -> None:
    authenticator(ana)
    ana.sign_up(site.page)
    go(ana, "/account/security")
    press(ana, "Add a passkey")
    ana.page.get_by_label("What do you call it?").fill("My key")
    press(ana, "Continue")
    prove(ana, "password", PASSWORD)
    kept(ana)
    expect(ana.page.get_by_role("list", name="Passkeys")).to_contain_text("My key")
    ana.shoot("ways-passkeys")
    sign_out(ana)
    press(ana, "Sign in with a passkey")
    online(ana)
    expect(ana.page.locator("#me-name")).to_have_text(ana.name)


def authenticator(person: Person) -> None:
    """A key that is always there and whose user always agrees."""
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    options: dict[str, Any] = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}})


def prove(person: Person, kind: str, secret: str) -> None:
    """Answers the question whether it is still the user, where that is asked: a fresh sign-in may do without."""
    box = person.page.get_by_role("dialog", name="Is it you?")
    other = person.page.get_by_role("dialog", name=re.compile("recovery codes|authenticator"))
    expect(box.or_(other).first).to_be_visible()
    if box.is_visible():
        box.get_by_label(re.compile("password|code|Password")).last.fill(secret)
        box.get_by_role("button", name="Continue").click()
        expect(box).to_have_count(0)


def kept(person: Person) -> list[str]:
    """The recovery codes that are shown once."""
    box = person.page.get_by_role("dialog", name="Your recovery codes")
    expect(box.get_by_role("listitem").first).to_be_visible()
    codes = box.get_by_role("listitem").all_inner_texts()
    assert len(codes) >= 8
    box.get_by_role("button", name="I have kept them").click()
    expect(box).to_have_count(0)
    return codes


def test_an_authenticator_app_is_added_and_asked_for_and_a_device_remembered(ana: Person, site: Running) -> None:
    ana.sign_up(site.page)
    go(ana, "/account/security")
    press(ana, "Add an authenticator app")
    prove(ana, "password", PASSWORD)
    secret = ana.page.locator(".secret").inner_text().replace(" ", "")
    assert ana.page.locator("img.qr").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    ana.shoot("ways-totp")
    ana.page.get_by_label("The code that the app shows now").fill(pyotp.TOTP(secret).now())
    press(ana, "Confirm")
    codes = kept(ana)
    expect(ana.page.get_by_role("list", name="Authenticator apps")).to_contain_text("Authenticator app")

    sign_out(ana)
    by_password(ana)
    expect(ana.page.get_by_role("heading", name="Is it you?")).to_be_visible()
    press(ana, "Use a recovery code")
    ana.page.get_by_label("One of your recovery codes").fill(codes[0])
    ana.page.get_by_label("Do not ask again on this device").check()
    ana.shoot("ways-second-step")
    press(ana, "Continue")
    online(ana)
    sign_out(ana)
    by_password(ana)  # this device is remembered
    online(ana)


def test_a_recovery_code_works_once(ana: Person, site: Running) -> None:
    ana.sign_up(site.page)
    go(ana, "/account/security")
    press(ana, "Add an authenticator app")
    prove(ana, "password", PASSWORD)
    secret = ana.page.locator(".secret").inner_text().replace(" ", "")
    ana.page.get_by_label("The code that the app shows now").fill(pyotp.TOTP(secret).now())
    press(ana, "Confirm")
    code = kept(ana)[0]
    for good in (True, False):
        sign_out(ana)
        by_password(ana)
        press(ana, "Use a recovery code")
        ana.page.get_by_label("One of your recovery codes").fill(code)
        press(ana, "Continue")
        if good:
            online(ana)
    expect(ana.page.locator("#signin-step").get_by_role("alert")).not_to_be_empty()
