"""One partition's owner at work: chunks of commands in, fenced appends and answers out, acks when all of it is in the log.

Shell around a partition's state (`port.Partition`). Rules, each a promise's ground:
Rule 1: an answer goes out only after every append before it succeeded: `repeated` acks an event, so the event must be kept.
Rule 2: an append goes out only after every answer before it: its header says that the commands before it were used.
Rule 3: a chunk is acked when all it caused is in the log. What failed is thrown away with the state, and taken over anew.
Rule 4: `Fenced` means that the partition has another owner: it leaves the lane, and the process ends.
Rule 5: what time brings is appended when every command is handled that was in the log at a moment after it was due: a command before it
may still change it, and whether a timer fires in time must make no difference to the log.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, assert_never

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import LogUnavailable
from log.limits import entries_bytes
from log.port import Entry, FencedWriter, Log, Record
from schemas.errors import WarblerError
from schemas.headers import read_command_header
from streams.owning.outcome import Answer, Append, Outcome, Poison, Skipped
from streams.owning.port import Owned, Partition, SnapshotCorrupt
from streams.owning.saver import Saver
from streams.owning.stats import OwnerStats
from streams.owning.takeover import Taken, announce, take_over
from streams.owning.waiting import unfinished, wait_all
from streams.settings import StreamsSettings

INBOX_CHUNKS_MAX = 64
UNSETTLED_CHUNKS_MAX = 16
EVENTS_BATCH_BYTES = 512 * 1024
READ_AHEAD_RECORDS = 500
RETRY_S_MIN, RETRY_S_MAX = 0.2, 5.0
IDLE_S = 1.0
DEAD_LETTERS_LOGGED = 5  # of those in a row; all are in the dead letters and counted

logger = structlog.get_logger("streams.owner")


class TooManyDeadLetters(WarblerError):
    """So many commands in a row were not understood that our decoder must be wrong; nothing more is dropped."""


@dataclass(slots=True)
class Work:
    """A chunk of commands and how to say that it is done; None where the lane read ahead, and will get them again to be acked."""

    records: list[Record]
    ack: Callable[[], Awaitable[Any]] | None
    pending: list["asyncio.Future[int]"] = field(default_factory=list)

    @property
    def next_offset(self) -> int:
        return self.records[-1].offset + 1


@dataclass(slots=True)
class Run:
    """Events that go out as one batch. `due`: the offset that the first of them has to get."""

    due: int
    entries: list[Entry] = field(default_factory=list)
    size_bytes: int = 0

    def takes(self, entries: tuple[Entry, ...]) -> bool:
        """Whether they fit; if so they are in. Events of one command stay together, so an empty run takes anything."""
        more_bytes = entries_bytes(entries)
        if self.entries and self.size_bytes + more_bytes > EVENTS_BATCH_BYTES:
            return False
        self.entries += entries
        self.size_bytes += more_bytes
        return True


class Lane:
    def __init__(
        self,
        log: Log,
        owned: Owned,
        fresh: Callable[[], Partition],
        number: int,
        settings: StreamsSettings,
        clock_ms: Callable[[], int],
        stats: OwnerStats,
    ) -> None:
        self._log = log
        self._owned = owned
        self._fresh = fresh
        self.number = number
        self._settings = settings
        self._clock_ms = clock_ms
        self._stats = stats
        self._taken: Taken | None = None
        self._trust_snapshots = True
        self._inbox: deque[Work] = deque()
        self._unsettled: deque[Work] = deque()
        self._appends: list[asyncio.Future[int]] = []
        self._answers: list[asyncio.Future[int]] = []
        self._saver: Saver | None = None
        self._commands_settled = 0
        self._dead_letters_row = 0
        self._asked: tuple[int, int] | None = None  # when something was due, and where the commands ended at that moment
        self._ended = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def writer_id(self) -> str:
        return f"{self._owned.group}-{self.number}"

    @property
    def ready(self) -> bool:
        return self._taken is not None

    @property
    def partition(self) -> Partition | None:
        """The state, while it is ours."""
        return self._taken.partition if self._taken is not None else None

    @property
    def waiting_count(self) -> int:
        return len(self._inbox) + len(self._unsettled)

    async def put(self, work: Work) -> None:
        """Queue a chunk. Blocks while the queue is full; one for a lane that has ended is dropped, it comes again where it belongs."""
        while len(self._inbox) >= INBOX_CHUNKS_MAX and not self._ended:
            self._room.clear()
            await self._room.wait()
        self._inbox.append(work)
        self._wake.set()

    async def run(self) -> None:
        """Own the partition until cancelled. Raises: Fenced, TooManyDeadLetters, and whatever is a bug."""
        retry_s = RETRY_S_MIN
        try:
            while True:
                try:
                    await self._begin()
                    retry_s = RETRY_S_MIN
                    await self._serve()
                except LogUnavailable as exc:
                    logger.warning(
                        "the log did not answer, taking over anew",
                        group=self._owned.group,
                        partition=self.number,
                        error=str(exc),
                        retry_s=retry_s,
                    )
                except SnapshotCorrupt as exc:
                    logger.error("folding the whole log", group=self._owned.group, partition=self.number, error=str(exc))
                    self._trust_snapshots = False
                await self._abandon()
                await asyncio.sleep(retry_s)
                retry_s = min(RETRY_S_MAX, retry_s * 2)
        finally:
            self._ended = True
            self._room.set()  # who waits to put something would wait for ever
            await self._abandon()

    async def _begin(self) -> None:
        self._taken = await take_over(
            self._log,
            self._owned,
            self._fresh,
            self.writer_id,
            self._settings.node,
            self._clock_ms,
            trust_snapshots=self._trust_snapshots,
        )
        self._stats.take_overs += 1
        self._trust_snapshots = True
        self._commands_settled = self._taken.partition.commands_next
        interval_ms = self._settings.checkpoint_interval_ms
        self._saver = Saver(
            self._taken.partition, self._owned.state, self._taken.state_next, interval_ms, self._clock_ms(), self._stats, self._wake.set
        )

    async def _abandon(self) -> None:
        """Throw the state away; what was not settled waits to be handled again, in order."""
        taken, self._taken = self._taken, None
        saver, self._saver = self._saver, None
        self._asked = None
        if saver is not None:
            saver.cancel()
        for future in (*self._appends, *self._answers):
            future.cancel()
        self._appends.clear()
        self._answers.clear()
        for work in self._unsettled:
            work.pending.clear()
        self._inbox.extendleft(reversed(self._unsettled))
        self._unsettled.clear()
        self._wake.set()
        if taken is not None:
            await taken.writer.close()

    async def _serve(self) -> None:
        taken, saver = self._taken, self._saver
        assert taken is not None
        assert saver is not None
        while True:
            self._wake.clear()
            await self._settle()
            saver.check()
            now_ms = self._clock_ms()
            saver.step(taken.writer, now_ms, self._commands_settled, self._appends)
            if now_ms - taken.opened_ms >= self._settings.writer_renew_ms:
                taken = await self._renewed(taken, saver)
            due_ms = taken.partition.due_ms
            if due_ms is not None and due_ms <= now_ms:
                await self._let_time_pass(taken.partition, taken.writer, now_ms)
            if self._inbox and len(self._unsettled) < UNSETTLED_CHUNKS_MAX:
                work = self._inbox.popleft()
                self._room.set()
                self._unsettled.append(work)  # before anything can fail: it must be handled again then
                await self._handle(taken, work)
                continue
            await self._sleep(self._idle_s(saver, taken.partition.due_ms, now_ms))

    @staticmethod
    def _idle_s(saver: Saver, due_ms: int | None, now_ms: int) -> float:
        until_ms = now_ms + IDLE_S * 1000 if saver.busy else saver.due_ms
        return max(0.001, (until_ms if due_ms is None else min(until_ms, due_ms)) / 1000 - now_ms / 1000)

    async def _sleep(self, timeout_s: float) -> None:
        """Wait for work, for something to settle, or for the next checkpoint."""
        timer = asyncio.get_running_loop().call_later(timeout_s, self._wake.set)
        await self._wake.wait()
        timer.cancel()

    async def _handle(self, taken: Taken, work: Work) -> None:
        """Decide every command of the chunk; runs of events become one append, answers keep their place between them."""
        now_ms = self._clock_ms()
        partition = taken.partition
        run = Run(partition.events_next)
        for record in work.records:
            due = partition.events_next
            outcome = partition.handle(record, now_ms)
            if isinstance(outcome, Append):
                self._stats.accepted += 1
                self._dead_letters_row = 0
                if not run.takes(outcome.entries):
                    await self._append(taken.writer, work, run)
                    run = Run(due)
                    run.takes(outcome.entries)
            elif not isinstance(outcome, Skipped):
                await self._append(taken.writer, work, run)
                run = Run(due)
                await self._answer(work, record, outcome)
        await self._append(taken.writer, work, run)

    async def _let_time_pass(self, partition: Partition, writer: FencedWriter, now_ms: int) -> None:
        """Append what is due, by rule 5; as long as commands are missing that Faust has not brought, read them here."""
        if self._asked is None:
            self._asked = (now_ms, await self._log.end_offset(self._owned.commands, self.number))
        asked_ms, end = self._asked
        if partition.commands_next < end and not self._inbox:
            # After a crash Faust may be further than the log says that we are, and would never bring what it believes to be handled.
            start = max(partition.commands_next, await self._log.start_offset(self._owned.commands, self.number))
            records = await self._log.read(self._owned.commands, self.number, start, READ_AHEAD_RECORDS) if start < end else []
            if records:
                self._inbox.append(Work(records, None))
                return
        elif partition.commands_next < end:
            return
        self._asked = None
        run = Run(partition.events_next)
        due = run.due
        for entries in partition.pass_time(asked_ms):
            if not run.takes(entries):
                await self._append(writer, None, run)
                run = Run(due)
                run.takes(entries)
            due = partition.events_next
            self._stats.timers += 1
        await self._append(writer, None, run)

    async def _append(self, writer: FencedWriter, work: Work | None, run: Run) -> None:
        if not run.entries:
            return
        await wait_all(self._answers)
        future = self._watched(self._append_at(run.due, writer, run.entries))
        self._appends.append(future)
        if work is not None:
            work.pending.append(future)

    async def _append_at(self, due: int, writer: FencedWriter, events: list[Entry]) -> int:
        """Raises: LogUnavailable, to take over anew, when the events are not where they were due.

        The only writer knows where it writes: anything else is a log that was replaced beneath it, and the state is of the old one.
        """
        offset = await writer.append(self._owned.events, self.number, events)
        if offset != due:
            raise LogUnavailable(f"offset {offset} is not {due}: the log was replaced, or somebody else appended")
        # By rule 2 all commands up to this one are done. A checkpoint that passed their events must say so, or they are decided again.
        used = read_command_header(events[-1].headers)
        self._commands_settled = max(self._commands_settled, used[0] + 1 if used is not None else 0)
        return offset

    async def _answer(self, work: Work, record: Record, outcome: Outcome) -> None:
        await wait_all(self._appends)
        match outcome:
            case Answer(entry=entry, refused=refused, receipt=receipt):
                self._dead_letters_row = 0
                self._stats.refused += refused
                self._stats.repeated += not refused
                publishing = self._reply(entry, receipt)
            case Poison(reason=reason):
                publishing = self._bury(record, reason)
            case Append() | Skipped():
                raise AssertionError("not an answer")
            case _:
                assert_never(outcome)
        future = self._watched(publishing)
        self._answers.append(future)
        work.pending.append(future)

    async def _reply(self, entry: Entry, receipt: Entry | None) -> int:
        if receipt is not None:  # acked means kept: the receipt first
            await self._log.publish(self._owned.receipts, self.number, [receipt])
        return await self._log.publish(self._owned.replies, self.number, [entry])

    def _bury(self, record: Record, reason: str) -> Coroutine[Any, Any, int]:
        self._stats.dead_letters += 1
        self._dead_letters_row += 1
        if self._dead_letters_row <= DEAD_LETTERS_LOGGED:
            logger.warning("poison record", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)
        if self._dead_letters_row > self._settings.dead_letters_row_limit:
            raise TooManyDeadLetters(f"{self._dead_letters_row} commands in a row, the last at offset {record.offset}: {reason}")
        return self._log.publish(DEAD_LETTERS_TOPIC, 0, [dead_letter(record, reason, self._owned.consumer, self._clock_ms())])

    def _watched(self, awaitable: Coroutine[Any, Any, int]) -> "asyncio.Future[int]":
        future = asyncio.ensure_future(awaitable)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: "asyncio.Future[int]") -> None:
        if not future.cancelled():
            future.exception()  # asked for again by whoever settles; this only says that somebody did
        self._wake.set()

    async def _settle(self) -> None:
        """Ack the chunks all of whose effects are in the log. Raises the first failure."""
        self._appends = unfinished(self._appends)
        self._answers = unfinished(self._answers)
        while self._unsettled and all(future.done() for future in self._unsettled[0].pending):
            work = self._unsettled[0]
            for future in work.pending:
                future.result()
            if work.ack is not None:
                await work.ack()
                self._stats.commands += len(work.records)
            self._unsettled.popleft()
            self._commands_settled = max(self._commands_settled, work.next_offset)

    async def _renewed(self, taken: Taken, saver: Saver) -> Taken:
        """The same state under a new epoch, if nobody appended in between. Raises: LogUnavailable to take over in full."""
        await wait_all(self._appends)
        await wait_all(self._answers)
        await saver.idle()
        now_ms = self._clock_ms()
        writer = await self._log.open_writer(self.writer_id)
        renewed = Taken(taken.partition, writer, now_ms, saver.state_next + 1)
        self._taken = renewed
        await taken.writer.close()
        fences = await announce(writer, self._owned, self.number, self._settings.node, now_ms)
        if fences != (taken.partition.events_next, saver.state_next):
            raise LogUnavailable(f"offsets {fences} are not {taken.partition.events_next}, {saver.state_next}: somebody else appended")
        taken.partition.events_next += 1
        saver.state_next += 1
        logger.info("writer renewed", group=self._owned.group, partition=self.number)
        return renewed
