"""What a browser's PushSubscription is as a token, and what is said to it: parsing, checking, the JSON of a push. Pure.

The same for UnifiedPush, whose endpoints are Web Push's. Source: W3C Push API (PushSubscription.toJSON), RFC 8291 section 3.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from schemas.errors import WarblerError
from store.push_syntax import POINT_BYTES, unbase64, why_no_token
from streams.push.alert import Alert
from streams.push.shorten import fit

# RFC 8188: salt 16, record size 4, length of the key 1, the key 65; then a delimiter of 1 and a tag of 16 in the one record.
ENCRYPTION_BYTES = 16 + 4 + 1 + POINT_BYTES + 1 + 16
PADDING_STEP_BYTES = 512
_PORTS = {"http": 80, "https": 443}


class BadToken(WarblerError):
    """This cannot be a subscription."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """`origin`: scheme, host and port as a browser writes them: whom a VAPID token is for."""

    endpoint: str
    host: str
    origin: str
    p256dh: bytes
    auth: bytes


def subscription_of(token: str) -> Subscription:
    """Raises: BadToken, which says why. The same form as the edges take; http on loopback is for `hosts` and `networks` to refuse."""
    if (why := why_no_token("webpush", token, insecure=True)) is not None:
        raise BadToken(why)
    fields = json.loads(token)
    endpoint, keys = fields["endpoint"], fields["keys"]
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".")
    return Subscription(endpoint, host, origin_of(parts), unbase64(keys["p256dh"]), unbase64(keys["auth"]))


def origin_of(parts: SplitResult) -> str:
    """Source: RFC 6454, 6.2: in lower case, and without the port that the scheme has anyway."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def host_allowed(host: str, hosts: Iterable[str]) -> bool:
    """Whether it is one of them; `*.name` stands for everything below that name."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in hosts)


def payload_of(alert: Alert, title: str, body: str) -> bytes:
    """What the service worker gets (docs/push.md says so to those who write one)."""
    fields: dict[str, object] = {"kind": alert.kind, "title": title, "body": body}
    if alert.badge is not None:
        fields["badge"] = alert.badge
    fields |= {"tag": alert.collapse_key, "key": alert.send_key, "ticket": alert.ticket, "at_ms": alert.at_ms, "data": alert.data}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def fitted(alert: Alert, bytes_limit: int) -> bytes | None:
    """The payload within the limit, title and body shortened to fit; None: even without both it is too long."""
    title, body = fit(alert.title, alert.body, lambda title, body: len(payload_of(alert, title, body)), bytes_limit)
    payload = payload_of(alert, title, body)
    return padded(payload, bytes_limit) if len(payload) <= bytes_limit else None


def padded(payload: bytes, bytes_limit: int) -> bytes:
    """With spaces behind, which JSON allows: how long a message is would tell the push service something of it (RFC 8291, 8)."""
    return payload.ljust(min(-(-len(payload) // PADDING_STEP_BYTES) * PADDING_STEP_BYTES, bytes_limit))
