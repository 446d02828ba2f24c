"""Bugs, put in one at a time, so that it is known that the checker would find them. Test code: the product has no switch for any of them.

`PLANTS[name].put(setattr)` changes the modules in this process: `test_plants` does so around a small world, and `site/sitecustomize.py` in
the processes of a real run (`scripts/faults --plant NAME`), right after `module` was imported.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import msgspec

from tests.faults.violations import Kind

Setter = Callable[[Any, str, Any], None]
# Between the two steps that a bug has in the wrong order: long enough for a kill to fall between. In a real run longer than Faust's commit
# interval, or the early ack would never reach Kafka before the kill.
WINDOW_S = float(os.environ.get("WARBLER_FAULTS_WINDOW_S", "0.03"))


@dataclass(frozen=True, slots=True)
class Plant:
    """`module`: what it changes. `found_as`: at least one of these is what the checker must say. `processes`: which load the module."""

    module: str
    found_as: frozenset[Kind]
    change: Callable[[Any, Setter], None]

    def put(self, setter: Setter) -> None:
        self.change(import_module(self.module), setter)


PLANTS: dict[str, Plant] = {}


def plant(module: str, *found_as: Kind) -> Callable[[Callable[[Any, Setter], None]], Callable[[Any, Setter], None]]:
    def kept(change: Callable[[Any, Setter], None]) -> Callable[[Any, Setter], None]:
        PLANTS[change.__name__] = Plant(module, frozenset(found_as), change)
        return change

    return kept


# ---- the owner


@plant("streams.owning.lane", Kind.LOST, Kind.UNANSWERED)
def ack_before_commit(module: Any, put: Setter) -> None:
    """Device and Faust hear that it is done, and then it is appended."""
    from schemas import codec
    from schemas.events import Event
    from schemas.records import CommandRepeated
    from streams.conversations.partition import REPLIES_TOPIC

    append = module.Lane._append

    async def early(self: Any, writer: Any, work: Any, run: Any) -> None:
        for entry in run.entries:
            event: Any = codec.decode(entry.value, Event)  # type: ignore[arg-type]
            about = {name: getattr(event, name) for name in ("tenant", "conversation_id", "command_id", "user", "device", "trace_id")}
            ack = CommandRepeated(**about, at_ms=event.at_ms, seq=event.seq, ordinal=event.ordinal, accepted_at_ms=event.at_ms)
            await self._log.publish(REPLIES_TOPIC, self.number, [entry._replace(value=codec.encode(REPLIES_TOPIC, ack), headers=())])
        if run.entries:
            await work.ack()
            await asyncio.sleep(WINDOW_S)
        await append(self, writer, work, run)

    put(module.Lane, "_append", early)


@plant("streams.owning.lane", Kind.UNANSWERED)
def lost_on_rebalance(module: Any, put: Setter) -> None:
    """A chunk is acked to Faust when it comes, and waits for its turn."""
    queue, handle = module.Lane.put, module.Lane._handle

    async def early(self: Any, work: Any) -> None:
        await work.ack()
        await queue(self, work)

    async def late(self: Any, taken: Any, work: Any) -> None:
        await asyncio.sleep(WINDOW_S)
        await handle(self, taken, work)

    put(module.Lane, "put", early)
    put(module.Lane, "_handle", late)


@plant("streams.conversations.state", Kind.DUPLICATED, Kind.SEQ_CHANGED)
def duplicate_after_retry(module: Any, put: Setter) -> None:
    """The owner forgets which commands it has accepted."""
    put(module.Conversation, "remembered", lambda self, command_id: None)


@plant("streams.owning.lane", Kind.REORDERED, Kind.DUPLICATED, Kind.DIFFERENT)
def unfenced_zombie(module: Any, put: Setter) -> None:
    """Every owner has a writer's id of its own, so that nobody fences its predecessor."""
    put(module.Lane, "writer_id", property(lambda self: f"warbler-conversations-{self.number}-{id(self)}"))


# ---- the edge


@plant("edge.delivery", Kind.REORDERED)
def swapped_seq(module: Any, put: Setter) -> None:
    """Consecutive events of a conversation leave in the wrong order."""
    deliver = module.Delivery._deliver
    put(module.Delivery, "_deliver", lambda self, run: deliver(self, run[::-1]))


@plant("edge.delivery", Kind.DUPLICATED, Kind.REORDERED)
def duplicate_delivery(module: Any, put: Setter) -> None:
    """The feed hands over the last record of some chunks once more, and nobody looks at the seq."""
    on_events = module.Delivery.on_events

    def again(self: Any, records: Sequence[Any]) -> None:
        on_events(self, records)
        if records[-1].offset % 3 == 0:
            on_events(self, records[-1:])

    put(module.Delivery, "on_events", again)


@plant("edge.requests", Kind.DUPLICATED)
def given_forgotten(module: Any, put: Setter) -> None:
    """What a page gave ahead of the feed is given once more when the feed comes there."""
    answer = module.Requests._answer_sync

    async def forgetful(self: Any, session: Any, request: Any) -> None:
        await answer(self, session, request)
        session.given.pop(request.conversation, None)

    put(module.Requests, "_answer_sync", forgetful)


@plant("edge.delivery", Kind.LOST, Kind.UNANSWERED)
def dropped_event_in_feed(module: Any, put: Setter) -> None:
    """Now and then a record is passed over."""
    on_events = module.Delivery.on_events
    put(module.Delivery, "on_events", lambda self, records: on_events(self, [each for each in records if each.offset % 17 != 5]))


