"""The worker's roles of conversations as Faust applications: what each consumes, who handles it, and what it says about itself.

Those of users and notifications are in `streams.user_roles`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, letter_entry
from log.port import Log
from log.settings import LogSettings
from schemas.records import DeadLetter
from store.cassandra import Store
from streams.accounts.projector import TOPICS as ACCOUNT_TOPICS
from streams.accounts.projector import AccountProjector
from streams.conversations.owner import GROUP as OWNER_GROUP
from streams.conversations.owner import Owner
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC
from streams.conversations.rules import Rules
from streams.faust_app import Delivery, add_agent, make_app, start_app
from streams.faust_consumer import FetchSettings
from streams.rosters.rows import ROSTERS_TOPIC
from streams.settings import StreamsSettings
from streams.timelines.passages import PassageTeller
from streams.timelines.projector import TimelineProjector
from streams.timelines.rows import RECEIPTS_TOPIC, Record

PROJECTOR_GROUP = "warbler-timelines"
PROJECTED = (EVENTS_TOPIC, RECEIPTS_TOPIC, ROSTERS_TOPIC, *ACCOUNT_TOPICS)
PROJECTOR_TAKE_CHUNKS = 16
PROJECTOR_WITHIN_S = 0.02

logger = structlog.get_logger("streams.worker")
OnFatal = Callable[[BaseException], None]


class Role(Protocol):
    name: str
    app: Any

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def detail(self) -> dict[str, Any]: ...

    @property
    def progress(self) -> int:
        """Grows as long as the role consumes, also when there is nothing to do."""
        ...

    @property
    def busy(self) -> bool:
        """Whether something was handed over and is not done."""
        ...


class ConversationsRole:
    name = "conversations"

    def __init__(
        self, log: Log, kafka: LogSettings, settings: StreamsSettings, rules: Rules, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        self.owner = Owner(log, rules, settings, clock_ms, on_fatal)
        fetch = FetchSettings(settings.owner_fetch_wait_ms, settings.owner_fetch_bytes_min)
        self.app = app_of(OWNER_GROUP, kafka, settings, fetch)
        add_agent(self.app, [COMMANDS_TOPIC], self.owner.agent)
        self.app.on_partitions_assigned.connect(self._assigned)

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        await self.owner.assigned({place.partition for place in assigned if place.topic == COMMANDS_TOPIC})

    async def start(self) -> None:
        await start_app(self.app)

    async def stop(self) -> None:
        await self.app.stop()
        await self.owner.close()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self.owner.stats.commands

    @property
    def busy(self) -> bool:
        return any(lane.waiting_count or not lane.ready for lane in self.owner.lanes)

    def detail(self) -> dict[str, Any]:
        lanes = self.owner.lanes
        return {
            "partitions": sorted(lane.number for lane in lanes),
            "ready": sorted(lane.number for lane in lanes if lane.ready),
            "waiting_chunks": sum(lane.waiting_count for lane in lanes),
            "conversations": sum(lane.conversations_count for lane in lanes),
            "commands": self.owner.stats.commands,
            "accepted": self.owner.stats.accepted,
            "refused": self.owner.stats.refused,
            "repeated": self.owner.stats.repeated,
            "dead_letters": self.owner.stats.dead_letters,
            "take_overs": self.owner.stats.take_overs,
            "snapshots": self.owner.stats.snapshots,
        }


class TimelinesRole:
    name = "timelines"

    def __init__(
        self, log: Log, store: Store, kafka: LogSettings, settings: StreamsSettings, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        self._log = log
        self._on_fatal = on_fatal
        self._projector = TimelineProjector(store, self._bury)
        self._accounts = AccountProjector(store, self._bury, clock_ms)
        self._next: dict[tuple[str, int], int] = {}
        self._records = 0
        self._applying = False
        self._passages = PassageTeller(log, settings.node or PROJECTOR_GROUP, settings.passages_interval_ms, clock_ms)
        fetch = FetchSettings(settings.projector_fetch_wait_ms, settings.projector_fetch_bytes_min)
        self.app = app_of(PROJECTOR_GROUP, kafka, settings, fetch)
        add_agent(self.app, list(PROJECTED), self._agent, take=PROJECTOR_TAKE_CHUNKS, within_s=PROJECTOR_WITHIN_S)

    async def _agent(self, bursts: AsyncIterator[list[Delivery]]) -> None:
        async for burst in bursts:
            self._applying = True
            try:
                await self._apply([record for delivery in burst for record in delivery.chunk])
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
            for delivery in burst:
                self._next[delivery.topic, delivery.partition] = delivery.chunk.next_offset
                self._records += len(delivery.chunk)
                self._passages.passed(delivery.topic, delivery.partition, delivery.chunk.next_offset)
                await delivery.ack()
            self._applying = False

    async def _apply(self, records: Sequence[Record]) -> None:
        of_people = [record for record in records if record.topic in ACCOUNT_TOPICS]
        if len(of_people) < len(records):
            await self._projector.apply([record for record in records if record.topic not in ACCOUNT_TOPICS])
        if of_people:
            await self._accounts.apply(of_people)

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        await self._log.publish(DEAD_LETTERS_TOPIC, 0, [letter_entry(letter) for letter in letters])

    async def start(self) -> None:
        await start_app(self.app)
        self._passages.start(self._on_fatal)

    async def stop(self) -> None:
        self._passages.stop()
        await self.app.stop()

    @property
    def progress(self) -> int:
        return polls_of(self.app) + self._records

    @property
    def busy(self) -> bool:
        return self._applying

    def detail(self) -> dict[str, Any]:
        lags = lag_of(self.app, self._next)
        return {"partitions": sorted({partition for _, partition in lags}), "records": self._records, "lag": sum(lags.values())}


def app_of(group: str, kafka: LogSettings, settings: StreamsSettings, fetch: FetchSettings, *, wait_empty: bool = True) -> Any:
    return make_app(
        group,
        kafka.bootstrap,
        settings.data,
        fetch,
        instance=f"{group}-{settings.node}" if settings.node else "",
        client=settings.node,
        session_timeout_s=settings.session_timeout_ms / 1000,
        commit_interval_s=settings.commit_interval_ms / 1000,
        wait_empty=wait_empty,
    )


def polls_of(app: Any) -> int:
    return int(getattr(app.consumer, "progress", 0))


def lag_of(app: Any, done: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Per assigned partition how many records were fetched or are known to be there, and are not projected yet."""
    thread = app.consumer._thread
    if thread._consumer is None:
        return {}
    lags = {}
    for place in thread._consumer.assignment():
        end = thread._consumer.highwater(place)
        at = done.get((place.topic, place.partition))
        if end is None:
            lags[place.topic, place.partition] = 0
        elif at is None:  # nothing was handed over since the assignment: the fetch position says where we stand
            state = thread._consumer._subscription.subscription.assignment.state_value(place)
            lags[place.topic, place.partition] = max(0, end - (state._position or end))
        else:
            lags[place.topic, place.partition] = max(0, end - at)
    return lags
