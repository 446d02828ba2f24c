"""The file of a key that signs, read again when it has become another one: a sealer that runs takes a new key up without a break."""

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from audit.errors import Malformed
from audit.ring import Ring, read_ring

logger = structlog.get_logger("streams.audit")

Stamp = tuple[int, int, int]
RingOf = Callable[[], Ring]


def ring_of(env: Mapping[str, str], variable: str, name: str) -> Ring:
    """Raises: ValueError that names the variable."""
    if not env.get(variable):
        raise ValueError(f"{variable} is not set: the file of an Ed25519 private key, which `warbler init` makes")
    try:
        return read_ring(name, Path(env[variable]).read_bytes())
    except (OSError, Malformed) as exc:
        raise ValueError(f"{variable}={env[variable]!r}: {exc}") from exc


class WatchedRing:
    """The ring of the file as it is now; as it last was, while it cannot be read."""

    def __init__(self, env: Mapping[str, str], variable: str, name: str) -> None:
        """Raises: as `ring_of`."""
        self._env, self._variable, self._name = env, variable, name
        self._stamp = self._stamped()
        self._ring = ring_of(env, variable, name)

    def _stamped(self) -> Stamp | None:
        try:
            found = Path(self._env.get(self._variable, "")).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def __call__(self) -> Ring:
        """Blocks: on the file's place in its folder, and on the file after a change; it is small, and asked for once a checkpoint."""
        if (stamp := self._stamped()) != self._stamp:
            try:
                self._ring = ring_of(self._env, self._variable, self._name)
                logger.info("another key signs", key=str(self._ring.signer.verifier))
            except ValueError as exc:
                logger.warning("the file of the key has changed and cannot be read; the key before goes on", error=str(exc))
            self._stamp = stamp
        return self._ring
