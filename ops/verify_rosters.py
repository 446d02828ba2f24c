"""Compares the topic `rosters` with the tables of rosters, and conversation-events with the ties. Called by `ops/verify.py`.

Everything is folded first, and rows are read once the projector is at the end of what was folded; a row that changes meanwhile is folded
further and read again, so live traffic is never taken for a difference.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from log.port import Log, Record
from ops.reading import records_between
from ops.verify_compare import DIFFERENCES_LIMIT, ROUNDS_LIMIT, Say
from schemas import events
from schemas.accounts import RosterChanged, RosterNoted
from schemas.records import DeadLetter, WriterChanged
from store import cql
from store.cassandra import Store
from store.roster_rows import fold_joining, fold_roster, joining_of
from store.rosters import joining_row_of, roster_row_of, tie_row_of
from store.ties import NO_TIE, Tie, fold_tie
from store.timelines import Timelines
from streams.rosters.rows import ROSTERS_TOPIC, read_roster
from streams.timelines.rows import EVENTS_TOPIC, read_event

TABLES = ("rosters", "joinings", "ties")
POLL_S = 0.1

Rows = dict[tuple[str, ...], Any]  # the table's name and the row's key -> what it says


@dataclass(slots=True)
class RosterReport:
    """`rows`: table -> how many rows the log makes. `differences`: the first ones as lines. `unsure`: why something was not compared."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    differences: list[str] = field(default_factory=list)
    differences_count: int = 0
    unsure: list[str] = field(default_factory=list)
    damaged_count: int = 0

    def differ(self, line: str) -> None:
        self.differences_count += 1
        if len(self.differences) < DIFFERENCES_LIMIT:
            self.differences.append(line)


class RosterVerifier:
    def __init__(self, log: Log, store: Store, wait_s: float, say: Say) -> None:
        self._log, self._store, self._wait_s, self._say = log, store, wait_s, say
        self._timelines = Timelines(store)
        self._next: dict[tuple[str, int], int] = {}
        self._folded: Rows = {}
        self.report = RosterReport()

    async def run(self) -> RosterReport:
        """Compare everything. Raises: LogError, StoreUnavailable. Blocks: as long as it takes; reads only."""
        for topic in (ROSTERS_TOPIC, EVENTS_TOPIC):
            for partition in range(await self._log.partitions_count(topic)):
                self._next[topic, partition] = await self._log.start_offset(topic, partition)
        for _ in range(ROUNDS_LIMIT):
            await self._fold()
            if not await self._projected():
                return self.report
            found = await self._found()
            expected = {key: row for key, row in self._folded.items() if row != NO_TIE}
            differing = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
            settled = differing - await self._fold()  # what was touched meanwhile is looked at again
            if settled or not differing:
                break
        else:
            self.report.unsure.append(f"{len(differing)} rows kept changing, they were not compared")
        for key in sorted(settled):
            self.report.differ(_line(key, expected, found))
        for table in TABLES:
            self.report.rows[table] = sum(key[0] == table for key in expected)
        self._say(f"{len(expected)} rows by the log, {len(found)} in Cassandra")
        return self.report

    # ---- the log

    async def _fold(self) -> set[tuple[str, ...]]:
        """Fold on to the end; the rows that were touched."""
        touched: set[tuple[str, ...]] = set()
        for (topic, partition), offset in list(self._next.items()):
            end = await self._log.end_offset(topic, partition)
            async for record in records_between(self._log, topic, partition, offset, end):
                touched |= self._take_roster(record) if topic == ROSTERS_TOPIC else self._take_event(record)
            self._next[topic, partition] = max(offset, end)
        return touched

    def _take_roster(self, record: Record) -> set[tuple[str, ...]]:
        event = read_roster(record)
        if isinstance(event, str):
            self.report.damaged_count += 1
            return set()
        if isinstance(event, RosterChanged | RosterNoted):
            key: tuple[str, ...] = ("rosters", event.user, event.other)
            self._folded[key] = fold_roster(self._folded.get(key), event, record.offset + 1)
        else:
            key = ("joinings", event.user, joining_of(event).way, event.conversation_id)
            self._folded[key] = fold_joining(self._folded.get(key), event)
        return {key}

    def _take_event(self, record: Record) -> set[tuple[str, ...]]:
        event = read_event(record)
        if isinstance(event, DeadLetter | WriterChanged):
            self.report.damaged_count += isinstance(event, DeadLetter)
            return set()
        key = ("ties", event.conversation_id)
        before = self._folded.get(key, NO_TIE)
        # a message opens the conversation to strangers, which readers find in the events: the row does not say it
        after = before if isinstance(event, events.MessageSent) else row_tie(fold_tie(before, event))
        if after == before:
            return set()
        self._folded[key] = after
        return {key}

    async def _projected(self) -> bool:
        """Whether the projector came to what was folded in time; if not, the report says so."""
        deadline = time.monotonic() + self._wait_s
        while True:
            progress = {topic: await self._timelines.progress(topic) for topic in (ROSTERS_TOPIC, EVENTS_TOPIC)}
            behind = [place for place, end in self._next.items() if progress[place[0]].get(place[1], 0) < end]
            if not behind:
                return True
            if time.monotonic() >= deadline:
                self.report.unsure += [f"{topic}/{partition}: the projector is behind; not compared" for topic, partition in behind]
                return False
            await asyncio.sleep(POLL_S)

    # ---- Cassandra

    async def _found(self) -> Rows:
        found: Rows = {}
        async for rows in self._store.scan(cql.ROSTER_ROWS):
            for user, *cells in rows:
                row = roster_row_of(cells)
                found["rosters", user, row.other] = row
        async for rows in self._store.scan(cql.JOINING_ROWS):
            for user, *cells in rows:
                joining = joining_row_of(cells)
                found["joinings", user, joining.way, joining.conversation] = joining
        async for rows in self._store.scan(cql.TIE_ROWS):
            for conversation, *cells in rows:
                found["ties", conversation] = tie_row_of(cells).tie
        return {key: row for key, row in found.items() if row != NO_TIE}


def row_tie(tie: Tie) -> Tie:
    """What the row says of a tie: without requests that were declined."""
    return Tie(tie.friends, tie.asked_by, tie.text, tie.since_seq, tie.blocked_by, tie.refusing)


def _line(key: tuple[str, ...], folded: Mapping[tuple[str, ...], Any], found: Mapping[tuple[str, ...], Any]) -> str:
    place = "/".join(key)
    if key not in found:
        return f"{place}: missing (it is in the log)"
    if key not in folded:
        return f"{place}: extra (nothing in the log makes it)"
    return f"{place}: differs from the log"
