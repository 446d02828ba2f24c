"""Everything under test on this machine: Kafka, Cassandra, workers, edges, started and ended by the bench, or existing clusters."""

import asyncio
import dataclasses
import os
import sys
import time
from pathlib import Path

import httpx

from bench.fleet import Edge
from bench.machine import Usage, usage_of
from log.kafka import KafkaLog
from ops.embedded.node import Node
from ops.embedded.ports import LOOPBACK, is_free, ports_of
from ops.embedded.process import Child
from ops.embedded.stack import Stack
from ops.engines import engine_names, engine_programs
from ops.keys import ensure_keys
from ops.programs import Program, common_env, programs, worker_names
from ops.programs import edge as edge_program
from ops.provision import laid_out, provision, wait_for_clusters
from ops.reach import log_at, store_at
from ops.settings import ClusterSettings
from schemas.errors import WarblerError
from store.cassandra import Store
from store.timelines import Timelines

EVENTS = "conversation-events"
LIVE_TIMEOUT_S = 60.0
POLL_S = 0.1


class NotLive(Exception):
    """A program did not come to life; the message holds the last lines of its output."""


class Site:
    """Between `start` and `stop`: addresses, processes by name, and how far the timelines are."""

    def __init__(self, data: Path, edges: int = 1, workers: int = 1) -> None:
        self.data, self._edges, self._workers = data, edges, workers
        self.clusters = ClusterSettings.from_env(os.environ)
        self.stack = Stack(data, with_kafka=not self.clusters.kafka, with_cassandra=not self.clusters.cassandra)
        self._running: dict[str, tuple[Program, Child]] = {}
        self._http = httpx.AsyncClient(timeout=3, trust_env=False)
        self._env: dict[str, str] = {}
        self.admin_key = ""

    # ---- life

    async def start(self) -> None:
        """Raises: OpsError, NotLive; call `stop` in any case."""
        await self.stack.start()
        kafka, cassandra = self.clusters.kafka or self.stack.kafka, self.clusters.cassandra or self.stack.cassandra
        self.clusters = dataclasses.replace(self.clusters, kafka=kafka, cassandra=cassandra)
        await wait_for_clusters(self.clusters, _say)
        self.clusters = await laid_out(self.clusters, self._workers)
        await provision(self.clusters, _say)
        keys = ensure_keys(self.data)
        self.admin_key = keys.admin_key.read_text().strip()
        self._env = common_env(self.data, self.clusters, keys)
        names = [f"edge_{number + 1}" for number in range(self._edges)] + worker_names(self._workers)
        ports = list(ports_of(self.data, names).values())
        for program in programs(ports[: self._edges], ports[self._edges :], LOOPBACK, self._env, self.stack.settings.background_niceness):
            await self.run(program)
        self.store = await Store.connect(store_at(self.clusters))
        self.timelines = Timelines(self.store)
        self.log = KafkaLog(log_at(kafka))
        await self.log.start()

    async def stop(self) -> None:
        """Safe to repeat."""
        if hasattr(self, "log"):
            await self.log.close()
            await self.store.close()
        for name in reversed(list(self._running)):
            await self.end(name)
        await self._http.aclose()
        await self.stack.stop()

    # ---- processes

    async def run(self, program: Program) -> None:
        """Starts a program of ours and waits until it says that it lives. Raises: NotLive."""
        child = Child(program.name, self.data, program.niceness)
        child.spawn(program.argv, program.env)
        self._running[program.name] = (program, child)
        await self.live(program.name)

    async def live(self, name: str) -> None:
        program, child = self._running[name]
        for _ in range(int(LIVE_TIMEOUT_S / POLL_S)):
            if not child.running:
                raise NotLive(f"{name} ended with {child.exit_code}; its last lines:\n{child.tail()}")
            try:
                if (await self._http.get(program.live_url)).json().get("ok"):
                    return
            except (httpx.HTTPError, ValueError):
                pass
            await asyncio.sleep(POLL_S)
        raise NotLive(f"{name} did not say within {LIVE_TIMEOUT_S} s that it lives; its last lines:\n{child.tail()}")

    async def end(self, name: str) -> None:
        program, child = self._running.pop(name)
        await child.stop(program.stop_grace_s)

    async def extra_edge(self, name: str, **settings: str) -> Edge:
        """One more edge that nothing has used yet, with settings of its own; end it with `end(name)`."""
        port = ports_of(self.data, [name.replace("-", "_")]).popitem()[1]
        assert is_free(port)
        program = edge_program(99, LOOPBACK, port, self._env)
        await self.run(dataclasses.replace(program, name=name, env={**program.env, "WARBLER_NODE": name, **settings}))
        return Edge(LOOPBACK, port, self.admin_key)

    async def media_engine(self) -> None:
        """An embedded media engine, which goes on until the end. Raises: NotLive."""
        [name] = engine_names(1, ())
        if name not in self._running:
            ports = list(ports_of(self.data, [name]).values())
            for program in engine_programs(1, (), ports, LOOPBACK, self._env, os.environ):
                await self.run(program)

    @property
    def edge(self) -> Edge:
        return self.edges[0]

    @property
    def edges(self) -> list[Edge]:
        """Those that were started with the site."""
        ports = [int(self._running[f"edge-{number + 1}"][0].env["EDGE_PORT"]) for number in range(self._edges)]
        return [Edge(LOOPBACK, port, self.admin_key) for port in ports]

    async def restart(self, name: str) -> float:
        """SIGTERM, and the process anew once it is gone; the answer is how long it took until it lived, in seconds. Raises: NotLive."""
        begun_s = time.monotonic()
        program, child = self._running[name]
        await child.stop(program.stop_grace_s)
        await self.start_again(name)
        return time.monotonic() - begun_s

    def live_url(self, name: str) -> str:
        return self._running[name][0].live_url

    def pids(self) -> dict[str, int]:
        own = {name: child.pid for name, (_, child) in self._running.items() if child.running}
        servers = {node.name: node.pid for node in self.stack.nodes if node.running}
        return {**servers, **own, "driver": os.getpid()}

    def usage(self) -> Usage:
        return usage_of(self.pids())

    def kill(self, name: str) -> None:
        """SIGKILL; the process is gone on return."""
        node = self._node(name)
        if node is not None:
            node.kill()
        else:
            self._running[name][1].kill()

    async def start_again(self, name: str) -> None:
        """Raises: NotReady, NotLive."""
        node = self._node(name)
        if node is not None:
            await node.start()
            return
        program, child = self._running[name]
        child.spawn(program.argv, program.env)
        await self.live(name)

    def _node(self, name: str) -> Node | None:
        return next((node for node in self.stack.nodes if node.name == name), None)

    # ---- how far the timelines are

    async def behind(self) -> int:
        """How many events are in the log and not yet in the timelines."""
        ends = [await self.log.end_offset(EVENTS, partition) for partition in range(self.clusters.partitions)]
        progress = await self.timelines.progress()
        return sum(max(0, end - progress.get(partition, 0)) for partition, end in enumerate(ends))

    async def settle(self, timeout_s: float = 60.0) -> bool:
        """Waits until the timelines have everything, so that one phase does not pay for the one before."""
        for _ in range(int(timeout_s / POLL_S)):
            try:
                if not await self.behind():
                    return True
            except WarblerError as exc:
                if not exc.retryable:
                    raise
            await asyncio.sleep(POLL_S)
        return False


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
