"""OPPO Push (also OnePlus and realme): a notification to one device; the token stands in the form. It has no silent messages."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from streams.push.alert import Alert
from streams.push.channels.access import Grant
from streams.push.channels.answers import time_to_live_s
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import (
    UNSUPPORTED,
    Draft,
    Heard,
    Post,
    VendorChannel,
    VendorForm,
    base_url,
    form_post,
    part,
    word,
)
from streams.push.channels.wording import compact, for_app_named, notify_id, texts, utf16_units
from streams.push.config import Section

URL = "https://api.push.oppomobile.com"
TITLE_CHARS_LIMIT = 50
BODY_CHARS_LIMITS = {1: 50, 2: 128}  # by style
ACTION_CHARS_LIMIT = 4_000
TTL_LIMIT_S = 10 * 86_400
GRANT_MS = 24 * 3_600_000


class OppoForm(VendorForm, frozen=True, kw_only=True):
    """`app_key`, `master_secret` (a file or env:NAME): of the app. `style`: 1 standard, 2 long text.

    `channel_id`: of Android's notification channel. `category` and `notify_level`: as granted by OPPO; the calls' own if they differ.
    `activity`: opened by a tap instead of the app's start.
    """

    app_key: str
    master_secret: str
    style: Literal[1, 2] = 2
    channel_id: str = ""
    category: str = ""
    call_category: str = ""
    notify_level: Literal[0, 1, 2, 16] = 0
    call_notify_level: Literal[0, 1, 2, 16] = 0
    activity: str = ""


def from_section(section: Section) -> VendorChannel:
    form = section.read(OppoForm)
    url = base_url(section, URL, form.url)
    grants = OppoGrants(base_url(section, f"{url}/server/v1/auth", form.auth_url, "auth_url"), form.app_key)
    return VendorChannel(section, form, section.secret(form.master_secret), Traits(ACTION_CHARS_LIMIT), Oppo(form, url), grants)


class Oppo:
    name = "oppo"
    stale = frozenset({"11", "29"})

    def __init__(self, form: OppoForm, url: str) -> None:
        self.form, self.address = form, f"{url}/server/v1/message/notification/unicast"

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        if alert.kind in ("silent", "withdraw"):
            return UNSUPPORTED
        notification = self._notification(alert, time_to_live_s(alert, now_ms, TTL_LIMIT_S))
        message = {"target_type": 2, "target_value": token, "verify_registration_id": True, "notification": notification}
        return Draft(self.address, {"message": compact(message)})

    def _notification(self, alert: Alert, life_s: int) -> dict[str, Any]:
        title, body = texts(alert, utf16_units, TITLE_CHARS_LIMIT, BODY_CHARS_LIMITS[self.form.style])
        found: dict[str, Any] = {"app_message_id": alert.send_key, "style": self.form.style, "title": title, "content": body}
        found |= {"action_parameters": for_app_named(alert, ACTION_CHARS_LIMIT), "notify_id": notify_id(alert.collapse_key)}
        found |= {"off_line": life_s > 0, "click_action_type": 0}  # not off line: shown now or never
        if life_s > 0:
            found["off_line_ttl"] = life_s
        if self.form.activity:
            found |= {"click_action_type": 4, "click_action_activity": self.form.activity}
        return found | self._class(alert)

    def _class(self, alert: Alert) -> dict[str, Any]:
        ring, form = alert.kind == "ring", self.form
        category = (ring and form.call_category) or form.category
        level = (ring and form.call_notify_level) or form.notify_level
        found: dict[str, Any] = {"channel_id": form.channel_id} if form.channel_id else {}
        if category:  # a level without a category is refused
            found |= {"category": category} | ({"notify_level": level} if level else {})
        return found

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        return form_post(draft.url, {"auth_token": key, **draft.fields})

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        return Heard(word(fields, "code"), word(part(fields, "data"), "messageId"), word(fields, "message"))


class OppoGrants:
    """A day's token for SHA-256 of key, time and secret; OPPO wants the time to be within ten minutes of its own."""

    def __init__(self, url: str, app_key: str) -> None:
        self.url, self.app_key = url, app_key

    def ask(self, secret: str, now_ms: int) -> Post:
        proof = hashlib.sha256(f"{self.app_key}{now_ms}{secret}".encode()).hexdigest()
        return form_post(self.url, {"app_key": self.app_key, "timestamp": str(now_ms), "sign": proof})

    def granted(self, fields: Mapping[str, Any], now_ms: int) -> Grant | Heard:
        token = word(part(fields, "data"), "auth_token")
        code = word(fields, "code")
        return Grant(token, now_ms + GRANT_MS) if token and code == "0" else Heard(code, detail=word(fields, "message"))
