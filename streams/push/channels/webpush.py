"""Web Push: to the browsers' push services, encrypted for one browser alone. RFC 8030 (sending), 8291 (encryption), 8292 (who sends).

The endpoint is a user's word, so only hosts in `hosts` are sent to. What the service worker gets stands in docs/push.md.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from streams.push.alert import Alert, AlertKind
from streams.push.channels.answers import Table, expired, looks_like, time_to_live_s
from streams.push.channels.http import Answer, PushHttp
from streams.push.channels.port import Accepted, Outcome, Refused, Traits
from streams.push.channels.subscription import (
    ENCRYPTION_BYTES,
    BadToken,
    Subscription,
    fitted,
    host_allowed,
    subscription_of,
)
from streams.push.channels.vapid import Vapid, good_subject
from streams.push.config import Common, Section

HOSTS = ("fcm.googleapis.com", "*.push.services.mozilla.com", "*.notify.windows.com", "*.push.apple.com")
BODY_BYTES_LIMIT = 4_096  # RFC 8030, 7.2: no push service may refuse so much
TTL_LIMIT_S = 28 * 86_400  # the longest that a browser's service keeps a push
TRAITS = Traits(BODY_BYTES_LIMIT, withdraws=True, badges=True, in_flight_limit=100)
# RFC 8030, 5.3. A chat message is `high` here: at `normal` a phone on battery may sleep over it.
URGENCY: dict[AlertKind, str] = {"alert": "high", "ring": "high", "withdraw": "normal", "silent": "low"}
# Whose browsers take the permission away after a push that shows nothing (Apple, "Sending web push notifications in web apps").
SHOWS_ALWAYS = ("*.push.apple.com",)
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


class WebPushForm(Common, frozen=True, kw_only=True):
    """`vapid_key`: PEM of a P-256 private key; without it the file that WARBLER_VAPID_KEY names."""

    vapid_key: str = ""
    subject: str = ""
    hosts: tuple[str, ...] = HOSTS


def from_section(section: Section) -> "WebPushChannel":
    """Raises: BadPushConfig."""
    form = section.read(WebPushForm)
    if form.subject and not good_subject(form.subject):
        raise section.bad(f"`subject` must be mailto: or https: with a real host: {form.subject}")
    return WebPushChannel(section, form)


def vapid_file(env: Mapping[str, str]) -> str:
    """As the edges read it: from the working directory, where the path is relative."""
    return str(Path(env["WARBLER_VAPID_KEY"]).absolute()) if env.get("WARBLER_VAPID_KEY") else ""


class WebPushChannel:
    """One VAPID key at all the browsers' services."""

    name = "webpush"

    def __init__(self, section: Section, form: WebPushForm, traits: Traits = TRAITS) -> None:
        self.form = form
        self.traits = form.traits(traits)
        self.table: Table = section.table(form)
        self.key = section.secret(form.vapid_key or vapid_file(section.env))
        self.http: PushHttp | None = None
        self.vapid: Vapid | None = None

    async def start(self) -> None:
        self.vapid = Vapid(self.key.read(), self.form.subject)
        if self.http is None:  # else it is started anew after it was off, and sends may be on their way
            self.http = self.connections()

    def connections(self) -> PushHttp:
        """What `start` opens."""
        return PushHttp(timeout_ms=self.form.timeout_ms, in_flight_limit=self.traits.in_flight_limit, proxy=self.form.proxy)

    def refusal(self, subscription: Subscription) -> str | None:
        """Why nothing is sent to this endpoint."""
        return None if host_allowed(subscription.host, self.form.hosts) else f"{subscription.host} is none of the configured push services"

    def took(self, answer: Answer) -> bool:
        """RFC 8030, 5: 201; 202 where a receipt was asked for. A page with 200 is somebody in between."""
        return answer.status in (201, 202)

    def check_token(self, token: str) -> str | None:
        try:
            return self.refusal(subscription_of(token))
        except BadToken as bad:
            return str(bad)

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if late := expired(alert, now_ms):
            return late
        try:
            subscription = subscription_of(token)
        except BadToken as bad:
            return Refused("remove_token", 0, "bad_token", detail=str(bad))
        if (why := self.refusal(subscription)) is not None:
            return Refused("give_up", 0, "foreign_host", detail=why)
        if alert.kind in ("silent", "withdraw") and host_allowed(subscription.host, SHOWS_ALWAYS):
            return Refused("give_up", 0, "unsupported_kind", detail="this browser must show every push")
        outcome = await self.post(subscription, alert, now_ms, self.traits.payload_bytes_limit)
        if isinstance(outcome, Refused) and outcome.status == 413:
            # A service that takes less than the RFC says: half of it, once.
            outcome = await self.post(subscription, alert, now_ms, self.traits.payload_bytes_limit // 2)
        return outcome

    async def post(self, subscription: Subscription, alert: Alert, now_ms: int, bytes_limit: int) -> Outcome:
        """One request, its payload no longer than so."""
        if self.http is None or self.vapid is None:
            return Refused("retry", 0, "not_started")
        payload = fitted(alert, bytes_limit - ENCRYPTION_BYTES)
        if payload is None:
            return Refused("give_up", 0, "too_large")
        headers = {
            "ttl": str(time_to_live_s(alert, now_ms, TTL_LIMIT_S)),
            "urgency": URGENCY[alert.kind],
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": self.vapid.header(subscription.origin, now_ms // 1000),
        }
        if _TOPIC.fullmatch(alert.collapse_key):
            headers["topic"] = alert.collapse_key
        answer = await self.http.post(subscription.endpoint, encrypted(subscription, payload), headers)
        return answer if isinstance(answer, Refused) else self.outcome(answer, now_ms)

    def outcome(self, answer: Answer, now_ms: int) -> Outcome:
        if self.took(answer):
            return Accepted(answer.status, answer.headers.get("location", "").rpartition("/")[2][:64])
        after = answer.retry_after_ms(now_ms)
        if answer.status < 300:
            return Refused("retry", answer.status, looks_like(answer.body), after)
        return self.table.refused(answer.status, "", after, answer.body.decode("utf-8", "replace"))

    async def close(self) -> None:
        if self.http is not None:
            await self.http.close()


def encrypted(subscription: Subscription, payload: bytes) -> bytes:
    """The body for this browser alone, in one record. Source: RFC 8291."""
    return bytes(
        http_ece.encrypt(
            payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=subscription.p256dh,
            auth_secret=subscription.auth,
            version="aes128gcm",
        )
    )
