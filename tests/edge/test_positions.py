"""The positions of a hello: each is answered, and one that is up to date costs no read."""

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from edge import frames
from edge.clocks import mono_ms
from edge.closing import TOO_MANY_POSITIONS
from edge.connection import Connection
from edge.node import Node
from edge.positions import plan_of
from edge.settings import EdgeSettings
from edge.tokens import Grant, TokenKeys
from edge.wire import WireProtocol
from log.memory import MemoryLog
from schemas import events
from store.accounts import Accounts
from store.timelines import Timelines
from tests.edge.builders import ANA, BEN, ListSink, record, sent
from tests.edge.tables import no_tables
from tests.edge.test_directory import Moving, group
from tests.edge.test_no_silent_gap import NoAccounts
from tests.edge.test_tokens import PEM

KEY = TokenKeys(PEM)


def test_a_position_is_current_behind_or_refused() -> None:
    positions = {"g-here": 8, "g-behind": 3, "g-ahead": 99, "g-zero": 0, "g-strange": 4, "g-strange-zero": 0}
    members = {"g-here", "g-behind", "g-ahead", "g-zero", "g-quiet"}
    plan = plan_of(positions, members, {"g-here": 7, "g-behind": 7, "g-ahead": 7, "g-zero": 7, "g-quiet": 7})
    assert plan.current == {"g-here": 8}
    assert plan.behind == {"g-behind": 3, "g-ahead": 99}
    assert [(each.conversation, each.code, each.request, each.retryable) for each in plan.refused] == [
        ("g-zero", "invalid", "", False),
        ("g-strange", "not_member", "", False),
        ("g-strange-zero", "not_member", "", False),
    ]


class Counting(Moving):
    """Timelines that count the reads of events."""

    def __init__(self, log: list[events.Event], written: int, fed: int) -> None:
        super().__init__(log, written, fed)
        self.events_read = 0

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.Event]:
        self.events_read += 1
        return [event for event in self.rows(conversation) if event.seq >= from_seq][:limit]

    async def progress(self) -> dict[int, int]:
        return {0: self.written}


def three_groups() -> list[events.Event]:
    """g-1 and g-2 with three events each, g-3 with one and without Ana."""
    log: list[events.Event] = [group("g-1", (ANA, BEN)), group("g-2", (ANA, BEN)), group("g-3", (BEN,))]
    return log + [sent(seq, conversation=each) for seq in (2, 3) for each in ("g-1", "g-2")]


def node_of(timelines: Counting) -> Node:
    node = Node(EdgeSettings(), "edge-1", MemoryLog(), cast(Timelines, timelines), cast(Accounts, NoAccounts()), KEY, "e1", no_tables())
    node.people.contact.heard(mono_ms())
    for offset in range(timelines.fed):
        node.delivery.on_events([record(timelines.log[offset], offset)])
    return node


async def greeted(node: Node, positions: dict[str, int], epoch: str | None = "e1") -> ListSink:
    """What a device with these positions hears after its welcome."""
    await node.publisher.start(("sessions", "conversation-commands"))
    sink = ListSink()
    hello = frames.Hello(KEY.mint(Grant(ANA, "l", 2**52), 0), "phone", epoch, positions)
    session, welcome = await node.sessions.welcome(hello, sink)
    node.sessions.catch_up(session, hello, welcome)
    for _ in range(20):
        await asyncio.sleep(0)
    return sink


def seqs_of(pages: Iterable[frames.FromEdge]) -> dict[str, list[int]]:
    return {page.conversation: [item.seq for item in page.events] for page in pages if isinstance(page, frames.Page)}


def test_who_is_up_to_date_is_told_without_a_read_of_events() -> None:
    timelines = Counting(three_groups(), 5, 7)
    heard = asyncio.run(greeted(node_of(timelines), {"g-1": 4, "g-2": 4})).frames
    assert heard == [frames.Page("", each, (), 4, more=False) for each in ("g-1", "g-2")]
    assert timelines.events_read == 0


def test_who_is_behind_reads_only_there_and_who_is_no_member_is_told() -> None:
    timelines = Counting(three_groups(), 7, 7)
    heard = asyncio.run(greeted(node_of(timelines), {"g-1": 2, "g-2": 4, "g-3": 1, "g-nowhere": 5})).frames
    assert seqs_of(heard) == {"g-1": [2, 3], "g-2": []}
    refused = [(frame.conversation, frame.code) for frame in heard if isinstance(frame, frames.Failure)]
    assert refused == [("g-3", "not_member"), ("g-nowhere", "not_member")]
    assert timelines.events_read == 1


def test_positions_of_another_epoch_are_not_read() -> None:
    timelines = Counting(three_groups(), 7, 7)
    assert asyncio.run(greeted(node_of(timelines), {"g-1": 2, "g-3": 1}, epoch="e0")).frames == []
    assert timelines.events_read == 0


def test_a_feed_behind_the_rows_repeats_nothing_to_who_is_up_to_date() -> None:
    """The projector is ahead of this node: the device came from a node that had given it the events that arrive here now."""
    timelines = Counting(three_groups(), 7, 3)
    node = node_of(timelines)

    async def body() -> list[frames.FromEdge]:
        sink = await greeted(node, {"g-1": 4, "g-2": 4})
        sink.take()
        late = [record(timelines.log[offset], offset) for offset in range(3, 7)]
        node.delivery.on_events(late)
        node.delivery.on_events([record(sent(4, conversation="g-1"), 7)])
        return sink.frames

    heard = asyncio.run(body())
    assert [(frame.conversation, [item.seq for item in frame.events]) for frame in heard if isinstance(frame, frames.Events)] == [
        ("g-1", [4])
    ]


class Protocol:
    """Only what a connection needs before its hello; `closed` holds the code."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed: list[int] = []
        self.close_sent = True  # nothing is written to it
        self.transport = None

    def close_with(self, close: object) -> None:
        self.closed.append(getattr(close, "code", 0))


@pytest.mark.parametrize(("count", "closed"), [(1_000, []), (1_001, [TOO_MANY_POSITIONS.code])])
def test_more_positions_than_the_limit_close_the_session(count: int, closed: list[int]) -> None:
    async def body() -> None:
        protocol = Protocol()
        node = node_of(Counting([], 0, 0))
        connection = Connection(node, cast(WireProtocol, protocol), frames.SUBPROTOCOL_JSON)
        hello = frames.Hello("no token", "phone", "e1", {f"g-{number}": 1 for number in range(count)})
        connection.on_message(frames.encode_json(hello), True)
        assert protocol.closed == closed
        connection.on_lost()

    asyncio.run(body())
