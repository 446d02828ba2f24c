"""Reads everything back when the run is over: the log folded, the tables, and the pages that members are given on every edge.

Goes around the proxies. Shell; `tests.faults.checker` judges.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from warbler import Rest
from warbler.frames import EventItem, MessageItem, Page

from log.kafka import KafkaLog
from log.port import Log
from log.settings import LogSettings
from ops.verify_compare import Verifier
from schemas.errors import WarblerError
from schemas.events import Event
from store.cassandra import Store
from store.receipts import ReceiptTables
from store.settings import StoreSettings
from store.timelines import Timelines
from streams.timelines.rows import EVENTS_TOPIC, RECEIPTS_TOPIC, read_event
from tests.faults.history import LogEvent, PageRead, ReadBack
from tests.faults.items import digest_of_item, log_event_of
from tests.real.talking import User

KEYSPACE = "warbler"
PROJECTED_WITHIN_S = 60.0
READERS_AT_ONCE = 4
LOG_PAGE = 2_000
DEVICES_LIMIT = 10_000


class Ground:
    """Own connections to the log and the tables, beside all proxies."""

    def __init__(self, log: KafkaLog, store: Store) -> None:
        self.log, self.store, self.timelines = log, store, Timelines(store)

    @classmethod
    async def reached(cls, kafka: str, cassandra: str) -> Ground:
        log = KafkaLog(LogSettings(kafka))
        await log.start()
        return cls(log, await Store.connect(StoreSettings(cassandra, KEYSPACE)))

    async def close(self) -> None:
        await self.log.close()
        await self.store.close()

    async def progress(self) -> dict[int, int]:
        """Raises: StoreUnavailable."""
        return await self.timelines.progress()

    async def until_projected(self) -> bool:
        """Whether the projector came to the ends of its topics in time."""
        deadline_s = time.monotonic() + PROJECTED_WITHIN_S
        while True:
            try:
                if await self._is_projected():
                    return True
            except WarblerError:
                pass
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(0.2)

    async def _is_projected(self) -> bool:
        for topic in (EVENTS_TOPIC, RECEIPTS_TOPIC):
            at = await self.timelines.progress(topic)
            for partition in range(await self.log.partitions_count(topic)):
                if at.get(partition, 0) < await self.log.end_offset(topic, partition):
                    return False
        return True

    async def delivered(self, conversations: Iterable[str]) -> dict[tuple[str, str], int]:
        """(conversation, user) -> the delivered mark. Raises: StoreUnavailable."""
        found: dict[tuple[str, str], int] = {}
        for conversation in conversations:
            rows, _ = await ReceiptTables(self.store).devices(conversation, "delivered", "", None, DEVICES_LIMIT)
            for row in rows:
                found[conversation, row.user] = max(row.up_to_seq, found.get((conversation, row.user), 0))
        return found

    async def verify(self) -> list[str]:
        """What `warbler verify timelines` says."""
        report = await Verifier(self.log, self.store, PROJECTED_WITHIN_S, lambda _: None).run()
        return [*report.differences, *report.unsure]


async def events_of(log: Log) -> dict[str, list[LogEvent]]:
    """Every conversation's events as they stand in the log."""
    found: dict[str, list[LogEvent]] = {}
    for partition in range(await log.partitions_count(EVENTS_TOPIC)):
        at, end = await log.start_offset(EVENTS_TOPIC, partition), await log.end_offset(EVENTS_TOPIC, partition)
        while at < end:
            records = await log.read(EVENTS_TOPIC, partition, at, LOG_PAGE)
            if not records:
                break
            for record in records:
                event = read_event(record)
                if isinstance(event, Event):
                    found.setdefault(event.conversation_id, []).append(log_event_of(event))
            at = records[-1].offset + 1
            await asyncio.sleep(0)
    return found


async def read_back(ground: Ground, log: dict[str, list[LogEvent]], edges: Sequence[str], users: Sequence[User]) -> ReadBack:
    """Everything there is to compare. `edges`: their own addresses."""
    found = ReadBack(log=log)
    for conversation, events in log.items():
        rows = await ground.timelines.read_events(conversation, 1, 5_000)
        all_rows = list(rows)
        while len(rows) == 5_000:
            rows = await ground.timelines.read_events(conversation, rows[-1].seq + 1, 5_000)
            all_rows += rows
        found.tables[conversation] = [(row.seq, digest_of_item_of(row)) for row in all_rows]
        assert events
    found.delivered = await ground.delivered(log)
    found.table_differences = await ground.verify()
    found.pages = await read_pages(log, edges, users)
    return found


def digest_of_item_of(event: Event) -> int:
    return log_event_of(event).digest


async def read_pages(log: dict[str, list[LogEvent]], edges: Sequence[str], users: Sequence[User]) -> list[PageRead]:
    """What each member is given of each conversation: events by every member, one edge each; the history by one member on each edge."""
    limit = asyncio.Semaphore(READERS_AT_ONCE)
    tokens = {user.user: user.token for user in users}

    async def one(edge: str, user: str, conversation: str, history: bool) -> PageRead:
        async with limit, Rest(edge, access_token=tokens[user]) as rest:
            where = f"{'history' if history else 'events'} page of {user} on {edge}"
            read = read_history if history else read_events
            return await read(rest, where, conversation)

    work = []
    for conversation, events in log.items():
        members = sorted(members_at_the_end(events))
        for index, user in enumerate(members):
            work.append(one(edges[index % len(edges)], user, conversation, False))
            if index < len(edges):
                work.append(one(edges[index], user, conversation, True))
    return await asyncio.gather(*work)


def members_at_the_end(events: Iterable[LogEvent]) -> set[str]:
    members: set[str] = set()
    for event in events:
        members |= set(event.joined)
        members -= set(event.left)
    return members


async def read_events(rest: Rest, where: str, conversation: str) -> PageRead:
    rows: list[tuple[int, int]] = []
    missing: list[int] = []
    next_seq, more = 1, True
    while more:
        page: Page = await rest.events(conversation, next_seq, 500)
        rows += [(event.seq, digest_of_item(event)) for event in page.events]
        missing += page.missing
        next_seq, more = page.next_seq, page.more
    return PageRead(where, conversation, tuple(rows), tuple(missing))


async def read_history(rest: Rest, where: str, conversation: str) -> PageRead:
    rows: list[tuple[int, int]] = []
    before: int | None = None
    while True:
        page = await rest.history(conversation, before, 100)
        rows[:0] = [(message.seq, digest_of_message(message)) for message in page.messages]
        before = page.before_seq
        if before is None:
            return PageRead(where, conversation, tuple(rows), messages_only=True)


def digest_of_message(message: MessageItem) -> int:
    """A message as a history gives it, as the event that sent it."""

    sent = EventItem(
        kind="message_sent",
        seq=message.seq,
        ordinal=message.ordinal,
        at_ms=message.at_ms,
        user=message.user,
        device="",
        id=message.id,
        content=message.content,
    )
    return digest_of_item(sent)
