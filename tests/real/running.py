"""A whole Warbler for tests: `warbler up` as a child process, whose children are restarted by its own supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from cassandra import DriverException
from cassandra.cluster import Cluster, NoHostAvailable

from ops import statefile
from ops.embedded.ports import next_free
from ops.embedded.stack import Stack

READY_S = 240.0  # a machine that does much else starts two JVMs slowly
PORTS_FROM = 10_000 + os.getpid() % 400 * 20  # test processes side by side look for free ports in different places
STOP_S = 30.0
_BESIDE: dict[int, tuple[str, str]] = {}  # of a process: the Cassandra and the keyspace that it leaves


@dataclass(frozen=True, slots=True)
class Servers:
    """A Kafka, a Cassandra ("host:port" each), and the keyspace to use there."""

    kafka: str
    cassandra: str
    keyspace: str


def new_keyspace() -> str:
    """A name that nothing else uses."""
    return f"t_{uuid.uuid4().hex[:12]}"


def drop_keyspaces(cassandra: str, beginning: str) -> None:
    """Gives the memory of their tables back: each takes a third of a MiB of heap for as long as the server lives."""
    host, _, port = cassandra.rpartition(":")
    gone = suppress(DriverException, NoHostAvailable)  # with its server, and nothing is left to give back
    with Cluster([host], port=int(port), connect_timeout=60) as cluster, gone:
        session = cluster.connect()
        for (name,) in session.execute("SELECT keyspace_name FROM system_schema.keyspaces"):
            if name.startswith(beginning):
                session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=120)


@contextmanager
def started(stack: Stack) -> Iterator[Stack]:
    asyncio.run(stack.start())
    try:
        yield stack
    finally:
        asyncio.run(stack.stop())


def start_beside(cassandra: str, data: Path, *options: str, env: dict[str, str] | None = None, ports_from: int = PORTS_FROM) -> Running:
    """As `start`, with a Kafka of its own and a keyspace in the Cassandra that is there: a second one costs more than all our processes."""
    keyspace = new_keyspace()
    started = start(data, "", cassandra, *options, env={"WARBLER_KEYSPACE": keyspace, **(env or {})}, ports_from=ports_from)
    _BESIDE[started.process.pid] = (cassandra, keyspace)
    return started


@dataclass(slots=True)
class Running:
    """`page`: the first edge's address, without a slash at its end."""

    process: subprocess.Popen[bytes]
    data: Path
    page: str
    kafka: str
    cassandra: str
    keyspace: str

    @property
    def admin_key(self) -> str:
        return Path(statefile.read(self.data).admin_key).read_text().strip()

    def pid(self, name: str) -> int:
        """The pid of a process by its name (edge-1, worker-1); 0 while it is down."""
        return next(p.pid for p in statefile.read(self.data).processes if p.name == name)

    def addresses(self) -> list[str]:
        """Where the edges listen."""
        return [p.address.rstrip("/") for p in statefile.read(self.data).processes if p.name.startswith("edge-")]

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> int:
        """Sends the signal to the process, and answers the pid it had."""
        pid = self.pid(name)
        os.kill(pid, sig)
        return pid

    def wait_for_successor(self, name: str, old_pid: int) -> None:
        """Until the supervisor has started the process anew and every edge answers."""
        deadline = time.monotonic() + READY_S
        while self.pid(name) in (0, old_pid) or not self.live():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not come back")
            time.sleep(0.1)

    def live(self) -> bool:
        try:
            return all(httpx.get(address + "/live", timeout=10).json()["ok"] for address in self.addresses())
        except (httpx.HTTPError, ValueError):
            return False


def start(
    data: Path, kafka: str = "", cassandra: str = "", *options: str, env: dict[str, str] | None = None, ports_from: int = PORTS_FROM
) -> Running:
    """Starts it and waits until every process is well; without addresses it has a Kafka and a Cassandra of its own.

    Raises: RuntimeError with its output if it ends, TimeoutError.
    """
    port = next_free(ports_from)
    output = (data / "up.log").open("wb")
    child_env = {**os.environ, "WARBLER_KAFKA": kafka, "WARBLER_CASSANDRA": cassandra, **(env or {})}
    command = [sys.executable, "-m", "ops.cli", "up", "--data", str(data), "--port", str(port), *options]
    process = subprocess.Popen(command, env=child_env, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    output.close()
    deadline = time.monotonic() + READY_S
    while b"is ready" not in (data / "up.log").read_bytes():
        if process.poll() is not None:
            raise RuntimeError((data / "up.log").read_text(errors="replace"))
        if time.monotonic() > deadline:
            stop(process)
            raise TimeoutError((data / "up.log").read_text(errors="replace"))
        time.sleep(0.1)
    state = statefile.read(data)
    return Running(process, data, f"http://127.0.0.1:{port}", state.kafka, state.cassandra, state.keyspace)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.pid in _BESIDE:
        drop_keyspaces(*_BESIDE.pop(process.pid))
