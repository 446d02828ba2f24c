"""How many pushes a push channel is sent a second: one token bucket each, by the vendor's quota. Pure; time is an argument.

`per_second` 0 is no limit. A 429 does not stop a whole push channel: vendors also say it of one token; its send waits as Retry-After says.
"""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Shape: `level` in 0..`burst`. Units: monotonic ms. A clock that goes back gives nothing and takes nothing."""

    per_second: float
    burst: float
    level: float
    at_mono_ms: float

    @classmethod
    def full(cls, per_second: float, now_mono_ms: float, burst: float = 0.0) -> "TokenBucket":
        """`burst` 0: what a second gives, at least one. Raises: ValueError for a rate that is none."""
        if not (math.isfinite(per_second) and per_second >= 0 and math.isfinite(burst) and burst >= 0):
            raise ValueError(f"per_second={per_second} burst={burst}: must be 0 or more")
        burst = max(1.0, burst or per_second)
        return cls(per_second, burst, burst, now_mono_ms)

    def take(self, now_mono_ms: float) -> int:
        """0 when one may be sent now, which is counted; else how many ms until it may."""
        self._fill(now_mono_ms)
        if self.per_second == 0:
            return 0
        if self.level >= 1:
            self.level -= 1
            return 0
        return max(1, math.ceil((1 - self.level) * 1000 / self.per_second))

    def _fill(self, now_mono_ms: float) -> None:
        passed_ms = max(0.0, now_mono_ms - self.at_mono_ms)
        self.level = min(self.burst, self.level + passed_ms * self.per_second / 1000)
        self.at_mono_ms = max(self.at_mono_ms, now_mono_ms)
