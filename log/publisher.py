"""Records to the log, paced: the first at once, then at most one whole-batch request per partition every few ms.

Cost is per Kafka request (0.1-0.2 ms here and as much in the broker), so batching is the largest lever at load and costs nothing at rest.
What waits in one turn leaves as one request per partition; `log.kafka` keeps the order among several that are under way.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from log.port import Entry, Log
from schemas.errors import WarblerError
from schemas.partition import partition_of

LOGGER = structlog.get_logger()

Failed = Callable[[WarblerError], None]
Appended = Callable[[], None]
Offered = tuple[Entry, Failed | None, Appended | None]


class Publisher:
    """Raises nothing towards the caller: what could not be appended is answered through its `failed` callback.

    `took_ms` is told how long each request took.
    """

    def __init__(
        self, log: Log, interval_ms: int, bytes_limit: int, age_limit_ms: int, took_ms: Callable[[float], object] = lambda _: None
    ) -> None:
        self._took_ms = took_ms
        self._log, self._interval_s, self._bytes_limit = log, interval_ms / 1000, bytes_limit
        self._age_limit_s = age_limit_ms / 1000
        self._pending: dict[tuple[str, int], list[Offered]] = {}
        self._began: dict[tuple[str, int], deque[float]] = {}  # of the appends under way, oldest first
        self._partitions: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._fault: BaseException | None = None
        self.used_bytes = 0

    async def start(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            self._partitions[topic] = await self._log.partitions_count(topic)

    def partition(self, topic: str, key: bytes) -> int:
        return partition_of(key, self._partitions[topic])

    def offer(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        failed: Failed | None = None,
        appended: Appended | None = None,
        *,
        placed_by: bytes | None = None,
    ) -> bool:
        """False when the log does not keep up and the caller refuses.

        That is when `bytes_limit` is reached, or, of what somebody waits for (`failed`), when an append to the same partition
        has been under way for `age_limit_ms`. `placed_by`: what chooses the partition, where it is not the key.

        Delivery: in the order of the calls per key. `failed` is called if the append failed; it may still have happened. Else `appended`.
        """
        if self.used_bytes + len(value) > self._bytes_limit:
            return False
        place = (topic, partition_of(placed_by or key, self._partitions[topic]))
        if failed is not None and (began := self._began.get(place)) and time.monotonic() - began[0] > self._age_limit_s:
            return False
        self.used_bytes += len(value)
        self._pending.setdefault(place, []).append((Entry(key=key, value=value), failed, appended))
        self._wake.set()
        return True

    async def run(self) -> None:
        """Until `stop`; everything offered before has been answered then."""
        appends: set[asyncio.Task[None]] = set()
        while not (self._stopping and not self._pending):
            await self._wake.wait()
            self._wake.clear()
            pending, self._pending = self._pending, {}
            # not waited for: the log keeps the order per partition, and a partition whose broker is away holds up no other
            for (topic, partition), offers in pending.items():
                append = asyncio.create_task(self._append(topic, partition, offers))
                appends.add(append)
                append.add_done_callback(appends.discard)
                append.add_done_callback(self._note_fault)
            if self._fault is not None:
                raise self._fault
            if self._interval_s > 0 and not self._stopping:
                await asyncio.sleep(self._interval_s)
        await asyncio.gather(*appends)

    def _note_fault(self, append: asyncio.Task[None]) -> None:
        """A bug of ours must end the process, not a task nobody looks at."""
        if not append.cancelled() and (fault := append.exception()) is not None:
            self._fault = fault
            self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _append(self, topic: str, partition: int, offers: list[Offered]) -> None:
        began = time.monotonic()
        under_way = self._began.setdefault((topic, partition), deque())
        under_way.append(began)
        try:
            await self._log.publish(topic, partition, [entry for entry, _, _ in offers])
        except WarblerError as exc:
            LOGGER.warning("append failed", topic=topic, partition=partition, entries=len(offers), error=str(exc))
            for _, failed, _ in offers:
                if failed is not None:
                    failed(exc)
        else:
            for _, _, appended in offers:
                if appended is not None:
                    appended()
        finally:
            under_way.remove(began)
            self.used_bytes -= sum(len(entry.value or b"") for entry, _, _ in offers)
            self._took_ms((time.monotonic() - began) * 1000)
