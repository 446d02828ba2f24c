"""Keys for what is kept of users' secrets: sealed (AES-256-GCM) where it must be read again, hashed with a key where not.

Called by `edge.people` and `store.push_tables`. Pure: the nonce is an argument. Source: NIST SP 800-38D (GCM), RFC 5869 (HKDF).
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import WarblerError

NONCE_BYTES = 12
ID_BYTES = 4
SECRET_BYTES_MIN = 32


class NotSealedHere(WarblerError):
    """What was kept was sealed with another key, for another place, or was changed."""


class Sealer:
    """Made of one or several secrets: the first seals and hashes, all of them open."""

    def __init__(self, secrets: list[bytes]) -> None:
        if not secrets or any(len(secret) < SECRET_BYTES_MIN for secret in secrets):
            raise ValueError(f"a secret of at least {SECRET_BYTES_MIN} bytes is needed")
        self._secrets = secrets
        self._by_id = {_key_id(secret): AESGCM(_derived(secret, b"seal")) for secret in secrets}

    @classmethod
    def of_file(cls, text: bytes) -> "Sealer":
        """One secret a line, the newest first. Raises: ValueError."""
        return cls([line.strip() for line in text.splitlines() if line.strip()])

    def hash_key(self, what: str) -> bytes:
        """A key for one kind of hash. Those of other secrets are not tried: what is hashed lives for minutes, or is made anew."""
        return _derived(self._secrets[0], b"hash " + what.encode())

    def hash_keys(self, what: str) -> list[bytes]:
        """The same of every secret, for hashes that live long."""
        return [_derived(secret, b"hash " + what.encode()) for secret in self._secrets]

    def seal(self, value: bytes, place: str, nonce: bytes) -> bytes:
        """`place` must be the same to open it, so that nothing can be moved to another user's row."""
        key_id = _key_id(self._secrets[0])
        return key_id + nonce + self._by_id[key_id].encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises: NotSealedHere."""
        key_id, nonce, text = sealed[:ID_BYTES], sealed[ID_BYTES : ID_BYTES + NONCE_BYTES], sealed[ID_BYTES + NONCE_BYTES :]
        key = self._by_id.get(key_id)
        if key is None:
            raise NotSealedHere("sealed with a key that this node does not have")
        try:
            return key.decrypt(nonce, text, place.encode())
        except (InvalidTag, ValueError):
            raise NotSealedHere("not sealed here") from None


def keyed_hash(key: bytes, value: str) -> str:
    return hmac.new(key, value.encode(), "sha256").hexdigest()


def _derived(secret: bytes, what: bytes) -> bytes:
    return HKDF(SHA256(), 32, b"warbler", what).derive(secret)


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(b"warbler key id" + secret).digest()[:ID_BYTES]
