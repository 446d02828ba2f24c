"""Signatures of Standard Webhooks, which receivers check with any of its libraries. Called by webhooks and hooks. Pure.

Source: Standard Webhooks specification 1.0 (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over id, time and body.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

from schemas.errors import WarblerError

SECRET_PREFIX = "whsec_"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64


class BadSecret(WarblerError):
    """Not `whsec_` and 24 to 64 bytes in base64."""


def secret_of(text: str) -> bytes:
    """Raises: BadSecret."""
    try:
        found = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not text.startswith(SECRET_PREFIX) or not SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES_MAX:
        raise BadSecret(f"a secret is {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64")
    return found


def signatures(secrets: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> str:
    """One for each secret: a receiver that knows any of them can check, which is how secrets are changed."""
    signed = f"{message_id}.{at_s}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)


def signed_headers(secrets: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signatures(secrets, message_id, at_s, body),
    }
