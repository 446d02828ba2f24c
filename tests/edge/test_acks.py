"""Acknowledgements on a node: what is written again, what is believed, what is refused, and what the inbox may ask."""

import asyncio
from typing import Any

import pytest

from edge import frames
from edge.closing import UNACKNOWLEDGED
from edge.session import Session
from schemas.codec import decode_receipt, encode
from schemas.records import RedeliveryAsked
from store.errors import StoreUnavailable
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, created, sent, topic_record
from tests.edge.nodes import Stage, on_a_node, until

QUICK: dict[str, Any] = {"ack_timeout_ms": 80, "ack_attempts": 2, "receipts_interval_ms": 5, "produce_interval_ms": 0}


def mark(up_to_seq: int, conversation: str = GROUP) -> frames.Mark:
    return frames.Mark(conversation, "delivered", up_to_seq)


def seqs(sink: ListSink) -> list[int]:
    return [item.seq for frame in sink.frames if isinstance(frame, frames.Events) for item in frame.events]


def failures(sink: ListSink) -> list[str]:
    return [frame.code for frame in sink.frames if isinstance(frame, frames.Failure)]


def asked(from_seq: int, user: str = ANA) -> RedeliveryAsked:
    return RedeliveryAsked(tenant="default", conversation_id=GROUP, user=user, from_seq=from_seq, at_ms=1)


async def with_events(stage: Stage, count: int = 3, **hello: Any) -> tuple[Session, ListSink]:
    """Ana's session after `count` live events, of seq 2 on."""
    stage.happen(created())
    session, sink = await stage.session(**hello)
    stage.happen(*(sent(2 + number) for number in range(count)))
    return session, sink


def test_a_device_that_acks_nothing_gets_it_again_and_is_then_closed() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        await until(lambda: sink.closed is not None)
        assert sink.closed == UNACKNOWLEDGED
        assert seqs(sink) == [2, 3, 4] * 3  # live, and twice again
        assert session.id not in stage.node.hub.sessions

    on_a_node(body, **QUICK)


def test_a_device_that_acks_everything_at_once_owes_nothing() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage, 40)
        stage.say(session, mark(41))
        assert session.unacked == {}
        await asyncio.sleep(0.3)
        assert seqs(sink) == list(range(2, 42))
        assert sink.closed is None

    on_a_node(body, **QUICK)


def test_only_what_is_left_is_written_again() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.say(session, mark(3))
        await until(lambda: len(seqs(sink)) > 3)
        assert seqs(sink) == [2, 3, 4, 4]
        stage.say(session, mark(4))

    on_a_node(body, **QUICK)


def test_a_backwards_watermark_is_a_repeat_and_changes_nothing() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.say(session, mark(4))
        await asyncio.sleep(0.05)
        for seq in (4, 3, 1):
            stage.say(session, mark(seq))
        await asyncio.sleep(0.05)
        assert [decode_receipt(value).up_to_seq for value in await stage.published("receipts")] == [4]
        assert failures(sink) == []

    on_a_node(body, **QUICK)


def test_a_device_may_ack_what_it_got_elsewhere() -> None:
    """Up to the head it is believed: a page, another node or a push may have brought it."""

    async def body(stage: Stage) -> None:
        stage.happen(created(), sent(2), sent(3))
        session, sink = await stage.session()
        stage.say(session, mark(3))
        await asyncio.sleep(0.05)
        assert [decode_receipt(value).up_to_seq for value in await stage.published("receipts")] == [3]
        assert failures(sink) == []

    on_a_node(body, **QUICK)


@pytest.mark.parametrize("state", ["delivered", "played", "previewed", "unread"])
def test_a_watermark_beyond_the_head_is_an_error_and_is_not_kept(state: Any) -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.say(session, frames.Mark(GROUP, state, 5))
        stage.say(session, frames.Mark(GROUP, state, 2**53 - 1))
        await until(lambda: len(failures(sink)) == 2)
        assert failures(sink) == ["seq_ahead", "seq_ahead"]
        assert session.unacked[GROUP].first_seq == 2, "nothing was acknowledged"
        await asyncio.sleep(0.02)
        assert await stage.published("receipts") == []
        assert session.requests_running == 0

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


def test_a_watermark_that_is_ahead_of_this_node_only_is_taken() -> None:
    """The device comes from a node whose feed was further: the projector has the event, our feed has not."""

    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.timelines.log.append(sent(5))
        stage.say(session, mark(5))
        await until(lambda: session.unacked == {})
        assert failures(sink) == []

    on_a_node(body, **QUICK)


def test_marks_beyond_the_head_that_are_being_judged_are_limited() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.timelines.read_ms = 50
        for _ in range(100):
            stage.say(session, mark(1_000))
        assert failures(sink) == ["rate_limited"] * 98
        await until(lambda: len(failures(sink)) == 100)
        assert failures(sink)[98:] == ["seq_ahead"] * 2

    on_a_node(body, **QUICK, requests_per_session_limit=2)


