"""Secrets of a data directory: made once, readable by the owner alone, never printed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console

from edge.key_file import BadKeyFile, KeyFile, read_key_file, rotated, write_key_file
from ops.programs import Keys


def token_pem() -> bytes:
    """A new Ed25519 private key, PKCS 8 in PEM; the edges sign and check access tokens with it."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_secret(path: Path, value: bytes) -> None:
    """Create `path` with mode 0600 and the whole value, or leave the one that is there."""
    if not path.exists():
        replace_secret(path, value)


def replace_secret(path: Path, value: bytes) -> None:
    """`path` has the whole value and mode 0600, at once for whoever reads it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    writing = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    writing.replace(path)


def vapid_pem() -> bytes:
    """A new P-256 private key, PKCS 8 in PEM, by which push services of browsers know this site (RFC 8292)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def text_secret() -> bytes:
    return secrets.token_urlsafe(32).encode() + b"\n"


# variable: (name of the file in `secrets/`, what makes it); in the order of the fields of Keys
MADE: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "WARBLER_TOKEN_KEY": ("token-key.pem", token_pem),
    "WARBLER_ADMIN_KEY": ("admin-key", text_secret),
    "WARBLER_PUSH_KEY": ("push-key", text_secret),
    "WARBLER_VAPID_KEY": ("vapid.pem", vapid_pem),
}


def ensure_keys(home: Path, env: Mapping[str, str] | None = None) -> Keys:
    """The paths of the keys: what their variables say, else files in `secrets/`.

    A key that lies in `secrets/` is made if it is missing; one that lies elsewhere is somebody else's to make.
    """
    given, folder = os.environ if env is None else env, home / "secrets"
    paths: list[Path] = []
    for variable, (name, make) in MADE.items():
        path = Path(given.get(variable) or folder / name)
        if path.parent == folder:
            write_secret(path, make())
        paths.append(path.absolute())
    return Keys(*paths)


def rotate(path: Path, now_ms: int, signs_in_ms: int, keep_ms: int) -> KeyFile:
    """Put a new key into the file that signs tokens; nodes that run take it up by themselves. What is in the file now.

    Raises: BadKeyFile, OSError. The file is replaced as a whole; it stays readable by its owner alone.
    """
    file = rotated(read_key_file(path.read_bytes()), token_pem(), now_ms, signs_in_ms, keep_ms)
    replace_secret(path, write_key_file(file))
    return file


app = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that sign access tokens."""


@app.command("rotate")
def rotate_keys(
    data: Annotated[Path, typer.Option(help="Data folder, if $WARBLER_TOKEN_KEY names no file.")] = Path(".warbler"),
    signs_in_s: Annotated[int, typer.Option(help="When the new key signs: after every node has the file.", min=0)] = 60,
    keep_h: Annotated[int, typer.Option(help="How long the others go on checking: the longest life of a token, and more.", min=0)] = 25,
) -> None:
    """Make a new key: it checks at once, signs a little later, and the older ones end. Copy the file to nodes on other machines."""
    path = Path(os.environ.get("WARBLER_TOKEN_KEY") or data / "secrets" / "token-key.pem")
    console = Console(soft_wrap=True)
    try:
        file = rotate(path, time.time_ns() // 1_000_000, signs_in_s * 1000, keep_h * 3_600_000)
    except (BadKeyFile, OSError) as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(1) from exc
    for key in file.keys:
        end = f"checks until {moment(key.checks_until_ms)}" if key.checks_until_ms else "has no end"
        console.print(f"{key.key_id}: signs from {moment(key.signs_from_ms)}, {end}")


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else "its beginning"
