"""Who may be welcomed now, who waits, and when the others come again. Pure; time and chance are arguments.

A welcome reads the directory, some milliseconds of this process and some queries of the store. When thousands of devices come back at
once, live sessions must not wait behind all of them: so many are welcomed at once, some more wait, and each of the others is told a time
of its own, as far apart as welcomes have been taking here.
"""

import enum
from dataclasses import dataclass

FIRST_GUESS_MS = 20.0  # of a welcome; measured from the first one on
LEARNING_PART = 0.1  # weight of the newest one: some ten welcomes are remembered
RETRY_LIMIT_MS = 30_000  # further ahead nothing is known; whoever comes too early is given a time again


class Turn(enum.Enum):
    NOW = enum.auto()
    WAIT = enum.auto()


@dataclass(frozen=True, slots=True)
class Busy:
    retry_after_ms: int


@dataclass(slots=True)
class Admission:
    """Shape: `serving` at most `at_once`, `waiting` at most `waiting_limit`; whoever waits is served before whoever comes later."""

    at_once: int
    waiting_limit: int
    serving: int = 0
    waiting: int = 0
    welcome_ms: float = FIRST_GUESS_MS
    booked_mono_ms: float = 0.0  # the times before this have been given away

    def ask(self, now_mono_ms: float, chance: float) -> Turn | Busy:
        """`chance` in 0..1 spreads those for whom there is no time left."""
        if self.serving < self.at_once and not self.waiting:
            self.serving += 1
            return Turn.NOW
        if self.waiting < self.waiting_limit:
            self.waiting += 1
            return Turn.WAIT
        apart_ms = self.welcome_ms / self.at_once
        free_mono_ms = now_mono_ms + (self.serving + self.waiting) * apart_ms
        retry_ms = max(self.booked_mono_ms, free_mono_ms) + apart_ms - now_mono_ms
        if retry_ms > RETRY_LIMIT_MS:
            return Busy(int(RETRY_LIMIT_MS * (1 + chance) / 2))
        self.booked_mono_ms = now_mono_ms + retry_ms
        return Busy(max(1, int(retry_ms)))

    def welcomed(self, took_ms: float) -> bool:
        """A welcome (or its refusal) is over. True: the first who waits is served now."""
        self.welcome_ms += (took_ms - self.welcome_ms) * LEARNING_PART
        return self._next()

    def _next(self) -> bool:
        self.serving -= 1
        if not self.waiting:
            return False
        self.waiting -= 1
        self.serving += 1
        return True

    def gone(self) -> None:
        """One who waited went away."""
        self.waiting -= 1
