"""vivo Push (also iQOO): a notification to one device. It has no silent messages, and recalls only by an id that is not kept."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from streams.push.alert import Alert
from streams.push.channels.access import Grant
from streams.push.channels.answers import time_to_live_s
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import (
    EXPIRED,
    UNSUPPORTED,
    Draft,
    Heard,
    Post,
    VendorChannel,
    VendorForm,
    base_url,
    json_post,
    part,
    word,
)
from streams.push.channels.wording import APP_FIELD, for_app, half_widths, notify_id, texts
from streams.push.config import Section

URL = "https://api-push.vivo.com.cn"
TITLE_WIDTHS_LIMIT = 40
BODY_WIDTHS_LIMIT = 100
CUSTOM_CHARS_LIMIT = 1_024  # of all keys and values
TTL_LEAST_S = 60
LATE_LIMIT_S = 5  # as far as two clocks may differ anyway
TTL_LIMIT_S = 7 * 86_400
GRANT_MS = 24 * 3_600_000


class VivoForm(VendorForm, frozen=True, kw_only=True):
    """`app_id`, `app_key`, `app_secret` (a file or env:NAME): of the app. `category`, `call_category`: vivo's second level of classes.

    `classification`: 1 for messages of people and systems, 0 for news. `push_mode` 1: a test, to test devices only.
    `intent`: opened by a tap instead of the app's start.
    """

    app_id: int
    app_key: str
    app_secret: str
    category: str = "IM"
    call_category: str = ""
    classification: Literal[0, 1] = 1
    push_mode: Literal[0, 1] = 0
    intent: str = ""


def from_section(section: Section) -> VendorChannel:
    form = section.read(VivoForm)
    url = base_url(section, URL, form.url)
    grants = VivoGrants(base_url(section, f"{url}/message/auth", form.auth_url, "auth_url"), form)
    return VendorChannel(section, form, section.secret(form.app_secret), Traits(CUSTOM_CHARS_LIMIT), Vivo(form, url), grants)


class Vivo:
    name = "vivo"
    stale = frozenset({"10000"})

    def __init__(self, form: VivoForm, url: str) -> None:
        self.form, self.address = form, f"{url}/message/send"

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        if alert.kind in ("silent", "withdraw"):
            return UNSUPPORTED
        life_s = time_to_live_s(alert, now_ms, TTL_LIMIT_S)
        if life_s < TTL_LEAST_S - LATE_LIMIT_S and alert.kind != "ring":
            return EXPIRED  # vivo keeps a push for a minute at least, which is past the deadline
        title, body = texts(alert, half_widths, TITLE_WIDTHS_LIMIT, BODY_WIDTHS_LIMIT)
        found: dict[str, Any] = {"appId": self.form.app_id, "regId": token, "notifyType": 4, "title": title, "content": body}
        # A call rings for less than a minute, so without this nobody could be called: it may come up to a minute late.
        found |= {"timeToLive": max(life_s, TTL_LEAST_S), "networkType": -1, "notifyId": notify_id(alert.collapse_key)}
        found |= {"classification": self.form.classification, "pushMode": self.form.push_mode, "requestId": alert.send_key}
        found |= {"skipType": 4, "skipContent": self.form.intent} if self.form.intent else {"skipType": 1}
        found["clientCustomMap"] = {APP_FIELD: for_app(alert, CUSTOM_CHARS_LIMIT - len(APP_FIELD))}
        if category := (alert.kind == "ring" and self.form.call_category) or self.form.category:
            found["category"] = category
        return Draft(self.address, found)

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        return json_post(draft, authtoken=key)

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        """A device that is gone may stand beside a success, with a status of its own."""
        status = word(part(fields, "invalidUser"), "status")
        code = f"invalidUser_{status}" if status else word(fields, "result")
        return Heard(code, word(fields, "taskId"), word(fields, "desc"))


class VivoGrants:
    """A day's token for MD5 of id, key, time and secret; vivo wants the time to be within ten minutes of its own."""

    def __init__(self, url: str, form: VivoForm) -> None:
        self.url, self.form = url, form

    def ask(self, secret: str, now_ms: int) -> Post:
        proof = hashlib.md5(f"{self.form.app_id}{self.form.app_key}{now_ms}{secret}".encode(), usedforsecurity=False).hexdigest()
        return json_post(Draft(self.url, {"appId": self.form.app_id, "appKey": self.form.app_key, "timestamp": now_ms, "sign": proof}))

    def granted(self, fields: Mapping[str, Any], now_ms: int) -> Grant | Heard:
        token, code = word(fields, "authToken"), word(fields, "result")
        return Grant(token, now_ms + GRANT_MS) if token and code == "0" else Heard(code, detail=word(fields, "desc"))
