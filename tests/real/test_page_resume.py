"""The page over an absence, and what changes live: a minute offline and back on the other edge; presence, receipts, the journey."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import Browser, CDPSession, expect

from tests.real.people import Person, window
from tests.real.running import Running
from tests.real.talking import port_of

pytestmark = pytest.mark.real
OFFLINE_S = float(os.environ.get("WARBLER_TEST_OFFLINE_S", "60"))
CONVERSATIONS = ("Birders", "Kitchen", "Night shift")
BACK_WITHIN_S = 120.0
TRIES = 5
AWAY_MS = 40_000  # ten seconds out of sight, and what a shared machine adds


@pytest.fixture
def people(browser: Browser, warbler: Running) -> Iterator[tuple[Person, Person, Person]]:
    """Ana at the first edge with the second as the next one; Ben and Chris at the second."""
    first, second = warbler.addresses()
    ana, ben, chris = window(browser, "ana"), window(browser, "ben", phone=True), window(browser, "chris")
    ana.sign_up(f"{first}/?edges={second}")
    ben.sign_up(second)
    chris.sign_up(second)
    yield ana, ben, chris
    for person in (ana, ben, chris):
        assert person.complaints == []
        person.page.context.close()


def heard_by(person: Person) -> list[str]:
    """The address of the edge, for each frame that comes over a WebSocket which its page opens from now on."""
    heard: list[str] = []
    person.page.on("websocket", lambda socket: socket.on("framereceived", lambda _: heard.append(socket.url)))
    return heard


def at_edge(person: Person, address: str) -> None:
    """Reloads the page until its session is on that edge: on a starved machine it may have gone on to the other one while it signed up."""
    heard = heard_by(person)
    for _ in range(TRIES):
        person.page.reload()
        expect(person.page.locator("#me-state")).to_have_text("Online")
        if heard and port_of(heard[-1].removesuffix("/v1/socket")) == port_of(address):
            return
    raise AssertionError(f"{person.name} does not stay at {address}: {heard}")


@contextmanager
def standing_still(warbler: Running, name: str) -> Iterator[None]:
    """Its supervisor may lose patience with it meanwhile, and start it anew."""
    pid = warbler.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + BACK_WITHIN_S
        while not warbler.live() and time.monotonic() < deadline:
            time.sleep(0.2)


def cut(devtools: CDPSession, offline: bool) -> None:
    conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    devtools.send("Network.emulateNetworkConditions", conditions)


def test_a_tab_that_was_offline_for_a_minute_has_everything_once_and_in_order_on_the_other_edge(
    people: tuple[Person, Person, Person], warbler: Running
) -> None:
    """Method: the network of Ana's tab is cut by the browser, and her edge is killed, because the browser may leave an open WebSocket
    alone. When the network is back, that edge stands still: she has to find the other one."""
    ana, ben, chris = people
    first, second = warbler.addresses()
    at_edge(ana, first)
    for title in CONVERSATIONS:
        ana.start(ben.name, chris.name, title=title)
        ana.say(f"{title} before")
    ben.open("Kitchen")
    expect(ben.message("Kitchen before")).to_be_visible()
    ana.sent(f"{CONVERSATIONS[-1]} before")

    heard = heard_by(ana)
    devtools = ana.page.context.new_cdp_session(ana.page)
    devtools.send("Network.enable")
    cut(devtools, offline=True)
    began_s = time.monotonic()
    old = warbler.kill("edge-1")
    expect(ana.page.locator("#me-state")).to_have_text("Connecting…")
    ana.say("Night shift written in the dark")
    said: dict[str, list[str]] = {title: [f"{title} before"] for title in CONVERSATIONS}
    number = 0
    while time.monotonic() - began_s < OFFLINE_S:
        number += 1
        title = CONVERSATIONS[number % 3]
        writer = (ben, chris)[number % 2]
        if writer.page.locator("#title").inner_text() != title:
            back = writer.page.get_by_role("button", name="Back to the list")
            if back.is_visible():
                back.click()
            writer.open(title)
        writer.say(f"{title} {number}")
        writer.sent(f"{title} {number}")
        said[title].append(f"{title} {number}")
        writer.page.wait_for_timeout(500)
    ana.shoot("desktop-offline")
    warbler.wait_for_successor("edge-1", old)
    assert heard == [], "it is offline"
    with standing_still(warbler, "edge-1"):
        cut(devtools, offline=False)
        expect(ana.page.locator("#me-state")).to_have_text("Online")
        assert {port_of(address.removesuffix("/v1/socket")) for address in heard} == {port_of(second)}
        ana.sent("Night shift written in the dark")
    for title in CONVERSATIONS:
        ana.open(title)
        expect(ana.message(said[title][-1])).to_be_visible()
        texts = ana.texts()
        assert [text for text in texts if "dark" not in text] == said[title]
        assert texts.count("Night shift written in the dark") == (1 if title == "Night shift" else 0)
    assert number >= 12
    ben.page.get_by_role("button", name="Back to the list").click()
    ben.open("Night shift")
    expect(ben.message("Night shift written in the dark")).to_have_count(1)


def test_presence_and_receipts_change_live_between_two_tabs(
    people: tuple[Person, Person, Person], browser: Browser, warbler: Running
) -> None:
    ana, ben, _ = people
    ana.start(ben.name)
    expect(ana.page.locator("#subtitle")).to_have_text("Online")
    expect(ana.page.locator("#list .present[data-presence=online]")).to_have_count(1)
    ana.say("Are you there?")
    message = ana.message("Are you there?")
    expect(message.get_by_role("img", name="Delivered", exact=True)).to_be_visible()
    ana.shoot("desktop-delivered")
    ben.shoot("phone-unread")
    ben.open(ana.name)
    expect(message.get_by_role("img", name="Read", exact=True)).to_be_visible()
    expect(ben.page.locator("#subtitle")).to_have_text("Online")

    ben.page.get_by_role("button", name="Back to the list").click()
    ben.page.locator("#me").click()
    ben.page.get_by_role("textbox", name="Status").fill("Up a tree")
    expect(ben.page.get_by_label("Whether I am here")).to_be_enabled()
    ben.shoot("phone-profile")
    ben.page.get_by_role("button", name="Save").click()
    expect(ana.page.locator("#subtitle")).to_have_text("Online · Up a tree")
    expect(ben.page.locator("#me-status")).to_have_text(" · Up a tree")
    ben.page.evaluate("""() => {
        Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(ana.page.locator("#subtitle")).to_have_text("Away · Up a tree", timeout=AWAY_MS)
    expect(ben.page.locator("#me-state")).to_have_text("Away")
    ben.page.evaluate("""() => { delete document.visibilityState; document.dispatchEvent(new Event("visibilitychange")); }""")
    expect(ana.page.locator("#subtitle")).to_have_text("Online · Up a tree")
    ana.shoot("desktop-status")

    ben.page.goto("about:blank")
    expect(ana.page.locator("#subtitle")).to_contain_text("Last seen")
    ana.shoot("desktop-last-seen")
    ana.say("Gone?")
    expect(ana.message("Gone?").get_by_role("img", name="Sent", exact=True)).to_be_visible()


def test_who_hides_receipts_and_presence_shows_neither(people: tuple[Person, Person, Person]) -> None:
    ana, ben, _ = people
    ana.start(ben.name)
    expect(ana.page.locator("#subtitle")).to_have_text("Online")
    ben.page.locator("#me").click()
    box = ben.page.get_by_label("That I got and read their messages")
    expect(box).to_be_enabled()
    box.uncheck()
    ben.page.get_by_label("Whether I am here").select_option("nobody")
    ben.page.get_by_role("button", name="Save").click()
    expect(ben.page.locator("#profile-dialog")).to_be_hidden()
    expect(ana.page.locator("#subtitle")).not_to_contain_text("Online")
    ana.say("Do you hide?")
    ben.open(ana.name)
    expect(ben.message("Do you hide?")).to_be_visible()
    ben.say("Perhaps")
    expect(ana.message("Perhaps")).to_be_visible()
    ana.say("And this one?")
    expect(ben.message("And this one?")).to_be_visible()
    ana.page.wait_for_timeout(3_000)  # longer than receipts are coalesced
    expect(ana.message("And this one?").get_by_role("img", name="Sent", exact=True)).to_be_visible()
    ben.page.get_by_role("button", name="Back to the list").click()
    ben.page.locator("#me").click()
    expect(box).to_be_enabled()
    expect(box).not_to_be_checked()


def test_a_conversation_is_kept_for_later_in_every_window_and_over_a_reload(people: tuple[Person, Person, Person]) -> None:
    ana, ben, _ = people
    ana.start(ben.name)
    ana.say("Later")
    ben.open(ana.name)
    expect(ben.message("Later")).to_be_visible()
    ben.page.get_by_role("button", name="Back to the list").click()
    row = ben.page.locator("#list li").first
    row.click(button="right")
    ben.shoot("phone-menu")
    ben.page.get_by_role("menuitem", name="Mark as unread").click()
    expect(row.locator(".badge.dot")).to_be_visible()
    expect(ben.page).to_have_title("(1) Warbler")
    ben.page.wait_for_timeout(3_000)  # until the mark is told and in the table: a reload asks the server
    ben.page.reload()
    expect(row.locator(".badge.dot")).to_be_visible()
    ben.open(ana.name)
    ben.page.get_by_role("button", name="Back to the list").click()
    expect(row.locator(".badge.dot")).to_have_count(0)
    ana.page.locator("#list li").first.hover()
    ana.page.get_by_role("button", name=f"More about {ben.name}").click()
    ana.shoot("desktop-menu")
    ana.page.keyboard.press("Escape")
    expect(ana.page.get_by_role("menuitem")).to_have_count(0)


def test_a_messages_journey_is_shown_step_by_step_as_it_goes_on(people: tuple[Person, Person, Person]) -> None:
    ana, ben, chris = people
    ana.start(ben.name, chris.name, title="Birders")
    ana.say("The yellow one is back")
    ben.open("Birders")
    expect(ben.message("The yellow one is back")).to_be_visible()
    ana.act("The yellow one is back", "Info")
    steps = ana.page.get_by_role("list", name="The message's journey")
    expect(steps.locator("[data-step=committed] time")).to_have_count(1)
    expect(steps.locator("[data-step=fanned_out] time")).to_have_count(2)
    expect(steps.locator("[data-step=delivered]")).to_contain_text(ben.name)
    expect(steps.locator("[data-step=delivered]")).to_contain_text(chris.name)
    expect(steps.locator("[data-step=read]")).to_contain_text(ben.name)
    expect(steps.locator("[data-step=read] time")).to_have_count(1)
    chris.open("Birders")  # while ana looks
    expect(steps.locator("[data-step=read] time")).to_have_count(2)
    ana.shoot("desktop-journey")
    ben.message("The yellow one is back").locator(".text").tap()  # a finger has no hover
    ben.message("The yellow one is back").get_by_role("button", name="Info").tap()
    expect(ben.page.locator("[data-step=committed] time")).to_have_count(1)
    ben.shoot("phone-journey")
    ana.page.get_by_role("button", name="Done").click()
    ana.page.get_by_role("button", name="Members and settings").click()
    ana.page.get_by_role("link", name="Members", exact=True).click()
    expect(ana.page.locator("#screen-body .present[data-presence=online]")).to_have_count(3)
    ana.shoot("desktop-members-present")
