"""Entries of one producer to one partition, in order, as whole record batches: the only place that calls aiokafka's `send_batch`.

Called by `log.kafka` for plain and fenced appends.
Rule 1: one pump per lane, because overlapping `send_batch` calls to one partition are not first in first out in aiokafka and time out.
Rule 2: every waiting call is answered.
Rule 3: after a failure nothing more is sent: a burnt sequence number makes the broker refuse all that follows: the producer is replaced.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from log.errors import Fenced, LogError, LogUnavailable
from log.port import Entry

COALESCE_BYTES_MAX = 512 * 1024  # calls that wait together share a batch up to this size


@dataclass(slots=True)
class Waiting:
    """One call: its entries, which go into one batch, and who waits for the first offset."""

    entries: Sequence[Entry]
    size_bytes: int
    answer: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lane:
    def __init__(
        self, producer: AIOKafkaProducer, writer_id: str, topic: str, partition: int, on_broken: Callable[[LogError], None]
    ) -> None:
        self._producer = producer
        self._writer_id = writer_id
        self._topic = topic
        self._partition = partition
        self._on_broken = on_broken
        self._waiting: deque[Waiting] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._broken: LogError | None = None

    def submit(self, entries: Sequence[Entry], size_bytes: int) -> "asyncio.Future[int]":
        """The future first offset of the entries, which go out in one batch after everything submitted before."""
        call = Waiting(entries, size_bytes)
        if self._broken is not None:
            call.answer.set_exception(self._broken)
            return call.answer
        self._waiting.append(call)
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run(), name=f"lane {self._topic}-{self._partition}")
        return call.answer

    def fail(self, error: LogError) -> None:
        """Answer everything that waits with the error, and everything that comes."""
        if self._broken is not None:
            return
        self._broken = error
        while self._waiting:
            _refuse(self._waiting.popleft(), error)
        self._on_broken(error)

    async def _run(self) -> None:
        while self._waiting and self._broken is None:
            calls = self._take()
            try:
                sent = await self._producer.send_batch(self._built(calls), self._topic, partition=self._partition)
            except (KafkaError, OSError) as exc:
                self._refuse(calls, self._translated(exc))
                break
            except BaseException as exc:  # a bug or a cancel: nobody may wait for ever because of it
                self._refuse(calls, self._translated(exc))
                raise
            sent.add_done_callback(lambda done, calls=calls: self._answer(done, calls))
        self._pump = None

    def _built(self, calls: list[Waiting]) -> Any:
        builder = self._producer.create_batch()
        for call in calls:
            for entry in call.entries:
                builder.append(timestamp=entry.timestamp_ms, key=entry.key, value=entry.value, headers=list(entry.headers))
        builder.close()
        return builder

    def _refuse(self, calls: list[Waiting], error: LogError) -> None:
        for call in calls:
            _refuse(call, error)
        self.fail(error)

    def _take(self) -> list[Waiting]:
        calls = [self._waiting.popleft()]
        room = COALESCE_BYTES_MAX - calls[0].size_bytes
        while self._waiting and self._waiting[0].size_bytes <= room:
            calls.append(self._waiting.popleft())
            room -= calls[-1].size_bytes
        return calls

    def _answer(self, done: "asyncio.Future[object]", calls: list[Waiting]) -> None:
        error = _failure(done)
        if error is not None:
            self._refuse(calls, self._translated(error))
            return
        offset = getattr(done.result(), "offset", -1)
        for call in calls:
            if offset < 0:
                # The broker knows the batch as a duplicate but not where it is: it is there, but we cannot say at which offset.
                _refuse(call, LogUnavailable(f"{self._topic}-{self._partition}: appended at an unknown offset"))
                continue
            if not call.answer.done():
                call.answer.set_result(offset)
            offset += len(call.entries)

    def _translated(self, error: BaseException) -> LogError:
        if isinstance(error, ProducerFenced):
            return Fenced(self._writer_id)
        return LogUnavailable(f"{self._topic}-{self._partition}: {type(error).__name__}: {error}")


def _failure(done: "asyncio.Future[object]") -> BaseException | None:
    return asyncio.CancelledError() if done.cancelled() else done.exception()


def _refuse(call: Waiting, error: LogError) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
        call.answer.exception()  # a caller that timed out does not ask; that is no "never retrieved"
