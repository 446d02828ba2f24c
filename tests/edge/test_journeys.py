"""Fetching a journey: from the log in memory, within the limit of records, and from what is there only."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge.errors import BadRequest, UnknownMessage
from edge.journey import NO_COMMAND, Journey
from edge.journeys import Journeys
from edge.merge import EventsPage
from edge.node import Node
from edge.settings import EdgeSettings
from log.memory import MemoryLog
from log.passages import passage_key
from log.port import Entry
from schemas import commands, events
from schemas.codec import encode
from schemas.headers import command_header
from schemas.keys import receipt_key
from schemas.notices import PushRequested
from schemas.partition import partition_of
from schemas.records import LogPassed, WatermarkRaised
from tests.edge.builders import ANA, BEN, GROUP, SETTINGS, base, sent
from tests.edge.tables import no_tables
from tests.edge.test_journey import member

PARTITIONS = 4
KEY = GROUP.encode()
PLACE = partition_of(KEY, PARTITIONS)
EVENT = sent(2, user=ANA, device="phone")
AT_MS = EVENT.at_ms


class Reader:
    """Two events: a creation and the message."""

    async def events(self, conversation: str, from_seq: int, limit: int) -> EventsPage:
        known = [cast(events.Event, events.MemberLeft(**base(1))), EVENT]
        if from_seq > len(known) + 1:
            raise BadRequest("seq_ahead", "beyond the head")
        found = tuple(event for event in known if event.seq >= from_seq)[:limit]
        return EventsPage(found, from_seq + len(found), False, ())

    async def members(self, conversation: str, after: str | None, limit: int) -> tuple[list[Any], None]:
        return [member(ANA), member(BEN)][:limit], None


class Stage:
    def __init__(self, settings: EdgeSettings = SETTINGS) -> None:
        self.clock_ms = AT_MS
        self.log = MemoryLog(PARTITIONS, clock_ms=lambda: self.clock_ms)
        publisher = SimpleNamespace(partition=lambda topic, key: partition_of(key, PARTITIONS))
        node = SimpleNamespace(settings=settings, log=self.log, publisher=publisher, reader=Reader(), tables=no_tables())
        self.journeys = Journeys(cast(Node, node))

    async def append(self, topic: str, key: bytes, value: bytes, after_ms: int, place: bytes | None = None, **more: Any) -> int:
        self.clock_ms = AT_MS + after_ms
        return await self.log.publish(topic, partition_of(place or key, PARTITIONS), [Entry(key, value, **more)])

    async def whole_log(self) -> None:
        fields = {name: getattr(EVENT, name) for name in ("tenant", "conversation_id", "command_id", "user", "device", "trace_id")}
        command = commands.SendMessage(**fields, received_at_ms=AT_MS - 7, content=EVENT.content)
        offset = await self.append("conversation-commands", KEY, encode("conversation-commands", command), 0)
        for other in (sent(1, conversation="g-other"), sent(2, conversation="g-other")):
            await self.append("conversation-events", b"g-other", encode("conversation-events", other), 1, place=KEY)
        header = (command_header(offset, bytes(8)),)
        await self.append("conversation-events", KEY, encode("conversation-events", EVENT), 3, headers=header)
        passed = LogPassed(
            process="edge-1", stage="fanned_out", topic="conversation-events", partition=PLACE, next_offset=3, at_ms=AT_MS + 9
        )
        await self.append("passages", passage_key("conversation-events", PLACE), encode("passages", passed), 9)
        for seq in (1, 2):
            mark = WatermarkRaised(
                tenant="default", conversation_id=GROUP, user=BEN, device="tv", state="delivered", up_to_seq=seq, at_ms=AT_MS + 10 * seq
            )
            await self.append("receipts", receipt_key(mark), encode("receipts", mark), 20, place=KEY)
        push = PushRequested(
            push_id="p",
            tenant="default",
            user=BEN,
            conversation_id=GROUP,
            conversation_kind="group",
            from_seq=2,
            to_seq=2,
            attempt=1,
            reason="absent",
            at_ms=AT_MS + 15,
        )
        await self.append("push-requests", BEN.encode(), encode("push-requests", push), 15)

    def journey(self, seq: int = 2, fill: bool = True) -> Journey:
        async def whole() -> Journey:
            if fill:
                await self.whole_log()
            return await self.journeys.journey(GROUP, seq, see_hidden=False)

        return asyncio.run(whole())


def times(journey: Journey) -> dict[str, int | None]:
    return {step.step: None if step.at_ms is None else step.at_ms - AT_MS for step in journey.steps}


def test_everything_that_is_in_the_log_is_found() -> None:
    journey = Stage().journey()
    in_the_log = {"received": -7, "accepted": 0, "committed": 3, "fanned_out": 9, "pushed": 15, "delivered": 20}
    assert times(journey) == {**in_the_log, "projected": None, "read": None}
    assert journey.notes == ()


def test_with_an_empty_log_every_step_says_why_it_is_not_known() -> None:
    journey = Stage().journey(fill=False)
    assert all(step.at_ms is None and step.why for step in journey.steps)


def test_no_more_records_are_looked_through_than_the_limit_and_that_is_said() -> None:
    journey = Stage(EdgeSettings(journey_records_limit=1)).journey()
    assert times(journey)["committed"] is None  # the first record after its time is another conversation's
    assert "conversation-events: only the first 1 records were looked through" in journey.notes


def test_a_command_that_is_another_one_is_not_taken_for_it() -> None:
    stage = Stage()

    async def whole() -> Journey:
        header = (command_header(77, bytes(8)),)  # nothing there
        await stage.append("conversation-events", KEY, encode("conversation-events", EVENT), 3, headers=header)
        return await stage.journeys.journey(GROUP, 2, see_hidden=False)

    journey = asyncio.run(whole())
    assert [step.why for step in journey.steps if step.step in ("received", "accepted")] == [NO_COMMAND] * 2
    assert times(journey)["committed"] == 3


@pytest.mark.parametrize("seq", [1, 3, 9])
def test_what_is_no_message_has_no_journey(seq: int) -> None:
    with pytest.raises(UnknownMessage):
        Stage().journey(seq)


def test_it_takes_no_longer_than_it_may() -> None:
    stage = Stage(EdgeSettings(journey_timeout_ms=20))

    async def hangs(operation: str, moment: str) -> None:
        await asyncio.sleep(5 if operation == "offset_at" else 0)

    stage.log.fault = hangs
    with pytest.raises(TimeoutError):
        stage.journey(fill=False)
