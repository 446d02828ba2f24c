"""Lanes of one partition of users that crash, sleep and come back, over the in-memory log: as `simulation` does for the owner.

Every operation on the log and on the table is an await where a lane can be stopped, before or after it took effect.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from log.errors import Fenced, LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Entry, Record
from schemas import codec
from schemas.notices import InboxSaved, Notification, PushCancelled, PushRequested
from schemas.records import PresenceChanged, SessionEvent
from store.errors import StoreUnavailable
from store.presence import PresenceRow
from streams.inbox.lane import Lane, Work
from streams.inbox.limits import InboxLimits
from streams.inbox.schedule import Waits
from streams.inbox.stats import InboxStats
from streams.inbox.takeover import NOTIFICATIONS_TOPIC, PRESENCE_TOPIC, PUSH_REQUESTS_TOPIC, SESSIONS_TOPIC, STATE_TOPIC, WRITER_KEY
from streams.settings import StreamsSettings
from tests.streams.inbox_parts import START_MS
from tests.streams.simulation import Clock, Fate

SETTINGS = StreamsSettings(inbox_save_ms=4)
LIMITS = InboxLimits(settle_ms=10, waits=Waits(timeout_ms=400, repeat_ms=100_000))
SETTLE_S = 20.0


class Life:
    """One process that owns the partition, from its start to its end."""

    def __init__(self, world: "World", fate: Fate) -> None:
        self.world = world
        self.fate = fate
        self.stopped = asyncio.Event()
        self.awake = asyncio.Event()
        self.operations = 0
        self.acked = dict(world.committed)
        self.fetched = dict(world.committed)
        self.lane = Lane(
            world.log.seen_with(self._fault),
            self,
            0,
            1,
            SETTINGS,
            LIMITS,
            world.clock,
            lambda topic, partition: self.fetched[topic],
            InboxStats(),
        )
        self.task = asyncio.ensure_future(self.lane.run())

    async def _fault(self, operation: str, moment: Moment) -> None:
        number = self.operations
        self.operations += 1
        if number == self.fate.stops_at:
            self.stopped.set()
        if self.stopped.is_set() and not self.awake.is_set():
            await self.awake.wait()
        if number in self.fate.unavailable_at:
            raise StoreUnavailable("injected") if operation == "put" else LogUnavailable("injected")
        await asyncio.sleep(0)

    async def put(self, rows: Sequence[PresenceRow]) -> None:
        """The table of presences, as this process sees it."""
        await self._fault("put", "before")
        for row in rows:
            if row.at_ms >= self.world.rows.get(row.user, row).at_ms:
                self.world.rows[row.user] = row
        await self._fault("put", "after")

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@dataclass
class World:
    sessions: Sequence[SessionEvent]
    notifications: Sequence[Notification]
    chunk_size: int = 1
    clock: Clock = field(default_factory=Clock)
    committed: dict[str, int] = field(default_factory=lambda: {SESSIONS_TOPIC: 0, NOTIFICATIONS_TOPIC: 0})
    rows: dict[str, PresenceRow] = field(default_factory=dict)
    sleepers: list[Life] = field(default_factory=list)
    fenced: int = 0
    log: MemoryLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = MemoryLog(1, clock_ms=self.clock)

    async def publish(self) -> None:
        for event in self.sessions:
            entry = Entry(event.user.encode(), codec.encode(SESSIONS_TOPIC, event), event.at_ms)
            await self.log.publish(SESSIONS_TOPIC, 0, [entry])
        for notification in self.notifications:
            await self.log.publish(NOTIFICATIONS_TOPIC, 0, [Entry(None, codec.encode(NOTIFICATIONS_TOPIC, notification))])

    async def live(self, fate: Fate, lingers_ms: int) -> Life:
        """One process until all is acked and so much time has passed, or until its fate."""
        life = Life(self, fate)
        ends = {topic: await self.log.end_offset(topic, 0) for topic in self.committed}
        feeding = asyncio.ensure_future(self._feed(life))
        async with asyncio.timeout(SETTLE_S):
            while not self._over(life, ends):  # noqa: ASYNC110
                await asyncio.sleep(0)
            until_ms = self.clock.now_ms + lingers_ms
            while not self._ended(life) and self.clock.now_ms < until_ms:
                self.clock.now_ms += 3
                life.lane._wake.set()  # time passes faster here than its timers know
                await asyncio.sleep(0)
        feeding.cancel()
        self.committed = life.acked
        if life.stopped.is_set() and fate.sleeps:
            self.sleepers.append(life)
        else:
            await life.kill()
            self._look_at_the_end_of(life)
        return life

    def _ended(self, life: Life) -> bool:
        return life.stopped.is_set() or life.task.done()

    def _over(self, life: Life, ends: dict[str, int]) -> bool:
        return self._ended(life) or (life.lane.ready and all(life.acked[topic] >= end for topic, end in ends.items()))

    async def _feed(self, life: Life) -> None:
        """Chunks of both topics in turns, each from where the group's offset was."""
        waiting = {topic: await self.log.read(topic, 0, at, 10_000) for topic, at in life.acked.items()}
        while any(waiting.values()):
            for topic, records in waiting.items():
                chunk, waiting[topic] = records[: self.chunk_size], records[self.chunk_size :]
                if chunk:
                    life.fetched[topic] = chunk[-1].offset + 1
                    await life.lane.put(Work(topic, chunk, self._acking(life, topic, chunk)))

    def _acking(self, life: Life, topic: str, chunk: list[Record]):  # type: ignore[no-untyped-def]
        async def ack() -> None:
            assert life.acked[topic] <= chunk[0].offset or topic == SESSIONS_TOPIC, "acks keep their order"
            life.acked[topic] = max(life.acked[topic], chunk[-1].offset + 1)

        return ack

    async def wake_sleepers(self) -> None:
        """Wake every sleeper, long after its session's end; most find that they are fenced."""
        self.clock.now_ms += SETTINGS.session_timeout_ms
        for sleeper in self.sleepers:
            sleeper.awake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.wait([sleeper.task])
            await sleeper.kill()
            self._look_at_the_end_of(sleeper)
        self.sleepers.clear()

    def _look_at_the_end_of(self, life: Life) -> None:
        if not life.task.cancelled() and (error := life.task.exception()) is not None:
            if not isinstance(error, Fenced):
                raise error  # nothing but a successor may end a lane
            self.fenced += 1


