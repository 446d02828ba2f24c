"""Two people call each other in Chromium, through a whole Warbler and each kind of engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.real.call_engines import engines
from tests.real.call_pages import Caller, caller, listen, media_browser
from tests.real.running import Running

pytestmark = pytest.mark.real
RING_S = 120  # the longest there is


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with media_browser(tmp_path_factory.mktemp("voice")) as browser:
        yield browser


@pytest.fixture(scope="module")
def both_engines(warbler: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with engines(warbler.kafka, tmp_path_factory.mktemp("engines"), "janus"):
        yield


@pytest.fixture(scope="module")
def people(browser: Browser, warbler: Running) -> Iterator[tuple[Caller, Caller]]:
    """Ana at a desk and Bo with a phone, in their conversation."""
    ana, bo = caller(browser, "ana"), caller(browser, "bo", phone=True)
    ana.sign_up(warbler.page)
    bo.sign_up(warbler.addresses()[1])
    ana.start(bo.name)
    ana.say("May I call?")
    bo.open(ana.name)
    yield ana, bo
    assert ana.complaints == bo.complaints == []


@pytest.fixture
def pair(people: tuple[Caller, Caller]) -> Iterator[tuple[Caller, Caller]]:
    """The two, without a call before and after."""
    yield people
    for person in people:
        person.hang_up()
    for person in people:
        expect(person.page.locator("#call")).to_be_hidden()
        expect(person.ring).to_be_hidden()


def talk(pair: tuple[Caller, Caller], engine: str) -> None:
    ana, bo = pair
    ana.call("Video call", engine)
    expect(bo.ring).to_contain_text(ana.name)
    expect(bo.ring).to_contain_text("Video call")
    bo.answer("With video")
    for person in pair:
        person.connected()
        person.sees(1)
    bo.fits()
    bo.shoot(f"call-phone-{engine}")
    bo.hang_up()
    for person in pair:
        expect(person.page.locator("#call")).to_be_hidden()
    expect(ana.page.locator(".call-note").last).to_contain_text("Video call · 0:")


def test_two_talk_without_an_engine(pair: tuple[Caller, Caller]) -> None:
    talk(pair, "p2p")


@pytest.mark.usefixtures("both_engines")
@pytest.mark.parametrize("engine", ["embedded", "janus"])
def test_two_talk_through_an_engine(pair: tuple[Caller, Caller], engine: str) -> None:
    talk(pair, engine)


def test_two_who_call_each_other_have_one_call(pair: tuple[Caller, Caller]) -> None:
    """Both press before either can have heard of the other: the clicks leave in one turn of each window."""
    ana, bo = pair
    for person in pair:
        person.page.evaluate("history.replaceState(null, '', '?engine=p2p' + location.hash)")
    for person in pair:
        person.page.evaluate("setTimeout(() => document.querySelector('#call-audio-button').click(), 150)")
    for person in pair:
        person.connected()
        expect(person.page.locator(".call-tile")).to_have_count(2)
        expect(person.ring).to_be_hidden()
    ana.hang_up()
    expect(bo.page.locator("#call")).to_be_hidden()


def test_one_tab_answers_and_the_other_is_silent_at_once(pair: tuple[Caller, Caller]) -> None:
    ana, bo = pair
    page = bo.page.context.new_page()
    other = Caller(bo.name, page)
    listen(other, page)
    other.log_in(bo.page.url.split("#")[0])
    ana.call("Call", "p2p", RING_S)
    for window in (bo, other):
        expect(window.ring).to_be_visible()
    began = time.monotonic()
    bo.answer("Answer")
    expect(other.ring).to_be_hidden()
    assert time.monotonic() - began < RING_S - 15, "the ring ended by itself, not because it was answered"
    for window in (bo, other):
        assert set(window.tones()) == {"closed"}, window.tones()
    bo.connected()
    expect(page.locator("#call")).to_be_hidden()
    assert other.complaints == []
    page.close()


def test_a_call_is_answered_muted_and_ended_by_keyboard_alone(pair: tuple[Caller, Caller]) -> None:
    ana, bo = pair
    bo.call("Call", "p2p")
    expect(ana.ring.get_by_role("button", name="Answer")).to_be_focused()
    ana.page.keyboard.press("Escape")  # neither answers nor hides it
    expect(ana.ring).to_be_visible()
    ana.page.keyboard.press("Enter")
    ana.connected()
    expect(ana.page.get_by_role("button", name="Mute", exact=True)).to_be_focused()
    ana.page.keyboard.press("Enter")
    expect(bo.tile(ana.name).get_by_role("img", name="Microphone off")).to_be_visible()
    ana.page.keyboard.press("Enter")
    expect(bo.tile(ana.name).get_by_role("img", name="Microphone off")).to_be_hidden()
    ana.page.get_by_role("button", name="Back to the messages").click()
    ana.say("I write while we talk")
    expect(bo.page.locator("#call-state")).to_be_visible()
    ana.page.locator("#call-bar").get_by_role("button", name="Hang up").press("Enter")
    expect(bo.page.locator("#call")).to_be_hidden()


def test_a_declined_call_is_said_to_who_called(pair: tuple[Caller, Caller]) -> None:
    ana, bo = pair
    ana.call("Call", "p2p")
    bo.ring.get_by_role("button", name="Decline").click()
    expect(ana.page.get_by_text("The call was declined")).to_be_visible()
    expect(ana.page.locator(".call-note").last).to_have_text("Call · declined")
