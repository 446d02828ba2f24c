"""The projectors of one generation each of every projection, and the law that they leave no hole. Called by the role timelines, and by
`warbler rebuild` for a generation of its own.

Rule: before records are written to a generation, everything before them is in it. Where another process wrote on in another generation,
and this one comes back to partitions, what lies between is read from the log and written first; its dead letters were buried then.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from log.port import Log
from schemas.records import DeadLetter
from store.cassandra import Store
from store.generations import FIRST, OF_TOPIC, PROJECTIONS
from store.progress import generation_progress
from streams.accounts.projector import TOPICS as ACCOUNT_TOPICS
from streams.accounts.projector import AccountProjector
from streams.timelines.calls import CALL_EVENTS_TOPIC, CallProjector
from streams.timelines.patience import kept_trying
from streams.timelines.projector import TimelineProjector
from streams.timelines.rows import Record, ends_of

READ_RECORDS = 1_000

DeadLetters = Callable[[Sequence[DeadLetter]], Awaitable[None]]
_log = structlog.get_logger("streams.timelines")


class Projectors:
    """Those of one generation of each projection."""

    def __init__(self, store: Store, on_dead_letters: DeadLetters, clock_ms: Callable[[], int]) -> None:
        self._timelines = TimelineProjector(store, on_dead_letters)
        self._accounts = AccountProjector(store, on_dead_letters, clock_ms)
        self._calls = CallProjector(store, on_dead_letters)

    async def apply(self, records: Sequence[Record]) -> None:
        """As of each of them: durable when it returns, safe to repeat."""
        of_people = [record for record in records if record.topic in ACCOUNT_TOPICS]
        of_calls = [record for record in records if record.topic == CALL_EVENTS_TOPIC]
        if len(of_people) + len(of_calls) < len(records):
            await self._timelines.apply([record for record in records if record.topic not in (CALL_EVENTS_TOPIC, *ACCOUNT_TOPICS)])
        if of_people:
            await self._accounts.apply(of_people)
        if of_calls:
            await self._calls.apply(of_calls)


class Writing:
    """What the role timelines writes, in the generations that the pointers name. One call of `apply` at a time."""

    def __init__(self, log: Log, store: Store, on_dead_letters: DeadLetters, clock_ms: Callable[[], int]) -> None:
        self._log, self._store, self._on_dead_letters, self._clock_ms = log, store, on_dead_letters, clock_ms
        self._live: Mapping[str, int] = {}
        self._through: dict[tuple[str, int], int] = {}  # (topic, partition) -> what comes next in these generations
        self._known: object = None
        self._take_up()

    def _take_up(self) -> None:
        """The generations that the pointers name now. Between two calls, so that no chunk is written half here, half there."""
        live = {name: self._store.place.target_of(name) for name in PROJECTIONS}
        if live == self._live and self._known is self._store.place.known:
            return
        if live != self._live:
            self._through.clear()
        self._live, self._known = live, self._store.place.known
        view = self._store.at(live)
        self._now, self._filling = (Projectors(view, bury, self._clock_ms) for bury in (self._on_dead_letters, _buried_before))

    async def apply(self, records: Sequence[Record]) -> None:
        """On return the rows of all of them are durable, and of everything before them."""
        self._take_up()
        for place, offset in _firsts_of(records).items():
            if self._through.get(place) != offset:
                await self._fill(*place, offset)
        await self._now.apply(records)
        self._through |= ends_of(records)

    async def _fill(self, topic: str, partition: int, end: int) -> None:
        """What the generation lacks before `end`; nothing but one look at its progress, unless others wrote in another one."""
        generation = self._live.get(OF_TOPIC[topic], FIRST)
        at = 0

        async def look() -> None:
            nonlocal at
            at = (await generation_progress(self._store, topic, generation)).get(partition, 0)

        await kept_trying("timelines", look)
        at = max(at, await self._log.start_offset(topic, partition)) if at < end else end
        while at < end:
            found = await self._log.read(topic, partition, at, min(READ_RECORDS, end - at))
            part = [record for record in found if record.offset < end]
            if not part:
                return
            _log.info("timelines.filling", topic=topic, partition=partition, offset=at, up_to=end, generation=generation)
            await self._filling.apply(part)
            at = part[-1].offset + 1


def _firsts_of(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    firsts: dict[tuple[str, int], int] = {}
    for record in records:
        firsts.setdefault((record.topic, record.partition), record.offset)
    return firsts


async def _buried_before(letters: Sequence[DeadLetter]) -> None:
    _log.info("timelines.damaged_again", records=len(letters))
