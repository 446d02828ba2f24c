"""Reads of receipts: how far devices got, a page of members at a time, and what a user marked for itself. Called by the edge.

Written by the projector from the topic `receipts`. Every read looks at a bounded number of rows.
"""

from msgspec import Struct

from schemas.values import WatermarkState
from store import cql
from store.cassandra import Row, Store
from store.timelines import membership_of
from store.views import Membership, ReadMark

USER_ROWS = 5_000  # the driver's page


class ReceiptRow(Struct, frozen=True):
    """How far one device got. `at_ms`: when it said so."""

    user: str
    device: str
    up_to_seq: int
    up_to_ordinal: int
    hidden: bool
    at_ms: int


class Places(Struct, frozen=True):
    """Shape: places by user id, also those that were left. `last`: the last user looked at, None at the end."""

    places: list[Membership]
    last: str | None


class ReceiptTables:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def places(self, conversation: str, after: str, limit: int) -> Places:
        """Who is or was a member, after the user `after`; at most `limit` rows are looked at. Raises: StoreUnavailable."""
        rows = await self._store.execute(cql.MEMBERS_AFTER, (conversation, after, limit))
        found = [place for place in map(membership_of, rows) if place is not None]
        return Places(found, str(rows[-1][1]) if len(rows) == limit else None)

    async def devices(
        self, conversation: str, state: WatermarkState, after: str, last: str | None, limit: int
    ) -> tuple[list[ReceiptRow], str | None]:
        """Every device's mark of the users after `after`, up to `last` (None: to the end); whole users only.

        Shape: by user; the second value is the last user that is complete, which is `last` unless more than `limit` rows were there.
        Raises: StoreUnavailable.
        """
        if last is None:
            rows = await self._store.execute(cql.RECEIPTS_AFTER, (conversation, state, after, limit))
        else:
            rows = await self._store.execute(cql.RECEIPTS_BETWEEN, (conversation, state, after, last, limit))
        found = list(map(_receipt, rows))
        if len(found) < limit:
            return found, last
        cut = found[-1].user  # may have more devices than were read
        whole = [row for row in found if row.user != cut]
        return (whole, whole[-1].user) if whole else (found, cut)

    async def own_reads(self, user: str) -> dict[str, ReadMark]:
        """Conversation -> how far the user read by marks that are no events. Raises: StoreUnavailable."""
        rows = await self._of_user(cql.OWN_READS_AFTER, user)
        return {conversation: ReadMark(seq, ordinal or 0) for conversation, seq, ordinal in rows if seq is not None}

    async def unread_marks(self, user: str) -> dict[str, tuple[int, int]]:
        """Conversation -> (from which seq on it is marked unread, 0 where that was taken back; when). Raises: StoreUnavailable."""
        rows = await self._of_user(cql.UNREAD_MARKS_AFTER, user)
        return {conversation: (seq or 0, at_ms or 0) for conversation, seq, at_ms in rows}

    async def _of_user(self, statement: str, user: str) -> list[Row]:
        found: list[Row] = []
        after = ""
        while True:
            rows = await self._store.execute(statement, (user, after, USER_ROWS))
            found += rows
            if len(rows) < USER_ROWS:
                return found
            after = rows[-1][0]


def _receipt(row: Row) -> ReceiptRow:
    user, device, up_to_seq, up_to_ordinal, hidden, at_ms = row
    return ReceiptRow(user, device, up_to_seq or 0, up_to_ordinal or 0, bool(hidden), at_ms or 0)
