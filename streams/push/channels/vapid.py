"""Who we are to a push service: the VAPID key and the signed tokens made with it, one an origin, kept until they are nearly over.

Source: RFC 8292.
"""

import base64
from collections import OrderedDict
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey

from streams.push.channels.port import BadCredentials

TOKEN_LIFE_S = 12 * 3600  # RFC 8292, 2: at most 24 hours; half of it leaves room for clocks that differ
RENEW_BEFORE_S = 2 * 3600
ORIGINS_LIMIT = 1_000  # UnifiedPush: every user may bring a server of its own


class Vapid:
    """Signs. `subject`: mailto: or https:, whom a push service may tell of problems; empty: not said."""

    def __init__(self, pem: str, subject: str) -> None:
        """Raises: BadCredentials."""
        try:
            key = load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError) as bad:
            raise BadCredentials(f"the VAPID key is no PEM of a private key without a password: {bad}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise BadCredentials("the VAPID key must be one of the curve P-256")
        self.key, self.subject = ECKey.import_key(pem), subject
        self.public = b64(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        self.headers: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def header(self, origin: str, now_s: int) -> str:
        """The value of Authorization for this origin."""
        found, until_s = self.headers.get(origin, ("", 0))
        # A clock that was set back would leave a token that is valid for longer than a service takes.
        if not found or not now_s + RENEW_BEFORE_S <= until_s <= now_s + TOKEN_LIFE_S:
            found, until_s = f"vapid t={self._token(origin, now_s + TOKEN_LIFE_S)}, k={self.public}", now_s + TOKEN_LIFE_S
            self.headers[origin] = (found, until_s)
            if len(self.headers) > ORIGINS_LIMIT:
                self.headers.popitem(last=False)
        return found

    def _token(self, origin: str, until_s: int) -> str:
        claims = {"aud": origin, "exp": until_s} | ({"sub": self.subject} if self.subject else {})
        return jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, self.key)


def good_subject(subject: str) -> bool:
    """Whether a push service can reach somebody by it. Apple refuses localhost."""
    if subject.startswith("mailto:"):
        name, _, host = subject[7:].rpartition("@")
        return bool(name) and "." in host and " " not in subject
    parts = urlsplit(subject)
    return parts.scheme == "https" and "." in (parts.hostname or "")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
