"""Xiaomi Push: a form with the app's secret in the header. The v3 interface, because revoking lives only there from December 2026 on."""

from collections.abc import Mapping
from typing import Any

from streams.push.alert import Alert
from streams.push.channels.port import Refused, Traits
from streams.push.channels.vendor import Draft, Heard, Post, VendorChannel, base_url, form_post, listed, part, word
from streams.push.channels.wording import for_app, notify_id, texts, utf8_bytes, utf16_units
from streams.push.config import Common, Section

URL = "https://api.xmpush.xiaomi.com"
TITLE_CHARS_LIMIT = 49  # "less than 50"
BODY_CHARS_LIMIT = 127
PAYLOAD_BYTES_LIMIT = 4_096
TTL_LIMIT_MS = 10 * 86_400_000
JOB_KEY_CHARS = 20
SEND_FAILED = "20301"


class XiaomiForm(Common, frozen=True, kw_only=True):
    """`package`: of the app; `app_secret`: a file or env:NAME. `url`: of another region.

    `channel_id`, `call_channel_id`: message classes that Xiaomi granted.
    `intent`: opened by a tap instead of the app's start. `withdraws`: whether to use v3/message/regid/revoke.
    """

    package: str
    app_secret: str
    channel_id: str = ""
    call_channel_id: str = ""
    intent: str = ""
    withdraws: bool = True


def from_section(section: Section) -> VendorChannel:
    form = section.read(XiaomiForm)
    dialect = Xiaomi(form, base_url(section, URL, form.url))
    return VendorChannel(section, form, section.secret(form.app_secret), Traits(PAYLOAD_BYTES_LIMIT, withdraws=form.withdraws), dialect)


class Xiaomi:
    name = "xiaomi"
    stale: frozenset[str] = frozenset()

    def __init__(self, form: XiaomiForm, url: str) -> None:
        self.form, self.url = form, url

    def write(self, token: str, alert: Alert, now_ms: int) -> Draft | Refused:
        fields = {"restricted_package_name": self.form.package, "notify_id": str(notify_id(alert.collapse_key))}
        if alert.kind == "withdraw":
            return Draft(f"{self.url}/v3/message/regid/revoke", {**fields, "registration_ids": token})
        fields |= {
            "registration_id": token,
            "payload": for_app(alert, PAYLOAD_BYTES_LIMIT, utf8_bytes),
            "time_to_live": str(min(alert.deadline_ms - now_ms, TTL_LIMIT_MS)),
            "extra.jobkey": alert.send_key[:JOB_KEY_CHARS],
            "pass_through": "1" if alert.kind == "silent" else "0",
        }
        if alert.kind != "silent":
            fields |= self._notification(alert)
        return Draft(f"{self.url}/v3/message/regid", fields)

    def _notification(self, alert: Alert) -> dict[str, str]:
        title, body = texts(alert, utf16_units, TITLE_CHARS_LIMIT, BODY_CHARS_LIMIT)
        found = {"title": title, "description": body, "notify_type": "-1", "extra.notify_effect": "1"}
        if self.form.intent:
            found |= {"extra.notify_effect": "2", "extra.intent_uri": self.form.intent}
        channel_id = self.form.call_channel_id if alert.kind == "ring" else ""
        if channel_id := channel_id or self.form.channel_id:
            found["extra.channel_id"] = channel_id
        return found

    def sign(self, draft: Draft, key: str, now_ms: int) -> Post:
        return form_post(draft.url, draft.fields, authorization=f"key={key}")

    def read(self, fields: Mapping[str, Any], token: str) -> Heard:
        """One code means every failure to send; only the reason beside it says that no such device is there."""
        code, data = word(fields, "code"), part(fields, "data")
        reason = word(fields, "reason") or word(fields, "description")
        if token in listed(data, "bad_regids") or (code == SEND_FAILED and "valid target" in reason.lower()):
            code = "bad_regid"
        return Heard(code, word(data, "id"), reason)
