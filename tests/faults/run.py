"""One run from start to end: the system, the people, the nemesis, the quiet at the end, the read-back, the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import httpx

from streams.timelines.rows import EVENTS_TOPIC
from tests.faults.cast import Cast, cast_of
from tests.faults.checker import check
from tests.faults.devices_checked import Log, lost_on_devices
from tests.faults.history import History, ReadBack
from tests.faults.nemesis import Nemesis, Struck
from tests.faults.readback import Ground, events_of, read_back
from tests.faults.recorder import Recorder
from tests.faults.schedule import Fault, Kind, schedule
from tests.faults.system import System, started
from tests.faults.violations import Violation
from tests.faults.workload import Workload
from tests.real.talking import User, minted

SETTLE_WITHIN_S = 120.0
SHOWN_LOOK_S = 0.5
MARK_TRIES = 20
MINT_TRIES = 5
MARK_PAUSE_S = 1.0
SAMPLE_EVERY_S = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. `plant`: "NAME MODULE" of a bug, or ""."""

    seed: int
    seconds: float
    kinds: Collection[Kind]
    spacing_s: float
    rate_per_s: float = 60.0
    users_count: int = 24
    edges: int = 2
    workers: int = 2
    plant: str = ""
    disks: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        counts = {"edge": self.edges, "owner": self.workers, "projector": self.workers}
        return schedule(self.seed, self.seconds, counts, self.kinds, self.spacing_s)

    @property
    def cast(self) -> Cast:
        return cast_of(self.seed, self.users_count, self.edges)


@dataclass(slots=True)
class Outcome:
    """`progress`: (time, partition -> offset) of the projectors. `journal`: what the recorder noted for a person."""

    plan: Plan
    history: History
    found: ReadBack
    struck: list[Struck]
    violations: list[Violation]
    counts: dict[str, int]
    settled: bool
    progress: list[tuple[float, dict[int, int]]]
    partitions_count: int
    seconds: float
    journal: tuple[tuple[float, str, str], ...]


async def users_of(system: System, count: int) -> list[User]:
    """New users; a Cassandra that has only just started may be too slow for the first tries. Raises: httpx.HTTPStatusError."""
    for _ in range(MINT_TRIES):
        with contextlib.suppress(httpx.HTTPError):
            return await asyncio.to_thread(minted, system.running, count)
        await asyncio.sleep(MARK_PAUSE_S)
    return await asyncio.to_thread(minted, system.running, count)


class Run:
    def __init__(self, plan: Plan, home: Path, say: Say) -> None:
        self.plan, self.home, self.say = plan, home, say
        self.recorder = Recorder(time.monotonic)
        self.progress: list[tuple[float, dict[int, int]]] = []

    async def go(self) -> Outcome:
        """Raises: what makes a run impossible (no Java, a port taken); a broken promise is a violation in the outcome."""
        plan = self.plan
        async with started(self.home, plan.edges, plan.workers, plan.plant, plan.disks) as system:
            self.say(f"the system is up: {', '.join(f'{name} at {proxy.port}' for name, proxy in system.proxies.items())}")
            ground = await Ground.reached(system.stack.kafka, system.stack.cassandra)
            try:
                return await self._with(system, ground)
            finally:
                await ground.close()

    async def _with(self, system: System, ground: Ground) -> Outcome:
        plan, recorder = self.plan, self.recorder
        users = await users_of(system, plan.cast.users_count)
        work = Workload(plan.cast, users, system.edge_ports, recorder, plan.seed, plan.rate_per_s)
        nemesis = Nemesis(system, self.say, recorder.homes)
        begun_s = time.monotonic()
        async with asyncio.TaskGroup() as life:
            tasks = [life.create_task(device.run()) for device in work.devices.values()]
            tasks.append(life.create_task(self._sample(ground)))
            await work.prepare()
            self.say(f"{len(work.devices)} devices are connected, {len(work.places)} conversations made")
            await self._strike(work, nemesis)
            settled = await self._settle(work, ground)
            for task in tasks:
                task.cancel()
        self.say("reading everything back")
        found = await read_back(ground, await events_of(ground.log), system.running.addresses(), users)
        violations = check(recorder.history, found)
        return Outcome(
            plan,
            recorder.history,
            found,
            nemesis.struck,
            violations,
            recorder.counts,
            settled,
            self.progress,
            await ground.log.partitions_count(EVENTS_TOPIC),
            time.monotonic() - begun_s,
            tuple(recorder.journal),
        )

    async def _strike(self, work: Workload, nemesis: Nemesis) -> None:
        begun_s = time.monotonic()
        talking = asyncio.create_task(work.run())
        try:
            await nemesis.run(self.plan.faults, begun_s)
            await asyncio.sleep(max(0.0, begun_s + self.plan.seconds - time.monotonic()))
        finally:
            talking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await talking

    async def _sample(self, ground: Ground) -> None:
        """How far the projectors are and where the delivered marks stand, all along."""
        while True:
            with contextlib.suppress(Exception):  # Cassandra is away: the next sample tells
                self.progress.append((time.monotonic(), await ground.progress()))
            await asyncio.sleep(SAMPLE_EVERY_S)

    async def _settle(self, work: Workload, ground: Ground) -> bool:
        """The quiet at the end: all is answered, shown, projected, and every device says what it holds until that is known."""
        self.say(f"quiet: {work.waiting} commands are waiting")
        settled = await work.settle(SETTLE_WITHIN_S)
        if not settled:
            late = [str(name) for name, device in work.devices.items() if not device.settled or device.waiting]
            self.say(f"not settled after {SETTLE_WITHIN_S:.0f} s: {work.waiting} commands, devices {', '.join(late)}")
        settled = await self._shown(work, await events_of(ground.log)) and settled
        conversations = [place.conversation for place in work.places]
        staying = {(place.conversation, work.users[user].user) for place in work.places for user in place.members}
        history = self.recorder.history
        for _ in range(MARK_TRIES):
            for device in work.devices.values():
                device.mark_all()
            await asyncio.sleep(MARK_PAUSE_S)
            await ground.until_projected()
            stored = await ground.delivered(conversations)
            history.delivered_samples.append(stored)
            if all(stored.get(key, 0) >= told for key, told in history.told.items() if key in staying):
                break
        for device in work.devices.values():
            device.tell_where_it_stands()
        return settled

    async def _shown(self, work: Workload, log: Log) -> bool:
        """Whether every device came to have all that it may have; a device cannot know by itself of a tail that never comes."""
        history = self.recorder.history
        history.present = set(work.devices)
        begun_s = time.monotonic()
        try:
            await work.until(lambda: not lost_on_devices(history, log), SETTLE_WITHIN_S, SHOWN_LOOK_S)
        except TimeoutError:
            lacking = {bad.where for bad in lost_on_devices(history, log)}
            self.say(f"not shown after {SETTLE_WITHIN_S:.0f} s: devices {', '.join(sorted(lacking))}")
            return False
        self.say(f"everything is shown {time.monotonic() - begun_s:.1f} s after the last answer")
        return True
