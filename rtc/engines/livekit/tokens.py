"""LiveKit's tokens: JWTs of HS256 that we sign for devices and for ourselves, and those that its webhooks carry. Pure.

Source: LiveKit's documentation of tokens and grants, and of webhooks.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec
from msgspec import Struct

from schemas.errors import WarblerError

SERVICE_TOKEN_S = 60
LEEWAY_S = 60  # clocks of two machines
SOURCES = ("camera", "microphone", "screen_share", "screen_share_audio")


class BadToken(WarblerError):
    """It is not LiveKit's, or not of this body, or of another time."""


class Signer(Struct, frozen=True):
    key: str
    secret: str

    def token(self, claims: dict[str, Any], now_s: int, ttl_s: int) -> str:
        head = _text({"alg": "HS256", "typ": "JWT"})
        body = _text({"iss": self.key, "nbf": now_s - LEEWAY_S, "exp": now_s + ttl_s, **claims})
        return f"{head}.{body}.{_base64(self.signature(f'{head}.{body}'))}"

    def signature(self, signed: str) -> bytes:
        return hmac.digest(self.secret.encode(), signed.encode(), hashlib.sha256)


class _Claims(Struct):
    iss: str = ""
    exp: int = 0
    nbf: int = 0
    sha256: str = ""


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _text(value: dict[str, Any]) -> str:
    return _base64(msgspec.json.encode(value))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("not base64") from None


def join_token(signer: Signer, room: str, identity: str, now_s: int, until_s: int) -> str:
    """Lets one device into one room, as who it is there."""
    grant = {
        "roomJoin": True,
        "room": room,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": False,
        "canPublishSources": SOURCES,
    }
    return signer.token({"sub": identity, "video": grant}, now_s, max(1, until_s - now_s))


def service_token(signer: Signer, room: str, now_s: int) -> str:
    """For ourselves, to ask about one room; empty: about all."""
    grant: dict[str, Any] = {"roomCreate": True, "roomList": True}
    return signer.token({"video": grant | ({"roomAdmin": True, "room": room} if room else {})}, now_s, SERVICE_TOKEN_S)


def check_webhook(signer: Signer, token: str, body: bytes, now_s: int) -> None:
    """Raises: BadToken unless it is signed with our secret, of this body, and of now."""
    signed, _, signature = token.rpartition(".")
    # First the signature: nothing of a stranger's token is read before it.
    if not hmac.compare_digest(_bytes(signature), signer.signature(signed)):
        raise BadToken("not signed with our secret")
    try:
        claims = msgspec.json.decode(_bytes(signed.partition(".")[2]), type=_Claims)
    except msgspec.DecodeError:
        raise BadToken("no claims") from None
    if claims.iss != signer.key:
        raise BadToken("of another key")
    if not claims.nbf - LEEWAY_S <= now_s <= claims.exp + LEEWAY_S:
        raise BadToken("of another time")
    if not hmac.compare_digest(claims.sha256.encode(), base64.b64encode(hashlib.sha256(body).digest())):
        raise BadToken("of another body")
