"""The worker's roles of conversations and calls as Faust applications: what each consumes, who handles it, what it says of itself.

Those of users and notifications are in `streams.user_roles`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, letter_entry
from log.port import Log
from log.settings import LogSettings
from rtc.rules import Rules as CallRules
from schemas.records import DeadLetter
from store.cassandra import Store
from streams.accounts.projector import TOPICS as ACCOUNT_TOPICS
from streams.calls.owned import CALLS, fresh_calls
from streams.calls.partition import Partition as Calls
from streams.conversations.owned import CONVERSATIONS, fresh_conversations
from streams.conversations.partition import EVENTS_TOPIC
from streams.conversations.rules import Rules
from streams.faust_app import Delivery, add_agent, make_app, start_app
from streams.faust_consumer import FetchSettings
from streams.owning.owner import Fresh, Owner
from streams.owning.port import Owned
from streams.rosters.rows import ROSTERS_TOPIC
from streams.settings import StreamsSettings
from streams.timelines.calls import CALL_EVENTS_TOPIC
from streams.timelines.passages import PassageTeller
from streams.timelines.rows import RECEIPTS_TOPIC
from streams.timelines.writing import Writing

PROJECTOR_GROUP = "warbler-timelines"
PROJECTED = (EVENTS_TOPIC, RECEIPTS_TOPIC, ROSTERS_TOPIC, CALL_EVENTS_TOPIC, *ACCOUNT_TOPICS)
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


class OwnerRole:
    """What both owners' roles are: commands from Faust to the partitions' lanes, and what the lanes say of themselves."""

    name: str

    def __init__(
        self,
        log: Log,
        kafka: LogSettings,
        owned: Owned,
        fresh: Fresh,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        on_fatal: OnFatal,
    ) -> None:
        self._commands = owned.commands
        self.owner = Owner(log, owned, fresh, settings, clock_ms, on_fatal)
        fetch = FetchSettings(settings.owner_fetch_wait_ms, settings.owner_fetch_bytes_min)
        self.app = app_of(owned.group, kafka, settings, fetch)
        add_agent(self.app, [owned.commands], self.owner.agent)
        self.app.on_partitions_assigned.connect(self._assigned)

    async def _assigned(self, app: Any, assigned: set[Any], **_: Any) -> None:
        await self.owner.assigned({place.partition for place in assigned if place.topic == self._commands})

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
        lanes, stats = self.owner.lanes, self.owner.stats
        return {
            "partitions": sorted(lane.number for lane in lanes),
            "ready": sorted(lane.number for lane in lanes if lane.ready),
            "waiting_chunks": sum(lane.waiting_count for lane in lanes),
            "conversations": sum(map(len, self.owner.partitions)),
            "commands": stats.commands,
            "accepted": stats.accepted,
            "refused": stats.refused,
            "repeated": stats.repeated,
            "dead_letters": stats.dead_letters,
            "take_overs": stats.take_overs,
            "snapshots": stats.snapshots,
        }


class ConversationsRole(OwnerRole):
    name = "conversations"

    def __init__(
        self, log: Log, kafka: LogSettings, settings: StreamsSettings, rules: Rules, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        fresh = fresh_conversations(rules, settings.unpacked_conversations_limit, settings.snapshot_interval_ms)
        super().__init__(log, kafka, CONVERSATIONS, fresh, settings, clock_ms, on_fatal)


class CallsRole(OwnerRole):
    name = "calls"

    def __init__(
        self, log: Log, kafka: LogSettings, settings: StreamsSettings, rules: CallRules, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        super().__init__(log, kafka, CALLS, fresh_calls(rules, settings.snapshot_interval_ms), settings, clock_ms, on_fatal)

    def detail(self) -> dict[str, Any]:
        live = sum(cast(Calls, partition).lines.live_count for partition in self.owner.partitions)
        return super().detail() | {"live": live, "timers": self.owner.stats.timers}


class TimelinesRole:
    name = "timelines"

    def __init__(
        self, log: Log, store: Store, kafka: LogSettings, settings: StreamsSettings, clock_ms: Callable[[], int], on_fatal: OnFatal
    ) -> None:
        self._log = log
        self._on_fatal = on_fatal
        self._writing = Writing(log, store, self._bury, clock_ms)
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
                await self._writing.apply([record for delivery in burst for record in delivery.chunk])
            except Exception as exc:  # noqa: BLE001 - what leaves an agent acks the event, so it must end the process instead
                self._on_fatal(exc)
                await asyncio.Event().wait()
            for delivery in burst:
                self._next[delivery.topic, delivery.partition] = delivery.chunk.next_offset
                self._records += len(delivery.chunk)
                self._passages.passed(delivery.topic, delivery.partition, delivery.chunk.next_offset)
                await delivery.ack()
            self._applying = False

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
        kafka,
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
