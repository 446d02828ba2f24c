"""Receipts from the log to the sessions of this node: who hears what of a watermark. Called by the feed; calls the hub and `edge.counting`.

Rule 1: the user's own other devices hear everything. Rule 2: other members hear what is not hidden and not `unread` or `previewed`, in
conversations of at most EDGE_RECEIPTS_MEMBERS_LIMIT members; of larger ones they hear counts, if they ask for them.
Rule 3: the record's key says the conversation: what nobody here is in is not decoded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from edge import frames
from edge.counting import Counting
from edge.hub import Hub
from edge.metrics import POISON
from edge.own_marks import OwnMarks
from edge.session import SharedFrame
from edge.sizes import Sizes
from log.port import Record
from schemas import events
from schemas.codec import decode_receipt
from schemas.errors import Undecodable, WarblerError
from schemas.keys import conversation_of_receipt
from schemas.records import WatermarkRaised

LOG = structlog.get_logger()
RETRY_S = 1.0
LOADS_AT_ONCE = 4
SHOWN = frozenset({"delivered", "read", "played"})

# conversation -> its members now, at most limit + 1 of them
MembersOf = Callable[[str], Awaitable[set[str]]]


class ReceiptFanout:
    def __init__(self, hub: Hub, sizes: Sizes, counting: Counting, own_marks: OwnMarks, members_of: MembersOf) -> None:
        self._hub, self._sizes, self._counting, self._own_marks = hub, sizes, counting, own_marks
        self._members_of = members_of
        self._waiting: dict[str, dict[tuple[str, str], WatermarkRaised]] = {}  # of conversations whose size is being looked up
        self._to_learn: asyncio.Queue[str] = asyncio.Queue()

    def on_receipts(self, records: Iterable[Record]) -> None:
        for record in records:
            conversation = conversation_of_receipt(record.key or b"")
            self._own_marks.on_record(record)
            if conversation not in self._hub.by_conversation:
                continue
            try:
                mark = decode_receipt(record.value)
            except Undecodable as exc:  # the timeline projector writes the dead letter
                POISON.labels(record.topic).inc()
                LOG.warning("undecodable record", topic=record.topic, partition=record.partition, offset=record.offset, reason=exc.reason)
                continue
            self._tell_own(mark)
            self._counting.on_mark(mark)
            if not mark.hidden and mark.state in SHOWN:
                self._tell_others(mark)

    def on_event(self, event: events.Event) -> None:
        self._sizes.on_event(event)

    def _tell_own(self, mark: WatermarkRaised) -> None:
        others = [session for session in self._hub.of_user(mark.user) if mark.conversation_id in session.conversations]
        if mark.state == "unread":
            for session in others:
                if mark.up_to_seq:
                    session.marked_unread.add(mark.conversation_id)
                else:
                    session.marked_unread.discard(mark.conversation_id)
        frame = SharedFrame(_frame(mark))
        for session in others:
            if session.device != mark.device:
                session.sink.write_shared(frame)

    def _tell_others(self, mark: WatermarkRaised) -> None:
        conversation = mark.conversation_id
        small = self._sizes.is_small(conversation)
        if small:
            frame = SharedFrame(_frame(mark))
            for session in self._hub.of_conversation(conversation):
                if session.user != mark.user:
                    session.sink.write_shared(frame)
        elif small is None:
            self.look_up(conversation)
            waiting, key = self._waiting[conversation], (mark.user, mark.state)
            room = len(waiting) < len(SHOWN) * self._sizes.limit  # more than that, and it turns out to be a large one
            if (key in waiting and waiting[key].up_to_seq < mark.up_to_seq) or (key not in waiting and room):
                waiting[key] = mark

    def is_large(self, conversation: str) -> bool:
        """False also where it is not known yet; then it is looked up."""
        small = self._sizes.is_small(conversation)
        if small is None:
            self.look_up(conversation)
        return small is False

    def look_up(self, conversation: str) -> None:
        """Safe to repeat."""
        if conversation not in self._waiting:
            self._waiting[conversation] = {}
            self._to_learn.put_nowait(conversation)

    async def run(self) -> None:
        """For ever: looks up how large conversations are, then tells what waited for it."""
        async with asyncio.TaskGroup() as group:
            for _ in range(LOADS_AT_ONCE):
                group.create_task(self._learn())

    async def _learn(self) -> None:
        while True:
            conversation = await self._to_learn.get()
            try:
                members = await self._members_of(conversation)
            except WarblerError as exc:
                LOG.warning("a conversation's size is not to be had", conversation=conversation, error=str(exc))
                await asyncio.sleep(RETRY_S)
                self._to_learn.put_nowait(conversation)
                continue
            self._sizes.learn(conversation, members)  # in the same turn in which it was read: no event falls in between
            for mark in self._waiting.pop(conversation).values():
                self._tell_others(mark)


def _frame(mark: WatermarkRaised) -> frames.Receipt:
    return frames.Receipt(mark.conversation_id, mark.user, mark.state, mark.up_to_seq, mark.up_to_ordinal)
