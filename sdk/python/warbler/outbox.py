"""Commands that are not yet answered. Pure; called by `warbler.core`.

Rule 1: a command keeps its id until it is answered, whatever connection carries it.
Rule 2: commands leave in the order they were given; one that must wait holds back those behind it.
Rule 3: an id changes only when the server said `stale` and it is certain that the old id was not accepted.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

from warbler.call_frames import CallCommandFrames
from warbler.frames import CommandFrames, Limits

Command = CommandFrames | CallCommandFrames
RESEND_AFTER_MS = 30_000
UNPACED_PER_S = 1e9
RATE_MARGIN = 0.95  # a little slower than the server's own bucket: a refused command would come after those behind it


@dataclass(slots=True)
class Pending:
    """One command on its way. `first_connection`, `connection`: numbers of connections, 0 for none."""

    key: int
    frame: Command
    fixed_id: bool  # the caller chose the id: never changed here
    since_seq: int  # its event, if any, is not before this seq
    first_connection: int = 0
    connection: int = 0
    not_before_ms: int = 0
    sent_ms: int = 0


@dataclass(slots=True)
class Pace:
    """How many commands may leave now. Shape: `level` in 0..`burst`."""

    per_s: float = 50.0
    burst: float = 1.0
    level: float = 1.0
    at_ms: int = 0

    def refill(self, now_ms: int) -> None:
        self.level = min(self.burst, self.level + (now_ms - self.at_ms) * self.per_s / 1000)
        self.at_ms = now_ms

    def wait_ms(self) -> int:
        return 0 if self.level >= 1 else int((1 - self.level) * 1000 / self.per_s) + 1


@dataclass(slots=True)
class Outbox:
    waiting: list[Pending] = field(default_factory=list)  # ascending by key
    flying: dict[str, Pending] = field(default_factory=dict)
    flying_limit: int = 1
    pace: Pace = field(default_factory=Pace)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.flying)

    def allow(self, limits: Limits, paced: bool, now_ms: int) -> None:
        """How many may fly and how fast, on a new connection."""
        self.flying_limit = max(1, limits.outstanding_commands - 1)
        self.pace.per_s = max(0.1, limits.commands_per_s * RATE_MARGIN) if paced else UNPACED_PER_S
        self.pace.burst = max(1, limits.commands_burst - 1) if paced else UNPACED_PER_S
        self.pace.level, self.pace.at_ms = self.pace.burst, now_ms

    def add(self, pending: Pending) -> None:
        insort(self.waiting, pending, key=lambda item: item.key)

    def due(self, connection: int, now_ms: int, stamp: Callable[[Pending], None]) -> list[Pending]:
        """Those that leave now on `connection`; `stamp` gives an id to one that has none."""
        if not self.waiting:
            return []
        self.pace.refill(now_ms)
        count = 0
        for pending in self.waiting:
            if pending.not_before_ms > now_ms or self.pace.level < 1 or len(self.flying) >= self.flying_limit:
                break
            if not pending.frame.id:
                stamp(pending)
            self.pace.level -= 1
            pending.sent_ms = now_ms
            pending.connection = connection
            pending.first_connection = pending.first_connection or connection
            self.flying[pending.frame.id] = pending
            count += 1
        leaving = self.waiting[:count]
        del self.waiting[:count]
        return leaving

    def overdue(self, now_ms: int) -> list[Pending]:
        """Those that were not answered for long: sent once more, with the same id, in case the answer was lost on the way."""
        late = []
        for pending in self.flying.values():  # the longest unanswered first
            if now_ms - pending.sent_ms < RESEND_AFTER_MS:
                break
            late.append(pending)
        for pending in late:
            pending.sent_ms = now_ms
            self.flying[pending.frame.id] = self.flying.pop(pending.frame.id)
        return late

    def wake_ms(self, now_ms: int) -> int | None:
        """When `due` or `overdue` may have something, None when only an answer can change that."""
        late_ms = next(iter(self.flying.values())).sent_ms + RESEND_AFTER_MS if self.flying else None
        if not self.waiting or len(self.flying) >= self.flying_limit:
            return late_ms
        due_ms = max(self.waiting[0].not_before_ms, now_ms + self.pace.wait_ms())
        return due_ms if late_ms is None else min(due_ms, late_ms)

    def answered(self, command_id: str) -> Pending | None:
        return self.flying.pop(command_id, None)

    def again(self, pending: Pending, not_before_ms: int) -> None:
        """Sends it again, with the id it has."""
        pending.connection, pending.not_before_ms = 0, not_before_ms
        self.add(pending)

    def connection_lost(self) -> None:
        """Everything unanswered waits again, in its old order."""
        for pending in self.flying.values():
            pending.connection = 0
        self.waiting = sorted([*self.flying.values(), *self.waiting], key=lambda item: item.key)
        self.flying.clear()

    def drop_all(self) -> list[Pending]:
        everything = [*self.flying.values(), *self.waiting]
        self.flying.clear()
        self.waiting.clear()
        return everything
