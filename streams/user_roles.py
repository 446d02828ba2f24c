"""The worker's roles of notifications and users as Faust applications: what each consumes, who handles it, what it says about itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from log.port import Log
from log.settings import LogSettings
from schemas.errors import WarblerError
from store.cassandra import Store
from store.presence import Presences
from store.timelines import Timelines
from streams.faust_app import Delivery, add_agent, start_app
from streams.faust_consumer import FetchSettings
from streams.inbox.inbox import GROUP as INBOX_GROUP
from streams.inbox.inbox import Inbox
from streams.inbox.takeover import NOTIFICATIONS_TOPIC, SESSIONS_TOPIC
from streams.notifier.burst import EVENTS_TOPIC, RECEIPTS_TOPIC, Notices
from streams.notifier.calls import CallFollower
from streams.notifier.notifier import Notifier
from streams.notifier.rings import CALL_EVENTS_TOPIC, COMMANDS_TOPIC
from streams.roles import OnFatal, app_of, lag_of, polls_of
from streams.settings import StreamsSettings
from streams.standstill import positions_of

NOTIFIER_GROUP = "warbler-notifier"
NOTIFIER_TAKE_CHUNKS = 4
NOTIFIER_WITHIN_S = 0.02


class ApartError(WarblerError):
    """Sessions and notifications of one partition were assigned to different workers, which only a topic of another size explains."""


class NotifierRole:
    name = "notifier"

    def __init__(self, log: Log, store: Store, kafka: LogSettings, settings: StreamsSettings, on_fatal: OnFatal) -> None:
        self._log = log
        self._store = store
        self._settings = settings
        self._on_fatal = on_fatal
        self._notifier: Notifier | None = None
        self._calls: CallFollower | None = None
        self._following = False
        self._next: dict[tuple[str, int], int] = {}
        self._handling = False
        fetch = FetchSettings(settings.notifier_fetch_wait_ms, settings.notifier_fetch_bytes_min)
        self.app = app_of(NOTIFIER_GROUP, kafka, settings, fetch)
        add_agent(self.app, [EVENTS_TOPIC, RECEIPTS_TOPIC], self._agent, take=NOTIFIER_TAKE_CHUNKS, within_s=NOTIFIER_WITHIN_S)
        # an agent of its own: a ring does not wait behind messages whose members are being loaded
        add_agent(self.app, [CALL_EVENTS_TOPIC], self._calls_agent, name="calls")
        self.app.on_partitions_assigned.connect(self._assigned)

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        if self._notifier is not None:
            self._notifier.reassigned()

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            self._handling = True
            assert self._notifier is not None
            try:
                await self._notifier.handle([record for delivery in burst for record in delivery.chunk])
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
            # Events first: were only the receipts committed, a successor would tell again of what they settled, and not that they did.
            for delivery in sorted(burst, key=lambda each: each.topic != EVENTS_TOPIC):
                self._next[delivery.topic, delivery.partition] = delivery.chunk.next_offset
                await delivery.ack()
            self._handling = False

    async def _calls_agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            self._following = True
            assert self._calls is not None
            try:
                await self._calls.handle([record for delivery in burst for record in delivery.chunk])
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
            for delivery in burst:
                self._next[delivery.topic, delivery.partition] = delivery.chunk.next_offset
                await delivery.ack()
            self._following = False

    async def start(self) -> None:
        count = await self._log.partitions_count(NOTIFICATIONS_TOPIC)
        self._calls = CallFollower(self._log, count, await self._log.partitions_count(COMMANDS_TOPIC))
        settings = self._settings
        notices = Notices(count, settings.notifier_members_limit, settings.notifier_settled_limit, settings.notified_members_limit)
        self._notifier = Notifier(self._log, Timelines(self._store), notices)
        await start_app(self.app)

    async def stop(self) -> None:
        await self.app.stop()

    @property
    def progress(self) -> int:
        handled = sum(each.stats.records for each in (self._notifier, self._calls) if each is not None)
        return polls_of(self.app) + handled

    @property
    def busy(self) -> bool:
        return self._handling or self._following

    def detail(self) -> dict[str, Any]:
        lags = lag_of(self.app, self._next)
        partitions = sorted({partition for _, partition in lags})
        detail: dict[str, Any] = {"partitions": partitions, "lag": sum(lags.values())}
        if self._notifier is not None:
            stats = self._notifier.stats
            detail |= {"records": stats.records, "notified": stats.notified, "loads": stats.loads}
        if self._calls is not None:
            detail |= {"call_records": self._calls.stats.records, "rings": self._calls.stats.rings, "call_notes": self._calls.stats.notes}
        return detail


class InboxRole:
    name = "inbox"

    def __init__(
        self, log: Log, store: Store, kafka: LogSettings, settings: StreamsSettings, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        self._on_fatal = on_fatal
        self.inbox = Inbox(log, Presences(store), settings, clock_ms, self._position, on_fatal)
        self.app = app_of(INBOX_GROUP, kafka, settings, FetchSettings())
        add_agent(self.app, [SESSIONS_TOPIC, NOTIFICATIONS_TOPIC], self.inbox.agent)
        self.app.on_partitions_assigned.connect(self._assigned)

    def _position(self, topic: str, partition: int) -> int | None:
        return positions_of(self.app).get((topic, partition))

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        sessions = {place.partition for place in assigned if place.topic == SESSIONS_TOPIC}
        notifications = {place.partition for place in assigned if place.topic == NOTIFICATIONS_TOPIC}
        if sessions != notifications:
            self._on_fatal(ApartError(f"sessions {sorted(sessions)}, notifications {sorted(notifications)}"))
            return
        await self.inbox.assigned(sessions)

    async def start(self) -> None:
        await start_app(self.app)

    async def stop(self) -> None:
        await self.app.stop()
        await self.inbox.close()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self.inbox.stats.records

    @property
    def busy(self) -> bool:
        return any(lane.waiting_count or not lane.ready for lane in self.inbox.lanes)

    def detail(self) -> dict[str, Any]:
        lanes, stats = self.inbox.lanes, self.inbox.stats
        return {
            "partitions": sorted(lane.number for lane in lanes),
            "ready": sorted(lane.number for lane in lanes if lane.ready),
            "waiting_chunks": sum(lane.waiting_count for lane in lanes),
            "users": sum(lane.users_count for lane in lanes),
            "pending": sum(lane.pending_count for lane in lanes),
            "records": stats.records,
            "presence_changes": stats.presence_changes,
            "redeliveries": stats.redeliveries,
            "pushes": stats.pushes,
            "cancelled": stats.cancelled,
            "saves": stats.saves,
            "take_overs": stats.take_overs,
            "dead_letters": stats.dead_letters,
        }
