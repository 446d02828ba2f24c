"""Firebase Cloud Messaging for Android apps, HTTP v1: one service account's project.

Source: Firebase documentation, "REST Resource: projects.messages".
"""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from store.push_syntax import why_no_token
from streams.push.alert import Alert
from streams.push.channels.access import Access
from streams.push.channels.answers import expired, time_to_live_s
from streams.push.channels.google_token import ServiceAccount
from streams.push.channels.http import Answer, PushHttp, fields_of
from streams.push.channels.port import Accepted, BadCredentials, Outcome, Refused, Traits
from streams.push.config import Common, Section
from streams.push.shorten import fit

URL = "https://fcm.googleapis.com"
PAYLOAD_BYTES_LIMIT = 4_096
TTL_LIMIT_S = 28 * 86_400
# 600,000 a minute is what a project may send unless Google granted more ("Scale and quotas").
TRAITS = Traits(PAYLOAD_BYTES_LIMIT, withdraws=True, badges=True, in_flight_limit=100, per_second=10_000)
# Keys that FCM keeps for itself in `data`.
_RESERVED = re.compile(r"(from|message_type|collapse_key)$|google\.|gcm\.")


class FcmForm(Common, frozen=True, kw_only=True):
    """`service_account`: the key file's JSON. `project`: where it is another than the key file's.

    `shows`: who puts an alert on the screen: `system` at once, whatever became of the app; `app` leaves it to the app, which can then say
    that it received it. `channel_id`: the app's notification channel.
    """

    service_account: str
    project: str = ""
    shows: Literal["system", "app"] = "system"
    channel_id: str = ""


def from_section(section: Section) -> "FcmChannel":
    """Raises: BadPushConfig."""
    return FcmChannel(section, section.read(FcmForm))


