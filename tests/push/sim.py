"""The outbox in virtual time, over the log in memory: vendors, rows and crashes as a seed says.

Method: a loop whose clock jumps to the next timer when nothing is left to do, so hours of retries take milliseconds. A crash cancels every
task at once wherever it stands; the successor begins at what was committed, which is what the consumer's own bookkeeping says.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from log.memory import MemoryLog, Moment
from log.port import Entry, Record
from schemas import codec
from schemas.notices import PushCancelled, PushRequested
from schemas.partition import partition_of
from schemas.pushes import PushResult
from store.errors import StoreUnavailable
from store.pushing import Alerted, AlertRow, PushSettings, PushToken
from streams.faust_consumer import Chunk, Delivered
from streams.push.alert import Alert
from streams.push.channels.port import Accepted, BadCredentials, Outcome, Refused, Traits
from streams.push.handling import Handling, NotProjected
from streams.push.outbox import TOPICS, Outbox
from streams.push.senders import Senders
from streams.push.settings import OutboxSettings
from streams.push.situation import Only, Situation, call_of, subject_of
from streams.push.stats import OutboxStats
from streams.push.withdraw import Cancellation
from streams.push.work import Work
from streams.push.writing import Writing
from tests.push.situations import message

PARTITIONS = 2
START_MS = 1_750_000_000_000
Mood = Literal["ok", "lost", "slow", "busy", "error", "dead", "misconfigured"]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when nothing else is left to do."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self._now_s = 0.0

    def time(self) -> float:
        return self._now_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def in_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_ended(asyncio.all_tasks(loop)))  # of a test that failed
        loop.close()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Shown:
    """`at_ms`: when it reached the vendor, which showed it."""

    send_key: str
    kind: str
    at_ms: int
    deadline_ms: int


@dataclass
class SimChannel:
    """A vendor with moods by a seed; what it shows, it shows for each request, so that repeats are seen."""

    name: str
    rng: random.Random
    rates: Mapping[Mood, float]
    clock: Clock
    traits: Traits = field(default_factory=lambda: Traits(4_096, withdraws=True, in_flight_limit=8))
    has_credentials: bool = True
    shown: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    dead: set[str] = field(default_factory=set)
    asked: int = 0

    async def start(self) -> None:
        if not self.has_credentials:
            raise BadCredentials("no key")

    def _mood(self, token: str) -> Mood:
        left = self.rng.random()
        for mood, rate in self.rates.items():
            left -= rate
            if left < 0:
                return mood
        return "ok"

    async def send(self, token: str, alert: Alert, now_ms: int) -> Outcome:
        if alert.deadline_ms <= now_ms:
            return Refused("give_up", 0, "expired")
        self.asked += 1
        mood = "dead" if token in self.dead else self._mood(token)
        if mood in ("ok", "lost"):
            self.shown[token].append(Shown(alert.send_key, alert.kind, self.clock.ms(), alert.deadline_ms))
        await asyncio.sleep(10.0 if mood in ("lost", "slow") else self.rng.random() * 0.2)
        match mood:
            case "ok":
                return Accepted(200)
            case "lost" | "slow":
                return Refused("retry", 0, "timeout")
            case "busy":
                return Refused("retry", 429, "busy", self.rng.choice([None, 1_000, 20_000]))
            case "error":
                return Refused("retry", 500, "error")
            case "misconfigured":
                return Refused("misconfigured", 401, "bad_key")
            case "dead":
                self.dead.add(token)
                return Refused("remove_token", 410, "gone")

    def check_token(self, token: str) -> str | None:
        return None

    async def close(self) -> None:
        return None


class Clock:
    def ms(self) -> int:
        return START_MS + int(asyncio.get_running_loop().time() * 1000)


@dataclass
class Rows:
    """What Cassandra holds. `away`: the chance that a call fails."""

    rng: random.Random
    clock: Clock
    away: float = 0.0
    tokens: dict[str, list[PushToken]] = field(default_factory=lambda: defaultdict(list))
    alerted: dict[tuple[str, str], dict[tuple[str, str], Alerted]] = field(default_factory=lambda: defaultdict(dict))
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    projected: bool = True
    senders: Senders | None = None

    async def _way(self) -> None:
        await asyncio.sleep(0)
        if self.rng.random() < self.away:
            raise StoreUnavailable("away")

    async def situation(self, request: PushRequested, only: Only | None, token_id: str, last_look: bool) -> Situation:
        await self._way()
        assert self.senders is not None
        if not self.projected and not last_look:
            raise NotProjected
        tokens = tuple(self.tokens[request.user])
        alerted = tuple(self.alerted[request.user, subject_of(request)].values())
        views = tuple(message(seq, at_ms=request.at_ms) for seq in range(request.from_seq, request.to_seq + 1))
        return Situation(
            request=request,
            tokens=tokens,
            channels=self.senders.now(tokens),
            messages=views if self.projected else None,
            delivered_seq=self.delivered.get((request.user, request.conversation_id), 0),
            call=call_of(request, alerted),
            alerted=alerted,
            only=only,
        )

    async def cancellation(self, cancelled: PushCancelled, subject: str) -> Cancellation | None:
        await self._way()
        assert self.senders is not None
        tokens = tuple(self.tokens[cancelled.user])
        rows = tuple(self.alerted[cancelled.user, subject].values())
        settings = PushSettings()
        now = self.senders.now(tokens)
        return Cancellation(cancelled=cancelled, subject=subject, tokens=tokens, alerted=rows, channels=now, settings=settings)

    async def put(self, rows: Sequence[AlertRow]) -> None:
        await self._way()
        for row in rows:
            self.alerted[row.user, row.subject][row.alerted.device, row.alerted.channel] = row.alerted

    async def remove(self, user: str, device: str, channel: str, token_id: str, up_to_ms: int) -> None:
        await self._way()
        self.tokens[user] = [
            each for each in self.tokens[user] if (each.device, each.token_id) != (device, token_id) or each.registered_at_ms > up_to_ms
        ]


class Sim:
    """`committed`: what Kafka would give a successor."""

    def __init__(self, seed: int, channels: Mapping[str, Mapping[Mood, float]], settings: OutboxSettings, away: float = 0.0) -> None:
        self.rng = random.Random(seed)
        random.seed(seed)  # the jitter of the waits
        self.clock = Clock()
        self.settings = settings
        self.log = MemoryLog(PARTITIONS, clock_ms=self.clock.ms, fault=self._fault)
        self.away = away
        self.channels = {
            name: SimChannel(name, random.Random(seed + at), rates, self.clock) for at, (name, rates) in enumerate(channels.items())
        }
        self.rows = Rows(random.Random(seed), self.clock, away)
        self.committed: dict[tuple[str, int], int] = defaultdict(int)
        self.failed: list[BaseException] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.outbox: Outbox | None = None

    async def _fault(self, operation: str, moment: Moment) -> None:
        await asyncio.sleep(0)
        if operation == "publish" and self.rng.random() < self.away:
            from log.errors import LogUnavailable

            raise LogUnavailable("away")

    def register(self, user: str, device: str, channel: str) -> str:
        token = f"{user}/{device}/{channel}"
        self.rows.tokens[user].append(PushToken(user, device, channel, f"id-{token}", token, "", "en", "s", START_MS - 1))
        return token

    async def append(self, topic: str, record: Any) -> None:
        key = record.user.encode()
        fault, self.log.fault = self.log.fault, _well
        await self.log.publish(topic, partition_of(key, PARTITIONS), [Entry(key, codec.encode(topic, record))])
        self.log.fault = fault

    # ---- the worker

    async def start(self) -> None:
        stats = OutboxStats()
        senders = Senders({(name, ""): channel for name, channel in self.channels.items()}, self.settings, self.clock.ms)
        self.rows.senders = senders
        writing = Writing(self.log, self.rows, self.rows, stats)
        handling = Handling(self.rows, senders, writing, self.settings, None, self.clock.ms)
        self.outbox = Outbox(senders, handling, writing, self.settings, stats, self.clock.ms, 100, self.failed.append)
        await self.outbox.start()
        self._assign()

    def _assign(self) -> None:
        assert self.outbox is not None
        self.outbox.assigned(set(range(PARTITIONS)))
        delivered = Delivered()
        self._tasks = [asyncio.create_task(self._consume(topic, number, delivered)) for topic in TOPICS for number in range(PARTITIONS)]

    async def _consume(self, topic: str, number: int, delivered: Delivered) -> None:
        at = self.committed[topic, number]
        outbox = self.outbox
        assert outbox is not None
        while True:
            if (topic, number) not in outbox.held() and (records := await self.log.read(topic, number, at, self.rng.randint(1, 20))):
                chunk = Chunk(records)
                at = chunk.next_offset
                delivered.hand_out((topic, number), chunk)
                next(lane for lane in outbox.lanes if lane.number == number).put(Work.of(topic, chunk.records, self._ack_of(chunk)))
            else:
                await asyncio.sleep(0.2)
            self._commit(delivered)

    def _ack_of(self, chunk: Chunk) -> Any:
        async def ack() -> None:
            chunk.acked = True

        return ack

    def _commit(self, delivered: Delivered) -> None:
        for (topic, number), offset in delivered.committable().items():
            self.committed[topic, number] = max(self.committed[topic, number], offset)

    async def rebalance(self) -> None:
        """The same worker has the same partitions again, from what was committed; old chunks are acked into nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._assign()

    async def crash(self) -> None:
        assert self.outbox is not None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.outbox.close()
        assert not self.failed, self.failed

    async def until_done(self, limit_s: float = 200_000.0) -> None:
        """Until every record is committed and nothing waits."""
        begun_s = asyncio.get_running_loop().time()
        while not await self._done():
            assert not self.failed, self.failed
            assert asyncio.get_running_loop().time() - begun_s < limit_s, "something is never settled"
            await asyncio.sleep(0.5)

    async def _done(self) -> bool:
        ends = {(topic, number): await self.log.end_offset(topic, number) for topic in TOPICS for number in range(PARTITIONS)}
        return all(self.committed[place] >= end for place, end in ends.items())

    async def records(self, topic: str) -> list[Record]:
        return [record for number in range(PARTITIONS) for record in await self.log.read(topic, number, 0, 100_000)]

    async def results(self) -> list[PushResult]:
        return [codec.decode(record.value, PushResult) for record in await self.records("push-results")]


async def _well(operation: str, moment: Moment) -> None:
    return None
