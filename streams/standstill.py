"""Notices a consumer that gets nothing though there is something: after Kafka had gone, a group member was seen to stay out for ever.

Called by `streams.worker`, for each role on its own: the progress of one must not hide the standstill of another. A role that works
on what it has got (or waits for Cassandra with it) does not stand still.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from log.errors import LogError
from log.port import Log, TopicPartition
from schemas.errors import WarblerError

STANDSTILL_S = 45.0  # a rebalance takes a session's end and a join: some 20 s
LOOK_EVERY_S = 5.0


class Stands(WarblerError):
    """The role's consumer must be made anew; the process ends, and its successor does that."""


class Consuming(Protocol):
    name: str
    app: Any

    @property
    def busy(self) -> bool:
        """Whether something was handed over and is not done."""
        ...


@dataclass(slots=True)
class Standstill:
    """For how long nothing has moved though it could. Pure; time is an argument."""

    positions: dict[TopicPartition, int] = field(default_factory=dict)
    since_s: float = 0.0

    def look(self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], busy: bool, now_s: float) -> float:
        """Seconds; 0 when it moves, is busy, or has nothing to fetch."""
        behind = any(ends.get(place, 0) > offset for place, offset in positions.items())
        if busy or not behind or dict(positions) != self.positions:
            self.since_s = now_s
        self.positions = dict(positions)
        return now_s - self.since_s


async def watch(role: Consuming, log: Log) -> None:
    """Ends only with Stands. While the log does not answer, nothing can move and nothing is counted."""
    standstill = Standstill(since_s=time.monotonic())
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        positions = positions_of(role.app)
        try:
            ends = {place: await log.end_offset(*place) for place in positions}
        except LogError:
            ends = {}
        still_s = standstill.look(positions, ends, role.busy, time.monotonic())
        if still_s >= STANDSTILL_S:
            raise Stands(f"{role.name}: nothing fetched for {still_s:.0f} s though there is something")


def positions_of(app: Any) -> dict[TopicPartition, int]:
    """What the consumer of a Faust application would fetch next, for the partitions it believes to have."""
    consumer = app.consumer._thread._consumer
    assignment = getattr(getattr(getattr(consumer, "_subscription", None), "subscription", None), "assignment", None)
    if assignment is None:
        return {}
    states = {(place.topic, place.partition): assignment.state_value(place) for place in consumer.assignment()}
    return {place: state._position for place, state in states.items() if state is not None and state._position is not None}
