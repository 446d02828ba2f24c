"""Pushes to the page, in real browsers: Firefox with a push service of its own, the worker in Chromium, and the screens.

Chromium subscribes only at Google's service, which is not reached from here: its worker is given pushes by DevTools instead.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, CDPSession, expect

from tests.real import running
from tests.real.firefox_browser import FIREFOX, Firefox, Tab, eventually, firefox
from tests.real.people import OUT, PASSWORD, Person, window
from tests.real.push_pages import PushService, Writer, push_service, quick_warbler
from tests.real.running import Running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def warbler(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = quick_warbler(cassandra_address, tmp_path_factory.mktemp("warbler"))
    try:
        yield started
    finally:
        running.stop(started.process)


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with push_service() as service:
        yield service


# ---- Firefox, to the end


def signed_up(tab: Tab, name: str) -> None:
    tab.fill("#name", name)
    tab.fill("#password", PASSWORD)
    tab.run("document.getElementById('signin-form').requestSubmit()")
    tab.until("document.getElementById('me-state').textContent === 'Online'")


def turned_on(tab: Tab) -> dict[str, Any]:
    """Turns notifications on, as a person does; the sign-in, which stands with the browser from then on."""
    tab.run("location.hash = '/account/notifications'")
    tab.press("Turn on")
    tab.until("document.querySelector('.push-state .tag')?.textContent === 'On'")
    return dict(tab.run("return JSON.parse(localStorage.getItem('warbler.signin'))"))


def shows(firefox: Firefox, words: str) -> tuple[str, str]:
    """The one notification that is shown, once it has these words."""
    (shown,) = eventually(firefox.alerts, lambda shown: len(shown) == 1 and words in shown[0][1])
    return shown


def opened(firefox: Firefox, conversation: str) -> Tab:
    """The window that a press on a notification opened."""
    found = eventually(firefox.tabs, lambda tabs: any(url.endswith(f"#{conversation}") for _, url in tabs))
    return next(tab for tab, url in found if url.endswith(f"#{conversation}"))


def has_read(tab: Tab, text: str) -> None:
    tab.until(f"[...document.querySelectorAll('.message .text')].some(each => each.textContent === {json.dumps(text)})")


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox ESR here (apt-get install firefox-esr): Web Push is proven in no browser")
def test_a_message_to_a_closed_page_is_shown_by_firefox_and_a_press_opens_its_conversation(warbler: Running, service: PushService) -> None:
    with firefox(service.fake.socket_url) as browser:
        tab = browser.open(warbler.page)
        signed_up(tab, f"bo-{secrets.token_hex(3)}")
        signed_in = turned_on(tab)
        OUT.mkdir(exist_ok=True)
        tab.shoot(OUT / "firefox-notifications.png")
        browser.open("about:blank")  # or closing the last tab closes the browser
        tab.close()

        ana = Writer(warbler)
        conversation = ana.direct(signed_in["user"])
        ana.say(conversation, "The boat is back")
        assert shows(browser, "The boat is back")[0] == ana.name
        ana.say(conversation, "and it is dry inside")
        shows(browser, "and it is dry inside")  # one: it took the place of the first

        browser.press_alert()
        tab = opened(browser, conversation)
        has_read(tab, "and it is dry inside")
        assert browser.alerts() == []
        version = service.run(service.fake.hand_over_again())
        eventually(lambda: version in service.fake.acked, bool)
        assert browser.alerts() == [], "a push that came again was shown again"
        results = results_of(warbler, signed_in["access_token"], lambda states: states["accepted"] == states["received"] == 2)
        assert {each["state"] for each in results} <= {"accepted", "received", "withdrawn"}  # withdrawn: what is read by now
        assert {each["channel"] for each in results} == {"webpush"}

        tab.close()
        ana.say(conversation, "Who takes the oars?")
        shows(browser, "Who takes the oars?")
        tab = browser.open(f"{warbler.page}/#{conversation}")
        has_read(tab, "Who takes the oars?")
        eventually(browser.alerts, lambda shown: shown == [])  # it is read
        tab.press("Log out")
        eventually(lambda: list(service.fake.subscribers), lambda left: left == [])
        assert tab.run("return Object.keys(localStorage)") == []
    assert service.fake.violations == []


def results_of(warbler: Running, access_token: str, enough: Callable[[Counter[str]], bool]) -> list[dict[str, Any]]:
    """The user's last results, once there are enough of each state in the log."""

    def ask() -> list[dict[str, Any]]:
        answer = httpx.get(f"{warbler.page}/v1/me/push/results", headers={"Authorization": f"Bearer {access_token}"}, timeout=90)
        answer.raise_for_status()
        return list(answer.json()["results"])

    return eventually(ask, lambda found: enough(Counter(each["state"] for each in found)))


