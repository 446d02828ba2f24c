"""The edge's tables in memory: what was put, in the order and the bounds in which Cassandra gives it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from edge.tables import Tables
from schemas.values import WatermarkState
from store.presence import PresenceRow, Presences
from store.privacy import Privacy, PrivacyTable
from store.receipts import Places, ReceiptRow, ReceiptTables
from store.views import Membership, ReadMark


async def _at_once() -> None:
    return None


class MemoryTables:
    """`turn` is awaited before every answer, so that a test can let something happen in between."""

    def __init__(self) -> None:
        self.turn: Callable[[], Awaitable[None]] = _at_once
        self.presence: dict[str, PresenceRow] = {}
        self.privacy: dict[str, Privacy] = {}
        self.members: list[Membership] = []
        self.marks: dict[WatermarkState, list[ReceiptRow]] = {}
        self.reads: dict[str, ReadMark] = {}
        self.unread: dict[str, tuple[int, int]] = {}
        self.rows_read = 0

    def tables(self) -> Tables:
        presences, privacy = cast(Presences, _Rows(self, self.presence)), cast(PrivacyTable, _Rows(self, self.privacy))
        return Tables(presences, privacy, cast(ReceiptTables, _Receipts(self)))


class _Rows:
    def __init__(self, memory: MemoryTables, rows: dict[str, Any]) -> None:
        self._memory, self._rows = memory, rows

    async def get(self, users: Iterable[str]) -> dict[str, Any]:
        found = {user: self._rows[user] for user in users if user in self._rows}
        await self._memory.turn()
        return found

    async def put(self, user: str, row: Any) -> None:
        self._rows[user] = row


class _Receipts:
    def __init__(self, memory: MemoryTables) -> None:
        self._memory = memory

    async def places(self, conversation: str, after: str, limit: int) -> Places:
        rows = sorted((row for row in self._memory.members if row.user > after), key=lambda row: row.user)[:limit]
        self._memory.rows_read += len(rows)
        await self._memory.turn()
        return Places(rows, rows[-1].user if len(rows) == limit else None)

    async def devices(
        self, conversation: str, state: WatermarkState, after: str, last: str | None, limit: int
    ) -> tuple[list[ReceiptRow], str | None]:
        rows = [row for row in self._memory.marks.get(state, []) if row.user > after and (last is None or row.user <= last)]
        await self._memory.turn()
        return sorted(rows, key=lambda row: (row.user, row.device)), last

    async def own_reads(self, user: str) -> dict[str, ReadMark]:
        return self._memory.reads

    async def unread_marks(self, user: str) -> dict[str, tuple[int, int]]:
        return self._memory.unread


def no_tables() -> Tables:
    return MemoryTables().tables()