class FcmChannel:
    name = "fcm"

    def __init__(self, section: Section, form: FcmForm) -> None:
        self.form = form
        self.traits = form.traits(TRAITS)
        self.table = section.table(form)
        self.key_file = section.secret(form.service_account)
        self.http: PushHttp | None = None
        self.access: Access | None = None
        self.url = ""

    async def start(self) -> None:
        """Raises: BadCredentials, also for those that Google refuses; that Google does not answer is no reason."""
        # A request gives up a little before the send that made it, so that the send still tells what came of it.
        timeout_ms = self.form.timeout_ms * 9 // 10
        account = ServiceAccount(self.key_file.read(), timeout_ms, self.form.proxy)
        project = self.form.project or account.project
        if not project:
            raise BadCredentials("neither the key file nor `project` names the project")
        self.url = f"{self.form.url or URL}/v1/projects/{quote(project, safe='')}/messages:send"
        self.access = Access(account.ask)
        found = await self.access.token(time.time_ns() // 1_000_000)
        if isinstance(found, Refused) and found.verdict == "misconfigured":
            raise BadCredentials(f"Google refuses the service account: {found.detail}")
        if self.http is None:  # else it is started anew after it was off, and sends may be on their way
            self.http = PushHttp(timeout_ms=timeout_ms, in_flight_limit=self.traits.in_flight_limit, proxy=self.form.proxy)

    def check_token(self, token: str) -> str | None:
        return why_no_token("fcm", token)

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if late := expired(alert, now_ms):
            return late
        if (why := self.check_token(token)) is not None:
            return Refused("remove_token", 0, "bad_token", detail=why)
        message = self.message(token, alert, now_ms)
        if message is None:
            return Refused("give_up", 0, "too_large")
        if self.http is None or self.access is None:
            return Refused("retry", 0, "not_started")
        try:
            async with asyncio.timeout(self.form.timeout_ms / 1000):  # over all: the access token, the push, and both once more
                return await self._deliver(self.http, self.access, message, now_ms)
        except TimeoutError:
            return Refused("retry", 0, "timeout")

    async def _deliver(self, http: PushHttp, access: Access, message: bytes, now_ms: int) -> Outcome:
        for again in (True, False):
            token = await access.token(now_ms)
            if isinstance(token, Refused):
                return token
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json; charset=utf-8"}
            answer = await http.post(self.url, message, headers)
            outcome = answer if isinstance(answer, Refused) else self.outcome(answer, now_ms)
            # An access token can end before its time (a clock, a key that was rolled): once more with a new one says which it is.
            stale = isinstance(outcome, Refused) and outcome.code == "UNAUTHENTICATED"
            if not (again and stale and access.renew(token, now_ms)):
                break
        return outcome

    def outcome(self, answer: Answer, now_ms: int) -> Outcome:
        fields = fields_of(answer, self.table, now_ms)
        if isinstance(fields, Refused):
            return fields
        if answer.status == 200 and isinstance(name := fields.get("name"), str):
            return Accepted(200, name.rpartition("/")[2][:64])
        code, words = error_of(fields)
        return self.table.refused(answer.status, code, answer.retry_after_ms(now_ms), words)

    def message(self, token: str, alert: Alert, now_ms: int) -> bytes | None:
        """The request's body, its texts shortened to fit; None: too long without any."""

        def measure(title: str, body: str) -> int:
            return size_of(self.fields(alert, title, body, now_ms))

        title, body = fit(alert.title, alert.body, measure, PAYLOAD_BYTES_LIMIT)
        fields = self.fields(alert, title, body, now_ms)
        return encoded({"message": {"token": token, **fields}}) if size_of(fields) <= PAYLOAD_BYTES_LIMIT else None

    def fields(self, alert: Alert, title: str, body: str, now_ms: int) -> dict[str, Any]:
        """The message but for its token."""
        shown = alert.kind == "alert" and self.form.shows == "system"
        android: dict[str, Any] = {
            "priority": "HIGH" if alert.kind in ("alert", "ring") else "NORMAL",
            "ttl": f"{time_to_live_s(alert, now_ms, TTL_LIMIT_S)}s",
            "collapse_key": alert.collapse_key,
        }
        if not shown:
            return {"data": data_of(alert, title, body), "android": android}
        notification: dict[str, Any] = {"tag": alert.collapse_key}
        if alert.badge is not None:
            notification["notification_count"] = alert.badge
        if self.form.channel_id:
            notification["channel_id"] = self.form.channel_id
        texts = {"title": title, "body": body}
        return {"notification": texts, "data": data_of(alert, "", ""), "android": {**android, "notification": notification}}

    async def close(self) -> None:
        if self.access is not None:
            await self.access.close()
        if self.http is not None:
            await self.http.close()


def data_of(alert: Alert, title: str, body: str) -> dict[str, str]:
    """What the app gets, all texts as FCM wants it; title and body only where the app shows them itself."""
    own = {name: value for name, value in alert.data.items() if not _RESERVED.match(name)}
    found = {"kind": alert.kind, "tag": alert.collapse_key, "key": alert.send_key, "ticket": alert.ticket, "at_ms": str(alert.at_ms)}
    badge = {} if alert.badge is None else {"badge": str(alert.badge)}
    return own | found | badge | {name: text for name, text in (("title", title), ("body", body)) if text}


def size_of(fields: Mapping[str, Any]) -> int:
    """In bytes, as JSON: never less than what FCM counts (keys and values)."""
    return len(encoded(fields))


def encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def error_of(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Code and words of an error's JSON, whatever form it has."""
    error = fields.get("error")
    if not isinstance(error, dict):
        return "", ""
    details = [detail for detail in _list(error.get("details")) if isinstance(detail, dict)]
    codes = [str(detail.get("errorCode", "")) for detail in details if str(detail.get("@type", "")).endswith("FcmError")]
    code, words = (codes or [str(error.get("status") or "")])[0], str(error.get("message") or "")
    violated = [str(each.get("field")) for detail in details for each in _list(detail.get("fieldViolations")) if isinstance(each, dict)]
    # Source: "FCM error codes": a bad field and a bad token are both INVALID_ARGUMENT, told apart by their details.
    about_token = "message.token" in violated or (not violated and codes and "registration token" in words)
    return ("INVALID_TOKEN" if code == "INVALID_ARGUMENT" and about_token else code), words


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
