"""An alert in APNs' words: the fields of the request and its payload. Pure.

Rules: a VoIP push rings and does nothing else. What takes back, and what only wakes, is a background push, which shows nothing and has
priority 5. Source: Apple, "Sending notification requests to APNs", "Generating a remote notification", "Pushing background updates to your
app".
"""

import functools
from typing import Any, assert_never

import msgspec

from streams.push.alert import Alert, AlertKind
from streams.push.http2.fields import Field
from streams.push.shorten import fit

EXPIRATION_LIMIT_S = 30 * 86_400  # APNs keeps nothing longer
_ENCODER = msgspec.json.Encoder()


def push_type(kind: AlertKind, voip: bool) -> tuple[str, str]:
    """apns-push-type and apns-priority."""
    match kind:
        case "alert" | "ring":
            return ("voip", "10") if voip else ("alert", "10")
        case "silent" | "withdraw":
            return "background", "5"
        case _:
            assert_never(kind)


def fields_of(authority: str, topic: str, token: str, alert: Alert, provider_token: str, now_ms: int, voip: bool = False) -> list[Field]:
    """`topic`: the app's bundle id. `token`: hex. What differs from push to push is not `kept`."""
    kind, priority = push_type(alert.kind, voip)
    fields = [
        *_same(authority),
        Field(b":path", f"/3/device/{token.lower()}".encode()),
        Field(b"authorization", f"bearer {provider_token}".encode()),
        *_few(f"{topic}.voip" if voip else topic, kind, priority),
        Field(b"apns-expiration", str(expiration_s(alert, now_ms)).encode()),
        Field(b"apns-id", uuid_of(alert.send_key).encode()),
    ]
    # A background push that only wakes must not replace an alert that still waits for the device; one that takes back should.
    if alert.collapse_key and kind != "voip" and alert.kind != "silent":
        fields.append(Field(b"apns-collapse-id", alert.collapse_key.encode()))
    return fields


@functools.lru_cache(64)
def _same(authority: str) -> tuple[Field, ...]:
    return (Field(b":method", b"POST", True), Field(b":scheme", b"https", True), Field(b":authority", authority.encode(), True))


@functools.lru_cache(256)
def _few(topic: str, kind: str, priority: str) -> tuple[Field, ...]:
    return (
        Field(b"apns-topic", topic.encode(), True),
        Field(b"apns-push-type", kind.encode(), True),
        Field(b"apns-priority", priority.encode(), True),
    )


def uuid_of(send_key: str) -> str:
    """The same in every try, so that APNs' answers and its logs can be told apart by push."""
    key = send_key.lower()
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:32]}"


def expiration_s(alert: Alert, now_ms: int) -> int:
    """Rounded down: nothing is delivered after the deadline. 0: now or never."""
    until_s, now_s = alert.deadline_ms // 1000, now_ms // 1000
    return min(until_s, now_s + EXPIRATION_LIMIT_S) if until_s > now_s else 0


def payload_within(alert: Alert, bytes_limit: int, voip: bool = False) -> bytes | None:
    """Title and body shortened to fit; None: even without both it is too long."""
    title, body = fit(alert.title, alert.body, lambda title, body: len(payload_of(alert, title, body, voip)), bytes_limit)
    payload = payload_of(alert, title, body, voip)
    return payload if len(payload) <= bytes_limit else None


def payload_of(alert: Alert, title: str, body: str, voip: bool = False) -> bytes:
    """`aps` is for the system, `warbler` for the app (docs/push.md says so to those who write one)."""
    ours: dict[str, Any] = {
        "kind": alert.kind,
        "tag": alert.collapse_key,
        "key": alert.send_key,
        "ticket": alert.ticket,
        "at_ms": alert.at_ms,
        "data": alert.data,
    }
    if voip:
        return _ENCODER.encode({"aps": {}, "warbler": {**ours, "title": title, "body": body}})
    if alert.kind in ("silent", "withdraw"):
        badge = {} if alert.badge is None else {"badge": alert.badge}  # in `aps` it would make an alert of it
        return _ENCODER.encode({"aps": {"content-available": 1}, "warbler": {**ours, **badge}})
    return _ENCODER.encode({"aps": _shown(alert, title, body), "warbler": ours})


def _shown(alert: Alert, title: str, body: str) -> dict[str, Any]:
    """`mutable-content`: so that the app's extension can say that the push came, with the ticket."""
    aps: dict[str, Any] = {
        "alert": {"title": title, "body": body},
        "sound": "default",
        "thread-id": alert.collapse_key,
        "mutable-content": 1,
    }
    if alert.badge is not None:
        aps["badge"] = alert.badge
    if alert.kind == "ring":
        aps["interruption-level"] = "time-sensitive"
    return aps
