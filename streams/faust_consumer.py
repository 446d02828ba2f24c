"""Faust 0.15.3's consumer, made safe and fast. The only place that touches Faust and aiokafka below their public surface.

What it changes, each held by tests/streams/test_faust_pins.py or tests/real/test_faust_consumer.py:
Rule 1: a fetched chunk of records is ONE Faust event (4 us a record instead of 70).
Rule 2: only the contiguous acked prefix of what was handed out is committed; stock Faust is off by one and acks gaps it never saw.
Rule 3: everything runs on the application's own event loop; stock Faust drives its consumer from a second thread with a slow loop.
Rule 4: fetch wait and size are the application's choice; stock Faust waits up to 1.5 s.
Rule 5: a failed commit is tried again with the next one; stock Faust ends the process.
Rule 6: partitions are assigned only once the cluster's metadata has every topic. Stock aiokafka, when Kafka goes away while a group forms,
assigns nothing, and a named member then gets that nothing back from the broker for ever.
Rule 7: partitions can be held back: between two fetches, so that all of what was fetched is handed over. A pause of stock Faust amid
a fetch drops the rest of it, and commits beyond it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from mode.services import Service
from mode.utils.futures import maybe_async

import log.kafka_connection  # noqa: F401  uvloop and aiokafka on a closed connection
from log.port import Record

CHUNK_RECORDS_MAX = 500
METADATA_RETRY_S = 0.5

logger = structlog.get_logger("streams.consumer")


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How long a fetch may wait for how many bytes: 1 byte for latency, many for throughput."""

    wait_ms: int = 500
    bytes_min: int = 1


class Chunk(Sequence[Record]):
    """Consecutive records of one partition, oldest first, and whether their effect is done."""

    __slots__ = ("acked", "next_offset", "records")

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.next_offset = records[-1].offset + 1
        self.acked = False

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


class ChunkRecord:
    """What Faust takes for one aiokafka record: `value` is the chunk, `offset` its last one's."""

    checksum = None
    key = None
    headers = ()
    serialized_key_size = serialized_value_size = 0

    def __init__(self, rows: list[Any]) -> None:
        last = rows[-1]
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.value = Chunk([Record(row.topic, row.partition, row.offset, row.timestamp, row.key, row.value, row.headers) for row in rows])


class Delivered:
    """Per partition: the chunks handed out and not yet committed, in order. Pure."""

    def __init__(self) -> None:
        self._chunks: dict[Any, deque[Chunk]] = defaultdict(deque)
        self._next: dict[Any, int] = {}

    def hand_out(self, place: Any, chunk: Chunk) -> None:
        self._chunks[place].append(chunk)

    def committable(self) -> dict[Any, int]:
        """Per partition the offset after the contiguous acked prefix, where it is known and not yet settled."""
        for place, chunks in self._chunks.items():
            while chunks and chunks[0].acked:
                self._next[place] = chunks.popleft().next_offset
        return dict(self._next)

    def settled(self, offsets: Mapping[Any, int]) -> None:
        """These offsets were committed."""
        for place, offset in offsets.items():
            if self._next.get(place) == offset:
                del self._next[place]

    def forget(self, places: set[Any] | None = None) -> None:
        """The partitions (None: all) are fetched anew from their committed offset; late acks of old chunks mean nothing any more."""
        for place in list(self._chunks) if places is None else places:
            self._chunks.pop(place, None)
            self._next.pop(place, None)


class InlineConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer "thread" without a thread: the same calls, awaited on the application's loop."""

    fetch = FetchSettings()
    wait_for_shutdown = False

    def __init__(self, consumer: Any, *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, **kwargs)

    async def start(self) -> None:
        self._thread_started.set()
        await Service.start(self)

    async def on_start(self) -> None:
        await super().on_start()
        coordinator: Any = self._ensure_consumer()._coordinator
        if hasattr(coordinator, "_perform_assignment"):  # not without a group
            coordinator._perform_assignment = assigning_what_is_known(coordinator)

    async def stop(self) -> None:
        if self._started.is_set():
            await Service.stop(self)

    async def on_stop(self) -> None:
        coordinator: Any = getattr(self._consumer, "_coordinator", None)
        if coordinator is not None:
            # A named member does not leave its group when it stops, so that its restart finds its partitions again. We stop in order only
            # when we are told to, and then somebody else should have them at once and not after the session's end.
            coordinator._group_instance_id = None
        await self.on_thread_stop()

    async def crash(self, reason: BaseException) -> None:
        await Service.crash(self, reason)

    def _stopped_set(self) -> None:
        self._stopped.set()

    def set_shutdown(self) -> None:
        self._shutdown.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        return await maybe_async(fun(*args, **kwargs))

    async def cast_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> None:
        await maybe_async(fun(*args, **kwargs))

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        await self.consumer.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        await self.consumer.on_partitions_assigned(assigned, generation_id)

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.fetch.wait_ms
        consumer._fetch_min_bytes = self.fetch.bytes_min
        return consumer

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        assigned = self.assignment()
        ours = {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in offsets.items() if place in assigned}
        if not ours:
            return False
        try:
            await self._ensure_consumer().commit(ours)
        except KafkaError as exc:  # not lost: the next commit carries these offsets too
            logger.warning("commit failed, will be tried again", error=repr(exc))
            return False
        return True


