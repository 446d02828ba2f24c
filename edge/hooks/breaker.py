"""Leaves a hook alone that fails again and again, so that nobody waits for its deadline in vain. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class HookBreaker:
    """Open after so many failures one after the other; then one question is let through each `open_ms`, and an answer closes it."""

    failures_limit: int
    open_ms: int
    failures: int = 0
    next_try_mono_ms: float = 0.0  # while open: when the next may go through

    def lets_through(self, now_mono_ms: float) -> bool:
        if self.failures < self.failures_limit:
            return True
        if now_mono_ms < self.next_try_mono_ms:
            return False
        self.next_try_mono_ms = now_mono_ms + self.open_ms  # for the one that is let through now
        return True

    def tell(self, failed: bool, now_mono_ms: float) -> None:
        if not failed:
            self.failures = 0
            return
        self.failures += 1
        if self.failures >= self.failures_limit:
            self.next_try_mono_ms = now_mono_ms + self.open_ms
