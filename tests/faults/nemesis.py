"""Performs the schedule: a thin shell that signals processes, changes the proxies' weather, fills disks and bends clocks.

Each fault is undone when its time is over, and what must be started by hand (Kafka, Cassandra) is started again. What could not be
performed is said in the record, never left out silently.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

import httpx

from ops import statefile
from ops.embedded.node import Node
from ops.errors import OpsError
from tests.faults.history import DeviceName
from tests.faults.proxy import CLEAR, Corrupt, Delay, HalfOpen, Hold, Proxy, Refuse, Slow, Weather
from tests.faults.recovery import Path
from tests.faults.schedule import SERVERS, Action, Fault
from tests.faults.system import System

BALLAST = "ballast"
BALLAST_CHUNK = bytes(1 << 20)
START_TRIES = 3
PID_WITHIN_S = 60.0
LIVE_WITHIN_S = 0.5
SIGNALS = {Action.KILL: signal.SIGKILL, Action.STOP: signal.SIGSTOP, Action.TERM: signal.SIGTERM}


@dataclass(slots=True)
class Struck:
    """`healed_s`: when the fault was over (of a kill: the moment of it), from which on recovery counts. `skipped`: why, if it was."""

    fault: Fault
    path: Path
    began_s: float
    healed_s: float = 0.0
    skipped: str = ""
    detail: str = ""


class Nemesis:
    """`homes` says which edge each device is on; asked just before a fault, to know whom it strikes."""

    def __init__(self, system: System, say: Callable[[str], None], homes: Mapping[DeviceName, int]) -> None:
        self.system, self._say, self._homes = system, say, homes
        self.struck: list[Struck] = []
        self._serving = {server: asyncio.Lock() for server in SERVERS}  # one at a time starts or stops a server

    async def run(self, faults: Sequence[Fault], begun_s: float) -> None:
        """All of them, each at its time; overlapping ones at once. Returns when the last one is undone."""
        async with asyncio.TaskGroup() as striking:
            for fault in faults:
                await asyncio.sleep(max(0.0, begun_s + fault.at_s - time.monotonic()))
                striking.create_task(self._strike(fault))

    async def _strike(self, fault: Fault) -> None:
        path = await self._path(fault)
        self._say(str(fault))
        struck = Struck(fault, path, time.monotonic())
        self.struck.append(struck)
        try:
            await self._perform(struck)
        except (OSError, OpsError, LookupError, TimeoutError, RuntimeError) as error:
            struck.skipped = f"{type(error).__name__}: {error}"
            self._say(f"not performed: {struck.skipped}")
        struck.healed_s = struck.healed_s or time.monotonic()

    async def _path(self, fault: Fault) -> Path:
        """What the fault will affect, as far as it can be known."""
        kind, _, number = fault.target.partition("-")
        if kind == "edge":
            return Path(fault.target, frozenset(name for name, home in self._homes.items() if home == int(number)))
        if kind in SERVERS:
            return Path(fault.target)
        return Path(fault.target, partitions=await self._partitions(fault.target))

    async def _partitions(self, name: str) -> frozenset[int] | None:
        """Those of a worker as it says itself; None when it does not."""
        try:
            url = next(process.live_url for process in statefile.read(self.system.running.data).processes if process.name == name)
            async with httpx.AsyncClient(timeout=LIVE_WITHIN_S, trust_env=False) as http:
                detail = (await http.get(url)).json()["detail"]
            return frozenset(partition for role in detail.values() for partition in role["partitions"]) or None
        except (httpx.HTTPError, OpsError, LookupError, ValueError, AttributeError):
            return None

    async def _perform(self, struck: Struck) -> None:
        fault = struck.fault
        if fault.action in SIGNALS:
            if fault.target in SERVERS:
                async with self._serving[fault.target]:
                    await self._signal_server(struck, self._node(fault.target))
            else:
                await self._signal_process(struck)
        elif fault.action is Action.DISK_FULL:
            async with self._serving[fault.target]:
                await self._fill(struck)
        elif fault.action is Action.CLOCK:
            await self._bend(struck)
        else:
            await self._storm(struck, self.system.proxies[fault.target])

    # ---- processes

    def _node(self, server: str) -> Node:
        return self.system.stack.kafka_node if server == "kafka" else self.system.stack.cassandra_node

    async def _signal_process(self, struck: Struck) -> None:
        fault, running = struck.fault, self.system.running
        deadline_s = time.monotonic() + PID_WITHIN_S
        while (pid := running.pid(fault.target)) == 0:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{fault.target} does not run")
            await asyncio.sleep(0.1)
        os.kill(pid, SIGNALS[fault.action])
        struck.healed_s = time.monotonic()
        if fault.action is Action.STOP:
            await asyncio.sleep(fault.lasts_s)
            with contextlib.suppress(ProcessLookupError):  # the supervisor may have ended it as silent
                os.kill(pid, signal.SIGCONT)
            struck.healed_s = time.monotonic()

    async def _signal_server(self, struck: Struck, node: Node) -> None:
        if struck.fault.action is Action.STOP:
            os.kill(node.pid, signal.SIGSTOP)
            await asyncio.sleep(struck.fault.lasts_s)
            os.kill(node.pid, signal.SIGCONT)
            struck.healed_s = time.monotonic()
            return
        if struck.fault.action is Action.KILL:
            node.kill()
        else:
            await node.child.stop(60.0)
        struck.healed_s = time.monotonic()
        await self._start(node)

    async def _start(self, node: Node) -> None:
        for attempt in range(START_TRIES):
            try:
                await node.start()
                return
            except OpsError as error:
                self._say(f"{node.name} did not start: {error}")
                if attempt == START_TRIES - 1:
                    raise

    # ---- the network

    async def _storm(self, struck: Struck, proxy: Proxy) -> None:
        fault = struck.fault
        if fault.action is Action.RESET:
            proxy.reset()
            struck.healed_s = time.monotonic()
            return
        await proxy.set(weather_of(fault))
        damaged = proxy.damaged_count
        await asyncio.sleep(fault.lasts_s)
        await proxy.set(CLEAR)
        struck.healed_s = time.monotonic()
        if fault.action is Action.CORRUPT:
            struck.detail = f"{proxy.damaged_count - damaged} bytes"

    # ---- disks and clocks

    async def _fill(self, struck: Struck) -> None:
        system, server = self.system, struck.fault.target
        if server not in system.disks:
            struck.skipped = system.no_disks or "its data is not on a tmpfs in this run"
            return
        ballast = system.disk(server) / BALLAST
        struck.detail = f"{fill(ballast) >> 20} MiB of ballast"
        await asyncio.sleep(struck.fault.lasts_s)
        ballast.unlink()
        struck.healed_s = time.monotonic()
        node = self._node(server)
        await asyncio.sleep(1.0)
        if not node.running or not await node.is_serving():
            struck.detail += ", restarted"
            node.kill()
            await self._start(node)

    async def _bend(self, struck: Struck) -> None:
        path = self.system.faults / f"clock-{struck.fault.target}"
        path.write_text(str(struck.fault.amount))
        await asyncio.sleep(struck.fault.lasts_s)
        path.write_text("0")
        struck.healed_s = time.monotonic()


def fill(ballast: FilePath) -> int:
    """Writes until the disk is full; how many bytes that took."""
    written = 0
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            written += file.write(BALLAST_CHUNK)
    return written


def weather_of(fault: Fault) -> Weather:
    match fault.action:
        case Action.REFUSE:
            return Refuse()
        case Action.BLACK_HOLE:
            return Hold()
        case Action.ONE_WAY:
            return Hold(frozenset((int(fault.amount),)))
        case Action.HALF_OPEN:
            return HalfOpen()
        case Action.DELAY:
            return Delay(fault.amount)
        case Action.SLOW:
            return Slow(fault.amount)
        case Action.CORRUPT:
            return Corrupt(int(fault.amount))
        case _:
            raise LookupError(f"{fault.action} is no weather")
