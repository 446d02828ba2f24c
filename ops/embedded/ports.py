"""Loopback ports of a data directory: chosen once, kept in `ports.json`, changed only when a stranger took one."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

# Below the kernel's ephemeral range (32768 up), so that no outgoing connection can sit on a port between two starts.
PORT_FIRST, PORT_LAST = 20_000, 32_000
LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now; connections in TIME_WAIT do not count, as for the JVM."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def assign(names: Sequence[str], kept: dict[str, int], free: Callable[[int], bool], rng: random.Random) -> dict[str, int]:
    """A free port for each name: the kept one where it is still free, else a new one.

    Shape: ports distinct. Raises: RuntimeError when 1,000 draws found no free port.
    """
    ports: dict[str, int] = {}
    for name in names:
        if name in kept and kept[name] not in ports.values() and free(kept[name]):
            ports[name] = kept[name]
    # What other names keep is avoided too, though it may be free while they do not run.
    for name in (name for name in names if name not in ports):
        for _ in range(1_000):
            port = rng.randint(PORT_FIRST, PORT_LAST)
            if port not in ports.values() and port not in kept.values() and free(port):
                ports[name] = port
                break
        else:
            raise RuntimeError(f"no free port between {PORT_FIRST} and {PORT_LAST}")
    return ports


def ports_of(home: Path, names: Iterable[str]) -> dict[str, int]:
    """Ports for `names`, remembered in the data directory. Call only while nothing of this directory runs."""
    path = home / "ports.json"
    try:
        kept: dict[str, int] = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    ports = assign(list(names), kept, is_free, random.Random())
    path.write_text(json.dumps({**kept, **ports}, indent=1))
    return ports


def next_free(first: int, count_limit: int = 100, host: str = LOOPBACK) -> int:
    """The first free port from `first` on."""
    for port in range(first, first + count_limit):
        if is_free(port, host):
            return port
    raise RuntimeError(f"no free port between {first} and {first + count_limit - 1}")
