"""The provider token that APNs wants with every request: an ES256 JWT, new every 20 to 60 minutes and no more often.

It is a function of the key and the hour alone: made for a fixed stretch of time and signed without chance (RFC 6979), so every worker and
every restart within the stretch sends the same one, and APNs, which refuses providers that change theirs too often, sees one change.
Source: Apple, "Establishing a token-based connection to APNs"; docs/decisions/0025.
"""

import base64
import json
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from streams.push.channels.port import BadCredentials

CHANGE_S = 20 * 60  # no two tokens closer than this


def read_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """Of a .p8 file. Raises: BadCredentials."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise BadCredentials(f"apns: not a private key: {bad}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadCredentials("apns: not a P-256 key")
    return key


@dataclass
class ProviderToken:
    """`refresh_s`: how long one is used, CHANGE_S to an hour."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    team_id: str
    refresh_s: int
    made_s: int = 0
    text: str = field(default="", repr=False)

    def current(self, now_s: int) -> str:
        """The one to send now."""
        made_s = now_s - now_s % self.refresh_s
        if not self.text or made_s - self.made_s >= CHANGE_S:
            self._make(made_s)
        elif now_s - self.made_s >= self.refresh_s:  # it was renewed out of turn, so shortly before this stretch that it kept its place
            self._make(now_s - now_s % CHANGE_S)
        return self.text

    def renewed(self, refused: str, now_s: int) -> str | None:
        """Another one than that which APNs calls expired; None: it was made just now, so a clock is wrong, here or there."""
        made_s = now_s - now_s % CHANGE_S
        if self.text == refused:
            if made_s - self.made_s < CHANGE_S:
                return None
            self._make(made_s)
        return self.text

    def _make(self, made_s: int) -> None:
        self.made_s = made_s
        self.text = signed(self.key, {"alg": "ES256", "kid": self.key_id}, {"iss": self.team_id, "iat": made_s})


def signed(key: ec.EllipticCurvePrivateKey, head: dict[str, object], claims: dict[str, object]) -> str:
    """The same for the same input, always. Source: RFC 7518, 3.4; RFC 6979."""
    text = b".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return (text + b"." + _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