def test_a_mark_that_cannot_be_judged_now_is_an_error_that_may_be_tried_again() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.timelines.fails = StoreUnavailable("NoHostAvailable: 10.0.0.7 is away")
        stage.say(session, mark(9))
        await until(lambda: failures(sink) == ["unavailable"])
        (failure,) = (each for each in sink.frames if isinstance(each, frames.Failure))
        assert "10.0.0.7" not in failure.detail, "where our servers are is no device's matter"
        stage.timelines.fails = None

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


def test_a_mark_where_one_is_no_member_is_refused() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.say(session, mark(1, "g-other"))
        assert failures(sink) == ["not_member"]

    on_a_node(body, **QUICK)


def test_who_does_not_follow_gets_no_live_events_and_owes_nothing() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session(follow=False)
        command = sent(3, user=ANA, device="phone")
        session.outstanding.add(command.command_id)
        stage.happen(sent(2), command)
        assert [type(frame) for frame in sink.frames] == [frames.Ack]
        assert session.unacked == {}
        assert session.outstanding == set()

    on_a_node(body, **QUICK)


def test_an_own_ack_is_not_owed() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created())
        session, sink = await stage.session()
        other, _ = await stage.session(device="laptop")
        stage.happen(sent(2, user=ANA, device="phone"))
        assert [type(frame) for frame in sink.frames] == [frames.Ack]
        assert session.unacked == {}
        assert other.unacked[GROUP].last_seq == 2

    on_a_node(body, **QUICK)


def test_a_store_that_is_away_is_not_held_against_the_device() -> None:
    async def body(stage: Stage) -> None:
        _, sink = await with_events(stage)
        stage.timelines.fails = StoreUnavailable("away")
        await asyncio.sleep(1)  # 12 time-outs: with the store there, it would be closed after 4
        assert sink.closed is None
        stage.timelines.fails = None
        await until(lambda: sink.closed is not None)

    on_a_node(body, **QUICK)


def test_who_leaves_owes_nothing_of_the_conversation() -> None:
    async def body(stage: Stage) -> None:
        session, _ = await with_events(stage)
        stage.node.hub.leave(session, GROUP)
        assert session.unacked == {}
        assert stage.node.hub.heads == {}

    on_a_node(body, **QUICK)


def test_heads_are_known_only_of_conversations_with_a_session_here() -> None:
    async def body(stage: Stage) -> None:
        session, _ = await with_events(stage)
        assert stage.node.hub.heads == {GROUP: 4}
        stage.node.hub.know_head("g-other", 7)
        stage.node.hub.know_head(GROUP, 3)
        assert stage.node.hub.heads == {GROUP: 4}
        stage.node.sessions.close(session)
        stage.happen(sent(5))
        assert stage.node.hub.heads == {}

    on_a_node(body, **QUICK)


def test_the_inbox_may_ask_to_write_again_at_once() -> None:
    async def body(stage: Stage) -> None:
        _, sink = await with_events(stage)
        _, others = await stage.session(BEN)
        stage.node.delivery.on_signals([topic_record("signals", encoded(asked(3)))])
        await until(lambda: len(seqs(sink)) > 3)
        assert seqs(sink) == [2, 3, 4, 3, 4]
        assert seqs(others) == []

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


@pytest.mark.parametrize(("acked_seq", "again"), [(4, []), (3, [4])])
def test_what_is_acknowledged_while_it_waits_to_be_written_again_is_not(acked_seq: int, again: list[int]) -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.node.delivery.on_signals([topic_record("signals", encoded(asked(2)))])
        stage.say(session, mark(acked_seq))  # before the store is asked
        await asyncio.sleep(0.05)
        assert seqs(sink) == [2, 3, 4, *again]

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


def test_what_was_acknowledged_is_published_again_when_the_inbox_missed_it() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        stage.say(session, mark(4))
        await asyncio.sleep(0.03)
        stage.node.delivery.on_signals([topic_record("signals", encoded(asked(3)))])
        await asyncio.sleep(0.03)
        assert [decode_receipt(value).up_to_seq for value in await stage.published("receipts")] == [4, 4]
        assert seqs(sink) == [2, 3, 4], "and not written again"

    on_a_node(body, **QUICK)


def test_what_came_by_a_page_and_was_never_acknowledged_is_written_again_when_the_inbox_asks() -> None:
    async def body(stage: Stage) -> None:
        stage.happen(created(), sent(2), sent(3))
        session, sink = await stage.session()
        stage.node.delivery.on_signals([topic_record("signals", encoded(asked(2)))])
        await until(lambda: seqs(sink) == [2, 3])
        assert session.unacked[GROUP].last_seq == 3

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


def test_what_the_inbox_asks_of_strangers_and_of_those_who_catch_up_is_left_alone() -> None:
    async def body(stage: Stage) -> None:
        session, sink = await with_events(stage)
        session.catching_up.add(GROUP)
        stage.node.delivery.on_signals([topic_record("signals", encoded(asked(2))), topic_record("signals", encoded(asked(2, EVE)))])
        await asyncio.sleep(0.05)
        assert seqs(sink) == [2, 3, 4]

    on_a_node(body, **{**QUICK, "ack_timeout_ms": 10_000})


def encoded(record: RedeliveryAsked) -> bytes:
    return encode("signals", record)