@plant("edge.reader", Kind.UNREPORTED_GAP, Kind.LOST)
def skip_on_resume(module: Any, put: Setter) -> None:
    """A page that is not the last one lacks its last event."""
    page_of = module.page_of

    def short(*args: Any, **kwargs: Any) -> Any:
        page = page_of(*args, **kwargs)
        return replace(page, events=page.events[:-1]) if page.more and len(page.events) > 1 else page

    put(module, "page_of", short)


@plant("edge.reader", Kind.UNREPORTED_GAP, Kind.LOST)
def catch_up_lost(module: Any, put: Setter) -> None:
    """What is not projected yet counts as given in the last page, and is not in it."""
    page_of = module.page_of

    def stale(rows: Any, recent: Any, from_seq: int, limit: int, **more: Any) -> Any:
        page = page_of(rows, (), from_seq, limit, **more)
        newest = max((event.seq for event in recent), default=0)
        return page if page.more else replace(page, next_seq=max(page.next_seq, newest + 1))

    put(module, "page_of", stale)


@plant("edge.delivery", Kind.SEEN_BY_STRANGER)
def stale_membership(module: Any, put: Setter) -> None:
    """Who is removed stays in the hub."""
    put(module.Delivery, "_leave", lambda self, event: None)


@plant("edge.delivery", Kind.SEEN_BY_STRANGER)
def late_kick(module: Any, put: Setter) -> None:
    """Who is removed stays in the hub for ten more events."""
    leave, join = module.Delivery._leave, module.Delivery._join
    due: list[tuple[Any, int, Any]] = []
    seen: Counter[int] = Counter()  # events by node

    def later(self: Any, event: Any) -> None:
        due.append((self, seen[id(self)] + 10, event))

    def joining(self: Any, event: Any) -> None:
        seen[id(self)] += 1
        for entry in [each for each in due if each[0] is self and each[1] <= seen[id(self)]]:
            due.remove(entry)
            leave(self, entry[2])
        join(self, event)

    put(module.Delivery, "_leave", later)
    put(module.Delivery, "_join", joining)


@plant("edge.delivery", Kind.UNANSWERED)
def silent_rejection(module: Any, put: Setter) -> None:
    """Refusals are not passed on."""
    from schemas.codec import decode_reply
    from schemas.records import CommandRefused

    on_replies = module.Delivery.on_replies

    def quiet(self: Any, records: Any) -> None:
        on_replies(self, [record for record in records if not isinstance(decode_reply(record.value), CommandRefused)])

    put(module.Delivery, "on_replies", quiet)


# ---- receipts


@plant("edge.receipts", Kind.RECEIPT_LOST)
def dropped_receipt(module: Any, put: Setter) -> None:
    """Of the watermarks taken for publishing the first is lost."""
    take = module.Watermarks.take
    put(module.Watermarks, "take", lambda self: take(self)[1:])


@plant("edge.receipts", Kind.RECEIPT_BEYOND)
def receipt_beyond(module: Any, put: Setter) -> None:
    """A watermark says the next to read where it should say the last that was read."""
    mark = module.Watermarks.mark
    put(module.Watermarks, "mark", lambda self, told: mark(self, msgspec.structs.replace(told, up_to_seq=told.up_to_seq + 1)))


@plant("streams.timelines.projector", Kind.RECEIPT_BACKWARDS, Kind.RECEIPT_LOST)
def receipt_backwards(module: Any, put: Setter) -> None:
    """Every other time a device's watermark is written, it is its first one again, and wins."""
    from store import cql

    project = module.project
    first: dict[Any, Any] = {}
    written: Counter[Any] = Counter()

    def falling(records: Any) -> Any:
        chunk = project(records)
        for index, write in enumerate(chunk.writes):
            if write.statement == cql.PUT_RECEIPT:
                key, cells = write.values[:4], write.values[4:-1]
                written[key] += 1
                told = first.setdefault(key, cells) if written[key] % 2 == 0 else cells
                first.setdefault(key, cells)
                chunk.writes[index] = write._replace(values=(*key, *told, 2**40 + written[key]))
        return chunk

    put(module, "project", falling)


# ---- the projector


@plant("streams.timelines.projector", Kind.LOST)
def projector_skips_a_row(module: Any, put: Setter) -> None:
    """Some events get no row."""
    from store import cql

    project = module.project

    def lacking(records: Any) -> Any:
        chunk = project(records)
        kept = [write for write in chunk.writes if write.statement != cql.PUT_EVENT or write.values[3] % 23 != 7]
        return chunk._replace(writes=kept)

    put(module, "project", lacking)


@plant("streams.timelines.rows", Kind.LOST)
def projector_wrong_bucket(module: Any, put: Setter) -> None:
    """Some rows are put where nobody looks for them."""
    bucket_of = module.bucket_of
    put(module, "bucket_of", lambda seq: bucket_of(seq) + (seq % 19 == 3))


@plant("streams.timelines.rows", Kind.DIFFERENT)
def projector_wrong_bytes(module: Any, put: Setter) -> None:
    """Some rows hold other words than were said."""
    from schemas import codec
    from schemas.events import MessageSent

    event_row = module._event_row

    def altered(event: Any, value: bytes) -> Any:
        if isinstance(event, MessageSent) and event.seq % 21 == 4:
            content = msgspec.structs.replace(event.content, body=b"never said")
            value = codec.encode("conversation-events", msgspec.structs.replace(event, content=content))
        return event_row(event, value)

    put(module, "_event_row", altered)
