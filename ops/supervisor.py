"""Watches the children and performs what `ops.supervision` decides: start, kill, start again.

Called by `warbler up`; calls the charges. One task per charge; nothing is shared between them but which servers answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ops.charges import Charge
from ops.supervision import Action, Answered, Ended, Keep, Kill, Phase, Start, Watch, step

TICK_S = 0.5
WELL_TICKS = 4  # who was well is asked again after that many; sixteen requests a second of a whole Warbler were its supervisor's whole work
TAIL_LINES = 12


@dataclass(slots=True)
class Watched:
    charge: Charge
    watch: Watch
    well: bool = False  # the last observation was an answer that says ok
    told: str = ""  # the last lines of its previous end


def adopted(now_s: float) -> Watch:
    """The record of a child that runs and is ready already."""
    return Watch(Phase.RUNNING, started_s=now_s, answered_s=now_s, progressed_s=now_s)


class Supervisor:
    """`say` gets one line for a person; `changed` is called after each start, so that the state file can follow."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None], rng: random.Random | None = None) -> None:
        self._say = say
        self._changed = changed
        self._rng = rng or random.Random()
        self._watched: list[Watched] = []
        self.remote_well: dict[str, bool] = {}  # existing clusters, by name; kept up to date by whoever probes them

    @property
    def charges(self) -> list[Charge]:
        return [watched.charge for watched in self._watched]

    def add(self, charge: Charge, *, running: bool = False) -> None:
        """Watch one more child; `running` if it was started and found ready by somebody else."""
        watch = adopted(time.monotonic()) if running else Watch()
        self._watched.append(Watched(charge, watch, well=running))

    @property
    def servers_well(self) -> bool:
        return all(w.well for w in self._watched if w.charge.is_server) and all(self.remote_well.values())

    @property
    def all_well(self) -> bool:
        return all(watched.well for watched in self._watched)

    async def run(self) -> None:
        """Watch until cancelled. The children are left as they are; `stop` ends them."""
        async with asyncio.TaskGroup() as tasks:
            for watched in self._watched:
                tasks.create_task(self._watch(watched))

    async def _watch(self, watched: Watched) -> None:
        while True:
            await self.tick(watched)
            await self._pause(watched)

    async def _pause(self, watched: Watched) -> None:
        """Until it is to be asked again. That it ended is seen within a tick all the same: to look costs nothing."""
        for _ in range(WELL_TICKS if watched.well else 1):
            await asyncio.sleep(TICK_S)
            if not watched.charge.child.running:
                return

    async def tick(self, watched: Watched) -> Action:
        """Observe one child once and do what follows."""
        charge = watched.charge
        seen = await charge.observe()
        excused = not charge.is_server and not self.servers_well
        watched.well = isinstance(seen, Answered) and seen.ok
        watched.watch, action = step(watched.watch, seen, time.monotonic(), self._rng.random(), charge.policy, excused=excused)
        self._perform(watched, action)
        charge.child.rotate_log()
        return action

    def _perform(self, watched: Watched, action: Action) -> None:
        charge, name = watched.charge, watched.charge.child.name
        match action:
            case Start():
                charge.spawn()
                self._changed()
            case Ended(again_in_s=pause_s):
                self._say(f"{name} ended with {charge.child.exit_code}; again in {pause_s:.1f} s. {self._tail(watched)}")
            case Kill(reason=reason, again_in_s=pause_s):
                charge.child.kill()
                self._say(f"{name} was killed: {reason}; again in {pause_s:.1f} s. {self._tail(watched)}")
            case Keep():
                pass

    def _tail(self, watched: Watched) -> str:
        """The child's last lines; a child that keeps ending in the same way is told in full only once."""
        tail = watched.charge.child.tail(TAIL_LINES)
        if not tail:
            return "It printed nothing."
        if tail == watched.told:
            return "Its last lines are the same as before."
        watched.told = tail
        return "Its last lines:\n" + "\n".join(f"    {line}" for line in tail.splitlines())

    async def stop(self, order: Sequence[Callable[[Charge], bool]]) -> None:
        """Stop the children group by group; each predicate picks one group. Every group is tried even if one fails."""
        failures: list[Exception] = []
        for belongs in order:
            stopping = [charge.stop() for charge in self.charges if belongs(charge)]
            results = await asyncio.gather(*stopping, return_exceptions=True)
            failures += [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("some children could not be stopped", failures)
