"""Figures from samples: percentiles, spread over repeats, and which rung of the ladder was held. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

P99_LIMIT_MS = 150.0  # a rung is held when its end-to-end p99 is at most this, and nothing is unacked at its end


@dataclass(frozen=True, slots=True)
class Summary:
    """Shape: all zero for no samples."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float


def percentile(ascending: Sequence[float], ratio: float) -> float:
    """The nearest-rank percentile: the smallest sample that at least `ratio` of all samples do not exceed."""
    if not ascending:
        raise ValueError("no samples")
    return ascending[max(0, math.ceil(ratio * len(ascending)) - 1)]


def summary(samples: Sequence[float]) -> Summary:
    if not samples:
        return Summary(0, 0.0, 0.0, 0.0, 0.0)
    ordered = sorted(samples)
    return Summary(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.9), percentile(ordered, 0.99), ordered[-1])


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the repeats."""

    median: float
    low: float
    high: float
    repeats: int


def spread(values: Sequence[float]) -> Spread:
    """Raises: ValueError for no values."""
    if not values:
        raise ValueError("no values")
    return Spread(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Rung:
    """What one rate of the open-loop ladder gave."""

    rate_per_s: int
    e2e_p99_ms: float
    unacked: int
    undelivered: int

    @property
    def held(self) -> bool:
        return self.e2e_p99_ms <= P99_LIMIT_MS and self.unacked == 0 and self.undelivered == 0


def held_rate(rungs: Sequence[Rung]) -> int:
    """The highest rate that was held with none below it missed; 0 if the lowest was missed."""
    best = 0
    for rung in sorted(rungs, key=lambda rung: rung.rate_per_s):
        if not rung.held:
            break
        best = rung.rate_per_s
    return best


def climb_on(rungs: Sequence[Rung]) -> bool:
    """Whether a higher rung is worth trying: not after two misses in a row."""
    return not (len(rungs) >= 2 and not rungs[-1].held and not rungs[-2].held)
