"""The two keys of pushes, from the files that WARBLER_PUSH_KEY and WARBLER_VAPID_KEY name. Called by the edge and the push worker.

The same on all nodes. Without the first no token can be registered or opened; without the second there is no Web Push.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from schemas.errors import WarblerError
from store.sealing import Sealer

PUSH_KEY_VARIABLE = "WARBLER_PUSH_KEY"
VAPID_KEY_VARIABLE = "WARBLER_VAPID_KEY"


class BadPushKey(WarblerError):
    """The file is not there or holds no such key; the message names the variable."""


def push_sealer(env: Mapping[str, str]) -> Sealer | None:
    """What seals tokens and signs tickets; None where the variable names no file. Raises: BadPushKey."""
    path = env.get(PUSH_KEY_VARIABLE)
    if not path:
        return None
    try:
        return Sealer.of_file(Path(path).read_bytes())
    except (OSError, ValueError) as exc:
        raise BadPushKey(f"{PUSH_KEY_VARIABLE}={path}: {exc}") from None


def vapid_public_key(env: Mapping[str, str]) -> str | None:
    """The application server key that browsers subscribe with; None where the variable names no file.

    Shape: the uncompressed point in base64url without padding (RFC 8292 3.2). Raises: BadPushKey.
    """
    path = env.get(VAPID_KEY_VARIABLE)
    if not path:
        return None
    try:
        key = load_pem_private_key(Path(path).read_bytes(), None)
    except (OSError, ValueError, TypeError) as exc:
        raise BadPushKey(f"{VAPID_KEY_VARIABLE}={path}: {exc}") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise BadPushKey(f"{VAPID_KEY_VARIABLE}={path}: a private key of P-256 is needed")
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