# ---- Chromium's worker


SUBSCRIBED = """async owner => {
    await navigator.serviceWorker.register("/push-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    await new Promise(done => { port1.onmessage = done; active.postMessage({ type: "owner", owner }, [port2]); });
}"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(each => [each.title, each.body, each.tag])"""


class Pushes:
    """What a push service does, by DevTools."""

    def __init__(self, person: Person, address: str) -> None:
        self.cdp: CDPSession = person.page.context.new_cdp_session(person.page)
        self.origin = address
        self.registrations: list[dict[str, Any]] = []
        self.cdp.on("ServiceWorker.workerRegistrationUpdated", lambda told: self.registrations.extend(told["registrations"]))
        self.cdp.send("ServiceWorker.enable")

    def push(self, person: Person, **fields: object) -> None:
        person.page.wait_for_function("navigator.serviceWorker.controller !== null")
        assert self.registrations
        where = {"origin": self.origin, "registrationId": self.registrations[0]["registrationId"]}
        self.cdp.send("ServiceWorker.deliverPushMessage", {**where, "data": json.dumps(fields)})


def a_push(key: str, conversation: str, seq: int, **more: object) -> dict[str, object]:
    data = {"conversation": conversation, "seq": str(seq), "purpose": "message"}
    # a ring stands until it is answered; an alert goes by itself after some 25 s in a browser without a screen
    usual = {"kind": "ring", "key": key, "tag": "t1", "title": "Ana", "body": f"message {seq}", "ticket": "", "at_ms": seq, "data": data}
    return {**usual, **more}


def test_chromiums_worker_shows_replaces_withdraws_and_leads_to_the_conversation(browser: Browser, warbler: Running) -> None:
    bo = window(browser, "bo")
    bo.page.context.grant_permissions(["notifications"])
    bo.sign_up(warbler.page)
    user = bo.page.evaluate("JSON.parse(sessionStorage.getItem('warbler.signin')).user")
    conversation = Writer(warbler).direct(user)
    expect(bo.page.locator("#list a")).to_have_count(0)  # nobody has written
    bo.page.evaluate(SUBSCRIBED, {"user": user, "access_token": "", "application_server_key": ""})
    pushes = Pushes(bo, warbler.page)

    def shown(*wanted: list[str]) -> None:
        eventually(lambda: bo.page.evaluate(SHOWN), lambda found: found == list(wanted))

    pushes.push(bo, **a_push("k1", conversation, 1))
    shown(["Ana", "message 1", "t1"])
    pushes.push(bo, **a_push("k2", conversation, 2))
    shown(["Ana", "message 2", "t1"])
    pushes.push(bo, **a_push("w1", conversation, 1, kind="withdraw"))  # of what does not stand there any more
    pushes.push(bo, **a_push("k3", "other", 1, tag="t2"))
    shown(["Ana", "message 2", "t1"], ["Ana", "message 1", "t2"])
    (worker,) = bo.page.context.service_workers
    # DevTools cannot press a notification: what a press calls is called
    worker.evaluate("conversation => open({ conversation, seq: 2, at_ms: 2 })", conversation)
    bo.page.wait_for_url(f"**/#{conversation}")
    pushes.push(bo, **a_push("w2", conversation, 2, kind="withdraw"))
    shown(["Ana", "message 1", "t2"])
    assert bo.complaints == []
    bo.page.context.close()


# ---- the screens


def go(person: Person, address: str) -> None:
    person.page.evaluate("address => { location.hash = address }", address)
    expect(person.page.locator("#screen-body .region[aria-busy]")).to_have_count(0)


def press(person: Person, name: str) -> None:
    person.page.get_by_role("button", name=name, exact=True).click()


SMALL = """() => [...document.querySelectorAll("#screen button, #screen select, #screen .screen-tabs a, #screen .as-button")]
    .filter(element => element.offsetParent !== null)
    .map(element => [element.textContent || element.ariaLabel, element.getBoundingClientRect()])
    .filter(([, box]) => box.height < 44 || box.width < 44).map(([name]) => name)"""


def fits(person: Person, name: str) -> None:
    """On a phone: nothing is wider than the window, and everything is large enough for a finger."""
    wide = person.page.evaluate("[document.documentElement.scrollWidth, document.querySelector('#screen-body').scrollWidth]")
    assert max(wide) <= 390, f"{name} is {wide} px wide"
    assert person.page.evaluate(SMALL) == [], f"too small for a finger on {name}"
    expect(person.page.locator("#screen-body .error:not(:empty)")).to_have_count(0)
    person.shoot(f"phone-{name}")


