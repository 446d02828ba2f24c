"""An engine that changes under a call, processes that are killed while it rings and while people talk, and six in one room: in Chromium."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, expect

from log.kafka import KafkaLog
from log.settings import LogSettings
from schemas.notices import PushRequested
from tests.real.call_engines import engines
from tests.real.call_pages import WATCH_GAPS, Caller, caller, media_browser
from tests.real.inbox_world import pushes
from tests.real.running import Running

pytestmark = [pytest.mark.real, pytest.mark.alone]
RING_S = 30  # the shortest there is
AFTER_RING_S = 30  # for a successor of the owner to take over, on a machine that does much else


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with media_browser(tmp_path_factory.mktemp("voice")) as browser:
        yield browser


@pytest.fixture(scope="module", autouse=True)
def janus(warbler: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Beside the embedded engine of `warbler up`."""
    with engines(warbler.kafka, tmp_path_factory.mktemp("engines"), "janus"):
        yield


def window(browser: Browser, warbler: Running, name: str, home: int, *, phone: bool = False) -> Caller:
    """Somebody at one of the two nodes, who knows the other."""
    addresses = warbler.addresses()
    person = caller(browser, name, phone=phone)
    person.sign_up(f"{addresses[home]}/?edges={addresses[1 - home]}")
    return person


@pytest.fixture(scope="module")
def people(browser: Browser, warbler: Running) -> Iterator[list[Caller]]:
    people = [window(browser, warbler, name, home) for name, home in (("ana", 0), ("bo", 1), ("cy", 0))]
    yield people
    assert [person.complaints for person in people] == [[], [], []]


@pytest.fixture
def three(people: list[Caller]) -> Iterator[list[Caller]]:
    """Ana, Bo and Cy, without a call before and after."""
    yield people
    for person in people:
        person.hang_up()
    for person in people:
        expect(person.page.locator("#call")).to_be_hidden()


def meet(people: list[Caller], title: str, engine: str, *more: Caller) -> None:
    """In a new group of theirs the first one calls, and the others answer; `more` are only rung."""
    first, *others = people
    first.start(*(person.name for person in (*others, *more)), title=title)
    for person in (*others, *more):
        person.open(title)
    first.call("Video call", engine)
    for person in others:
        person.answer("With video")
    try:
        for person in people:
            person.connected()
            person.sees(len(others))
    except AssertionError as error:
        raise AssertionError("\n".join(person.stands() for person in people)) from error


def test_a_call_goes_on_while_it_moves_to_another_engine(three: list[Caller]) -> None:
    """And who declined it comes in by the line above the conversation."""
    ana, bo, cy = three
    meet([ana, bo], "Three", "embedded", cy)
    cy.ring.get_by_role("button", name="Decline").click()
    expect(cy.page.locator("#under-way")).to_contain_text("Video call under way")
    for person in (ana, bo):
        expect(person.page.locator(".call-tile")).to_have_count(2)
        person.page.evaluate(WATCH_GAPS)
    ana.page.get_by_role("button", name="Connection").click()
    ana.page.get_by_role("menuitem", name="Move to janus").click()
    for person in (ana, bo):
        expect(person.page.locator("#call-quality")).to_have_attribute("data-engine", "janus")
        person.has_closed(2)
        person.sees(1)
        person.saw_all_along()
        person.connected()
    cy.page.locator("#under-way-join").click()
    cy.connected()
    cy.sees(2)
    for person in three:
        person.hang_up()


def test_the_callers_node_is_killed_while_it_rings_and_while_they_talk(three: list[Caller], warbler: Running) -> None:
    ana, bo, _ = three
    ana.start(bo.name)
    ana.call("Video call", "janus")
    expect(bo.ring).to_be_visible()
    expect(ana.state).to_have_text("Ringing…")
    before = ana.sockets
    old = warbler.kill("edge-1")  # where Ana is, and Bo is not
    ana.back(before)
    expect(bo.ring).to_be_visible()
    bo.answer("With video")
    for person in (ana, bo):
        person.connected()
        person.sees(1)
    warbler.wait_for_successor("edge-1", old)
    for person in (ana, bo):
        person.page.evaluate(WATCH_GAPS)
    sockets = {person.name: person.sockets for person in (ana, bo)}
    old = warbler.kill("edge-2")  # where both are now
    for person in (ana, bo):
        person.back(sockets[person.name])
        person.sees(1)
        person.connected()
        person.saw_all_along()  # media does not go through the node
    bo.hang_up()
    expect(ana.page.locator("#call")).to_be_hidden()
    warbler.wait_for_successor("edge-2", old)


def test_nobody_is_there_and_the_owner_is_killed_while_it_rings(three: list[Caller], warbler: Running) -> None:
    """The ring ends at its deadline all the same; a push was asked for, and who was called finds the missed call."""
    ana, _, cy = three
    ana.start(cy.name)
    home, user = cy.page.url.split("#")[0], json.loads(cy.page.evaluate("sessionStorage.getItem('warbler.signin')"))["user"]
    cy.page.goto("about:blank")
    ana.call("Call", "embedded", RING_S)
    expect(ana.state).to_have_text("Calling…")
    began = time.monotonic()
    old = warbler.kill("owner-1")
    expect(ana.page.get_by_text("No answer", exact=True)).to_be_visible(timeout=(RING_S + AFTER_RING_S) * 1_000)
    assert time.monotonic() - began > RING_S - 5
    warbler.wait_for_successor("owner-1", old)
    cy.page.goto(home)
    cy.open(ana.name)
    expect(cy.page.locator(".call-note.missed")).to_have_text(f"Missed call from {ana.name}")
    with ThreadPoolExecutor(1) as other_thread:  # Playwright has a loop in this one
        asked = other_thread.submit(asyncio.run, asked_for(warbler, user)).result()
    assert "call" in {push.purpose for push in asked}


async def asked_for(warbler: Running, user: str) -> list[PushRequested]:
    log = KafkaLog(LogSettings(warbler.kafka))
    await log.start()
    try:
        return await pushes(log, user)
    finally:
        await log.close()


def test_six_see_each_other_and_a_screen_and_who_speaks(three: list[Caller], browser: Browser, warbler: Running) -> None:
    ana, bo, cy = three
    dee, eli = (caller(browser, name, small=True) for name in ("dee", "eli"))
    fay = caller(browser, "fay", phone=True)
    for person in (dee, eli, fay):
        person.sign_up(warbler.page)
    six = [ana, bo, cy, dee, eli, fay]
    meet(six, "Six", "janus")
    bo.press("Share screen")
    for person in six:
        expect(person.page.locator(".call-screen video")).to_be_visible()
    for person in (ana, fay):
        person.sees(6)
        person.shoot(f"call-six-{'phone' if person is fay else 'desktop'}")
        person.fits()
    for person in six:
        person.press("Mute")
    for person in (ana, fay):
        expect(person.page.locator(".call-tile.speaking")).to_have_count(0)
    cy.press("Unmute")
    for person in (ana, fay):
        expect(person.tile(cy.name)).to_contain_class("speaking")
    bo.press("Stop sharing")
    expect(fay.page.locator(".call-screen")).to_have_count(0)
    for person in (dee, eli, fay):
        assert person.complaints == []
        person.page.context.close()
