"""Fetches what the log and the tables say of a message, within bounds, for `edge.journey`. Called by `edge.rest`.

Everything is read from the message's time on, a little earlier because clocks differ, and at most EDGE_JOURNEY_RECORDS_LIMIT records of a
topic; what was not looked through is said in the journey's notes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeVar

from edge.clocks import clock_ms
from edge.errors import BadRequest, UnknownMessage
from edge.journey import RECEIPT_STEPS, Accepted, Found, Journey, journey_of
from edge.receipt_pages import DEVICE_ROWS_LIMIT
from log.errors import PositionGone, UnknownTopic
from log.passages import PASSAGES_TOPIC, passage_key
from log.port import Record
from schemas import events
from schemas.codec import decode, decode_command, decode_event, decode_receipt
from schemas.errors import Undecodable
from schemas.headers import read_command_header
from schemas.keys import conversation_of_receipt
from schemas.notices import PushRequested
from schemas.partition import partition_of
from schemas.pushes import PushResult
from schemas.records import LogPassed

if TYPE_CHECKING:
    from edge.node import Node

EVENTS, COMMANDS, RECEIPTS = "conversation-events", "conversation-commands", "receipts"
PUSHES, PUSH_RESULTS = "push-requests", "push-results"
CLOCKS_DIFFER_MS = 2_000
READ_RECORDS = 2_000
JOURNEYS_AT_ONCE = 2
T = TypeVar("T")


class Journeys:
    def __init__(self, node: "Node") -> None:
        self._node, self._settings = node, node.settings
        self._turns = asyncio.Semaphore(JOURNEYS_AT_ONCE)

    async def journey(self, conversation: str, seq: int, see_hidden: bool, viewer: str = "") -> Journey:
        """The journey of the message `seq`, as `viewer` may see it.

        Raises: UnknownMessage; BadRequest("behind"), StoreUnavailable, LogUnavailable; TimeoutError.
        """
        async with asyncio.timeout(self._settings.journey_timeout_ms / 1000), self._turns:
            found = Found(await self._message(conversation, seq))
            await self._find_record(found)
            await self._find_passages(found)
            await self._find_receipts(found)
            await self._find_pushes(found)
            return journey_of(found, clock_ms(), see_hidden, viewer)

    async def _message(self, conversation: str, seq: int) -> events.MessageSent:
        try:
            page = await self._node.reader.events(conversation, seq, 1)
        except BadRequest as bad:
            if bad.code != "seq_ahead":
                raise
            raise UnknownMessage(f"there is no event {seq} yet") from None
        event = page.events[0] if page.events else None
        if not isinstance(event, events.MessageSent) or event.seq != seq:
            raise UnknownMessage(f"the event {seq} is no message")
        return event

    async def _find_record(self, found: Found) -> None:
        key = found.event.conversation_id.encode()
        found.partition = self._node.publisher.partition(COMMANDS, key)  # commands, events and receipts of a conversation lie side by side
        async for record in self._from(found, EVENTS, found.partition):
            if record.key == key and (event := _or_none(record, decode_event)) is not None and event.seq == found.event.seq:
                found.offset, found.committed_at_ms = record.offset, record.timestamp_ms
                header = read_command_header(record.headers)
                found.accepted = None if header is None else await self._accepted(found, header[0])
                return

    async def _accepted(self, found: Found, commands_offset: int) -> Accepted | None:
        try:
            records = await self._node.log.read(COMMANDS, found.partition, commands_offset, 1)
        except PositionGone:
            return None
        command = _or_none(records[0], decode_command) if records else None
        if command is None or command.command_id != found.event.command_id:
            return None
        return Accepted(command.received_at_ms, records[0].timestamp_ms)

    async def _find_passages(self, found: Found) -> None:
        key = passage_key(EVENTS, found.partition)
        async for record in self._from(found, PASSAGES_TOPIC, partition_of(key, await self._node.log.partitions_count(PASSAGES_TOPIC))):
            if record.key == key and (passage := _or_none(record, lambda value: decode(value, LogPassed))) is not None:
                found.passages.append(passage)

    async def _find_receipts(self, found: Found) -> None:
        conversation, limit = found.event.conversation_id, self._settings.journey_members_limit
        members, _ = await self._node.reader.members(conversation, None, limit + 1)
        found.members, found.members_more = members[:limit], len(members) > limit
        last = found.members[-1].user if found.members else ""
        for state in RECEIPT_STEPS:
            found.rows[state], _ = await self._node.tables.receipts.devices(conversation, state, "", last, DEVICE_ROWS_LIMIT)
        async for record in self._from(found, RECEIPTS, found.partition):
            if conversation_of_receipt(record.key or b"") == conversation and (mark := _or_none(record, decode_receipt)) is not None:
                found.marks.append(mark)
        page = await self._node.reader.events(conversation, found.event.seq + 1, self._settings.sync_events_limit)
        found.later = list(page.events)
        if page.more:
            found.notes.append(f"read marks: only the {len(page.events)} events after the message were looked through")

    async def _find_pushes(self, found: Found) -> None:
        """What was asked for, and what became of it: both lie by user."""
        found.pushes += await self._of_members(found, PUSHES, PushRequested)
        found.push_results += await self._of_members(found, PUSH_RESULTS, PushResult)

    async def _of_members(self, found: Found, topic: str, kind: type[T]) -> list[T]:
        """The records of this kind whose user is one of the members."""
        try:
            count = await self._node.log.partitions_count(topic)
        except UnknownTopic:
            found.notes.append(f"pushes: there is no topic {topic}")
            return []
        keys = {member.user.encode() for member in found.members}
        partitions = sorted({partition_of(key, count) for key in keys})
        records = [record for number in partitions async for record in self._from(found, topic, number) if record.key in keys]
        return [read for record in records if (read := _or_none(record, lambda value: decode(value, kind))) is not None]

    async def _from(self, found: Found, topic: str, partition: int) -> AsyncIterator[Record]:
        """The partition's records from the message's time on, and a note if they were more than may be looked through."""
        offset = await self._node.log.offset_at(topic, partition, found.event.at_ms - CLOCKS_DIFFER_MS)
        left = self._settings.journey_records_limit
        while records := await self._node.log.read(topic, partition, offset, min(READ_RECORDS, left)):
            for record in records:
                yield record
            offset, left = records[-1].offset + 1, left - len(records)
            if left <= 0:
                found.notes.append(f"{topic}: only the first {self._settings.journey_records_limit} records were looked through")
                return


def _or_none(record: Record, decoder: Callable[[bytes | None], T]) -> T | None:
    try:
        return decoder(record.value)
    except Undecodable:  # not for us, or in the dead letters of whoever it is for
        return None
