"""When a step may be sent: as fast as it goes, at a rate, or in the time of the log. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ops.irc.plan import Step

DAY_MINUTES = 24 * 60


@dataclass(slots=True)
class Rate:
    """At most `per_s` steps a second over all files; never a burst after a pause."""

    per_s: float
    next_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long the caller waits before its step; the turn is then its own."""
        turn = max(self.next_s, now_s)
        self.next_s = turn + 1 / self.per_s
        return turn - now_s


def minutes_of(steps: Sequence[Step]) -> list[int]:
    """Minutes from the file's first time to each step. Shape: never falling; a step without a time has that of the one before."""
    minutes: list[int] = []
    day, first, last = 0, -1, 0
    for step in steps:
        if step.at is not None:
            of_day = int(step.at[:2]) * 60 + int(step.at[3:])
            if first < 0:
                first = last = of_day
            if of_day < last - DAY_MINUTES // 2:
                day += 1
            last = max(of_day, last) if of_day >= last - DAY_MINUTES // 2 else of_day
            elapsed = day * DAY_MINUTES + last - first
        else:
            elapsed = minutes[-1] if minutes else 0
        minutes.append(max(elapsed, minutes[-1] if minutes else 0))
    return minutes


def due_s(minutes: Sequence[int], realtime: float) -> list[float]:
    """Seconds after the start at which each step is due, at `realtime` times the log's speed; a minute's lines are spread over it."""
    counts: dict[int, int] = {}
    for minute in minutes:
        counts[minute] = counts.get(minute, 0) + 1
    seen: dict[int, int] = {}
    due = []
    for minute in minutes:
        place = seen[minute] = seen.get(minute, -1) + 1
        due.append((minute + place / counts[minute]) * 60 / realtime)
    return due
