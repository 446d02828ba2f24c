"""What `retention-events` says is gone from the timelines, for comparing them with the log. Called by `ops.verify_compare`."""

from __future__ import annotations

from collections.abc import Iterable

from log.port import Log
from ops.reading import records_between
from ops.verify_rows import Rows, digest_of
from schemas.codec import decode_retention_event
from schemas.errors import Undecodable
from schemas.partition import partition_of
from schemas.retention import ContentExpired
from store import cql_retention
from store.cassandra import Store
from store.expiry import Expired
from store.retention import Retention
from store.timelines import Timelines
from streams.retention.deciding import RETENTION_EVENTS
from streams.retention.keeper import TENANT

SPANS_PAGE = 1_000


class Expiries:
    """`expired`: what counts, as far as the topic was followed. A void event is one that was decided before something was ruled."""

    def __init__(self, log: Log, store: Store) -> None:
        self._log, self._store = log, store
        self._state, self._next_offset = Retention(), 0
        self._last: dict[str, int] = {}  # conversation -> the offset of its last expiry
        self._rows: dict[str, Rows] = {}
        self.expired = Expired()

    async def follow(self) -> set[str]:
        """The conversations of which more expired since it was followed last. Raises: LogError."""
        place = await self._place()
        begin = max(self._next_offset, await self._log.start_offset(RETENTION_EVENTS, place))
        end = await self._log.end_offset(RETENTION_EVENTS, place)
        touched: set[str] = set()
        async for record in records_between(self._log, RETENTION_EVENTS, place, begin, end):
            try:
                event = decode_retention_event(record.value)
            except Undecodable:
                continue  # the keeper passes it over as well
            if isinstance(event, ContentExpired) and self._state.counts(event):
                self._take(event, record.offset)
                touched.add(event.conversation_id)
            self._state = self._state.after(event)
        self._next_offset = end
        return touched

    def _take(self, event: ContentExpired, offset: int) -> None:
        self.expired.add(event.conversation_id, event.from_seq, event.before_seq)
        rows = self._rows.setdefault(event.conversation_id, {})
        rows[event.conversation_id, event.from_seq] = digest_of(event.before_seq)
        self._last[event.conversation_id] = offset

    async def _place(self) -> int:
        return partition_of(TENANT.encode(), await self._log.partitions_count(RETENTION_EVENTS))

    async def behind(self, conversations: Iterable[str]) -> int:
        """How many records the keeper is behind the last that is about one of them; 0: none. Raises: LogError, StoreUnavailable."""
        last = max((self._last[each] for each in conversations if each in self._last), default=-1)
        if last < 0:
            return 0
        progress = await Timelines(self._store).progress(RETENTION_EVENTS)
        return max(0, last + 1 - progress.get(await self._place(), 0))

    def rows(self, conversation: str) -> Rows:
        """Of the table `expired`."""
        return self._rows.get(conversation, {})

    async def found(self, conversation: str) -> Rows:
        """The same as they stand. Raises: StoreUnavailable."""
        found: Rows = {}
        after = 0
        while True:
            rows = await self._store.execute(cql_retention.EXPIRED_AFTER, (conversation, after, SPANS_PAGE))
            found |= {(conversation, from_seq): digest_of(before_seq) for from_seq, before_seq in rows}
            if len(rows) < SPANS_PAGE:
                return found
            after = rows[-1][0]
