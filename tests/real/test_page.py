"""Two people in two Chromium windows chat through a real Warbler; one test a story, with screenshots in tests/out/."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.real.people import PASSWORD, PATIENCE_MS, Person, window
from tests.real.running import Running

pytestmark = pytest.mark.real


@pytest.fixture
def ana(browser: Browser, warbler: Running) -> Iterator[Person]:
    person = window(browser, "ana")
    person.sign_up(warbler.page)
    yield person
    assert person.complaints == []
    person.page.context.close()


@pytest.fixture
def bo(browser: Browser, warbler: Running) -> Iterator[Person]:
    person = window(browser, "bo", phone=True)
    person.sign_up(warbler.page)
    yield person
    assert person.complaints == []
    person.page.context.close()


def test_two_windows_chat(ana: Person, bo: Person) -> None:
    ana.start(bo.name)
    ana.say("Hello Bo, the yellow one is back in the garden")
    expect(bo.page.locator("#list a .badge")).to_have_text("1")
    bo.shoot("phone-list")
    bo.open(ana.name)
    expect(bo.message("Hello Bo, the yellow one is back in the garden")).to_be_visible()
    expect(ana.page.get_by_text(f"Seen by {bo.name}")).to_be_visible()
    expect(ana.message("Hello Bo, the yellow one is back in the garden").get_by_role("img", name="Read", exact=True)).to_be_visible()

    bo.say("I see it from here")
    expect(ana.message("I see it from here")).to_be_visible()
    bo.page.get_by_role("textbox", name="Message").press_sequentially("It si")
    expect(ana.page.locator("#typing")).to_have_text(f"{bo.name} is typing…")
    ana.shoot("desktop-typing")
    bo.page.get_by_role("textbox", name="Message").fill("")
    expect(ana.page.locator("#typing")).to_have_text("")

    ana.act("I see it from here", "React")
    ana.page.get_by_role("button", name="React with ❤️").click()
    expect(bo.message("I see it from here").get_by_role("button", name=f"❤️ by {ana.name}")).to_be_visible()
    ana.message("I see it from here").get_by_role("button", name="❤️ by you").click()
    expect(bo.message("I see it from here").locator(".chip")).to_have_count(0)

    ana.act("I see it from here", "Reply")
    ana.say("From where?")
    expect(bo.message("From where?").locator(".quote")).to_contain_text("I see it from here")

    ana.page.get_by_role("textbox", name="Message").press("ArrowUp")
    expect(ana.page.get_by_role("textbox", name="Message")).to_have_value("From where?")
    ana.say("From the kitchen?")
    expect(bo.message("From the kitchen?").get_by_text("edited")).to_be_visible()
    expect(bo.message("From where?")).to_have_count(0)

    ana.say("This was for somebody else")
    expect(bo.message("This was for somebody else")).to_be_visible()
    ana.act("This was for somebody else", "Recall")
    expect(bo.message("This message was recalled")).to_be_visible()
    expect(bo.page.get_by_text("This was for somebody else")).to_have_count(0)
    bo.say("From the kitchen, yes")
    expect(ana.message("From the kitchen, yes")).to_be_visible()
    ana.shoot("desktop-chat")
    bo.shoot("phone-chat")


def test_what_is_written_is_shown_as_text(ana: Person, bo: Person) -> None:
    hostile = "<img src=x onerror=\"document.title='gone'\"> & <b>not bold</b>"
    ana.start(bo.name, title="<i>Birds</i>")
    ana.say(hostile)
    bo.open("<i>Birds</i>")
    expect(bo.message(hostile)).to_be_visible()
    assert bo.page.locator(".message img, .message b, #title i").count() == 0
    assert "Warbler" in bo.page.title()


def test_a_message_is_answered_by_keyboard_alone(ana: Person, bo: Person) -> None:
    ana.start(bo.name)
    ana.say("one")
    ana.say("two")
    ana.sent("two")
    keys = ana.page.keyboard
    keys.press("Shift+Tab")
    expect(ana.message("two")).to_be_focused()
    keys.press("ArrowUp")
    expect(ana.message("one")).to_be_focused()
    keys.press("Tab")
    keys.press("Tab")
    expect(ana.message("one").get_by_role("button", name="Reply")).to_be_focused()
    keys.press("Enter")
    expect(ana.page.locator("#context")).to_contain_text("Reply to yourself")
    expect(ana.page.get_by_role("textbox", name="Message")).to_be_focused()
    keys.press("Escape")
    expect(ana.page.locator("#context")).to_be_hidden()
    keys.press("ArrowUp")
    expect(ana.page.get_by_role("textbox", name="Message")).to_have_value("two")
    keys.press("Escape")
    expect(ana.page.get_by_role("textbox", name="Message")).to_have_value("")


def test_the_chat_goes_on_without_loss_when_the_edge_is_killed(ana: Person, bo: Person, warbler: Running) -> None:
    ana.start(bo.name)
    ana.say("before")
    bo.open(ana.name)
    expect(bo.message("before")).to_be_visible()
    old = warbler.kill("edge-1")
    expect(ana.page.get_by_role("status").filter(has_text="Reconnecting")).to_be_visible()
    said = [f"in the dark {number}" for number in range(1, 6)]
    for text in said:
        ana.say(text)
    expect(ana.message("in the dark 5")).to_be_visible()
    ana.shoot("desktop-reconnecting")
    bo.shoot("phone-reconnecting")
    warbler.wait_for_successor("edge-1", old)
    expect(ana.page.locator("#banner")).to_be_hidden()
    expect(bo.message("in the dark 5")).to_be_visible()
    bo.say("after")
    expect(ana.message("after")).to_be_visible()
    assert ana.texts() == bo.texts() == ["before", *said, "after"]
    expect(ana.page.locator(".tick.waiting")).to_have_count(0)


def test_older_messages_come_when_one_scrolls_up(ana: Person, bo: Person) -> None:
    ana.start(bo.name, title="Long")
    said = [f"note {number}" for number in range(1, 131)]
    for text in said:
        ana.say(text)
    expect(ana.page.locator(".tick.waiting")).to_have_count(0)
    expect(bo.page.locator("#list a .badge")).to_have_text("99+")
    bo.page.reload()  # the sign-in stays; the messages are read from history now
    bo.open("Long")
    expect(bo.message("note 130")).to_be_visible()
    assert len(bo.texts()) < len(said)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while len(bo.texts()) < len(said) and time.monotonic() < deadline:
        bo.page.locator("#scroller").evaluate("element => { element.scrollTop = 0 }")
        bo.page.wait_for_timeout(100)
    assert bo.texts() == said
    expect(bo.page.get_by_text("This is where it begins")).to_be_visible()


def test_a_group_says_who_joins_and_leaves(browser: Browser, ana: Person, bo: Person, warbler: Running) -> None:
    chris = window(browser, "chris")
    chris.sign_up(warbler.page)
    ana.start(bo.name, title="Birders")
    ana.page.get_by_role("button", name="Members and settings").click()
    ana.page.get_by_role("link", name="Members").click()
    ana.page.get_by_label("Add by name").fill(chris.name)
    ana.page.get_by_role("button", name="Add", exact=True).click()
    expect(ana.page.get_by_role("list", name="Members")).to_contain_text(chris.name)
    ana.shoot("desktop-members")
    ana.open("Birders")
    chris.open("Birders")
    ana.say("Welcome, Chris")
    expect(chris.message("Welcome, Chris")).to_be_visible()
    expect(ana.page.locator(".note").filter(has_text=f"You added {chris.name}")).to_be_visible()
    chris.page.get_by_role("button", name="Members and settings").click()
    chris.page.get_by_role("button", name="Leave the group").click()
    chris.page.get_by_role("dialog").get_by_role("button", name="Leave", exact=True).click()
    expect(chris.page.locator("#list a")).to_have_count(0)
    expect(ana.page.locator(".note").filter(has_text=f"{chris.name} left")).to_be_visible()
    assert chris.complaints == []
    chris.page.context.close()


def test_bad_sign_ins_say_what_is_wrong(browser: Browser, ana: Person, warbler: Running) -> None:
    other = window(browser, "eve")
    page = other.page
    page.goto(warbler.page)
    for name, password, words in (
        ("", PASSWORD, "Choose a name"),
        ("two words", PASSWORD, "letters, digits"),
        ("eve", "short", "at least 8"),
        (ana.name, PASSWORD, "taken"),
    ):
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    page.get_by_role("button", name="Log in").first.click()
    page.get_by_label("Name", exact=True).fill(ana.name)
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="is wrong")).to_be_visible()
    page.context.close()
