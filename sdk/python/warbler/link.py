"""One device's connection as time sees it: silence, pings, when to leave it and when to come back. Pure; called by `warbler.core`.

Rule 1: coming back because the server asked (`move`, `busy`) is no failure: it does not lengthen the back-off.
"""

from dataclasses import dataclass

from warbler.backoff import backoff_ms
from warbler.effects import Drop

WELCOME_WITHIN_MS = 15_000
STEADY_AFTER_MS = 5_000  # a connection that lived this long starts the back-off anew
SILENCE_HEARTBEATS = 2.5
HEARTBEAT_MS = 25_000  # until a welcome says otherwise
MOVE_SPREAD = 0.2  # a device leaves within the last fifth of the time it was given, so that a wave is no edge
BUSY_SPREAD = 0.25
LOST, MOVED = 1006, 1001  # RFC 6455 7.4.1: no close frame; going away


@dataclass(slots=True)
class Link:
    """Shape: `number` counts connections from 1."""

    number: int = 0
    opened_ms: int = 0
    sent_ms: int = 0
    heard_ms: int = 0
    heartbeat_ms: int = HEARTBEAT_MS
    attempt: int = 0
    leave_ms: int | None = None  # the node stops: when this device leaves it
    left: bool = False
    stay_away_ms: int | None = None  # the server is busy and asked for so long

    def opened(self, now_ms: int) -> None:
        self.number += 1
        self.opened_ms = self.heard_ms = now_ms
        self.leave_ms, self.left, self.stay_away_ms = None, False, None

    def move(self, after_ms: int, now_ms: int, chance: float) -> None:
        self.leave_ms = now_ms + int(after_ms * (1 - MOVE_SPREAD * chance))

    def greeting_over(self, now_ms: int) -> list[Drop]:
        return [Drop(LOST, "no welcome in time")] if now_ms - self.opened_ms >= WELCOME_WITHIN_MS else []

    def live_over(self, now_ms: int) -> list[Drop]:
        """Whether a live connection is to be given up."""
        if now_ms - self.heard_ms >= self.heartbeat_ms * SILENCE_HEARTBEATS:
            return [Drop(LOST, "nothing was heard")]
        if self.leave_ms is not None and now_ms >= self.leave_ms and not self.left:
            self.left = True
            return [Drop(MOVED, "moving to another node")]
        return []

    def ping_ms(self) -> int:
        """When to ask whether the other side is still there."""
        return max(min(self.sent_ms, self.heard_ms) + self.heartbeat_ms, self.sent_ms + self.heartbeat_ms // 2)

    def wake_ms(self) -> int:
        leave_ms = self.leave_ms if self.leave_ms is not None and not self.left else None
        return self.ping_ms() if leave_ms is None else min(self.ping_ms(), leave_ms)

    def lost(self, live: bool, now_ms: int, chance: float) -> int:
        """How long to wait before the next connection."""
        if self.stay_away_ms is not None:
            delay_ms, self.stay_away_ms = int(self.stay_away_ms * (1 + BUSY_SPREAD * chance)), None
            return delay_ms
        if self.leave_ms is not None:
            # a node that went before its time is as gone as any other: no longer away than after a crash
            delay_ms, self.leave_ms = max(0, min(self.leave_ms - now_ms, backoff_ms(0, chance))), None
            self.attempt = 0
            return delay_ms
        steady = live and now_ms - self.opened_ms >= STEADY_AFTER_MS
        delay_ms = backoff_ms(0 if steady else self.attempt, chance)
        self.attempt = 1 if steady else self.attempt + 1
        return delay_ms
