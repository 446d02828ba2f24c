"""Secrets of a data directory: made once, readable by the owner alone, never printed."""

from __future__ import annotations

import asyncio
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

from audit.note import read_signer
from audit.ring import Ring, read_ring, write_ring
from edge.key_file import KeyFile, read_key_file, rotated, write_key_file
from log.kafka import KafkaLog
from log.port import Log
from ops.acts import acting
from ops.programs import Keys, public_half
from ops.reach import log_at
from ops.statefile import NotRunning
from ops.topics import located_kafka
from schemas.errors import WarblerError
from streams.audit.settings import AuditSettings


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
    "WARBLER_AUDIT_KEY": ("audit-key.pem", token_pem),
    "WARBLER_WITNESS_KEY": ("witness-key.pem", token_pem),
    "RTC_TURN_SECRET_FILE": ("turn-secret", text_secret),
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
    keys = Keys(*paths)
    write_public_halves(keys, folder, given)
    return keys


def write_public_halves(keys: Keys, folder: Path, env: Mapping[str, str]) -> None:
    """What auditors and witnesses trust, in a file beside each audit key that lies in `secrets/`."""
    names = AuditSettings.from_env(env)
    for path, name in ((keys.audit_key, names.name), (keys.witness_key, names.witness_name)):
        if path.parent == folder.absolute():
            public, text = public_half(path), read_ring(name, path.read_bytes()).public_text().encode()
            if not public.exists() or public.read_bytes() != text:
                replace_secret(public, text)


def rotate_audit_key(path: Path, name: str, now_ms: int) -> tuple[Ring, Callable[[], None]]:
    """The ring with a new key, and what puts it into its file; a rotation that was cut short before that is the same one again.

    Until then the new key lies beside the file as `.next`: what the log has been told of a key must not be lost with the command.
    Raises: Malformed, OSError.
    """
    waiting = path.with_name(f"{path.name}.next")
    now = read_ring(name, path.read_bytes())
    if not waiting.exists() or read_ring(name, waiting.read_bytes()).rotations[:-1] != now.rotations:
        pem = token_pem()
        replace_secret(waiting, write_ring(pem, now.rotated(read_signer(name, pem), now_ms).rotations))
    ring = read_ring(name, waiting.read_bytes())

    def put() -> None:
        waiting.replace(path)
        replace_secret(public_half(path), ring.public_text().encode())

    return ring, put


def rotate(path: Path, now_ms: int, signs_in_ms: int, keep_ms: int) -> KeyFile:
    """Put a new key into the file that signs tokens; nodes that run take it up by themselves. What is in the file now.

    Raises: BadKeyFile, OSError. The file is replaced as a whole; it stays readable by its owner alone.
    """
    file = rotated(read_key_file(path.read_bytes()), token_pem(), now_ms, signs_in_ms, keep_ms)
    replace_secret(path, write_key_file(file))
    return file


async def made_and_told(log: Log, make: Callable[[], KeyFile]) -> KeyFile:
    """What `make` makes, with the act on admin-events. Raises: LogError (nothing is made where it cannot be told); as `make`."""
    async with acting(log, "keys.rotate", "token_key") as told:
        file = make()
        told["keys"] = [key.key_id for key in file.keys]
    return file


async def made_where_it_runs(kafka: str, make: Callable[[], KeyFile]) -> KeyFile:
    """As `made_and_told`, with the log of this Kafka."""
    log = KafkaLog(log_at(kafka))
    await log.start()
    try:
        return await made_and_told(log, make)
    finally:
        await log.close()


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

    def make() -> KeyFile:
        return rotate(path, time.time_ns() // 1_000_000, signs_in_s * 1000, keep_h * 3_600_000)

    try:
        kafka = located_kafka(data)
    except NotRunning:
        console.print("nothing runs here, so the rotation is not told to admin-events", style="yellow")
        kafka = ""
    try:
        file = asyncio.run(made_where_it_runs(kafka, make)) if kafka else make()
    except (WarblerError, OSError) as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(1) from exc
    for key in file.keys:
        end = f"checks until {moment(key.checks_until_ms)}" if key.checks_until_ms else "has no end"
        console.print(f"{key.key_id}: signs from {moment(key.signs_from_ms)}, {end}")


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else "its beginning"
