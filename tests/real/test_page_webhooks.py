"""Webhooks on the page: an administrator makes one, sees what becomes of deliveries, repeats one, and removes it."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.real.people import Person, window
from tests.real.running import Running

pytestmark = pytest.mark.real
URL = "https://receiver.invalid/hook"  # a name that never resolves: every delivery fails


def administrator(browser: Browser, warbler: Running) -> Person:
    ana = window(browser, "ana")
    ana.sign_up(warbler.page)
    headers = {"Authorization": f"Bearer {warbler.admin_key}"}
    found = httpx.get(f"{warbler.page}/v1/admin/users", params={"q": ana.name}, headers=headers, timeout=90).json()["users"][0]["user"]
    given = httpx.put(f"{warbler.page}/v1/admin/users/{found}/role", json={"role": "admin"}, headers=headers, timeout=90)
    assert given.is_success, given.text
    return ana


def make(ana: Person, about: str) -> None:
    ana.page.get_by_role("button", name="New webhook…").click()
    dialog = ana.page.get_by_role("dialog", name="New webhook")
    dialog.get_by_label("Address").fill("https://10.0.0.1/hook")
    dialog.get_by_label("What it is").fill(about)
    dialog.get_by_label("Event types").fill("message_sent, message_edited")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("this machine and its network")
    dialog.get_by_label("Address").fill(URL)
    dialog.get_by_role("button", name="Save").click()
    secret = ana.page.get_by_role("dialog", name="Its secret")
    expect(secret.locator(".secret")).to_contain_text("whsec_")
    secret.get_by_role("button", name="Done").click()


def test_an_administrator_makes_a_webhook_and_sees_what_becomes_of_deliveries(warbler: Running, browser: Browser) -> None:
    ana = administrator(browser, warbler)
    about, page = f"Archive of {ana.name}", ana.page
    page.goto(f"{warbler.page}/#/admin/webhooks")
    make(ana, about)
    line = page.get_by_role("list", name="Webhooks").get_by_role("listitem").filter(has_text=about)
    expect(line).to_contain_text("Live")
    ana.shoot("webhooks")
    line.get_by_role("link", name="Show").click()
    webhook = page.url.rpartition("/")[2]
    ben = window(browser, "ben", phone=True)
    ben.sign_up(warbler.page)
    ana.page.goto(f"{warbler.page}/#")
    ana.start(ben.name)
    ana.say("hello")
    ana.sent("hello")
    page.goto(f"{warbler.page}/#/admin/webhooks/{webhook}")
    deliveries = page.get_by_role("list", name="Deliveries")
    again = page.get_by_role("button", name="Read again")
    for _ in range(30):  # until the worker has tried; each reading is a request of its own
        again.click()
        if deliveries.get_by_role("listitem").count():
            break
        page.wait_for_timeout(1_000)
    expect(deliveries.get_by_role("listitem").first).to_contain_text("message_sent in d-")
    expect(deliveries.get_by_role("listitem").first).to_contain_text("connection")
    deliveries.get_by_role("button", name="Redeliver").first.click()
    expect(page.get_by_text("It is delivered once more.")).to_be_visible()
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#screen-body")).to_contain_text("Failing since")
    ana.shoot("webhook")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("list", name="Webhooks").or_(page.get_by_text("None yet."))).not_to_contain_text(about)
    assert ana.complaints == []
    for each in (ana, ben):
        each.page.context.close()
