"""Honor Push for Android apps: the downlink message with OAuth client credentials."""

from collections.abc import Mapping
from typing import Any

from streams.push.alert import Alert
from streams.push.channels.answers import time_to_live_s
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import (
    EXPIRED,
    TOO_LARGE,
    UNSUPPORTED,
    ClientCredentials,
    Draft,
    Heard,
    Post,
    VendorChannel,
    VendorForm,
    base_url,
    json_post,
    listed,
    part,
    word,
)
from streams.push.channels.wording import badge_of, compact, for_app_named, json_bytes, notify_id, utf8_bytes, within
from streams.push.config import Section

URL = "https://push-api.cloud.honor.com"
AUTH_URL = "https://iam.developer.honor.com/auth/token"
PAYLOAD_BYTES_LIMIT = 4_096
DATA_BYTES_LIMIT = 1_536  # as it stands in the message, a text of JSON in JSON; leaves the texts their room
TTL_LIMIT_S = 15 * 86_400


class HonorForm(VendorForm, frozen=True, kw_only=True):
    """`app_id`: of the app, in the address; `client_id` and `client_secret` (a file or env:NAME): for the access token.

    `importance`: NORMAL for messages of people, LOW for news. `badge_class`: the app's first activity, needed for badges.
    """

    app_id: str
    client_id: str
    client_secret: str
    importance: str = "NORMAL"
    badge_class: str = ""
    intent: str = ""


def from_section(section: Section) -> VendorChannel:
    form = section.read(HonorForm)
    dialect = Honor(form, base_url(section, URL, form.url))
    grants = ClientCredentials(base_url(section, AUTH_URL, form.auth_url, "auth_url"), form.client_id)
    traits = Traits(PAYLOAD_BYTES_LIMIT, badges=bool(form.badge_class))
    return VendorChannel(section, form, section.secret(form.client_secret), traits, dialect, grants)


class Honor:
    name = "honor"
    stale = frozenset({"401", "80200001", "80200003"})

    def __init__(self, form: HonorForm, url: str) -> None:
        self.form, self.address = form, f"{url}/api/v1/{form.app_id}/sendMessage"

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        if alert.kind == "withdraw":
            return UNSUPPORTED
        life_s = time_to_live_s(alert, now_ms, TTL_LIMIT_S)
        if life_s == 0:
            return EXPIRED
        android: dict[str, Any] = {"ttl": f"{life_s}s", "biTag": alert.send_key}
        body: dict[str, Any] = {"data": for_app_named(alert, DATA_BYTES_LIMIT, json_bytes), "android": android, "token": []}
        if alert.kind != "silent":
            android["notification"] = self._notification(alert)
            fitting = within(alert, utf8_bytes(compact(body)) - 4, PAYLOAD_BYTES_LIMIT)
            if fitting is None:
                return TOO_LARGE
            android["notification"] |= {"title": fitting[0], "body": fitting[1]}
        body["token"] = [token]
        return Draft(self.address, body)

    def _notification(self, alert: Alert) -> dict[str, Any]:
        click = {"type": 1, "intent": self.form.intent} if self.form.intent else {"type": 3}
        found: dict[str, Any] = {"title": "", "body": "", "clickAction": click, "notifyId": notify_id(alert.collapse_key)}
        found["importance"] = self.form.importance
        badge = badge_of(alert)
        if self.form.badge_class and badge is not None:
            found["badge"] = {"setNum": badge, "badgeClass": self.form.badge_class}
        return found

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        return json_post(draft, authorization=f"Bearer {key}", timestamp=str(now_ms))

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        """200 stands beside the tokens that failed or ended, so these are looked at first."""
        data = part(fields, "data")
        detail = word(fields, "message", "msg")
        if token in listed(data, "expireTokens"):
            return Heard("expireTokens", detail=detail)
        if token in listed(data, "failTokens"):
            return Heard("failTokens", detail=detail)
        code = "sendResult" if data.get("sendResult") is False and word(fields, "code") == "200" else word(fields, "code")
        return Heard(code, word(data, "requestId") or word(fields, "requestId"), detail)
