"""Receipts for the sessions of this node: what they ask, who hears what, and the user's own marks in its directory.

Called by `edge.requests` (questions), `edge.sessions` (welcome, close), the feed and the node's loop; puts together `edge.fanout`,
`edge.counting`, `edge.receipt_pages` and `edge.own_marks`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import assert_never

from edge import frames
from edge.counting import Counting
from edge.errors import BadRequest
from edge.fanout import ReceiptFanout
from edge.hub import Hub
from edge.own_marks import OwnMarks, OwnRows, laid_over, reads_of, unread_of
from edge.reader import Reader
from edge.receipt_pages import Asked, ReceiptPages, Settled
from edge.recent import Recent
from edge.session import ReceiptQuestion, Session
from edge.settings import EdgeSettings
from edge.sizes import Sizes
from log.port import Record
from schemas import events
from store.receipts import ReceiptTables

Head = Callable[[str], Awaitable[int]]


class ReceiptDesk:
    """`head(conversation)`: the seq of its newest event, as far as this node knows."""

    def __init__(
        self, settings: EdgeSettings, hub: Hub, reader: Reader, tables: ReceiptTables, recent: Recent, settled: Settled, head: Head
    ) -> None:
        self._settings, self._hub, self._reader, self._tables, self._head = settings, hub, reader, tables, head
        self._asked: dict[Session, dict[str, frames.WatchReceipts]] = {}  # the newest of each conversation
        self.own_marks = OwnMarks()
        self.pages = ReceiptPages(tables, recent, settled, settings.receipts_scan_limit)
        self.counting = Counting(self.pages.load, settings.receipts_watched_limit, settings.receipts_watched_members_limit)
        sizes = Sizes(settings.receipts_members_limit)
        self.fanout = ReceiptFanout(hub, sizes, self.counting, self.own_marks, self._few_members)

    async def _few_members(self, conversation: str) -> set[str]:
        return set(await self.some_members(conversation, self._settings.receipts_members_limit + 1))

    async def some_members(self, conversation: str, limit: int) -> list[str]:
        """At most `limit` of the members, as they are now. Raises: as `Reader.members`."""
        members, _ = await self._reader.members(conversation, None, limit)
        return [member.user for member in members]

    def on_records(self, records: Iterable[Record]) -> None:
        self.fanout.on_receipts(records)

    def on_event(self, event: events.Event) -> None:
        self.fanout.on_event(event)
        self.counting.on_event(event)

    def forget(self, session: Session) -> None:
        """The session ended."""
        self._asked.pop(session, None)
        self.counting.forget(session)

    async def run(self) -> None:
        """For ever: looks up what the fan-out needs to know, and tells counts."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fanout.run())
            group.create_task(self._tell_counts())

    async def _tell_counts(self) -> None:
        while True:
            await asyncio.sleep(self._settings.receipts_counts_interval_ms / 1000)
            self.counting.tell()

    async def answer(self, session: Session, question: ReceiptQuestion) -> None:
        """Raises: BadRequest, StoreUnavailable."""
        if session.id not in self._hub.sessions:
            return
        match question:
            case frames.WatchReceipts():
                await self._watch(session, question)
            case frames.Receipts():
                limit = min(question.limit, self._settings.receipts_page_limit)
                asked = Asked(question.conversation, question.seq, question.state, question.has, question.after, limit)
                entries, following = await self.page(asked)
                session.sink.write(frames.ReceiptsPage(question.request, question.conversation, entries, following))
            case _:
                assert_never(question)

    async def _watch(self, session: Session, question: frames.WatchReceipts) -> None:
        newest = self._asked.setdefault(session, {})
        newest[question.conversation] = question
        await self._check_seq(question.conversation, question.seq)
        if self._asked.get(session, {}).get(question.conversation) is question:  # else it asked again, or is gone
            await self.counting.watch(session, question.conversation, question.seq)

    async def page(self, asked: Asked) -> tuple[tuple[frames.ReceiptEntry, ...], str | None]:
        """See `ReceiptPages.page`. Raises: as that; BadRequest("seq_ahead")."""
        await self._check_seq(asked.conversation, asked.seq)
        return await self.pages.page(asked)

    async def _check_seq(self, conversation: str, seq: int) -> None:
        if seq and seq > (head := await self._head(conversation)):
            raise BadRequest("seq_ahead", f"seq {seq} is beyond the conversation's head, {head}")

    # ---- the user's own marks

    async def own_rows(self, user: str) -> OwnRows:
        """What the user read and marked without an event. Raises: StoreUnavailable."""
        return OwnRows(*await asyncio.gather(self._tables.own_reads(user), self._tables.unread_marks(user)))

    def unread_of(self, user: str, rows: OwnRows) -> set[str]:
        """The conversations the user marked unread, with what the feed saw since the rows were read."""
        return unread_of(rows.unread, self.own_marks.of_user(user))

    def laid_over(self, user: str, rows: OwnRows, entries: tuple[frames.DirectoryEntry, ...]) -> tuple[frames.DirectoryEntry, ...]:
        """The entries with the user's own marks, and what the feed saw of them since the rows were read."""
        marks = self.own_marks.of_user(user)
        return laid_over(entries, reads_of(rows.reads, marks), unread_of(rows.unread, marks))
