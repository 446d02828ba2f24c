"""Events and receipts into notifications: decode and fold (`burst`, pure), load members, publish. Called by the worker's Faust agent.

Delivery: everything a burst comes to is in the log when `handle` returns; at least once, repeats collapse in the inbox by seq.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from log.errors import LogUnavailable
from log.port import Entry, Log, Record
from store.errors import StoreUnavailable
from store.views import Membership
from streams.notifier.burst import NOTIFICATIONS_TOPIC, Notices, Told
from streams.notifier.members import Members
from streams.notifier.rosters import ROSTERS_TOPIC

RETRY_S_MIN, RETRY_S_MAX = 0.1, 5.0
PROGRESS_S = 0.1
BEHIND_LOGGED_S = 10.0
PAGE_MEMBERS = 2_000

logger = structlog.get_logger("streams.notifier")


class MembersTable(Protocol):
    """`store.timelines.Timelines`, what is used of it here."""

    async def members(self, conversation: str, after_user: str | None, limit: int) -> list[Membership]: ...
    async def progress(self) -> dict[int, int]: ...


@dataclass(slots=True)
class NotifierStats:
    records: int = 0
    notified: int = 0  # records written
    loads: int = 0


class Notifier:
    def __init__(self, log: Log, table: MembersTable, notices: Notices) -> None:
        self._log = log
        self._table = table
        self._notices = notices
        self._stale = False
        self.stats = NotifierStats()

    def reassigned(self) -> None:
        """Partitions came or went: what was remembered may have changed elsewhere meanwhile, and is forgotten before the next burst."""
        self._stale = True

    async def handle(self, records: Sequence[Record]) -> None:
        """Notify of a burst; on return all of it is in the log.

        Raises: a bug of ours. A log or a Cassandra that is away is waited for, and so is a projector that is behind.
        Blocks: on all three; safe to cancel and to repeat.
        """
        if self._stale:
            self._stale = False
            self._notices.clear()
        read = self._notices.read(records)
        if read.needed:
            await self._persistently(lambda: self._load(read.needed))
        told = self._notices.tell(read)
        await self._persistently(lambda: self._publish(told))
        self._notices.done(told)
        self.stats.records += len(records)
        self.stats.notified += sum(map(len, told.entries.values()))

    async def _persistently(self, attempt: Callable[[], Awaitable[None]]) -> None:
        wait_s = RETRY_S_MIN
        while True:
            try:
                await attempt()
                return
            except (LogUnavailable, StoreUnavailable) as exc:
                logger.warning("waiting", retry_s=wait_s, reason=f"{type(exc).__name__}: {str(exc)[:300]}")
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)

    async def _publish(self, told: Told) -> None:
        async def publish(topic: str, partition: int, entries: list[Entry]) -> None:
            await self._log.publish(topic, partition, entries)

        each_topic = ((NOTIFICATIONS_TOPIC, told.entries), (ROSTERS_TOPIC, told.rosters))
        calls = [publish(topic, *each) for topic, entries in each_topic for each in entries.items() if each[1]]
        done = await asyncio.gather(*calls, return_exceptions=True)
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure

    async def _load(self, needed: Mapping[str, tuple[int, int]]) -> None:
        """Read the members of these conversations, once the tables have everything before their messages."""
        await self._projected(dict(sorted(needed.values())))
        for conversation in needed:
            self._notices.conversations.put(conversation, await self._members(conversation))
        self.stats.loads += len(needed)

    async def _projected(self, offsets: Mapping[int, int]) -> None:
        """`offsets`: partition -> of the last message whose members are needed."""
        waited_s = 0.0
        while True:
            progress = await self._table.progress()
            behind = {partition: offset for partition, offset in offsets.items() if progress.get(partition, 0) < offset}
            if not behind:
                return
            if waited_s and waited_s % BEHIND_LOGGED_S < PROGRESS_S:
                logger.warning("waiting for the projector", seconds=round(waited_s), partitions=sorted(behind))
            await asyncio.sleep(PROGRESS_S)
            waited_s += PROGRESS_S

    async def _members(self, conversation: str) -> Members:
        joined: dict[str, int] = {}
        members = Members("group", joined)
        after: str | None = None
        while True:
            page = await self._table.members(conversation, after, PAGE_MEMBERS)
            for place in page:
                members.kind = place.conversation_kind
                joined[place.user] = place.joined_seq
            if len(page) < PAGE_MEMBERS:
                return members
            after = page[-1].user
