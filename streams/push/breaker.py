"""Leaves a push channel alone that fails again and again, and looks carefully whether it is well again. Pure; time is an argument.

closed: everything goes. open: nothing goes, for a time that doubles with every failed look. half open: a few go; as many successes in a
row close it, one failure opens it. What counts as a failure is a server's fault (5xx, time-out, no connection), never a refused token,
and not 429, which is the bucket's matter.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from streams.push.channels.port import Accepted, Outcome

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """Opens when, of the last `window` outcomes and at least `least` of them, the share `failed_ratio` failed. `tries`: in half open."""

    window: int = 50
    least: int = 20
    failed_ratio: float = 0.8
    open_ms: int = 5_000
    open_most_ms: int = 120_000
    tries: int = 3

    def __post_init__(self) -> None:
        if not (0 < self.least <= self.window and 0 < self.failed_ratio <= 1 and 0 < self.open_ms <= self.open_most_ms and self.tries > 0):
            raise ValueError(f"{self}: 0 < least <= window, 0 < failed_ratio <= 1, 0 < open_ms <= open_most_ms, tries > 0")


def is_fault(outcome: Outcome) -> bool:
    """Whether the outcome says that the vendor's service does not work, rather than that it did not like this push."""
    return not isinstance(outcome, Accepted) and outcome.verdict == "retry" and outcome.status != 429


@dataclass(slots=True)
class Breaker:
    """Of one push channel. `since_mono_ms`: when the state began. Shape: at most `tries` sends are out while half open."""

    limits: BreakerLimits = field(default_factory=BreakerLimits)
    state: BreakerState = "closed"
    since_mono_ms: float = 0.0
    _wait_ms: int = 0
    _out: int = 0
    _well: int = 0
    _faults: deque[bool] = field(default_factory=deque)

    def opens_in_ms(self, now_mono_ms: float) -> int:
        """How long nothing may be sent; 0: `ask` may say yes."""
        if self.state != "open":
            return 0
        return max(0, int(self.since_mono_ms + self._wait_ms - now_mono_ms))

    def ask(self, now_mono_ms: float) -> bool:
        """Whether one may be sent now. Who was told yes must tell the outcome, or that there was none (`give_back`)."""
        if self.state == "open" and self.opens_in_ms(now_mono_ms) == 0:
            self._become("half_open", now_mono_ms)
        if self.state == "half_open":
            if now_mono_ms - self.since_mono_ms >= self.limits.open_most_ms:  # nothing was ever heard of those let through
                self._become("half_open", now_mono_ms)
            if self._out >= self.limits.tries:
                return False
            self._out += 1
        return self.state != "open"

    def give_back(self) -> None:
        """What was let through was not sent after all."""
        self._out = max(0, self._out - 1)

    def tell(self, fault: bool, now_mono_ms: float) -> None:
        """The outcome of one send. Of those that began before it opened, nothing more is learnt."""
        match self.state:
            case "closed":
                self._closed(fault, now_mono_ms)
            case "half_open":
                self._half_open(fault, now_mono_ms)
            case "open":
                self._out = max(0, self._out - 1)

    def _closed(self, fault: bool, now_mono_ms: float) -> None:
        self._faults.append(fault)
        if len(self._faults) > self.limits.window:
            self._faults.popleft()
        counted = len(self._faults)
        if fault and counted >= self.limits.least and sum(self._faults) >= self.limits.failed_ratio * counted:
            self._wait_ms = self.limits.open_ms
            self._become("open", now_mono_ms)

    def _half_open(self, fault: bool, now_mono_ms: float) -> None:
        self._out = max(0, self._out - 1)
        if fault:
            self._wait_ms = min(self.limits.open_most_ms, 2 * self._wait_ms)
            self._become("open", now_mono_ms)
            return
        self._well += 1
        if self._well >= self.limits.tries:
            self._become("closed", now_mono_ms)

    def _become(self, state: BreakerState, now_mono_ms: float) -> None:
        self.state, self.since_mono_ms = state, now_mono_ms
        self._out = self._well = 0
        self._faults.clear()
