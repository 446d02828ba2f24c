"""The registry's book kept from its topic, and the one way to change it: decide, append under a fence, wait until it comes back.

Called by `registry.app`. Any number of registries may run: each follows the topic, and who wants to write fences whoever wrote before.
"""

import asyncio
import os
from collections.abc import Callable

import structlog

from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.errors import Fenced, LogError
from log.port import Entry, FencedWriter, Log, Record
from registry.book import Book
from registry.changes import Change
from registry.errors import too_slow, unavailable
from schemas import codec
from schemas.errors import Undecodable
from schemas.records import WriterChanged
from schemas.subjects import SubjectRecord, SubjectSettings, SubjectVersion

TOPIC = "registry-subjects"
PARTITION = 0
WRITER = "registry"
TRIES = 5  # against other registries that write at the same time
WRITER_IDLE_LIMIT_MS = 3_600_000  # a broker forgets the producer of a partition that is not written to for a day

logger = structlog.get_logger("registry")


def key_of(record: SubjectRecord) -> bytes:
    """By which the topic is compacted: of each version and of each subject's settings the newest record is kept."""
    match record:
        case SubjectVersion():
            return f"version:{record.subject}:{record.version}".encode()
        case SubjectSettings():
            return f"settings:{record.subject}".encode()


class Keeper:
    """Rule: the book is changed by `run` alone, in the order of the log."""

    def __init__(self, log: Log, book: Book, clock_ms: Callable[[], int], change_timeout_ms: int, name: str = "") -> None:
        self.book = book
        self._log, self._clock_ms, self._timeout_s = log, clock_ms, change_timeout_ms / 1000
        self._name = name or f"registry-{os.getpid()}"
        self._next_offset = 0
        self._caught_up_at = -1  # the end of the topic when we started; -1: not asked yet
        self._moved = asyncio.Condition()
        self._changing = asyncio.Lock()
        self._writer: FencedWriter | None = None
        self._written_ms = 0
        self.records = 0

    @property
    def ready(self) -> bool:
        """Whether all that was there when we started is in the book."""
        return 0 <= self._caught_up_at <= self._next_offset

    async def wait_until_ready(self) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.ready)

    async def run(self) -> None:
        """Follow the topic for ever. Raises: LogError when it cannot be read any more."""
        start = await self._log.start_offset(TOPIC, PARTITION)
        self._next_offset = start
        async with self._moved:
            self._caught_up_at = await self._log.end_offset(TOPIC, PARTITION)
            self._moved.notify_all()
        async for batch in self._log.tail({(TOPIC, PARTITION): start}):
            for record in batch:
                await self._take(record)
            async with self._moved:
                self._next_offset = batch[-1].offset + 1
                self._moved.notify_all()

    async def _take(self, record: Record) -> None:
        self.records += 1
        try:
            self.book.apply(codec.decode_registry_record(record.value))
        except Undecodable as bad:
            logger.warning("poison record", offset=record.offset, reason=bad.reason)
            await self._log.publish(DEAD_LETTERS_TOPIC, 0, [dead_letter(record, bad.reason, "registry", self._clock_ms())])

    async def change(self, decide: Callable[[Book], Change]) -> object:
        """The answer, once the change is committed and in the book; what comes first is decided first.

        Raises: Refusal, of `decide` or because the log did not answer (50001, 50002: the outcome is unknown, sending it again is safe).
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._changing:
                for _ in range(TRIES):
                    try:
                        return await self._decided(decide)
                    except Fenced:
                        await self._drop_writer()
                raise unavailable("other registries write all the time")
        except TimeoutError:
            await self._drop_writer()
            raise too_slow() from None
        except LogError as exc:
            await self._drop_writer()
            raise unavailable(str(exc)) from exc

    async def _decided(self, decide: Callable[[Book], Change]) -> object:
        asked = decide(self.book)
        if not asked.records:  # nothing to write: what we know is enough
            return asked.answer
        now_ms = self._clock_ms()
        if now_ms - self._written_ms > WRITER_IDLE_LIMIT_MS:
            await self._drop_writer()
        if self._writer is None:
            self._writer = await self._take_over()
            asked = decide(self.book)
        if asked.records:
            self._written_ms = now_ms
            entries = [Entry(key_of(record), codec.encode(TOPIC, record), record.at_ms) for record in asked.records]
            await self._seen(await self._writer.append(TOPIC, PARTITION, entries) + len(entries))
        return asked.answer

    async def _take_over(self) -> FencedWriter:
        """A writer after whose first record nothing of another comes, and the book as it is there."""
        writer = await self._log.open_writer(WRITER)
        now_ms = self._clock_ms()
        fence = WriterChanged(partition=PARTITION, writer=self._name, at_ms=now_ms)
        try:
            await self._seen(await writer.append(TOPIC, PARTITION, [Entry(b"writer", codec.encode(TOPIC, fence), now_ms)]) + 1)
        except BaseException:  # whatever stopped it, the writer is ours to close
            await writer.close()
            raise
        return writer

    async def _seen(self, next_offset: int) -> None:
        """Wait until the book holds everything before this offset."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._next_offset >= next_offset)

    async def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def close(self) -> None:
        await self._drop_writer()
