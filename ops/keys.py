"""Secrets of a data directory: made once, readable by the owner alone, never printed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ops.programs import Keys


def token_pem() -> bytes:
    """A new Ed25519 private key, PKCS 8 in PEM; the edges sign and check access tokens with it."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_secret(path: Path, value: bytes) -> None:
    """Create `path` with mode 0600 and the whole value, or leave the one that is there."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    writing = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    writing.replace(path)


def ensure_keys(home: Path, env: Mapping[str, str] | None = None) -> Keys:
    """The paths of the token and the admin key: WARBLER_TOKEN_KEY and WARBLER_ADMIN_KEY, else files in `secrets/`.

    A key that lies in `secrets/` is made if it is missing; one that lies elsewhere is somebody else's to make.
    """
    given = os.environ if env is None else env
    folder = home / "secrets"
    token = Path(given["WARBLER_TOKEN_KEY"]) if given.get("WARBLER_TOKEN_KEY") else folder / "token-key.pem"
    admin = Path(given["WARBLER_ADMIN_KEY"]) if given.get("WARBLER_ADMIN_KEY") else folder / "admin-key"
    if token.parent == folder:
        write_secret(token, token_pem())
    if admin.parent == folder:
        write_secret(admin, secrets.token_urlsafe(32).encode() + b"\n")
    return Keys(token.absolute(), admin.absolute())
