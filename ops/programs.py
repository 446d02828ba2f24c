"""Our own processes: what is run under which name, with which environment, and where it says that it lives."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.settings import ClusterSettings

ROOT = Path(__file__).resolve().parent.parent  # the checkout, so that children import the same code as we do
LOOPBACK = "127.0.0.1"
EDGE_GRACE_S = 50.0  # EDGE_DRAIN_MS for the devices to move, then LOG_PUBLISH_TIMEOUT_MS for what was taken
# Several processes a worker: in one, the projector's bursts and the Cassandra driver's thread stand in the owner's way
# (docs/decisions/0011-owner-and-projector-apart.md). No message under way waits for notifier and inbox, so they go with the projector.
# Pushes go from a process of their own: hundreds of vendors' connections, and 100,000 sends that wait, must not stand in a timeline's way.
# What comes after a message, and no device waits for, has a process of its own too.
WORKER_ROLES = {
    "owner": "conversations,calls",
    "projector": "timelines,notifier,inbox",
    "push": "push",
    "after": "webhooks,retention,bridge,seal",
}
WITNESS = "witness"
IN_BACKGROUND = frozenset({"projector", "after", WITNESS})
REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    address: str  # what a person or a client connects to; for a worker its liveness endpoint
    live_url: str
    stop_grace_s: float = 10.0
    niceness: int = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """Paths of the secrets that `up` makes once per data directory."""

    token_key: Path
    admin_key: Path
    push_key: Path  # seals the tokens of devices
    vapid_key: Path  # signs what is sent to browsers
    audit_key: Path  # signs checkpoints of the log, and bundles
    witness_key: Path  # signs them a second time
    turn_secret: Path  # of the TURN server and of those who make credentials for it


def common_env(home: Path, clusters: ClusterSettings, keys: Keys) -> dict[str, str]:
    """The part of the environment that all our processes share. `clusters` must name real addresses."""
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {
        "WARBLER_KAFKA": clusters.kafka,
        "WARBLER_CASSANDRA": clusters.cassandra,
        "WARBLER_KEYSPACE": clusters.keyspace,
        "WARBLER_PARTITIONS": str(clusters.partitions),
        "WARBLER_REPLICATION": str(clusters.replication),
        "WARBLER_MIN_INSYNC": str(clusters.min_insync),
        "WARBLER_DATA": str(home),
        "WARBLER_TOKEN_KEY": str(keys.token_key),
        "WARBLER_ADMIN_KEY": str(keys.admin_key),
        "WARBLER_PUSH_KEY": str(keys.push_key),
        "WARBLER_VAPID_KEY": str(keys.vapid_key),
        "WARBLER_AUDIT_KEY": str(keys.audit_key),
        "PYTHONPATH": python_path,
        # `python -m` would put the working directory first, which is the data directory with its `kafka` and `cassandra` folders.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }


def edge(number: int, host: str, port: int, env: Mapping[str, str]) -> Program:
    name = f"edge-{number}"
    reach = LOOPBACK if host in ("0.0.0.0", "::", "") else host
    own = {"WARBLER_NODE": name, "EDGE_HOST": host, "EDGE_PORT": str(port)}
    url = f"http://{reach}:{port}/"
    return Program(name, (sys.executable, "-m", "edge"), {**env, **own}, url, f"{url}live", stop_grace_s=EDGE_GRACE_S)


def worker(name: str, live_port: int, env: Mapping[str, str], background_niceness: int) -> Program:
    kind = name.partition("-")[0]
    own = {"WARBLER_NODE": name, "STREAMS_ROLES": WORKER_ROLES.get(kind, kind), "STREAMS_LIVE_PORT": str(live_port)}
    niceness = background_niceness if kind in IN_BACKGROUND else 0
    url = f"http://{LOOPBACK}:{live_port}/"
    return Program(name, (sys.executable, "-m", "streams.worker"), {**env, **own}, url, f"{url}live", stop_grace_s=20.0, niceness=niceness)


def witness(live_port: int, env: Mapping[str, str], keys: Keys, background_niceness: int) -> Program:
    """The second sealer: it gets a key of its own, and only the public half of the sealer's."""
    own = {name: value for name, value in env.items() if name != "WARBLER_AUDIT_KEY"}
    own |= {"WARBLER_WITNESS_KEY": str(keys.witness_key), "WARBLER_AUDIT_SEALER": str(public_half(keys.audit_key))}
    return worker(WITNESS, live_port, own, background_niceness)


def public_half(key: Path) -> Path:
    """Where the public half of an audit key is written."""
    return key.with_suffix(".pub")


def registry(port: int, env: Mapping[str, str], given: Mapping[str, str] = os.environ) -> Program:
    """`given`: settings of ours that have the last word."""
    host, chosen = given.get("REGISTRY_HOST", LOOPBACK), given.get("REGISTRY_PORT", str(port))
    reach = LOOPBACK if host in ("0.0.0.0", "::", "") else host
    own = {"WARBLER_NODE": REGISTRY, "REGISTRY_HOST": host, "REGISTRY_PORT": chosen}
    url = f"http://{reach}:{chosen}/"
    return Program(REGISTRY, (sys.executable, "-m", "registry"), {**env, **own}, url, f"{url}live")


def worker_names(workers: int) -> list[str]:
    """The processes of that many workers, in the order in which `programs` wants their ports."""
    return [f"{kind}-{number}" for number in range(1, workers + 1) for kind in WORKER_ROLES]


def programs(
    edge_ports: Sequence[int], worker_ports: Sequence[int], host: str, env: Mapping[str, str], background_niceness: int
) -> list[Program]:
    """Workers first, then edges: the order of starting, and backwards the order of stopping. `worker_ports` as `worker_names`."""
    names = worker_names(len(worker_ports) // len(WORKER_ROLES))
    workers = [worker(name, port, env, background_niceness) for name, port in zip(names, worker_ports, strict=True)]
    return workers + [edge(number, host, port, env) for number, port in enumerate(edge_ports, 1)]
