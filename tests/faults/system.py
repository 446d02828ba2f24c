"""The real Warbler under test: Kafka and Cassandra of the harness's own, `warbler up` for the rest, and a proxy before each server.

Started once per run; the nemesis strikes through `proxies`, `stack` and `running`. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.embedded.ports import LOOPBACK, next_free
from ops.embedded.settings import EmbeddedSettings
from ops.embedded.stack import Stack
from tests.faults.proxy import Proxy
from tests.real import running
from tests.real.running import Running

SITE = Path(__file__).with_name("site")
ROOT = Path(__file__).resolve().parents[2]
PROXIES_FROM = 26_000
EDGES_FROM = 25_480  # not where other tests' edges are: a run of minutes would meet them
TMPFS_BYTES = 1 << 30
# A hello must not wait for a supervisor: what is short here is only what the harness itself would otherwise sit out.
# The inbox asks for redelivery late, so that what an edge gives twice is either its own writing again after EDGE_ACK_TIMEOUT_MS or a fault.
SETTINGS = {"STREAMS_SESSION_TIMEOUT_MS": "6000", "STREAMS_DELIVERY_TIMEOUT_MS": "120000"}
PLANT_SETTINGS = {"WARBLER_FAULTS_WINDOW_S": "0.8"}  # see plants.WINDOW_S


@dataclass(slots=True)
class System:
    """`proxies`: by kafka, cassandra, edge-1, edge-2, …; `faults`: the folder that `site/sitecustomize.py` looks into.

    `disks`: servers whose data lies on a tmpfs of their own; `no_disks`: why not, if so.
    """

    stack: Stack
    running: Running
    proxies: dict[str, Proxy]
    faults: Path
    disks: frozenset[str]
    no_disks: str

    @property
    def edge_ports(self) -> list[int]:
        return [proxy.port for name, proxy in self.proxies.items() if name.startswith("edge-")]

    def disk(self, server: str) -> Path:
        return self.stack.home / server


def mounted(folder: Path) -> str:
    """Mounts a tmpfs there; why not, or "" when it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return "a tmpfs can be mounted only by root"
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else f"mount failed: {done.stderr.strip()}"


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False, timeout=60)


@contextlib.asynccontextmanager
async def started(home: Path, edges: int, workers: int, plant: str = "", disks: Sequence[str] = ()) -> AsyncIterator[System]:
    """The whole system, ready; nothing of it is left afterwards. `plant`: "NAME MODULE" for `site/sitecustomize.py`."""
    async with contextlib.AsyncExitStack() as undo:
        faults = home / "faults"
        faults.mkdir(parents=True)
        if plant:
            (faults / "plant").write_text(plant)
        port = PROXIES_FROM
        kafka = Proxy("kafka", port := next_free(port), 0)
        cassandra = Proxy("cassandra", port := next_free(port + 1), 0)
        servers = home / "servers"
        no_disks = ""
        for server in disks:
            no_disks = no_disks or mounted(servers / server)
            undo.callback(unmount, servers / server)
        settings = dataclasses.replace(EmbeddedSettings.from_env(os.environ), kafka_advertised_port=kafka.port)
        stack = Stack(servers, settings)
        # The proxies listen first: Kafka's own probe already follows the advertised port.
        await _begin(undo, kafka, cassandra)
        kafka.upstream, cassandra.upstream = await _start_servers(undo, stack, kafka)
        data = home / "warbler"
        data.mkdir()
        env = {"WARBLER_FAULTS": str(faults), "PYTHONPATH": f"{SITE}{os.pathsep}{ROOT}", **SETTINGS, **(PLANT_SETTINGS if plant else {})}
        addresses = (f"{LOOPBACK}:{kafka.port}", f"{LOOPBACK}:{cassandra.port}")
        options = ("--edges", str(edges), "--workers", str(workers))
        up = await asyncio.to_thread(running.start, data, *addresses, *options, env=env, ports_from=EDGES_FROM)
        undo.push_async_callback(asyncio.to_thread, running.stop, up.process)
        proxies = {"kafka": kafka, "cassandra": cassandra}
        for number, address in enumerate(up.addresses(), 1):
            name = f"edge-{number}"
            proxies[name] = Proxy(name, port := next_free(port + 1), int(address.rsplit(":", 1)[1]))
            await _begin(undo, proxies[name])
        yield System(stack, up, proxies, faults, frozenset() if no_disks else frozenset(disks), no_disks)


async def _begin(undo: contextlib.AsyncExitStack, *proxies: Proxy) -> None:
    for proxy in proxies:
        await proxy.start()
        undo.push_async_callback(proxy.close)


async def _start_servers(undo: contextlib.AsyncExitStack, stack: Stack, kafka: Proxy) -> tuple[int, int]:
    """Their ports. Kafka's is chosen before it answers, and its first probe comes through the proxy."""

    async def lead_proxy() -> None:
        while not stack.nodes:  # noqa: ASYNC110  the stack has no event for it
            await asyncio.sleep(0.02)
        kafka.upstream = stack.kafka_node.port

    leading = asyncio.create_task(lead_proxy())
    try:
        await stack.start()
    finally:
        leading.cancel()
    undo.push_async_callback(stack.stop)
    return stack.kafka_node.port, stack.cassandra_node.port
