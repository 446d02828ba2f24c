"""Friends, groups and devices in Chromium windows, through a real Warbler: what one does, the other sees without a reload."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.real.people import PASSWORD, Person, window
from tests.real.running import Running

pytestmark = pytest.mark.real


@pytest.fixture
def ana(browser: Browser, warbler: Running) -> Iterator[Person]:
    yield from signed_up(window(browser, "ana"), warbler)


@pytest.fixture
def bo(browser: Browser, warbler: Running) -> Iterator[Person]:
    yield from signed_up(window(browser, "bo", phone=True), warbler)


def signed_up(person: Person, warbler: Running) -> Iterator[Person]:
    person.sign_up(warbler.page)
    yield person
    assert person.complaints == []
    person.page.context.close()


def go(person: Person, address: str) -> None:
    person.page.evaluate("address => { location.hash = address }", address)


def place(person: Person, name: str) -> None:
    person.page.get_by_role("navigation", name="Places").get_by_role("link", name=name).click()


def tab(person: Person, name: str) -> None:
    person.page.locator(".screen-tabs").get_by_role("link", name=name).click()


def dialog(person: Person) -> Locator:
    return person.page.get_by_role("dialog").last


def press(person: Person, name: str) -> None:
    person.page.get_by_role("button", name=name, exact=True).click()


def settle(person: Person, name: str) -> None:
    """Presses a button of the open dialog, and waits until that is gone."""
    opened = dialog(person)
    opened.get_by_role("button", name=name, exact=True).click()
    expect(person.page.get_by_role("dialog")).to_have_count(0)


def id_of(person: Person) -> str:
    user = person.page.evaluate("JSON.parse(sessionStorage.getItem('warbler.signin')).user")
    assert isinstance(user, str)
    return user


def test_a_request_with_a_question_becomes_a_friendship_on_both_pages(ana: Person, bo: Person) -> None:
    go(bo, "/account/privacy")
    bo.page.get_by_label("Who may ask to be your friend").select_option("question")
    bo.page.get_by_label("Your question").fill("Where did we meet?")
    press(bo, "Save privacy")
    expect(bo.page.get_by_text("Your privacy settings are saved.")).to_be_visible()

    go(ana, f"/contact/{id_of(bo)}")
    press(ana, "Ask to be friends")
    dialog(ana).get_by_label("Where did we meet?").fill("At the pier")
    ana.shoot("desktop-friend-question")
    settle(ana, "Ask")
    expect(bo.page.locator("#contacts-badge")).to_have_text("1")

    place(bo, "Contacts")
    tab(bo, "Requests (1)")
    expect(bo.page.get_by_role("list", name="Requests to you")).to_contain_text("At the pier")
    bo.shoot("phone-requests")
    press(bo, f"Accept {ana.name}")
    expect(bo.page.locator("#contacts-badge")).to_be_hidden()
    place(ana, "Contacts")
    expect(ana.page.get_by_role("list", name="Friends")).to_contain_text(bo.name)
    tab(bo, "Friends")
    expect(bo.page.get_by_role("list", name="Friends")).to_contain_text(ana.name)
    # nobody has written: it is no conversation that one would look for
    expect(ana.page.locator("#list a")).to_have_count(0)

    go(ana, f"/contact/{id_of(bo)}")
    ana.page.get_by_label("Your name for them").fill("Bo of the pier")
    ana.page.get_by_label("Tags").fill("harbour, birds")
    press(ana, "Save")
    expect(ana.page.locator("#screen-title")).to_have_text("Bo of the pier")
    ana.shoot("desktop-contact")
    press(ana, "Message")
    expect(ana.page.locator("#title")).to_have_text("Bo of the pier")
    ana.say("Friends at last")
    place(bo, "Messages")
    bo.open(ana.name)
    expect(bo.message("Friends at last")).to_be_visible()
    expect(bo.page.locator(".note").filter(has_text="You are friends now")).to_be_visible()


def test_who_is_blocked_cannot_write(ana: Person, bo: Person) -> None:
    ana.start(bo.name)
    ana.say("before")
    bo.open(ana.name)
    expect(bo.message("before")).to_be_visible()
    bo.page.get_by_role("button", name="Members and settings").click()
    press(bo, "Block")
    settle(bo, "Block")
    expect(bo.page.get_by_role("button", name="Unblock")).to_be_visible()
    ana.say("after")
    expect(ana.page.locator(".toast").filter(has_text="Not accepted")).to_be_visible()
    expect(ana.page.get_by_text("blocked", exact=False).filter(has_text="You blocked")).to_have_count(0)
    go(bo, "/contacts/blocked")
    press(bo, f"Unblock {ana.name}")
    expect(bo.page.get_by_text("You have blocked nobody.")).to_be_visible()
    ana.say("again")
    place(bo, "Messages")
    bo.open(ana.name)
    expect(bo.message("again")).to_be_visible()
    expect(bo.message("after")).to_have_count(0)


def group(ana: Person, title: str, **choices: str) -> str:
    """A group that Ana makes on the screen for it; its id."""
    go(ana, "/groups/new")
    ana.page.get_by_label("Title", exact=True).fill(title)
    for label, value in choices.items():
        field = ana.page.locator("#screen").get_by_label(label.replace("_", " "))
        if field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    press(ana, "Create")
    expect(ana.page.locator("#title")).to_have_text(title)
    return str(ana.page.evaluate("location.hash.slice(1)"))


def test_a_group_is_joined_by_a_link_and_its_member_muted(ana: Person, bo: Person) -> None:
    conversation = group(ana, "Herons")
    go(ana, f"/group/{conversation}/links")
    press(ana, "Make a link")
    dialog(ana).get_by_role("button", name="Make it").click()
    address = dialog(ana).get_by_label("The link").input_value()
    expect(dialog(ana).get_by_role("img", name="QR code of the link")).to_be_visible()
    ana.shoot("desktop-link")
    settle(ana, "Done")

    go(bo, address.split("#", 1)[1])
    press(bo, "Join")
    expect(bo.page.locator("#title")).to_have_text("Herons")
    bo.say("Hello, herons")
    go(ana, conversation)
    expect(ana.message("Hello, herons")).to_be_visible()
    expect(ana.page.locator(".note").filter(has_text=f"{bo.name} joined by a link")).to_be_visible()

    go(ana, f"/group/{conversation}/members")
    press(ana, f"What to do about {bo.name}")
    ana.shoot("desktop-member-menu")
    ana.page.get_by_role("menuitem", name="Mute…").click()
    settle(ana, "Mute")
    expect(ana.page.get_by_role("list", name="Members")).to_contain_text("muted until")
    expect(bo.page.locator(".note").filter(has_text=f"{ana.name} muted you until")).to_be_visible()
    bo.say("May I?")
    expect(bo.page.locator(".toast").filter(has_text="Not accepted")).to_be_visible()
    bo.shoot("phone-muted")
    press(ana, f"What to do about {bo.name}")
    ana.page.get_by_role("menuitem", name="Let speak again").click()
    expect(bo.page.locator(".note").filter(has_text="let you speak again")).to_be_visible()
    bo.say("Thank you")
    expect(bo.message("Thank you")).to_be_visible()


def search(person: Person, title: str) -> None:
    person.page.get_by_label("Title", exact=True).fill(title)
    press(person, "Search")


def until(act: Callable[[], None], there: Locator) -> None:
    """Does it again until that is seen: what is searched comes from a projection."""
    for _ in range(20):
        act()
        with suppress(AssertionError):
            return expect(there).to_be_visible(timeout=1_000)
    raise AssertionError(f"{there} was not to be seen")


def test_a_public_group_is_found_applied_to_and_run(ana: Person, bo: Person) -> None:
    title = f"Owls {ana.name}"
    conversation = group(ana, title, Who_finds_it="public", Who_may_join="apply", Question_to_who_applies="Which owl?")
    place(bo, "Groups")
    found = bo.page.get_by_role("button", name=f"Apply to {title}")
    until(lambda: search(bo, title), found)
    found.click()
    dialog(bo).get_by_label("Which owl?").fill("The tawny one")
    settle(bo, "Apply")
    expect(bo.page.get_by_role("list", name="Applications")).to_contain_text(title)
    bo.shoot("phone-groups")

    go(ana, f"/group/{conversation}/requests")
    expect(ana.page.get_by_role("list", name="Applications")).to_contain_text("The tawny one")
    ana.shoot("desktop-applications")
    press(ana, f"Accept {bo.name}")
    place(bo, "Messages")
    expect(bo.page.locator("#list a").filter(has_text=title)).to_be_visible()

    tab(ana, "Roles")
    press(ana, "New role")
    dialog(ana).get_by_label("Name", exact=True).fill("keeper")
    dialog(ana).get_by_label("Make announcements").check()
    ana.shoot("desktop-role")
    settle(ana, "Save")
    expect(ana.page.get_by_role("list", name="Roles")).to_contain_text("keeper")
    tab(ana, "Members")
    press(ana, f"What to do about {bo.name}")
    ana.page.get_by_role("menuitem", name="Change role…").click()
    dialog(ana).get_by_label("Role").select_option("keeper")
    settle(ana, "Save")
    expect(ana.page.get_by_role("list", name="Members")).to_contain_text("keeper")

    go(bo, f"/group/{conversation}/announcements")
    bo.page.get_by_label("New announcement").fill("The barn is open again")
    press(bo, "Announce")
    expect(bo.page.get_by_role("list", name="Announcements")).to_contain_text("The barn is open again")
    go(ana, conversation)
    expect(ana.message("The barn is open again")).to_be_visible()
    press(bo, "Who has read “The barn is open again”")
    expect(dialog(bo).get_by_role("list", name="Read")).to_contain_text(ana.name)
    bo.shoot("phone-readers")
    settle(bo, "Done")

    go(ana, f"/group/{conversation}")
    press(ana, "Dissolve the group…")
    settle(ana, "Dissolve for good")
    expect(ana.page.get_by_text("Dissolved: it can only be read")).to_be_visible()
    go(bo, conversation)
    expect(bo.page.locator(".note").filter(has_text="dissolved the group")).to_be_visible()


def test_two_managers_do_not_overwrite_each_others_settings(ana: Person, bo: Person) -> None:
    conversation = group(ana, "Swifts", Members=bo.name)
    go(ana, f"/group/{conversation}/members")
    press(ana, f"What to do about {bo.name}")
    ana.page.get_by_role("menuitem", name="Change role…").click()
    dialog(ana).get_by_label("Role").select_option("admin")
    settle(ana, "Save")
    go(ana, f"/group/{conversation}/settings")
    ana.page.get_by_label("What is it about?").fill("at first")
    press(ana, "Save settings")
    expect(ana.page.get_by_text("Version 1.")).to_be_visible()
    for person in (ana, bo):
        go(person, f"/group/{conversation}/settings")
        person.page.get_by_label("What is it about?").fill(f"as {person.name} has it")
    press(ana, "Save settings")
    expect(ana.page.get_by_text("Version 2.")).to_be_visible()
    press(bo, "Save settings")
    expect(bo.page.get_by_role("alert").filter(has_text="Somebody else changed this meanwhile")).to_be_visible()
    press(bo, "Show how it stands now")
    expect(bo.page.get_by_label("What is it about?")).to_have_value(f"as {ana.name} has it")


def test_a_device_is_signed_out_from_another_and_says_why(browser: Browser, ana: Person, warbler: Running) -> None:
    phone = window(browser, "phone", phone=True)
    phone.page.goto(warbler.page)
    press(phone, "Log in")
    phone.page.get_by_label("Name").fill(ana.name)
    phone.page.get_by_label("Password").fill(PASSWORD)
    phone.page.keyboard.press("Enter")
    expect(phone.page.locator("#me-state")).to_have_text("Online")
    go(ana, "/account/devices")
    expect(ana.page.get_by_text("This device")).to_be_visible()
    ana.shoot("desktop-devices")
    ana.page.get_by_role("button", name=re.compile("^Sign out there")).click()
    settle(ana, "Sign out there")
    expect(phone.page.get_by_role("alert").filter(has_text="You were signed out here")).to_be_visible()
    expect(ana.page.get_by_role("button", name=re.compile("^Sign out there"))).to_have_count(0)
    phone.shoot("phone-signed-out")
    phone.page.context.close()


def test_a_profile_is_seen_by_others(ana: Person, bo: Person) -> None:
    place(bo, "Account")
    bo.page.get_by_label("Display name").fill("Bo Lindqvist")
    bo.page.get_by_label("About you", exact=True).fill("Boats, terns, rain.")
    bo.page.get_by_label("More about you").fill("Team: Harbour")
    press(bo, "Save profile")
    expect(bo.page.get_by_text("Your profile is saved.")).to_be_visible()
    bo.shoot("phone-account")
    go(ana, f"/contact/{id_of(bo)}")
    for words in ("Bo Lindqvist", "Boats, terns, rain.", "Harbour"):
        expect(ana.page.locator("#screen-body")).to_contain_text(words)


def test_a_friend_is_asked_by_keyboard_alone(ana: Person, bo: Person) -> None:
    """Tab, Enter and Escape: to the contacts, through the search, into the dialog and back out of it."""
    keys = ana.page.keyboard
    reach(ana, ana.page.get_by_role("link", name="Contacts"))
    keys.press("Enter")
    expect(ana.page.locator("#screen-title")).to_be_focused()
    reach(ana, ana.page.get_by_role("link", name="Find people"))
    keys.press("Enter")
    reach(ana, ana.page.get_by_role("searchbox", name="Name"))
    keys.type(bo.name)
    ask = ana.page.get_by_role("button", name=f"Ask {bo.name} to be friends")
    until(lambda: keys.press("Enter"), ask)
    reach(ana, ask)
    keys.press("Enter")
    expect(dialog(ana).get_by_label("A greeting")).to_be_focused()
    for _ in range(6):  # the dialog keeps the focus
        keys.press("Tab")
        inside = ana.page.evaluate("document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
        assert inside
    keys.press("Escape")
    expect(ana.page.get_by_role("dialog")).to_have_count(0)
    expect(ask).to_be_focused()
    ask.evaluate("button => { button.click(); button.click(); }")  # impatient: the dialog comes when the other's question is known
    expect(dialog(ana).get_by_label("A greeting")).to_be_focused()
    keys.type("By keys alone")
    reach(ana, dialog(ana).get_by_role("button", name="Ask", exact=True))
    keys.press("Enter")
    expect(ana.page.get_by_role("dialog")).to_have_count(0)
    expect(bo.page.locator("#contacts-badge")).to_have_text("1")


def reach(person: Person, wanted: Locator, tabs_limit: int = 40) -> None:
    """Presses Tab until the element has the focus, and it can be seen that it has."""
    for _ in range(tabs_limit):
        if wanted.evaluate("element => element === document.activeElement"):
            width = wanted.evaluate("element => getComputedStyle(element).outlineWidth")
            assert width != "0px", "the focus is not shown"
            return
        person.page.keyboard.press("Tab")
    raise AssertionError(f"{tabs_limit} times Tab did not reach {wanted}")


SCREENS = ("contacts", "contacts/requests", "contacts/find", "contacts/blocked", "groups", "groups/new", "account", "account/security",
           "account/devices", "account/privacy")  # fmt: skip
GROUP_TABS = ("", "/members", "/announcements", "/requests", "/links", "/settings", "/roles")
SMALL = """() => [...document.querySelectorAll("#screen button, #screen select, #screen .screen-tabs a, #screen .as-button, #places a")]
    .filter(element => element.offsetParent !== null)
    .map(element => [element.textContent || element.ariaLabel, element.getBoundingClientRect()])
    .filter(([, box]) => box.height < 44 || box.width < 44).map(([name]) => name)"""


def test_every_screen_fits_a_phone(ana: Person, bo: Person) -> None:
    conversation = group(bo, "A group with rather a long title that does not fit into one line", Members=ana.name)
    for address in (*SCREENS, *(f"group/{conversation}{each}" for each in GROUP_TABS), f"contact/{id_of(ana)}"):
        go(bo, f"/{address}")
        expect(bo.page.locator("#screen-body .region[aria-busy]")).to_have_count(0)
        expect(bo.page.locator("#screen-body .error:not(:empty)")).to_have_count(0)
        wide = bo.page.evaluate("[document.documentElement.scrollWidth, document.querySelector('#screen-body').scrollWidth]")
        assert max(wide) <= 390, f"{address} is {wide} px wide"
        assert bo.page.evaluate(SMALL) == [], f"too small for a finger on {address}"
        bo.shoot(f"phone-{address.replace('/', '-').replace(conversation, 'one')}")
