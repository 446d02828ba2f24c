"""Compares the log with the timeline tables, partition by partition. Called by `ops/verify.py`.

The tables are read once the projector is at the end of what was folded; a conversation that goes on growing meanwhile is folded further and
read again, so that live traffic is never taken for a difference.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from log.port import Log
from ops.reading import records_between
from ops.verify_expiry import Expiries
from ops.verify_rows import (
    Conversation,
    Rows,
    changes_row,
    checksum,
    conversation_row,
    differences,
    event_row,
    fact_row,
    head_row,
    member_row,
    text_of,
)
from schemas.records import DeadLetter, WriterChanged
from store import cql
from store.cassandra import Store
from store.timelines import Timelines
from streams.timelines.rows import EVENTS_TOPIC, read_event

TABLES = ("events", "message_changes", "heads", "members", "conversations", "conversation_facts", "expired")
MEMBERS_PAGE = 1_000
ROUNDS_LIMIT = 10  # how often a conversation that keeps growing is read again
DIFFERENCES_LIMIT = 20
PROGRESS_POLL_S = 0.1
CONVERSATIONS_AT_ONCE = 8

Say = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """One table: rows and the sum of their digests, of the log and of Cassandra."""

    log_rows: int = 0
    table_rows: int = 0
    log_sum: int = 0
    table_sum: int = 0

    def add(self, expected: Rows, found: Rows) -> None:
        self.log_rows += len(expected)
        self.table_rows += len(found)
        self.log_sum = (self.log_sum + checksum(expected)) % 2**64
        self.table_sum = (self.table_sum + checksum(found)) % 2**64


@dataclass(slots=True)
class Report:
    """`differences`: the first ones as lines. `unsure`: why something could not be compared."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {table: Tally() for table in TABLES})
    differences: list[str] = field(default_factory=list)
    differences_count: int = 0
    unsure: list[str] = field(default_factory=list)
    records_count: int = 0
    damaged_count: int = 0

    def differ(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.differences_count += 1
            if len(self.differences) < DIFFERENCES_LIMIT:
                self.differences.append(line)


class Verifier:
    def __init__(self, log: Log, store: Store, wait_s: float, say: Say) -> None:
        self._log, self._store, self._wait_s, self._say = log, store, wait_s, say
        self._timelines, self._expiries = Timelines(store), Expiries(log, store)
        self._buckets: set[tuple[str, int]] = set()  # (conversation, bucket) of the log
        self._conversations: set[str] = set()
        self._ends: dict[int, int] = {}  # up to where each partition was folded
        self.report = Report()

    async def run(self) -> Report:
        """Compare everything. Raises: LogError, StoreUnavailable. Blocks: as long as it takes; reads only."""
        for partition in range(await self._log.partitions_count(EVENTS_TOPIC)):
            await self._partition(partition)
        if not self.report.unsure:
            await self._strangers()
        return self.report

    async def _partition(self, partition: int) -> None:
        folded: dict[str, Conversation] = {}
        offset = await self._log.start_offset(EVENTS_TOPIC, partition)
        end = await self._log.end_offset(EVENTS_TOPIC, partition)
        checking = await self._fold(partition, offset, end, folded)
        await self._expiries.follow()
        for _ in range(ROUNDS_LIMIT):
            if not await self._projected(partition, end, folded):
                return
            differing = await self._check(folded, sorted(checking))
            offset, end = end, await self._log.end_offset(EVENTS_TOPIC, partition)
            grown = await self._fold(partition, offset, end, folded) | await self._expiries.follow()
            for conversation in differing.keys() - grown:
                self._settle(conversation, self._expected(folded[conversation]), differing[conversation])
            checking = differing.keys() & grown
            if not checking:
                break
        else:
            self.report.unsure.append(f"partition {partition}: {len(checking)} conversations kept growing, they were not compared")
        self._say(f"partition {partition}: {end} records, {len(folded)} conversations")
        self._conversations |= folded.keys()
        self._ends[partition] = end
        self._buckets |= {(each, bucket) for each, state in folded.items() for bucket in state.buckets}

    async def _fold(self, partition: int, offset: int, end: int, folded: dict[str, Conversation]) -> set[str]:
        """Fold the records from `offset` up to `end`; the conversations that were touched."""
        touched: set[str] = set()
        async for record in records_between(self._log, EVENTS_TOPIC, partition, offset, end):
            self.report.records_count += 1
            event = read_event(record)
            if isinstance(event, DeadLetter):
                self.report.damaged_count += 1
            elif not isinstance(event, WriterChanged):
                assert record.value is not None  # it was decoded
                state = folded.setdefault(event.conversation_id, Conversation(event.conversation_id))
                state.take(event, record.value)
                touched.add(event.conversation_id)
        return touched

    async def _projected(self, partition: int, end: int, folded: Iterable[str]) -> bool:
        """Whether the projector came to `end` in time; if not, the report says how far it is."""
        deadline = time.monotonic() + self._wait_s
        while (at := (await self._timelines.progress()).get(partition, 0)) < end:
            if time.monotonic() >= deadline:
                self.report.unsure.append(
                    f"partition {partition}: the projector stands at {at}, the log at {end} ({end - at} records behind); not compared"
                )
                return False
            await asyncio.sleep(PROGRESS_POLL_S)
        while (late := await self._expiries.behind(folded)) > 0:
            if time.monotonic() >= deadline:
                self.report.unsure.append(f"{late} records of retention-events are not performed yet; not compared")
                return False
            await asyncio.sleep(PROGRESS_POLL_S)
        newest = await self._log.end_offset(EVENTS_TOPIC, partition)
        if at > newest:
            self.report.differ([f"progress {EVENTS_TOPIC}/{partition}: {at}, but the log ends at {newest}"])
        return True

    async def _check(self, folded: dict[str, Conversation], conversations: Sequence[str]) -> dict[str, dict[str, Rows]]:
        """Compare and settle those that are equal; the rows of the others."""
        differing: dict[str, dict[str, Rows]] = {}
        for at in range(0, len(conversations), CONVERSATIONS_AT_ONCE):
            part = conversations[at : at + CONVERSATIONS_AT_ONCE]
            answers = await asyncio.gather(*(self._read(folded[conversation]) for conversation in part))
            for conversation, found in zip(part, answers, strict=True):
                expected = self._expected(folded[conversation])
                if expected == found:
                    self._settle(conversation, expected, found)
                else:
                    differing[conversation] = found
        return differing

    def _settle(self, conversation: str, expected: dict[str, Rows], found: dict[str, Rows]) -> None:
        for table in TABLES:
            self.report.tallies[table].add(expected[table], found[table])
            if expected[table] != found[table]:
                self.report.differ(differences(table, expected[table], found[table]))

    def _expected(self, state: Conversation) -> dict[str, Rows]:
        return {**state.rows(self._expiries.expired), "expired": self._expiries.rows(state.conversation)}

    # ---- reading Cassandra

    async def _read(self, state: Conversation) -> dict[str, Rows]:
        """Table -> the rows Cassandra holds in this conversation's partitions."""
        conversation = state.conversation
        keys = [(conversation, bucket) for bucket in sorted(state.buckets)]
        event_parts = await self._store.execute_each(cql.EVENT_ROWS, keys)
        change_parts = await self._store.execute_each(cql.CHANGE_ROWS, keys)
        heads = await self._store.execute(cql.HEAD_ROW, (conversation,))
        head = head_row(conversation, heads[0]) if heads else None
        gone = self._expiries.expired
        facts = await self._store.execute_each(cql.FACT_ROWS, [(conversation,)])
        listed = await self._store.execute_each(cql.CONVERSATION_ROW, [(user, conversation) for user in sorted(state.listed)])
        return {
            "events": dict(event_row(conversation, row) for rows in event_parts for row in rows),
            "message_changes": dict(
                changes_row(conversation, row) for rows in change_parts for row in rows if not gone.covers(conversation, row[0])
            ),
            "heads": {} if head is None else {(conversation,): head},
            "members": await self._members(conversation),
            "conversations": dict(conversation_row(conversation, row) for rows in listed for row in rows),
            "conversation_facts": dict(fact_row(conversation, row) for rows in facts for row in rows),
            "expired": await self._expiries.found(conversation),
        }

    async def _members(self, conversation: str) -> Rows:
        found: Rows = {}
        after = ""
        while True:
            rows = await self._store.execute(cql.MEMBERS_AFTER, (conversation, after, MEMBERS_PAGE))
            found.update(row for row in map(member_row, rows) if row is not None)
            if len(rows) < MEMBERS_PAGE:
                return found
            after = rows[-1][1]

    # ---- rows that the log does not name at all

    async def _strangers(self) -> None:
        """Rows in partitions that were not folded; those that the log named since then are not strange."""
        suspects: list[tuple[str, tuple[Any, ...], str]] = []  # table, key, conversation
        for table, text in (("events", cql.EVENT_PARTITIONS), ("message_changes", cql.CHANGE_PARTITIONS)):
            async for rows in self._store.scan(text):
                suspects += [(table, tuple(row), row[0]) for row in rows if tuple(row) not in self._buckets]
        for table, text in (("members", cql.MEMBER_PARTITIONS), ("conversation_facts", cql.FACT_PARTITIONS)):
            async for rows in self._store.scan(text):
                suspects += [(table, tuple(row), row[0]) for row in rows if row[0] not in self._conversations]
        async for rows in self._store.scan(cql.CONVERSATION_KEYS):
            places = await self._store.execute_each(cql.MEMBER, [(conversation, user) for user, conversation in rows])
            for row, found in zip(rows, places, strict=True):
                if not found:  # the members were compared: who has no place there has none in the log
                    suspects.append(("conversations", tuple(row), row[1]))
        grown: set[str] = set()
        for partition, offset in self._ends.items():
            end = await self._log.end_offset(EVENTS_TOPIC, partition)
            grown |= await self._fold(partition, offset, end, {})
        self.report.differ(
            f"{table} {text_of(key)}: extra (nothing in the log makes it)" for table, key, who in suspects if who not in grown
        )