def test_what_is_wanted_is_kept_and_said(browser: Browser, warbler: Running) -> None:
    bo = window(browser, "bo", phone=True)
    bo.sign_up(warbler.page)
    go(bo, "/account/notifications")
    expect(bo.page.locator(".push-state")).to_contain_text("The browser asks you whether it may")
    fits(bo, "notifications")
    press(bo, "Turn on")  # Chromium without a screen says no by itself
    expect(bo.page.locator(".push-state")).to_contain_text("You told the browser to show no notifications of this page")
    bo.shoot("phone-notifications-denied")
    bo.page.get_by_label("Be quiet every night").check()
    bo.page.get_by_label("From").fill("21:30")
    bo.page.get_by_label("Time zone").select_option("Europe/Berlin")
    bo.page.get_by_label("Let through what mentions me").check()
    press(bo, "Save quiet hours")
    expect(bo.page.locator(".toast").filter(has_text="Saved.")).to_be_visible()
    bo.page.get_by_label("Show who wrote, and what").uncheck()
    bo.page.get_by_label("Notify", exact=True).select_option("last_used")
    with bo.page.expect_response(lambda answer: answer.url.endswith("/v1/me/push/settings") and answer.request.method != "GET"):
        press(bo, "Save what is shown")
    bo.page.reload()
    expect(bo.page.get_by_label("From")).to_have_value("21:30")
    expect(bo.page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    expect(bo.page.get_by_label("Let through what mentions me")).to_be_checked()
    expect(bo.page.get_by_label("Show who wrote, and what")).not_to_be_checked()
    expect(bo.page.get_by_label("Notify", exact=True)).to_have_value("last_used")
    bo.page.get_by_role("button", name="Save what is shown").scroll_into_view_if_needed()
    bo.shoot("phone-notifications-end")
    assert bo.complaints == []
    bo.page.context.close()


def test_a_conversation_is_muted_for_a_while_and_the_log_says_why_nothing_came(
    browser: Browser, warbler: Running, service: PushService
) -> None:
    bo = window(browser, "bo", phone=True)
    bo.sign_up(warbler.page)
    signed_in = bo.page.evaluate("JSON.parse(sessionStorage.getItem('warbler.signin'))")
    ana = Writer(warbler)
    conversation = ana.direct(signed_in["user"])
    ana.say(conversation, "Psst")
    bo.page.locator("#list a").filter(has_text=ana.name).click(button="right")  # a long press
    bo.page.get_by_role("menuitem", name="Notifications…").click()
    dialog = bo.page.get_by_role("dialog")
    dialog.get_by_label("Notify me of").select_option("none")
    dialog.get_by_label("for how long").select_option("8 hours")
    bo.shoot("phone-mode")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    go(bo, f"/contact/{ana.user.user}")
    expect(bo.page.get_by_text("Muted until")).to_be_visible()
    fits(bo, "contact-muted")

    token = {"token": service.fake.subscribe(), "device": "another browser"}
    mine = {"Authorization": f"Bearer {signed_in['access_token']}"}
    assert httpx.put(f"{warbler.page}/v1/me/push/tokens/webpush", json=token, headers=mine, timeout=90).is_success
    bo.page.goto("about:blank")  # away
    ana.say(conversation, "Are you there?")
    (result,) = results_of(warbler, signed_in["access_token"], lambda states: states.total() > 0)[:1]
    assert (result["state"], result["reason"]) == ("suppressed", "muted")
    bo.page.goto(f"{warbler.page}/#/account/pushes")
    expect(bo.page.get_by_role("list", name="Results")).to_contain_text("Notifications of this conversation are off.")
    expect(bo.page.get_by_role("list", name="Results")).to_contain_text(ana.name)
    fits(bo, "push-log")

    headers = {"Authorization": f"Bearer {warbler.admin_key}"}
    made = httpx.put(f"{warbler.page}/v1/admin/users/{signed_in['user']}/role", json={"role": "admin"}, headers=headers, timeout=90)
    assert made.is_success, made.text
    for tab, words in (("", bo.name), ("/stats", "muted"), ("/campaigns", "None yet.")):
        go(bo, f"/admin/pushes{tab}")
        expect(bo.page.locator("#screen-body")).to_contain_text(words)
        fits(bo, f"admin-pushes{tab.replace('/', '-')}")
    assert bo.complaints == []
    bo.page.context.close()
