"""The line of `warbler status` about pushes."""

import asyncio
from typing import Any

from msgspec.structs import replace

from log.memory import MemoryLog
from log.port import Entry, Record
from ops import pushes
from schemas import codec
from schemas.notices import PushCancelled, PushRequested
from schemas.records import WriterChanged
from tests.push.campaign_parts import result


def requested(user: str, to_seq: int) -> PushRequested:
    return PushRequested(
        push_id=f"{user}:g-1:{to_seq}:1",
        tenant="default",
        user=user,
        conversation_id="g-1",
        conversation_kind="group",
        from_seq=to_seq,
        to_seq=to_seq,
        attempt=1,
        reason="absent",
        at_ms=1,
    )


def test_requests_and_cancellations_are_counted_and_control_records_are_not() -> None:
    cancelled = PushCancelled(tenant="default", user="u-ana", conversation_id="g-1", up_to_seq=2, at_ms=1)
    control = WriterChanged(partition=0, writer="w", at_ms=1)

    async def body() -> None:
        log = MemoryLog(2)
        records: list[Any] = [control, requested("u-ana", 1), requested("u-ben", 1), requested("u-ana", 2), cancelled]
        for partition, record in enumerate(records):
            await log.publish("push-requests", partition and 1, [Entry(b"k", codec.encode("push-requests", record))])
        found = await pushes.recent(log)
        assert found == pushes.Pushes(asked=3, cancelled=1, standing=1)
        assert pushes.line(found) == "Push requests lately: 3, of which 1 stand; 1 cancellations; results: nothing yet"
        for each in (result("a"), result("a"), result("b", "suppressed", "muted", channel="")):
            await log.publish("push-results", 0, [Entry(b"u-1", codec.encode("push-results", each))])
        assert pushes.line(await pushes.recent(log)).endswith("results: 1 accepted, 1 suppressed")

    asyncio.run(body())


def test_a_ring_stands_until_it_is_cancelled_and_beside_the_messages_of_its_conversation() -> None:
    ring = replace(requested("u-ana", 0), purpose="call", ref="call-1", attempt=3)
    over = PushCancelled(tenant="default", user="u-ana", conversation_id="g-1", up_to_seq=0, at_ms=1, ref="call-1", attempt=3)
    asked: list[PushRequested | PushCancelled] = [requested("u-ana", 2), ring, over]
    records = [Record("push-requests", 0, at, 0, b"u-ana", codec.encode("push-requests", each)) for at, each in enumerate(asked)]
    assert pushes.count(records[:2]).standing == 2
    assert pushes.count(records).standing == 1
