"""What APNs refuses: the fields of a request, its payload and its provider token, as Apple's pages say. Pure but for the clock's value.

Source: Apple, "Sending notification requests to APNs", "Establishing a token-based connection to APNs", "Generating a remote
notification", "Handling notification responses from APNs".
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PATH = re.compile(r"^/3/device/((?:[0-9a-f]{2}){16,100})$")
TOKEN_AGE_S = 3_600
UPDATE_S = 20 * 60
EXPIRATION_DAYS = 30
PRIORITIES = {"alert": ("", "5", "10"), "background": ("5",), "voip": ("", "10")}
LIMITS = {"alert": 4_096, "background": 4_096, "voip": 5_120}


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason`: Apple's word. `timestamp_ms`: of a 410."""

    status: int
    reason: str = ""
    timestamp_ms: int | None = None
    retry_after_s: int | None = None

    @property
    def body(self) -> bytes:
        if not self.reason:
            return b""
        stamp = {} if self.timestamp_ms is None else {"timestamp": self.timestamp_ms}
        return json.dumps({"reason": self.reason, **stamp}).encode()


@dataclass
class TokenBook:
    """The provider tokens that came with one team's keys."""

    team: str
    keys: Mapping[str, ec.EllipticCurvePublicKey]
    seen: dict[str, tuple[Answer | None, int]] = field(default_factory=dict)  # what was wrong with it for ever, when it was made
    changed_s: dict[str, int] = field(default_factory=dict)  # by key: when a new token came

    def refusal(self, authorization: str, now_s: int) -> Answer | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Answer(403, "MissingProviderToken")
        if token not in self.seen:
            if late := self._too_soon(token, now_s):
                return late
            self.seen[token] = self._looked_at(token)
        wrong, made_s = self.seen[token]
        if wrong is None and not now_s - TOKEN_AGE_S <= made_s <= now_s + 60:
            return Answer(403, "ExpiredProviderToken")
        return wrong

    def _too_soon(self, token: str, now_s: int) -> Answer | None:
        key = _part(token, 0).get("kid", "")
        if now_s - self.changed_s.get(key, 0) < UPDATE_S:
            return Answer(429, "TooManyProviderTokenUpdates")
        self.changed_s[key] = now_s
        return None

    def _looked_at(self, token: str) -> tuple[Answer | None, int]:
        head, claims = _part(token, 0), _part(token, 1)
        made_s = claims.get("iat")
        known = self.keys.get(head.get("kid", ""))
        good = head.get("alg") == "ES256" and claims.get("iss") == self.team
        if good and known is not None and type(made_s) is int and _is_signed(token, known):
            return None, made_s
        return Answer(403, "InvalidProviderToken"), 0


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _part(token: str, index: int) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(token.split(".")[index]))
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_signed(token: str, key: ec.EllipticCurvePublicKey) -> bool:
    signed, _, signature = token.rpartition(".")
    raw = _bytes(signature)
    try:
        pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(pair, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return len(raw) == 64


def fields_refusal(method: str, path: str, headers: Mapping[str, str], topic: str, now_s: int) -> Answer | None:
    """`topic`: of the app; a VoIP push goes to another one."""
    kind = headers.get("apns-push-type", "")
    if method != "POST":
        return Answer(405, "MethodNotAllowed")
    if not PATH.match(path):
        return Answer(400, "BadDeviceToken") if path.startswith("/3/device/") else Answer(404, "BadPath")
    if kind not in PRIORITIES:
        return Answer(400, "InvalidPushType")
    if headers.get("apns-topic") != (f"{topic}.voip" if kind == "voip" else topic):
        return Answer(400, "BadTopic")
    if headers.get("apns-priority", "") not in PRIORITIES[kind]:
        return Answer(400, "BadPriority")
    if not _is_expiration(headers.get("apns-expiration", "0"), now_s):
        return Answer(400, "BadExpirationDate")
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        return Answer(400, "BadCollapseId")
    return None if _is_uuid(headers.get("apns-id", "")) else Answer(400, "BadMessageId")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_expiration(text: str, now_s: int) -> bool:
    """0, or a time from now on; a span of seconds is the usual mistake."""
    return text.isdigit() and (text == "0" or now_s <= int(text) <= now_s + EXPIRATION_DAYS * 86_400)


def payload_refusal(kind: str, body: bytes) -> Answer | None:
    if not body:
        return Answer(400, "PayloadEmpty")
    if len(body) > LIMITS[kind]:
        return Answer(413, "PayloadTooLarge")
    try:
        fields = json.loads(body)
    except ValueError:
        return Answer(400, "BadPayload")  # which APNs takes and the device drops
    aps = fields.get("aps") if isinstance(fields, dict) else None
    if not isinstance(aps, dict):
        return Answer(400, "BadPayload")
    silent = aps.get("content-available") == 1 and not {"alert", "sound", "badge"} & aps.keys()
    return None if (kind == "background") == silent else Answer(400, "BadPayload")