@dataclass
class Seen:
    """What the log says at the end."""

    pushes: list[PushRequested | PushCancelled]
    presences: list[PresenceChanged]
    saved: dict[str, InboxSaved | None]


async def read_all(log: MemoryLog) -> Seen:
    seen = Seen([], [], {})
    for record in await log.read(PUSH_REQUESTS_TOPIC, 0, 0, 100_000):
        if record.key != WRITER_KEY:
            seen.pushes.append(codec.decode(record.value, PushRequested | PushCancelled))  # type: ignore[arg-type]
    for record in await log.read(PRESENCE_TOPIC, 0, 0, 100_000):
        if record.key != WRITER_KEY:
            seen.presences.append(codec.decode(record.value, PresenceChanged))
    for record in await log.read(STATE_TOPIC, 0, 0, 100_000):
        if record.key is not None and record.key != WRITER_KEY:
            seen.saved[record.key.decode()] = codec.decode(record.value, InboxSaved) if record.value is not None else None
    return seen


def asked_for(seen: Seen, user: str, attempt: int = 1) -> list[int]:
    """The seqs a push was asked for, after collapse: what an earlier request of the attempt asked for already is a repeat."""
    asked: list[int] = []
    for each in seen.pushes:
        if isinstance(each, PushRequested) and each.user == user and each.attempt == attempt:
            asked += range(max(each.from_seq, max(asked, default=0) + 1), each.to_seq + 1)
    return asked


def standing(seen: Seen, user: str) -> list[int]:
    """What is asked for and not cancelled in the end."""
    asked: set[int] = set()
    for each in seen.pushes:
        if each.user != user:
            continue
        if isinstance(each, PushRequested):
            asked |= set(range(each.from_seq, each.to_seq + 1))
        else:
            asked = {seq for seq in asked if seq > each.up_to_seq}
    return sorted(asked)


__all__ = ["START_MS", "World", "asked_for", "read_all", "standing"]
