"""Whether this node hears what is revoked: when it last had everything that was in the control topic. Pure; time is an argument."""

from dataclasses import dataclass


@dataclass(slots=True)
class Contact:
    """`heard_mono_ms`: when the ends were asked that the feed has reached since; None: not yet, and then nobody is let in."""

    limit_ms: int
    heard_mono_ms: float | None = None

    def heard(self, asked_mono_ms: float) -> None:
        self.heard_mono_ms = max(asked_mono_ms, self.heard_mono_ms or asked_mono_ms)

    def is_lost(self, now_mono_ms: float) -> bool:
        return self.heard_mono_ms is None or now_mono_ms - self.heard_mono_ms > self.limit_ms
