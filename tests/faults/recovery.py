"""How long each fault's path took to work again: from the fault's end to the first message that passed it. Pure.

Which path: of an edge, the devices that were on it; of an owner, the partitions it owned; of Kafka, any command; of Cassandra and a
projector, the progress of the timelines, which is looked at every half second. A kill's and a termination's end is their moment.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.partition import partition_of
from tests.faults.history import Acked, DeviceName, History, Sight

Progress = Sequence[tuple[float, Mapping[int, int]]]
SAMPLED_WITHIN_S = 0.6  # a sample this soon after the end may still show what was written before it


@dataclass(frozen=True, slots=True)
class Path:
    """What a fault affected. `partitions` None: all of them."""

    target: str
    devices: frozenset[DeviceName] = frozenset()
    partitions: frozenset[int] | None = None


def recovery_s(path: Path, healed_s: float, history: History, progress: Progress, partitions_count: int) -> float | None:
    """Seconds until the path was seen to work; None if it never was."""
    kind = path.target.partition("-")[0]
    if kind == "edge":
        return _edge(path.devices, healed_s, history)
    if kind in ("owner", "kafka"):
        return _acks(path.partitions, healed_s, history, partitions_count)
    return _projected(path.partitions, healed_s, progress)


def _edge(devices: frozenset[DeviceName], healed_s: float, history: History) -> float | None:
    """The first message said after the end that one of the devices was shown or that was acked to it."""
    asked_s = {command.digest: command.at_s for command in history.commands.values()}
    times = [
        at_s - healed_s
        for device in devices
        for track in history.tracks.get(device, {}).values()
        for sight, _, digest, at_s in track
        if sight == Sight.EVENT and at_s >= healed_s and asked_s.get(digest, 0.0) >= healed_s
    ]
    return min(times, default=None)


def _acks(partitions: frozenset[int] | None, healed_s: float, history: History, partitions_count: int) -> float | None:
    """The first ack of a command that was given after the end."""
    times = []
    for command in history.commands.values():
        if command.at_s < healed_s:
            continue
        if partitions is None or partition_of(command.conversation.encode(), partitions_count) in partitions:
            times += [answer.at_s - healed_s for answer in history.answers.get(command.id, ()) if isinstance(answer, Acked)]
    return min(times, default=None)


def _projected(partitions: frozenset[int] | None, healed_s: float, progress: Progress) -> float | None:
    base: dict[int, int] = {}
    for at_s, offsets in progress:
        if at_s <= healed_s + SAMPLED_WITHIN_S:
            base = dict(offsets)
            continue
        wanted = base.keys() if partitions is None else partitions
        if all(offsets.get(partition, 0) > base.get(partition, 0) for partition in wanted):
            return at_s - healed_s
    return None


@dataclass(frozen=True, slots=True)
class Recoveries:
    """Of one kind of fault. `times_s`: those that were measured, ascending; `never`: paths that were not seen to work again."""

    times_s: tuple[float, ...]
    never: int = 0

    @property
    def median_s(self) -> float | None:
        return statistics.median(self.times_s) if self.times_s else None

    @property
    def worst_s(self) -> float | None:
        return self.times_s[-1] if self.times_s else None


def by_kind(measured: Sequence[tuple[str, float | None]]) -> dict[str, Recoveries]:
    """(kind, seconds) of every fault that was performed, put together by kind."""
    kinds = sorted({kind for kind, _ in measured})
    found: dict[str, Recoveries] = {}
    for kind in kinds:
        times = [seconds for each, seconds in measured if each == kind]
        known = tuple(sorted(seconds for seconds in times if seconds is not None))
        found[kind] = Recoveries(known, len(times) - len(known))
    return found
