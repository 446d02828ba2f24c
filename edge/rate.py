"""A token bucket as a value: how many commands a session may send now. Time is an argument."""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Shape: `level` in 0..`burst`, refilled by `per_s` a second. Units: `at_mono_ms` is monotonic."""

    per_s: float
    burst: float
    level: float
    at_mono_ms: float

    def take(self, now_mono_ms: float) -> int:
        """0 when one was taken, else how many ms until the next one is there."""
        self.level = min(self.burst, self.level + (now_mono_ms - self.at_mono_ms) * self.per_s / 1000)
        self.at_mono_ms = now_mono_ms
        if self.level >= 1:
            self.level -= 1
            return 0
        return max(1, math.ceil((1 - self.level) * 1000 / self.per_s))
