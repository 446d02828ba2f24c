"""Campaigns at work: reads the topic push-campaigns of this worker's partitions, waits for what is due, writes its push-requests.

Called by the worker's role push, which says what is assigned. The topic is the timer: a successor folds it from its beginning and goes on
at the place that stands in the campaign's row, or begins anew, which asks for the same pushes. Rules:

1. A campaign belongs to who has the partition of its key; who slept and still writes only repeats what its successor writes.
2. Requests are in the log before the place behind them is in the row.
3. Between two pages the topic is heard: a cancelled campaign stops within a page.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import LogUnavailable
from log.port import Entry, Log, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.notices import PushRequested
from schemas.partition import partition_of
from schemas.pushes import CampaignEvent, CampaignFinished, CampaignStarted
from store import cql
from store.audiences import Audiences, Labelled, Place, place_text, read_place
from store.campaigns import Campaign
from store.cassandra import Store
from store.errors import StoreUnavailable
from store.push_campaigns import CampaignTables
from streams.cancelling import raise_if_cancelled
from streams.push.campaigns.book import Book, requests_of
from streams.settings import StreamsSettings

CAMPAIGNS_TOPIC = "push-campaigns"
REQUESTS_TOPIC = "push-requests"
CONSUMER = "streams.push"
RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
IDLE_MS = 5_000  # time itself may be set anew under a long wait

logger = structlog.get_logger("streams.push")


class CampaignRunner:
    """Of one assignment: ends with `run`, and another one is made for the next."""

    def __init__(
        self,
        log: Log,
        store: Store,
        labelled: Labelled,
        settings: StreamsSettings,
        partitions: Iterable[int],
        clock_ms: Callable[[], int],
    ) -> None:
        self._log, self._store, self._settings, self._clock_ms = log, store, settings, clock_ms
        self._tables, self._audiences = CampaignTables(store), Audiences(labelled)
        self._partitions = sorted(partitions)
        self._book = Book()
        self._places: dict[str, Place] = {}
        self._projected: dict[int, int] = {}
        self._heard = asyncio.Event()
        self._retry_s = RETRY_S_MIN
        self.requests = 0

    @property
    def open_count(self) -> int:
        return len(self._book)

    async def run(self) -> None:
        """Until it is cancelled. Raises: a bug of ours; a log or Cassandra that is away is waited for."""
        if not self._partitions:
            return
        while True:
            try:
                await self._serve()
            except* (LogUnavailable, StoreUnavailable) as excs:
                logger.warning("campaigns wait", reason=str(excs.exceptions[0])[:300], retry_s=self._retry_s)
            raise_if_cancelled()
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)

    async def _serve(self) -> None:
        self._book, self._places = Book(), {}
        self._projected = dict(await self._store.execute(cql.PROGRESS, (CAMPAIGNS_TOPIC,)))
        starts = {(CAMPAIGNS_TOPIC, number): await self._fold(number) for number in self._partitions}
        self._retry_s = RETRY_S_MIN
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(starts))
            group.create_task(self._work())

    # ---- hearing

    async def _fold(self, number: int) -> int:
        """Everything that is there now; the offset after it."""
        at, end = await self._log.start_offset(CAMPAIGNS_TOPIC, number), await self._log.end_offset(CAMPAIGNS_TOPIC, number)
        while at < end:
            records = await self._log.read(CAMPAIGNS_TOPIC, number, at, 1_000)
            if not records:
                break
            await self._on_records(records)
            at = records[-1].offset + 1
        return max(at, end)

    async def _follow(self, starts: dict[tuple[str, int], int]) -> None:
        async with contextlib.aclosing(self._log.tail(starts)) as tail:  # type: ignore[type-var]
            async for records in tail:
                await self._on_records(records)
                self._heard.set()

    async def _on_records(self, records: list[Record]) -> None:
        """Rows first: who sees a campaign begin can read its text."""
        ends: dict[int, int] = {}
        for record in records:
            event = await self._event_of(record)
            if event is not None:
                if record.offset >= self._projected.get(record.partition, 0):
                    await self._tables.apply(event)
                self._book.on_event(event)
            ends[record.partition] = record.offset + 1
        fresh = {number: end for number, end in ends.items() if end > self._projected.get(number, 0)}
        await self._store.execute_each(cql.PUT_PROGRESS, [(CAMPAIGNS_TOPIC, number, end, end) for number, end in fresh.items()])
        self._projected |= fresh

    async def _event_of(self, record: Record) -> CampaignEvent | None:
        try:
            return codec.decode_campaign_event(record.value)
        except Undecodable as exc:
            if record.offset >= self._projected.get(record.partition, 0):
                letter = dead_letter(record, exc.reason, CONSUMER, self._clock_ms())
                await self._log.publish(DEAD_LETTERS_TOPIC, 0, [letter])
            return None

    # ---- working

    async def _work(self) -> None:
        """A page of each campaign that is due, in turn, not faster than the setting says."""
        while True:
            self._heard.clear()
            began_ms, written = self._clock_ms(), 0
            for campaign in self._book.due(began_ms):
                written += await self._step(campaign)
            if self._book.due(self._clock_ms()):
                await asyncio.sleep(max(0.0, written / self._settings.push_campaign_per_s - (self._clock_ms() - began_ms) / 1_000))
            else:
                await self._wait(self._clock_ms())

    async def _wait(self, now_ms: int) -> None:
        next_ms = self._book.next_ms
        until_ms = min(now_ms + IDLE_MS, next_ms) if next_ms is not None else now_ms + IDLE_MS
        with contextlib.suppress(TimeoutError):  # not wait_for: Python 3.11's may swallow a cancellation
            async with asyncio.timeout(max(0.01, (until_ms - now_ms) / 1_000)):
                await self._heard.wait()

    async def _step(self, campaign: Campaign) -> int:
        """One page; how many requests were written."""
        name, now_ms = campaign.campaign_id, self._clock_ms()
        if self._book.get(name) is None:
            return 0
        if not campaign.started_at_ms:
            await self._tell(CampaignStarted(event_id=f"{name}:started", campaign_id=name, tenant=campaign.tenant, at_ms=now_ms))
        place = self._places.get(name)
        if place is None:
            place = read_place(await self._tables.place(name))
        if now_ms >= campaign.deadline_ms:  # what is left of the audience is not asked for
            await self._finish(campaign, place.users)
            return 0
        limit = min(self._settings.push_campaign_page_users, self._settings.push_campaign_per_s)
        users, following = await self._audiences.page(campaign.tenant, campaign.audience, campaign.audience_of, place, limit)
        await self._publish(requests_of(campaign, users))
        if following is None:
            await self._finish(campaign, place.users + len(users))
        else:
            await self._tables.put_place(name, place_text(following))
            self._places[name] = following
        return len(users)

    async def _finish(self, campaign: Campaign, users: int) -> None:
        name, now_ms = campaign.campaign_id, self._clock_ms()
        event_id = f"{name}:finished"
        await self._tell(CampaignFinished(event_id=event_id, campaign_id=name, tenant=campaign.tenant, at_ms=now_ms, users=users))
        self._places.pop(name, None)

    async def _tell(self, event: CampaignEvent) -> None:
        """Into the topic and, without waiting to read it there, into the book."""
        key = event.campaign_id.encode()
        number = partition_of(key, await self._log.partitions_count(CAMPAIGNS_TOPIC))
        await self._log.publish(CAMPAIGNS_TOPIC, number, [Entry(key, codec.encode(CAMPAIGNS_TOPIC, event), event.at_ms)])
        await self._tables.apply(event)
        self._book.on_event(event)

    async def _publish(self, requests: list[PushRequested]) -> None:
        count = await self._log.partitions_count(REQUESTS_TOPIC)
        by_partition: dict[int, list[Entry]] = {}
        for request in requests:
            key = request.user.encode()
            entry = Entry(key, codec.encode(REQUESTS_TOPIC, request), self._clock_ms())
            by_partition.setdefault(partition_of(key, count), []).append(entry)
        for number, entries in by_partition.items():
            await self._log.publish(REQUESTS_TOPIC, number, entries)
        self.requests += len(requests)
