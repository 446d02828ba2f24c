"""One partition of push-requests and retry topics at work. Shell around `decide`, `withdraw` and `follow`.

Rules, each a promise's ground:
Rule 1: a record is settled when what it came to stands: vendor, then rows, then retry records, then results; a chunk is acked when all of
its records are settled. A crash before that does all of it again, with the same send keys.
Rule 2: of one user one record is in work at a time, in order: the next sees in the rows what was sent for the one before.
Rule 3: nothing sleeps in work. What waits (for its time, for the projector) is a raw record on a heap; one timer wakes the lane.
Rule 4: Cassandra or Kafka away is waited for. What else fails ends the lane, and with it the process, with offsets uncommitted.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.port import Record
from schemas import codec
from schemas.errors import Undecodable, WarblerError
from schemas.notices import PushCancelled, PushRequested
from schemas.pushes import PushRetrying
from schemas.records import WriterChanged
from streams.push.handling import Handling, NotProjected
from streams.push.stats import OutboxStats
from streams.push.waiting import Waiting
from streams.push.work import Item, Newest, Work
from streams.push.writing import Writing

REQUESTS_TOPIC = "push-requests"
CONSUMER = "streams.push"
IDLE_S = 1.0

logger = structlog.get_logger("streams.push")


class TooManyDeadLetters(WarblerError):
    """So many records in a row cannot be understood that it must be our decoder that is wrong."""


class Lane:
    def __init__(
        self,
        number: int,
        handling: Handling,
        writing: Writing,
        places: asyncio.Semaphore,
        stats: OutboxStats,
        clock_ms: Callable[[], int],
        dead_letters_row_limit: int,
    ) -> None:
        self.number = number
        self._handling = handling
        self._writing = writing
        self._places = places
        self._stats = stats
        self._clock_ms = clock_ms
        self._dead_letters_row_limit = dead_letters_row_limit
        self._waiting: Waiting[Item] = Waiting()
        self._newest = Newest()
        self._ready: deque[Item] = deque()
        self._behind: dict[bytes, deque[Item]] = {}  # user in work -> what came for it meanwhile
        self._behind_count = 0
        self._wake = asyncio.Event()
        self.draining = False  # nothing more is begun

    @property
    def pending_count(self) -> int:
        """Records taken that are not in work; of those that wait only the ones whose messages are not there yet."""
        return len(self._ready) + self._behind_count + self._waiting.counts[REQUESTS_TOPIC]

    @property
    def working_count(self) -> int:
        return len(self._behind)

    def waiting_count(self, topic: str) -> int:
        return self._waiting.counts[topic]

    def put(self, work: Work) -> None:
        """Take a chunk. Never blocks: who fetches looks at the counts."""
        now_ms = self._clock_ms()
        for record in work.records:
            item = _item(record, work)
            if item.due_ms <= now_ms:
                self._ready.append(item)
            elif self._newest.takes(item):
                self._waiting.put(item.due_ms, work.topic, item)
            else:
                self._ready.append(item._replace(stale=True))
        self._stats.records += len(work.records)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Raises: whatever is a bug."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                self._ready.extend(self._waiting.take_due(self._clock_ms()))
                while self._ready and not self.draining:
                    await self._start(group, self._ready.popleft())
                await self._sleep()

    async def _start(self, group: asyncio.TaskGroup, item: Item) -> None:
        if item.user in self._behind:
            self._behind[item.user].append(item)
            self._behind_count += 1
            return
        await self._places.acquire()
        self._behind[item.user] = deque()
        # not in the task's own end: one that is cancelled before its first step has none
        group.create_task(self._work(item)).add_done_callback(lambda _: self._places.release())

    async def _sleep(self) -> None:
        next_ms = self._waiting.next_ms
        wait_s = IDLE_S if next_ms is None else min(IDLE_S, max(0.001, (next_ms - self._clock_ms()) / 1000))
        timer = asyncio.get_running_loop().call_later(wait_s, self._wake.set)
        await self._wake.wait()
        timer.cancel()

    async def _work(self, item: Item) -> None:
        try:
            while True:
                await self._settle(item)
                behind = self._behind[item.user]
                if not behind or self.draining:
                    break
                item = behind.popleft()
                self._behind_count -= 1
        finally:
            self._behind_count -= len(self._behind.pop(item.user))

    async def _settle(self, item: Item) -> None:
        """Do the record; afterwards it is settled, or waits on the heap."""
        try:
            if not item.stale and self._newest.is_newest(item):
                await self._handle(item)
        except NotProjected:
            now_ms = self._clock_ms()
            again = item._replace(since_ms=item.since_ms or now_ms)
            self._waiting.put(now_ms + self._handling.projection_look_ms, item.work.topic, again)
            self._wake.set()
            return
        self._newest.settled(item)
        item.work.left -= 1
        if not item.work.left:
            self._stats.acked_chunks += 1
            await item.work.ack()

    async def _handle(self, item: Item) -> None:
        try:
            record = _decoded(item.record)
        except Undecodable as exc:
            await self._bury(item.record, exc.reason)
            return
        self._stats.dead_letters_in_a_row = 0
        match record:
            case PushRequested():
                await self._handling.request(record, item.since_ms)
            case PushRetrying():
                await self._handling.retry(record, item.since_ms)
            case PushCancelled():
                await self._handling.cancel(record)
            case WriterChanged():
                pass

    async def _bury(self, record: Record, reason: str) -> None:
        logger.warning("poison record", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)
        self._stats.dead_letters += 1
        self._stats.dead_letters_in_a_row += 1
        if self._stats.dead_letters_in_a_row >= self._dead_letters_row_limit:
            raise TooManyDeadLetters(f"{record.topic}-{record.partition}: {self._dead_letters_row_limit} records in a row")
        await self._writing.publish(DEAD_LETTERS_TOPIC, 0, [dead_letter(record, reason, CONSUMER, self._clock_ms())])


def _decoded(record: Record) -> PushRequested | PushCancelled | WriterChanged | PushRetrying:
    if record.topic == REQUESTS_TOPIC:
        return codec.decode(record.value, PushRequested | PushCancelled | WriterChanged)  # type: ignore[arg-type, no-any-return]
    return codec.decode(record.value, PushRetrying)


def _item(record: Record, work: Work) -> Item:
    """A retry record with its time; what cannot be understood is looked at now."""
    if record.topic == REQUESTS_TOPIC:
        return Item(record, work)
    try:
        retry = codec.decode(record.value, PushRetrying)
        return Item(record, work, 0, bytes.fromhex(retry.send_key), retry.not_before_ms)
    except (Undecodable, ValueError):
        return Item(record, work)
