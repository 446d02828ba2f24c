"""What a browser's PushSubscription is as a token, and what is said to it: parsing, checking, the JSON of a push. Pure.

The same for UnifiedPush, whose endpoints are Web Push's. Source: W3C Push API (PushSubscription.toJSON), RFC 8291 section 3.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from schemas.errors import WarblerError
from streams.push.alert import Alert
from streams.push.shorten import fit

TOKEN_CHARS_LIMIT = 4_096
ENDPOINT_CHARS_LIMIT = 2_048
POINT_BYTES, AUTH_BYTES = 65, 16
# RFC 8188: salt 16, record size 4, length of the key 1, the key 65; then a delimiter of 1 and a tag of 16 in the one record.
ENCRYPTION_BYTES = 16 + 4 + 1 + POINT_BYTES + 1 + 16
PADDING_STEP_BYTES = 512
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_URL = re.compile(r"^https?://[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+$")


class BadToken(WarblerError):
    """This cannot be a subscription."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """`origin`: scheme, host and port as a browser writes them: whom a VAPID token is for."""

    endpoint: str
    host: str
    origin: str
    p256dh: str
    auth: str


def subscription_of(token: str) -> Subscription:
    """Raises: BadToken, which says why."""
    if len(token) > TOKEN_CHARS_LIMIT:
        raise BadToken(f"longer than {TOKEN_CHARS_LIMIT} characters")
    try:
        fields = json.loads(token)
        endpoint, keys = fields["endpoint"], fields["keys"]
        p256dh, auth = keys["p256dh"], keys["auth"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise BadToken("the JSON of a PushSubscription is needed, with endpoint and keys") from None
    if not isinstance(p256dh, str) or not isinstance(auth, str):
        raise BadToken("keys are texts")
    _check_keys(p256dh, auth)
    parts = _parts(endpoint)
    host = (parts.hostname or "").rstrip(".")
    return Subscription(endpoint, host, f"{parts.scheme}://{parts.netloc.lower()}", p256dh, auth)


def _parts(endpoint: object) -> SplitResult:
    if not isinstance(endpoint, str) or len(endpoint) > ENDPOINT_CHARS_LIMIT or not _URL.match(endpoint):
        raise BadToken("the endpoint is no address")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise BadToken("the endpoint is no address") from None
    if not parts.hostname or parts.username is not None or parts.fragment or port == 0:
        raise BadToken("the endpoint is no address of a push service")
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise BadToken("the endpoint must be https")
    return parts


def _check_keys(p256dh: str, auth: str) -> None:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64(p256dh, POINT_BYTES))
        unbase64(auth, AUTH_BYTES)
    except ValueError:
        raise BadToken("p256dh must be a point of P-256 and auth 16 bytes, in base64url") from None


def unbase64(text: str, size: int) -> bytes:
    """Raises: ValueError for what is no base64url of so many bytes."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}={0,2}", text):
        raise ValueError("no base64url")
    try:
        raw = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except binascii.Error:
        raise ValueError("no base64url") from None
    if len(raw) != size:
        raise ValueError(f"{size} bytes are needed")
    return raw


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
