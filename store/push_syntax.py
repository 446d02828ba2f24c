"""What a token of each push channel looks like: as much as is seen without asking its vendor. Called by the edge. Pure.

Source: W3C Push API (PushSubscription.toJSON), RFC 8291 section 3 (p256dh, auth); of the makers' tokens only length and characters
are told by nobody, so these bounds are wide.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from msgspec import Struct

TOKEN_CHARACTERS_LIMIT = 4_096
ENDPOINT_CHARACTERS_LIMIT = 2_048
POINT_BYTES, AUTH_BYTES = 65, 16
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SUBSCRIPTIONS = frozenset({"webpush", "unifiedpush"})
_ADDRESS = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,200}={0,2}")
_HEX = re.compile(r"([0-9A-Fa-f]{2}){16,100}")
_TEXT = re.compile(r"[A-Za-z0-9_.:=+/~-]{8,512}")
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "apns": (_HEX, "an even number of 32 to 200 hexadecimal digits"),
    "apns_voip": (_HEX, "an even number of 32 to 200 hexadecimal digits"),
    **dict.fromkeys(
        ("fcm", "huawei", "honor", "xiaomi", "oppo", "vivo", "meizu"), (_TEXT, "8 to 512 letters, digits and _.:=+/~-")
    ),
}  # fmt: skip


class _Keys(Struct):
    p256dh: str
    auth: str


class _Subscription(Struct):
    endpoint: str
    keys: _Keys


def why_no_token(channel: str, token: str, insecure: bool = False) -> str | None:
    """Why this is no token of the push channel, one of `store.pushing.CHANNELS`; None: it looks like one.

    `insecure`: an endpoint on loopback may be http (for tests).
    """
    if not token or len(token) > TOKEN_CHARACTERS_LIMIT:
        return f"a token has 1 to {TOKEN_CHARACTERS_LIMIT} characters"
    if channel in SUBSCRIPTIONS:
        return _why_no_subscription(token, insecure)
    form, said = FORMS[channel]
    return None if form.fullmatch(token) else f"a token of {channel} is {said}"


def _why_no_subscription(token: str, insecure: bool) -> str | None:
    try:
        found = msgspec.json.decode(token, type=_Subscription)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return "the JSON of a PushSubscription is needed, with endpoint and keys"
    if (why := _why_no_endpoint(found.endpoint, insecure)) is not None:
        return why
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _bytes_of(found.keys.p256dh, POINT_BYTES))
        _bytes_of(found.keys.auth, AUTH_BYTES)
    except ValueError:
        return "p256dh must be a point of P-256 and auth 16 bytes, in base64url"
    return None


def _why_no_endpoint(endpoint: str, insecure: bool) -> str | None:
    if len(endpoint) > ENDPOINT_CHARACTERS_LIMIT or not _ADDRESS.fullmatch(endpoint):
        return "the endpoint is no address"
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return "the endpoint is no address"
    if not parts.hostname or parts.username is not None or parts.fragment or port == 0:
        return "the endpoint is no address of a push service"
    if parts.scheme != "https" and not (insecure and parts.hostname in LOOPBACK):
        return "the endpoint must be https"
    return None


def _bytes_of(text: str, size: int) -> bytes:
    """Raises: ValueError for what is no base64url of so many bytes."""
    if not _BASE64.fullmatch(text):
        raise ValueError("no base64url")
    try:
        found = unbase64(text)
    except binascii.Error:
        raise ValueError("no base64url") from None
    if len(found) != size:
        raise ValueError(f"{size} bytes are needed")
    return found


def unbase64(text: str) -> bytes:
    """Of base64url, with or without its padding. Raises: binascii.Error."""
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
