"""The file of the keys that sign tokens (WARBLER_TOKEN_KEY): several private keys in PEM, newest first. Pure.

Before each key may stand lines `signs-from: <ms>` and `checks-until: <ms>`, anywhere a line `refresh-secret: <hex>`. A file with one bare
key is good as it is. `warbler keys rotate` writes it: the new key checks at once and signs a little later, when every node has the file.
"""

import hashlib
import re
from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from schemas.errors import WarblerError

_NOTES, _PEM = rb"(?P<notes>(?:(?!-----BEGIN)[^\n]*\n)*)", rb"(?P<pem>-----BEGIN PRIVATE KEY-----\n.+?-----END PRIVATE KEY-----\n?)"
_BLOCK = re.compile(_NOTES + _PEM, re.DOTALL)
_NOTE = re.compile(rb"^(signs-from|checks-until|refresh-secret): *([0-9a-f]+) *$", re.MULTILINE)
KEY_ID_CHARACTERS = 16


class BadKeyFile(WarblerError):
    """The file of WARBLER_TOKEN_KEY holds no private key of Ed25519, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`checks_until_ms` 0: without end."""

    key_id: str
    key: OKPKey
    pem: bytes
    signs_from_ms: int = 0
    checks_until_ms: int = 0

    def checks_at(self, now_ms: int) -> bool:
        return not self.checks_until_ms or now_ms < self.checks_until_ms


@dataclass(frozen=True, slots=True)
class KeyFile:
    keys: tuple[SigningKey, ...]
    refresh_secret: bytes

    def signing(self, now_ms: int) -> SigningKey:
        """The newest one whose time has come. Shape: there is always one."""
        ready = [key for key in self.keys if key.signs_from_ms <= now_ms and key.checks_at(now_ms)]
        return ready[0] if ready else self.keys[0]


def read_key_file(content: bytes) -> KeyFile:
    """Raises: BadKeyFile."""
    keys = []
    for block in _BLOCK.finditer(content):
        notes = dict(_NOTE.findall(block["notes"]))
        keys.append(_key(block["pem"], int(notes.get(b"signs-from", b"0")), int(notes.get(b"checks-until", b"0"))))
    if not keys:
        raise BadKeyFile("no private key in the file of WARBLER_TOKEN_KEY")
    said = dict(_NOTE.findall(content)).get(b"refresh-secret")
    secret = bytes.fromhex(said.decode()) if said else hashlib.sha256(b"warbler refresh tokens" + keys[-1].pem).digest()
    return KeyFile(tuple(keys), secret)


def _key(pem: bytes, signs_from_ms: int, checks_until_ms: int) -> SigningKey:
    try:
        key = OKPKey.import_key(pem)
    except (JoseError, ValueError) as exc:
        raise BadKeyFile(f"a key in the file of WARBLER_TOKEN_KEY cannot be read: {type(exc).__name__}") from exc
    if key.curve_name != "Ed25519":
        raise BadKeyFile(f"a key of {key.curve_name} in the file of WARBLER_TOKEN_KEY: Ed25519 is needed")
    return SigningKey(key.thumbprint()[:KEY_ID_CHARACTERS], key, pem, signs_from_ms, checks_until_ms)


def write_key_file(file: KeyFile) -> bytes:
    """What `read_key_file` reads as the same."""
    parts = [b"refresh-secret: " + file.refresh_secret.hex().encode() + b"\n"]
    for key in file.keys:
        parts += [f"signs-from: {key.signs_from_ms}\nchecks-until: {key.checks_until_ms}\n".encode(), key.pem.strip() + b"\n"]
    return b"\n".join(parts)


def rotated(file: KeyFile, new_pem: bytes, now_ms: int, signs_in_ms: int, keep_ms: int) -> KeyFile:
    """With a new key that signs from `signs_in_ms` on; the others check for `keep_ms` more, and those that have ended are dropped."""
    until_ms = now_ms + signs_in_ms + keep_ms
    new = _key(new_pem, now_ms + signs_in_ms, 0)
    old = [
        SigningKey(key.key_id, key.key, key.pem, key.signs_from_ms, min(key.checks_until_ms or until_ms, until_ms))
        for key in file.keys
        if key.checks_at(now_ms)
    ]
    return KeyFile((new, *old), file.refresh_secret)
