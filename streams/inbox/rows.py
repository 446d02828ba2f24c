"""Presences on their way into Cassandra, which may be away: then the newest of each user waits, and everything else goes on."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from schemas.records import PresenceChanged
from store.errors import StoreUnavailable
from store.presence import PresenceRow

RETRY_MS_MIN, RETRY_MS_MAX = 200, 5_000
WRITTEN_AT_ONCE = 500

logger = structlog.get_logger("streams.inbox")


class PresenceTable(Protocol):
    """`store.presence.Presences`."""

    async def put(self, rows: Sequence[PresenceRow]) -> None: ...


class PresenceRows:
    """Shape: one change a user, its newest; `due_ms` None: nothing waits."""

    def __init__(self, table: PresenceTable) -> None:
        self._table = table
        self._waiting: dict[str, PresenceChanged] = {}
        self._retry_at_ms = 0
        self._retry_ms = RETRY_MS_MIN

    def add(self, change: PresenceChanged) -> None:
        self._waiting[change.user] = change

    def clear(self) -> None:
        self._waiting.clear()

    @property
    def due_ms(self) -> int | None:
        return self._retry_at_ms if self._waiting else None

    def due(self, now_ms: int) -> bool:
        return bool(self._waiting) and (now_ms >= self._retry_at_ms or self._retry_at_ms - now_ms > RETRY_MS_MAX)

    async def write(self, now_ms: int) -> list[PresenceChanged]:
        """The changes whose rows are written now; none while Cassandra is away. Blocks: on Cassandra, at most its time-out."""
        changes = list(self._waiting.values())
        written: list[PresenceChanged] = []
        try:
            for start in range(0, len(changes), WRITTEN_AT_ONCE):
                part = changes[start : start + WRITTEN_AT_ONCE]
                await self._table.put([PresenceRow(each.user, each.state, each.status, each.last_seen_ms, each.at_ms) for each in part])
                written += part
        except StoreUnavailable as exc:
            self._retry_at_ms = now_ms + self._retry_ms
            self._retry_ms = min(RETRY_MS_MAX, self._retry_ms * 2)
            logger.warning("presence waits for Cassandra", waiting=len(changes) - len(written), reason=str(exc)[:300])
        else:
            self._retry_at_ms, self._retry_ms = 0, RETRY_MS_MIN
        for each in written:
            del self._waiting[each.user]
        return written