class ChunkedConsumer(driver.Consumer):  # type: ignore[misc]
    fetch = FetchSettings()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delivered = Delivered()
        self._held: frozenset[tuple[str, int]] = frozenset()
        self.progress = 0  # polls that ended, with or without records: proves that the consumer lives
        deliver: Callable[[Any], Awaitable[None]] = self.callback

        async def remember_and_deliver(message: Any) -> None:
            self.delivered.hand_out(message.tp, message.value)
            await deliver(message)

        self.callback: Callable[[Any], Awaitable[None]] = remember_and_deliver

    def _new_consumer_thread(self) -> InlineConsumerThread:
        thread = InlineConsumerThread(self, loop=self.loop, beacon=self.beacon)
        thread.fetch = self.fetch
        return thread

    def hold(self, places: frozenset[tuple[str, int]]) -> None:
        """From the next fetch on nothing of these partitions is fetched, and of all others that are assigned."""
        self._held = places

    def _apply_hold(self) -> None:
        wanted = {place for place in self.assignment() if (place.topic, place.partition) in self._held}
        if (ended := self._paused_partitions - wanted) & self.assignment():
            self.resume_partitions(ended & self.assignment())
        if wanted - self._paused_partitions:
            self.pause_partitions(wanted)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        self._apply_hold()
        fetched, active = await super()._wait_next_records(timeout)
        self.progress += 1
        if fetched:
            fetched = {place: _chunks(rows) for place, rows in fetched.items()}
        return fetched, active

    def ack(self, message: Any) -> bool:
        message.value.acked = True
        acked: bool = super().ack(message)
        return acked

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Stock Faust acks offsets it did not see; with chunks those are real records that were not acked."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit the contiguous acked prefix of every partition that is ours."""
        for place in self._acked:  # stock bookkeeping, which nobody reads any more
            self._acked[place].clear()
            self._acked_index[place].clear()
        offsets = self.delivered.committable()
        if not offsets or not await self._commit(offsets):
            return False
        self.delivered.settled(offsets)
        self._committed_offset.update(offsets)
        return True

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        await super().on_partitions_revoked(revoked)
        self.delivered.forget(revoked)

    async def perform_seek(self) -> None:
        self.delivered.forget()
        await super().perform_seek()

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Stock Faust guesses from sensors whether it hangs; our liveness is watched from outside (`log.liveness`)."""


def assigning_what_is_known(coordinator: Any) -> Callable[[Any], Awaitable[Any]]:
    """aiokafka's `_perform_assignment` of a group's leader, which waits until every subscribed topic has partitions.

    Blocks: until then, or until the coordinator closes; a group that has given the leader up meanwhile refuses what it then sends.
    """
    perform: Callable[[Any], Awaitable[Any]] = coordinator._perform_assignment

    async def perform_patiently(response: Any) -> Any:
        while True:
            assignments = await perform(response)
            missing = [topic for topic, partitions in coordinator._metadata_snapshot.items() if not partitions]
            if not missing or coordinator._closing.done():
                return assignments
            logger.warning("no metadata, nothing is assigned yet", topics=sorted(missing))
            await asyncio.sleep(METADATA_RETRY_S)
            await coordinator._client.force_metadata_update()

    return perform_patiently


def _chunks(rows: list[Any]) -> list[ChunkRecord]:
    return [ChunkRecord(rows[start : start + CHUNK_RECORDS_MAX]) for start in range(0, len(rows), CHUNK_RECORDS_MAX)]


def transport_for(fetch: FetchSettings) -> type[Any]:
    """A Faust transport whose consumers keep the rules above and fetch like this."""
    consumer = type("FetchingConsumer", (ChunkedConsumer,), {"fetch": fetch})
    return type("InlineTransport", (driver.Transport,), {"Consumer": consumer})
