"""One partition of users at work: sessions and notifications in, presence, pushes and redeliveries out. Shell around `users`.

One loop of three steps: take what has come, perform what is due, save and ack. Rules, each a promise's ground:
Rule 1: a chunk of notifications is acked when each in it is settled or saved; a chunk of sessions at once, a successor folds them all.
Rule 2: a push is asked for before it is saved that it was: a crash in between asks twice, under the same id, and never not at all.
Rule 3: that a redelivery was asked for is saved before it is asked: so a fenced predecessor asks for none, and a lost one is made good
by the next step. Rule 4: `Fenced` means that the partition has another owner: it ends the lane, and the process
unless the partition is taken from us meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import LogUnavailable
from log.limits import batch_bytes_limit, split
from log.port import Entry, Log, Record
from schemas import codec
from schemas.errors import Undecodable
from schemas.notices import PushCancelled, PushRequested
from schemas.partition import partition_of
from schemas.records import PresenceChanged, RedeliveryAsked
from streams.inbox.limits import InboxLimits
from streams.inbox.rows import PresenceRows, PresenceTable
from streams.inbox.stats import InboxStats
from streams.inbox.takeover import (
    CONSUMER,
    NOTIFICATIONS_TOPIC,
    PRESENCE_TOPIC,
    PUSH_REQUESTS_TOPIC,
    SESSIONS_TOPIC,
    SIGNALS_TOPIC,
    STATE_TOPIC,
    Taken,
    control_entry,
    read_session,
    take_over,
)
from streams.inbox.users import Users
from streams.settings import StreamsSettings

QUEUED_CHUNKS_MAX = 64
TURN_CHUNKS_MAX = 16
HELD_BYTES_MAX = 16_384  # of records, after which others get the loop: they name some 500 users, each of whom costs time, not its record
RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
IDLE_MS = 1_000
QUIET_MS = 1_000  # after the consumer is at the end, what it has fetched is handed over within this

logger = structlog.get_logger("streams.inbox")

Position = Callable[[str, int], int | None]  # what the consumer would fetch next of a topic's partition


@dataclass(slots=True)
class Work:
    """A chunk of one topic and how to say that it is done. `generation`: of the users when it was taken."""

    topic: str
    records: Sequence[Record]
    ack: Callable[[], Awaitable[Any]]
    generation: int = 0

    @property
    def next_offset(self) -> int:
        return self.records[-1].offset + 1


class Lane:
    def __init__(
        self,
        log: Log,
        table: PresenceTable,
        number: int,
        partitions_count: int,
        settings: StreamsSettings,
        limits: InboxLimits,
        clock_ms: Callable[[], int],
        position: Position,
        stats: InboxStats,
    ) -> None:
        self._log = log
        self._rows = PresenceRows(table)
        self.number = number
        self._partitions_count = partitions_count
        self._settings = settings
        self._limits = limits
        self._clock_ms = clock_ms
        self._position = position
        self._stats = stats
        self._taken: Taken | None = None
        self._queue: deque[Work] = deque()
        self._unacked: deque[Work] = deque()
        self._notifications_next = 0
        self._ended = False
        self._put_ms = 0
        self._save_ms = 0
        self._fenced_ms = 0  # when the log last took something from us
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def writer_id(self) -> str:
        return f"warbler-inbox-{self.number}"

    @property
    def ready(self) -> bool:
        return self._taken is not None

    @property
    def waiting_count(self) -> int:
        return len(self._queue)

    @property
    def users_count(self) -> int:
        return len(self._taken.users) if self._taken is not None else 0

    @property
    def pending_count(self) -> int:
        return self._taken.users.pending_count if self._taken is not None else 0

    async def put(self, work: Work) -> None:
        """Queue a chunk. Blocks while the queue is full; one for a lane that has ended is dropped, it comes again where it belongs."""
        while len(self._queue) >= QUEUED_CHUNKS_MAX and not self._ended:
            self._room.clear()
            await self._room.wait()
        self._queue.append(work)
        self._put_ms = self._clock_ms()
        self._wake.set()

    async def run(self) -> None:
        """Own the partition until cancelled. Raises: Fenced, and whatever is a bug."""
        retry_s = RETRY_S_MIN
        try:
            while True:
                try:
                    await self._begin()
                    retry_s = RETRY_S_MIN
                    await self._serve()
                    logger.info("the writer is due for renewal", partition=self.number)
                except LogUnavailable as exc:
                    logger.warning("the log did not answer, taking over anew", partition=self.number, error=str(exc), retry_s=retry_s)
                await self._abandon()
                await asyncio.sleep(retry_s)
                retry_s = min(RETRY_S_MAX, retry_s * 2)
        finally:
            self._ended = True
            self._room.set()
            await self._abandon()

    async def _begin(self) -> None:
        users = Users(self._limits)
        self._taken = await take_over(self._log, users, self.number, self.writer_id, self._settings.node, self._clock_ms)
        self._stats.take_overs += 1
        self._notifications_next = 0
        self._put_ms = self._save_ms = self._fenced_ms = self._clock_ms()

    async def _abandon(self) -> None:
        """Throw the state away; what was not acked waits to be taken again, in order."""
        taken, self._taken = self._taken, None
        self._queue.extendleft(reversed(self._unacked))
        self._unacked.clear()
        self._rows.clear()
        self._wake.set()
        if taken is not None:
            await taken.writer.close()

    async def _serve(self) -> None:
        """Until the writer has to be renewed."""
        taken = self._taken
        assert taken is not None
        while self._clock_ms() - taken.opened_ms < self._settings.writer_renew_ms:
            self._wake.clear()
            await self._take(taken)
            now_ms = self._clock_ms()
            if taken.users.holding and self._caught_up(taken, now_ms):
                taken.users.release(now_ms)
            taken.users.due(now_ms)
            await self._perform(taken, now_ms)
            await self._save(taken, now_ms)
            await self._ack(taken.users)
            if not self._queue:
                await self._sleep(taken.users, self._clock_ms())

    async def _sleep(self, users: Users, now_ms: int) -> None:
        """Wait for a chunk, for the next deadline, or for the next save."""
        moments = [now_ms + IDLE_MS, self._rows.due_ms, users.next_ms]
        if self._unacked or users.oldest_unsaved is not None:
            moments.append(self._save_ms + self._settings.inbox_save_ms)
        until_ms = min(moment for moment in moments if moment is not None)
        timer = asyncio.get_running_loop().call_later(max(0.001, (until_ms - now_ms) / 1000), self._wake.set)
        await self._wake.wait()
        timer.cancel()

    # ---- take

    async def _take(self, taken: Taken) -> None:
        """Fold what has come, and let others have the loop now and then: else heartbeats and the answer that we are alive come too late."""
        poison: list[Entry] = []
        held_bytes = 0
        for _ in range(min(TURN_CHUNKS_MAX, len(self._queue))):
            work = self._queue.popleft()
            self._unacked.append(work)  # before anything can fail: it must be taken again then
            work.generation = taken.users.generation
            now_ms = self._clock_ms()
            for record in work.records:
                if work.topic == SESSIONS_TOPIC:
                    self._session(taken, record, now_ms)
                elif (letter := self._notification(taken, record, now_ms)) is not None:
                    poison.append(letter)
                held_bytes += len(record.value or b"")
                if held_bytes >= HELD_BYTES_MAX:
                    held_bytes = 0
                    await asyncio.sleep(0)
            if work.topic == NOTIFICATIONS_TOPIC:
                self._notifications_next = work.next_offset
            self._stats.records += len(work.records)
        self._room.set()
        if poison:
            self._stats.dead_letters += len(poison)
            await self._log.publish(DEAD_LETTERS_TOPIC, 0, poison)

    def _session(self, taken: Taken, record: Record, now_ms: int) -> None:
        if record.offset < taken.sessions_next:
            return  # folded at the take-over; again, and out of its order, it would bring a closed session back
        event = read_session(record)
        if event is not None:
            taken.users.on_session(event, now_ms)

    def _notification(self, taken: Taken, record: Record, now_ms: int) -> Entry | None:
        """The dead letter, if it cannot be understood."""
        try:
            notification = codec.decode_notification(record.value)
        except Undecodable as exc:
            logger.warning("poison record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
            return dead_letter(record, exc.reason, CONSUMER, now_ms)
        taken.users.on_notification(notification, now_ms)
        return None

    def _caught_up(self, taken: Taken, now_ms: int) -> bool:
        """Whether every notification that was there at the take-over has been taken, or is behind what was committed."""
        if self._notifications_next >= taken.notifications_end:
            return True
        position = self._position(NOTIFICATIONS_TOPIC, self.number)
        return position is not None and position >= taken.notifications_end and not self._queue and now_ms - self._put_ms >= QUIET_MS

    # ---- perform

    async def _perform(self, taken: Taken, now_ms: int) -> None:
        pushes: list[Entry] = []
        redeliveries: list[RedeliveryAsked] = []
        for effect in taken.users.take_effects():
            match effect:
                case PresenceChanged():
                    self._rows.add(effect)
                case PushRequested() | PushCancelled():
                    pushes.append(Entry(effect.user.encode(), codec.encode(PUSH_REQUESTS_TOPIC, effect), effect.at_ms))
                    self._stats.pushes += isinstance(effect, PushRequested)
                    self._stats.cancelled += isinstance(effect, PushCancelled)
                case RedeliveryAsked():
                    redeliveries.append(effect)
                case _:
                    assert_never(effect)
        await self._append(taken, PUSH_REQUESTS_TOPIC, pushes)
        if redeliveries:
            await self._save_users(taken, list(dict.fromkeys(each.user for each in redeliveries)), now_ms)
            await self._ask(redeliveries)
        await self._show(taken, now_ms)

    async def _ask(self, redeliveries: list[RedeliveryAsked]) -> None:
        """Ask the edges. Placed by conversation, as all signals are."""
        by_partition: dict[int, list[Entry]] = {}
        for asked in redeliveries:
            key = asked.conversation_id.encode()
            entry = Entry(key, codec.encode(SIGNALS_TOPIC, asked), asked.at_ms)
            by_partition.setdefault(partition_of(key, self._partitions_count), []).append(entry)
        for partition, entries in by_partition.items():
            await self._log.publish(SIGNALS_TOPIC, partition, entries)
        self._stats.redeliveries += len(redeliveries)

    async def _show(self, taken: Taken, now_ms: int) -> None:
        """Write the presences that changed: rows first, so that who reads a row and then follows the topic misses none."""
        if not self._rows.due(now_ms):
            return
        await self._prove(taken)
        written = await self._rows.write(now_ms)
        entries = [Entry(each.user.encode(), codec.encode(PRESENCE_TOPIC, each), each.at_ms) for each in written]
        await self._append(taken, PRESENCE_TOPIC, entries)
        self._stats.presence_changes += len(written)

    async def _prove(self, taken: Taken) -> None:
        """Cassandra has no fence: who may have slept asks the log whether the partition is still its own, before it writes rows."""
        now_ms = self._clock_ms()
        if 0 <= now_ms - self._fenced_ms < self._settings.session_timeout_ms / 2:
            return  # nobody gives a partition away that soon
        await self._append(taken, STATE_TOPIC, [control_entry(self.writer_id, self.number, self._settings.node, STATE_TOPIC, now_ms)])

    async def _append(self, taken: Taken, topic: str, entries: Sequence[Entry]) -> None:
        for part in split(entries, batch_bytes_limit(topic)):
            await taken.writer.append(topic, self.number, part)
            self._fenced_ms = self._clock_ms()

    # ---- save and ack

    async def _save(self, taken: Taken, now_ms: int) -> None:
        if 0 <= now_ms - self._save_ms < self._settings.inbox_save_ms:
            return
        self._save_ms = now_ms
        await self._save_users(taken, taken.users.unsaved(), now_ms)

    async def _save_users(self, taken: Taken, names: list[str], now_ms: int) -> None:
        entries = []
        for name in names:
            saved = taken.users.snapshot(name, now_ms)
            entries.append(Entry(name.encode(), codec.encode(STATE_TOPIC, saved) if saved is not None else None, now_ms))
        await self._append(taken, STATE_TOPIC, entries)
        taken.users.saved(names)
        self._stats.saves += len(names)

    async def _ack(self, users: Users) -> None:
        """Ack sessions, and notifications that are settled or saved. Presences that were not written yet are worked out anew."""
        oldest = users.oldest_unsaved
        kept: deque[Work] = deque()
        while self._unacked:
            work = self._unacked.popleft()
            if work.topic == NOTIFICATIONS_TOPIC and (kept or (oldest is not None and work.generation >= oldest)):
                kept.append(work)
            else:
                await work.ack()
        self._unacked = kept
