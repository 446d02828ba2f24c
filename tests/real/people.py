"""People in Chromium windows, for the tests of the page: what they do is what a person does, by names and roles that a reader hears."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

OUT = Path(__file__).parents[1] / "out"
CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 90_000  # the machine is shared; nothing here measures speed
PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Person:
    """Somebody with a window of their own. `complaints`: errors of the page, and what its policy refused."""

    name: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def sign_up(self, address: str) -> None:
        self.page.goto(address)
        self.page.get_by_label("Name", exact=True).fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#me-state")).to_have_text("Online")

    def start(self, *names: str, title: str = "") -> None:
        self.page.get_by_role("button", name="New conversation").first.click()
        self.page.get_by_label("With whom?").fill(", ".join(names))
        self.page.get_by_label("Title of the group").fill(title)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#title")).to_have_text(title or names[0])

    def open(self, title: str) -> None:
        self.page.locator("#list a").filter(has=self.page.locator("strong", has_text=title)).click()  # not who is named in a preview
        expect(self.page.locator("#title")).to_have_text(title)

    def say(self, text: str) -> None:
        box = self.page.get_by_role("textbox", name="Message")
        box.fill(text)
        box.press("Enter")

    def message(self, text: str) -> Locator:
        return self.page.locator(".message").filter(has=self.page.locator(".text", has_text=re.compile(f"^{re.escape(text)}$")))

    def sent(self, text: str) -> None:
        """Waits until it is acked."""
        expect(self.message(text).locator(".tick:not(.waiting)")).to_be_visible()

    def act(self, text: str, action: str) -> None:
        self.message(text).hover()
        self.message(text).get_by_role("button", name=action).click()

    def texts(self) -> list[str]:
        return self.page.locator(".message .text").all_inner_texts()

    def shoot(self, name: str) -> None:
        OUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUT / f"{name}.png")


def window(browser: Browser, name: str, *, phone: bool = False) -> Person:
    if phone:
        context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark")
    else:
        context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    person = Person(f"{name}-{secrets.token_hex(3)}", context.new_page())
    person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
    person.page.on("console", lambda said: person.complaints.append(said.text) if "Content Security Policy" in said.text else None)
    return person
