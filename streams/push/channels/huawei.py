"""Huawei Push Kit for Android apps (HMS Core): the v1 interface with OAuth client credentials.

v1 and not v3: v3 takes the service account of a HarmonyOS project and only its tokens; the Android apps' tokens belong to v1.
"""

import json
from collections.abc import Mapping
from typing import Any

from streams.push.alert import Alert
from streams.push.channels.answers import time_to_live_s
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import (
    EXPIRED,
    TOO_LARGE,
    ClientCredentials,
    Draft,
    Heard,
    Post,
    VendorChannel,
    VendorForm,
    base_url,
    json_post,
    listed,
    word,
)
from streams.push.channels.wording import badge_of, compact, for_app_named, json_bytes, notify_id, utf8_bytes, within
from streams.push.config import Section

URL = "https://push-api.cloud.huawei.com"
AUTH_URL = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
PAYLOAD_BYTES_LIMIT = 4_096  # of the whole body without the tokens
DATA_BYTES_LIMIT = 1_536  # as it stands in the message, a text of JSON in JSON; leaves the texts their room
TTL_LIMIT_S = 15 * 86_400
SOME_TOKENS_FAILED = "80100000"


class HuaweiForm(VendorForm, frozen=True, kw_only=True):
    """`client_id`: of the app; `client_secret`: a file or env:NAME. `category`, `call_category`: message classes that Huawei granted.

    `urgent_calls`: only with Huawei's leave for messages that start the app: a call wakes the app, which rings, and is not shown by the
    system. `badge_class`: the app's first activity, needed for badges. `intent`: opened by a tap instead of the app's start. `withdraws`:
    whether to use messages:revoke.
    """

    client_id: str
    client_secret: str
    category: str = "IM"
    call_category: str = "VOIP"
    channel_id: str = ""
    importance: str = "NORMAL"
    urgent_calls: bool = False
    badge_class: str = ""
    intent: str = ""
    withdraws: bool = True


def from_section(section: Section) -> VendorChannel:
    form = section.read(HuaweiForm)
    dialect = Huawei(form, base_url(section, URL, form.url))
    grants = ClientCredentials(base_url(section, AUTH_URL, form.auth_url, "auth_url"), form.client_id)
    traits = Traits(PAYLOAD_BYTES_LIMIT, withdraws=form.withdraws, badges=bool(form.badge_class))
    return VendorChannel(section, form, section.secret(form.client_secret), traits, dialect, grants)


class Huawei:
    name = "huawei"
    stale = frozenset({"80200001", "80200003", "80200005"})

    def __init__(self, form: HuaweiForm, url: str) -> None:
        self.form, self.base = form, f"{url}/v1/{form.client_id}"

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        if alert.kind == "withdraw":
            return Draft(f"{self.base}/messages:revoke", {"notifyId": notify_id(alert.collapse_key), "token": [token]})
        life_s = time_to_live_s(alert, now_ms, TTL_LIMIT_S)
        if life_s == 0:
            return EXPIRED
        rings = alert.kind == "ring" and self.form.urgent_calls  # by the app, which then hears of the call's end over its own connection
        android: dict[str, Any] = {"ttl": f"{life_s}s", "bi_tag": alert.send_key}
        data = for_app_named(alert, DATA_BYTES_LIMIT, json_bytes, shows=rings)
        message: dict[str, Any] = {"data": data, "android": android, "token": []}
        body = {"validate_only": False, "message": message}
        if rings:
            android |= {"category": self.form.call_category, "urgency": "HIGH"}
        elif alert.kind != "silent":
            android |= {"category": self._category(alert), "notification": self._notification(alert)}
            if not self._words(alert, body, android["notification"]):
                return TOO_LARGE
        message["token"] = [token]
        return Draft(f"{self.base}/messages:send", body)

    def _words(self, alert: Alert, body: object, notification: dict[str, Any]) -> bool:
        """Puts in as much text as the rest leaves room for."""
        envelope = utf8_bytes(compact(body)) - 4  # the quotes of the two empty texts are counted with the texts
        fitting = within(alert, envelope, PAYLOAD_BYTES_LIMIT)
        if fitting is not None:
            notification["title"], notification["body"] = fitting
        return fitting is not None

    def _notification(self, alert: Alert) -> dict[str, Any]:
        click = {"type": 1, "intent": self.form.intent} if self.form.intent else {"type": 3}
        found: dict[str, Any] = {"title": "", "body": "", "click_action": click, "notify_id": notify_id(alert.collapse_key)}
        found["importance"] = self.form.importance
        if self.form.channel_id:
            found["channel_id"] = self.form.channel_id
        badge = badge_of(alert)
        if self.form.badge_class and badge is not None:
            found["badge"] = {"set_num": badge, "class": self.form.badge_class}
        return found

    def _category(self, alert: Alert) -> str:
        return self.form.call_category if alert.kind == "ring" else self.form.category

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        kind = {"push-type": "0"} if draft.url.endswith(":revoke") else {}
        return json_post(draft, authorization=f"Bearer {key}", **kind)

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        code, detail = word(fields, "code"), word(fields, "msg")
        if code == SOME_TOKENS_FAILED and not is_illegal(detail, token):
            code = "80000000"
        return Heard(code, word(fields, "requestId"), detail)


def is_illegal(message: str, token: str) -> bool:
    """Whether this is among the tokens that a partial success was refused for; they stand as JSON in the answer's text."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return True  # one token was sent, so what failed is it
    tokens = listed(found, "illegal_tokens") if isinstance(found, dict) else ()
    return token in tokens or not tokens
