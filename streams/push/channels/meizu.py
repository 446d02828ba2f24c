"""Meizu Push: a form signed with the app's secret, no access token. What failed is told by code beside a 200."""

import hashlib
from collections.abc import Mapping
from typing import Any

from streams.push.alert import Alert
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import UNSUPPORTED, Draft, Heard, Post, VendorChannel, base_url, form_post, word
from streams.push.channels.wording import APP_FIELD, compact, for_app, notify_key, texts, utf16_units
from streams.push.config import Common, Section

URL = "https://server-api-push.meizu.com"
TITLE_CHARS_LIMIT = 32
BODY_CHARS_LIMIT = 100
CONTENT_CHARS_LIMIT = 2_000  # of what wakes the app without being shown
HOURS_LIMIT = 72
OK = "200"


class MeizuForm(Common, frozen=True, kw_only=True):
    """`app_id`, `app_secret` (a file or env:NAME): of the app. `activity`: opened by a tap instead of the app's start."""

    app_id: str
    app_secret: str
    activity: str = ""


def from_section(section: Section) -> VendorChannel:
    form = section.read(MeizuForm)
    dialect = Meizu(form, base_url(section, URL, form.url))
    return VendorChannel(section, form, section.secret(form.app_secret), Traits(CONTENT_CHARS_LIMIT), dialect)


class Meizu:
    name = "meizu"
    stale: frozenset[str] = frozenset()

    def __init__(self, form: MeizuForm, url: str) -> None:
        self.form, self.base = form, f"{url}/garcia/api/server/push"

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        if alert.kind == "withdraw":
            return UNSUPPORTED
        hours = min((alert.deadline_ms - now_ms) // 3_600_000, HOURS_LIMIT)
        # Whole hours only: with less than one left it is not kept for a device that is away.
        life = {"offLine": 1, "validTime": hours} if hours else {"offLine": 0}
        shown = alert.kind != "silent"
        message = self._shown(alert) if shown else {"content": for_app(alert, CONTENT_CHARS_LIMIT)}
        fields = {"appId": self.form.app_id, "pushIds": token, "messageJson": compact({**message, "pushTimeInfo": life})}
        return Draft(f"{self.base}/{'varnished' if shown else 'unvarnished'}/pushByPushId", fields)

    def _shown(self, alert: Alert) -> dict[str, Any]:
        title, body = texts(alert, utf16_units, TITLE_CHARS_LIMIT, BODY_CHARS_LIMIT)
        click: dict[str, Any] = {"clickType": 1, "activity": self.form.activity} if self.form.activity else {"clickType": 0}
        click["parameters"] = {APP_FIELD: for_app(alert, CONTENT_CHARS_LIMIT)}
        return {
            "noticeBarInfo": {"noticeBarType": 0, "title": title, "content": body},
            "clickTypeInfo": click,
            "advanceInfo": {"notifyKey": notify_key(alert.collapse_key)},
        }

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        return form_post(draft.url, {**draft.fields, "sign": signature(draft.fields, key)})

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        code, value = word(fields, "code"), fields.get("value")
        if code == OK and isinstance(value, dict):
            code = next((str(why) for why, tokens in value.items() if isinstance(tokens, list) and token in tokens), code)
        return Heard(code, word(fields, "msgId"), word(fields, "message"))


def signature(fields: Mapping[str, str], secret: str) -> str:
    """MD5 of all fields in the order of their names, then the secret; before they are encoded for the form."""
    text = "".join(f"{name}={fields[name]}" for name in sorted(fields)) + secret
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
