"""Token buckets: how many commands a session or user may send now, how many connections an address may open. Pure; time is an argument."""

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

    def give_back(self) -> None:
        """What was taken is not used after all."""
        self.level = min(self.burst, self.level + 1)


class Buckets:
    """A bucket for each key, of at most `keys_limit` keys: the one that was not asked for longest is forgotten, and starts full again."""

    def __init__(self, per_s: float, burst: float, keys_limit: int = 100_000) -> None:
        self._per_s, self._burst, self._keys_limit = per_s, burst, keys_limit
        self._buckets: dict[str, Bucket] = {}  # in the order in which they were asked for

    def of(self, key: str, now_mono_ms: float) -> Bucket:
        bucket = self._buckets.pop(key, None) or Bucket(self._per_s, self._burst, self._burst, now_mono_ms)
        self._buckets[key] = bucket
        if len(self._buckets) > self._keys_limit:
            del self._buckets[next(iter(self._buckets))]
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
