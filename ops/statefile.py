"""`state.json` of a data directory: what runs there now, for `warbler status` and other commands that want to find it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ops.errors import OpsError


class NotRunning(OpsError):
    """No live `warbler up` works on the data directory."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    name: str
    address: str
    pid: int
    live_url: str  # empty for Kafka and Cassandra


@dataclass(frozen=True, slots=True)
class State:
    up_pid: int
    up_created_s: float  # start of that process, so that a later one with the same pid is not mistaken for it
    page: str
    kafka: str
    cassandra: str
    keyspace: str
    token_key: str  # paths, not the keys
    admin_key: str
    processes: tuple[ProcessState, ...]
    consumers: str = ""  # where consumers reach the embedded Kafka with SASL and TLS
    consumers_ca: str = ""  # file of the authority that signed its certificate


def path_of(home: Path) -> Path:
    return home / "state.json"


def write(home: Path, state: State) -> None:
    """Replace the file as a whole: a reader sees the old state or the new one."""
    target = path_of(home)
    writing = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    writing.write_text(json.dumps(asdict(state), indent=1))
    writing.replace(target)


def parse(text: str) -> State:
    """The state in `text`. Raises: ValueError, TypeError or KeyError for anything else."""
    fields = json.loads(text)
    return State(**{**fields, "processes": tuple(ProcessState(**process) for process in fields["processes"])})


def read(home: Path) -> State:
    """What runs on this data directory. Raises: NotRunning."""
    missing = NotRunning(f"nothing runs on {home}; start it with: warbler up --data {home}")
    try:
        state = parse(path_of(home).read_text())
        alive = abs(psutil.Process(state.up_pid).create_time() - state.up_created_s) < 1
    except (OSError, ValueError, TypeError, KeyError, psutil.NoSuchProcess):
        raise missing from None
    if not alive:
        raise missing
    return state


def remove(home: Path) -> None:
    path_of(home).unlink(missing_ok=True)
