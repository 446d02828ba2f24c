"""`warbler verify calls`: the topic call-events, folded, against every record of a call in it and the rows of ended calls.

Called by `ops/verify.py`. A record is compared with what its call's events come to; the rows with the records, once the projector is at the
end of what was folded. What ends meanwhile is folded further and read again, so that it is never taken for a difference.
Rows of users that were deleted are gone, and are not expected.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from log.port import Log, Record
from ops.reading import records_between
from ops.verify_compare import DIFFERENCES_LIMIT, ROUNDS_LIMIT
from rtc.record import CallRecord, call_record, fold_record
from schemas import call_events as events
from schemas.records import DeadLetter
from store import cql_calls as cql
from store.accounts import Accounts
from store.call_rows import TABLES, CallPlace, rows_of
from store.cassandra import Store
from store.timelines import Timelines
from streams.timelines.calls import CALL_EVENTS_TOPIC, read_call_event, row_of

PROGRESS_POLL_S = 0.1
Rows = dict[CallPlace, bytes]


@dataclass(slots=True)
class CallsReport:
    """`counts`: table -> rows by the log, rows in Cassandra. `differences`: the first ones as lines. `open_count`: calls that go on."""

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    differences_count: int = 0
    unsure: list[str] = field(default_factory=list)
    events_count: int = 0
    records_count: int = 0
    open_count: int = 0
    damaged_count: int = 0

    def differ(self, line: str) -> None:
        self.differences_count += 1
        if len(self.differences) < DIFFERENCES_LIMIT:
            self.differences.append(line)


class CallsFolded:
    """What a log of calls comes to. Shape: each conversation's events in their order."""

    def __init__(self, report: CallsReport) -> None:
        self.report = report
        self.rows: Rows = {}
        self._live: dict[tuple[str, str], CallRecord] = {}  # by conversation and call

    def take(self, record: Record) -> None:
        event = read_call_event(record)
        if event is None:
            return
        if isinstance(event, DeadLetter):
            self.report.damaged_count += 1
            return
        self.report.events_count += 1
        key = (event.conversation_id, event.call_id)
        if isinstance(event, events.CallRecorded):
            self._recorded(event, self._live.pop(key, None))
        elif key in self._live or isinstance(event, events.CallRequested):
            self._live[key] = fold_record(self._live.get(key), event)
        else:
            self.report.differ(f"{event.event_id}: the call {event.call_id} has ended, or never began")
        self.report.open_count = len(self._live)

    def _recorded(self, event: events.CallRecorded, folded: CallRecord | None) -> None:
        self.report.records_count += 1
        if folded != call_record(event):
            self.report.differ(f"{event.event_id}: by its events {folded}, recorded {event}")
        self.rows |= rows_of(row_of(event))


class CallsVerifier:
    def __init__(self, log: Log, store: Store, wait_s: float) -> None:
        self._log, self._store, self._wait_s = log, store, wait_s
        self._at: dict[int, int] = {}
        self.report = CallsReport()
        self._folded = CallsFolded(self.report)

    async def run(self) -> CallsReport:
        """Compare everything. Raises: LogError, StoreUnavailable. Blocks: as long as it takes; reads only."""
        differing: set[CallPlace] = set()
        expected: Rows = {}
        found: Rows = {}
        for number in range(ROUNDS_LIMIT):
            before = dict(self._at)
            await self._fold()
            if number and self._at == before:
                break  # nothing came since: what differs, differs
            if not await self._projected():
                return self.report
            found, expected = await self._found(), self._folded.rows
            differing = {place for place in expected.keys() | found.keys() if expected.get(place) != found.get(place)}
            differing -= await self._erased(differing, found)
            if not differing:
                break
        for table in TABLES:
            self.report.counts[table] = (_count(expected, table), _count(found, table))
        for place in sorted(differing):
            self.report.differ(
                f"{place.table} {place.owner} {place.call_id}: {_said(expected, place)} by the log, {_said(found, place)} there"
            )
        return self.report

    async def _fold(self) -> None:
        for partition in range(await self._log.partitions_count(CALL_EVENTS_TOPIC)):
            offset = self._at.get(partition)
            if offset is None:
                offset = await self._log.start_offset(CALL_EVENTS_TOPIC, partition)
            end = await self._log.end_offset(CALL_EVENTS_TOPIC, partition)
            async for record in records_between(self._log, CALL_EVENTS_TOPIC, partition, offset, end):
                self._folded.take(record)
            self._at[partition] = max(offset, end)

    async def _projected(self) -> bool:
        """Whether the projector came to what was folded in time; if not, the report says how far it is."""
        deadline, timelines = time.monotonic() + self._wait_s, Timelines(self._store)
        while True:
            progress = await timelines.progress(CALL_EVENTS_TOPIC)
            behind = sorted(partition for partition, end in self._at.items() if end > progress.get(partition, 0))
            if not behind:
                return True
            if time.monotonic() > deadline:
                self.report.unsure.append(f"the projector has not come to the end of {CALL_EVENTS_TOPIC}: partitions {behind}")
                return False
            await asyncio.sleep(PROGRESS_POLL_S)

    async def _found(self) -> Rows:
        rows: Rows = {}
        for table, statement in cql.ALL.items():
            async for page in self._store.scan(statement):
                rows |= {CallPlace(table, owner, month, at_ms, call): value for owner, month, at_ms, call, value in page}
        return rows

    async def _erased(self, differing: Iterable[CallPlace], found: Rows) -> set[CallPlace]:
        """Those that are missing because their user was deleted."""
        missing = {place for place in differing if place.table == "calls_by_user" and place not in found}
        states = await Accounts(self._store).states_of({place.owner for place in missing})
        return {place for place in missing if place.owner in states and states[place.owner].state == "deleted"}


def _count(rows: Mapping[CallPlace, bytes], table: str) -> int:
    return sum(place.table == table for place in rows)


def _said(rows: Rows, place: CallPlace) -> str:
    return f"{len(rows[place])} bytes" if place in rows else "nothing"
