"""`warbler up`: servers, topics and tables, workers, edges; then watch, until told to stop.

Order of starting: Kafka and Cassandra (or wait for existing ones), topics and tables, workers, edges, media engines, the registry and
TURN. Order of stopping: edges, engines, TURN, the registry, workers, Kafka and Cassandra. Called by the command line; calls the embedded
stack, the supervisor and the provisioning.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
from rich.console import Console

from ops import statefile
from ops.charges import Charge, NodeCharge, ProgramCharge
from ops.coturn import NAME as TURN
from ops.coturn import TurnCharge
from ops.embedded.ports import is_free, next_free, ports_of
from ops.embedded.stack import Stack
from ops.engines import ENGINE_KINDS, engine_names, engine_programs
from ops.errors import OpsError
from ops.keys import ensure_keys
from ops.probes import cql_serves, kafka_serves
from ops.programs import REGISTRY, WITNESS, WORKER_ROLES, Keys, Program, common_env, programs, registry, witness, worker_names
from ops.provision import laid_out, provision, wait_for_clusters
from ops.reach import check_embedded, log_at, store_at
from ops.runtime import raise_file_limit, signals_call
from ops.settings import PAGE_PORT, TURN_PORT, ClusterSettings, UpSettings
from ops.statefile import ProcessState, State
from ops.summary import summary
from ops.supervisor import Supervisor

REMOTE_PROBE_EVERY_S = 5.0
SLOW_START_S = 30.0


def is_edge(charge: Charge) -> bool:
    return charge.child.name.startswith("edge-")


def is_worker(charge: Charge) -> bool:
    return charge.child.name.partition("-")[0] in (*WORKER_ROLES, WITNESS)


def is_engine(charge: Charge) -> bool:
    return charge.child.name.partition("-")[0] in ENGINE_KINDS


def is_registry(charge: Charge) -> bool:
    return charge.child.name == REGISTRY


def is_turn(charge: Charge) -> bool:
    return charge.child.name == TURN


@dataclass(frozen=True, slots=True)
class Running:
    """What is known once the servers answer."""

    clusters: ClusterSettings
    keys: Keys
    page: str


class Up:
    """One run of the command. `say` gets lines for a person."""

    def __init__(self, asked: UpSettings, clusters: ClusterSettings, console: Console) -> None:
        self.asked = asked
        self.clusters = clusters
        self.console = console
        self.home = asked.data.absolute()
        self.stack = Stack(self.home, with_kafka=not clusters.kafka, with_cassandra=not clusters.cassandra)
        self.supervisor = Supervisor(self.say, self.write_state)
        self.running: Running | None = None
        self._begun_s = time.monotonic()
        self._me_created_s = psutil.Process().create_time()

    def say(self, line: str) -> None:
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim]", end=" ")
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def run(self) -> None:
        """Start everything and watch it until cancelled; nothing of it is left on return."""
        check_embedded(self.clusters, os.environ)
        try:
            await self._start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.supervisor.run())
                tasks.create_task(self._watch_remote())
                tasks.create_task(self._announce())
        finally:
            await self._stop()

    async def _start(self) -> None:
        asked = self.asked
        if asked.port is not None and not is_free(asked.port, asked.host):
            raise OpsError(f"port {asked.port} is taken; choose another with --port, or leave it out for the next free one")
        self.say(f"data in {self.home}")
        keys = ensure_keys(self.home)
        turn = self._turn(keys) if asked.turn else None
        await self.stack.start()
        for node in self.stack.nodes:
            self.supervisor.add(NodeCharge(node), running=True)
        clusters = self._reachable()
        await wait_for_clusters(clusters, self.say)
        clusters = await laid_out(clusters, asked.workers)
        if asked.workers > clusters.partitions:
            self.say(f"{asked.workers} workers for {clusters.partitions} partitions: each partition has one owner, so some stand by")
        await provision(clusters, self.say)
        env = common_env(self.home, clusters, keys)
        if turn is not None:
            env |= turn.env
        chosen = self._programs(env, keys)
        self.running = Running(clusters, keys, next(p.address for p in chosen if p.name == "edge-1"))
        for program in chosen:
            self.supervisor.add(ProgramCharge(program, self.home))
        if turn is not None:
            self.supervisor.add(turn)

    def _reachable(self) -> ClusterSettings:
        """The asked settings with the embedded servers' addresses filled in."""
        kafka = self.clusters.kafka or self.stack.kafka
        return dataclasses.replace(self.clusters, kafka=kafka, cassandra=self.clusters.cassandra or self.stack.cassandra)

    def _turn(self, keys: Keys) -> TurnCharge:
        """Raises: OpsError where coturn is missing, before anything else has been started."""
        return TurnCharge(self.home, self.asked.host, next_free(TURN_PORT, host=self.asked.host), keys.turn_secret)

    def _programs(self, env: Mapping[str, str], keys: Keys) -> list[Program]:
        host = self.asked.host
        edge_ports = [self.asked.port or next_free(PAGE_PORT, host=host)]
        while len(edge_ports) < self.asked.edges:
            edge_ports.append(next_free(edge_ports[-1] + 1, host=host))
        worker_ports = list(ports_of(self.home, worker_names(self.asked.workers)).values())
        engine_ports = list(ports_of(self.home, engine_names(self.asked.engines, self.asked.janus)).values())
        niceness = self.stack.settings.background_niceness
        witnesses = [witness(ports_of(self.home, [WITNESS])[WITNESS], env, keys, niceness)] if self.asked.witness else []
        return [
            *programs(edge_ports, worker_ports, host, env, niceness),
            *witnesses,
            *engine_programs(self.asked.engines, self.asked.janus, engine_ports, host, env, os.environ),
            registry(ports_of(self.home, [REGISTRY])[REGISTRY], env),
        ]

    async def _announce(self) -> None:
        """Print the summary once every child has said that it is well."""
        warned = False
        while not self.supervisor.all_well:
            if not warned and time.monotonic() - self._begun_s > SLOW_START_S:
                warned = True
                self.say(f"still starting; logs are in {self.home / 'logs'}")
            await asyncio.sleep(0.1)
        self.write_state()
        self.console.print(summary(self.state(), time.monotonic() - self._begun_s))

    async def _watch_remote(self) -> None:
        """Existing clusters cannot be restarted by us; but while one is away our processes are not to blame."""
        remote = {name: address for name, address in (("Kafka", self.clusters.kafka), ("Cassandra", self.clusters.cassandra)) if address}
        while True:
            for name, address in remote.items():
                serves = await self._remote_serves(name)
                if serves != self.supervisor.remote_well.get(name, True):
                    self.say(f"{name} at {address} {'is back' if serves else 'does not answer'}")
                self.supervisor.remote_well[name] = serves
            await asyncio.sleep(REMOTE_PROBE_EVERY_S)

    async def _remote_serves(self, name: str) -> bool:
        if name == "Kafka":
            return await kafka_serves(log_at(self.clusters.kafka), all_led=False)
        return await cql_serves(store_at(self.clusters))

    def state(self) -> State:
        """What runs now. Call only after the servers were found."""
        running = self.running
        assert running is not None
        processes = [
            ProcessState(
                charge.child.name,
                charge.address,
                charge.child.pid if charge.child.running else 0,
                charge.program.live_url if isinstance(charge, ProgramCharge) else "",
            )
            for charge in self.supervisor.charges
        ]
        clusters, keys = running.clusters, running.keys
        remote = [(n, a) for n, a in (("kafka", self.clusters.kafka), ("cassandra", self.clusters.cassandra)) if a]
        processes = [ProcessState(name, address, 0, "") for name, address in remote] + processes
        return State(
            up_pid=os.getpid(),
            up_created_s=self._me_created_s,
            page=running.page,
            kafka=clusters.kafka,
            cassandra=clusters.cassandra,
            keyspace=clusters.keyspace,
            token_key=str(keys.token_key),
            admin_key=str(keys.admin_key),
            processes=tuple(processes),
            consumers=self.stack.kafka_tls if self.stack.with_kafka else "",
            consumers_ca=str(self.stack.kafka_ca) if self.stack.with_kafka else "",
        )

    def write_state(self) -> None:
        statefile.write(self.home, self.state())

    async def _stop(self) -> None:
        if self.running is not None:
            self.say("stopping: edges, media engines, workers, then Kafka and Cassandra")
            statefile.remove(self.home)
        try:
            await self.supervisor.stop([is_edge, is_engine, is_turn, is_registry, is_worker])
        finally:
            await self.stack.stop()


async def run_up(asked: UpSettings, clusters: ClusterSettings, console: Console) -> None:
    """Run until Ctrl-C, SIGTERM or SIGHUP; the first one stops everything in order, further ones are ignored meanwhile.

    Raises: OpsError when something cannot be started.
    """
    raise_file_limit()
    work = asyncio.create_task(Up(asked, clusters, console).run())
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            work.cancel()

    with signals_call(asyncio.get_running_loop(), stop):
        try:
            await work
        except asyncio.CancelledError:
            if not told:
                raise
