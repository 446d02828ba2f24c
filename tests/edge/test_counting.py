"""Counts for watching sessions: loaded and followed without a gap, told when they change, bounded, and forgotten in time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from edge import frames
from edge.counting import Counting
from edge.counts import Tally
from edge.errors import BadRequest
from edge.session import Session
from schemas import events
from schemas.records import WatermarkRaised
from schemas.values import WatermarkState
from store.errors import StoreUnavailable
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, base, session_of

SEQ = 5


def mark(state: WatermarkState, up_to_seq: int, user: str = BEN, conversation: str = GROUP, **more: bool) -> WatermarkRaised:
    return WatermarkRaised(
        tenant="default", conversation_id=conversation, user=user, device="d", state=state, up_to_seq=up_to_seq, at_ms=1, **more
    )


def told(delivered: int, read: int = 0, played: int = 0, members: int = 2, seq: int = SEQ) -> frames.ReceiptCounts:
    return frames.ReceiptCounts(GROUP, seq, members, delivered, read, played)


async def nothing() -> None:
    return None


class Stage:
    """A group of three in the tables; `meanwhile` happens between the question and the tables' answer."""

    def __init__(self, conversations_limit: int = 2, members_limit: int = 10) -> None:
        self.counting = Counting(self.load, conversations_limit, members_limit)
        self.meanwhile: Callable[[], Awaitable[None]] = nothing
        self.loads = 0

    async def load(self, conversation: str, tally: Tally, members_limit: int) -> None:
        self.loads += 1
        for user in (ANA, BEN, EVE):
            tally.join(user)
        tally.mark(BEN, "delivered", 4)
        await self.meanwhile()
        if len(tally.members) > members_limit:
            raise BadRequest("too_many", "members", 1)

    def watch(self, *questions: tuple[Session, int], conversation: str = GROUP) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self.counting.watch(session, conversation, seq) for session, seq in questions))

        asyncio.run(all_at_once())

    def told(self, sink: ListSink) -> list[frames.FromEdge]:
        self.counting.tell()
        return sink.take()


def test_the_first_counts_come_unasked_and_later_ones_only_when_they_change() -> None:
    stage, (session, sink) = Stage(), session_of(ANA)
    stage.watch((session, SEQ))
    assert stage.told(sink) == [told(0)]
    stage.counting.on_mark(mark("delivered", 4, EVE))  # below the seq that is watched
    assert stage.told(sink) == []
    stage.counting.on_mark(mark("delivered", 5))
    stage.counting.on_mark(mark("read", 7, EVE))
    stage.counting.on_mark(mark("played", 7, EVE))
    assert stage.told(sink) == [told(2, 1, 1)]
    assert stage.told(sink) == []


def test_what_comes_while_the_tables_are_read_is_counted() -> None:
    stage, (session, sink) = Stage(), session_of(ANA)

    async def meanwhile() -> None:
        stage.counting.on_mark(mark("delivered", 9))
        stage.counting.on_event(events.MemberLeft(**base(8, user=EVE)))
        stage.counting.on_event(events.MemberAdded(member="u-new", role="member", **base(9)))
        stage.counting.tell()

    stage.meanwhile = meanwhile
    stage.watch((session, SEQ))
    assert sink.frames == []
    assert stage.told(sink) == [told(2, 1)]  # who joined at seq 9 has read what was before


def test_hidden_marks_previews_and_unread_marks_do_not_count() -> None:
    stage, (session, sink) = Stage(), session_of(ANA)
    stage.watch((session, SEQ))
    stage.told(sink)
    for each in (mark("delivered", 9, hidden=True), mark("previewed", 9), mark("unread", 9)):
        stage.counting.on_mark(each)
    assert stage.told(sink) == []


def test_members_who_come_and_go_and_read_by_events_are_counted() -> None:
    stage, (session, sink) = Stage(), session_of(ANA)
    stage.watch((session, SEQ))
    stage.told(sink)
    stage.counting.on_event(events.ReadMarked(up_to_seq=5, up_to_ordinal=5, **base(6, user=BEN)))
    assert stage.told(sink) == [told(1, 1)]
    stage.counting.on_event(events.MemberLeft(**base(7, user=BEN)))
    assert stage.told(sink) == [told(0, members=1)]


def test_sessions_that_ask_at_once_share_one_load_and_each_has_its_own_seq() -> None:
    stage = Stage()
    (ana, anas), (ben, bens) = session_of(ANA), session_of(BEN)
    stage.watch((ana, SEQ), (ben, 3), (ana, 2))
    assert stage.loads == 1
    stage.counting.tell()
    assert anas.frames == [told(1, seq=2)]
    assert bens.frames == [told(0, seq=3)]


def test_more_conversations_than_the_limit_are_refused_until_one_is_let_go() -> None:
    stage, (session, _) = Stage(conversations_limit=1), session_of(ANA)
    stage.watch((session, SEQ))
    with pytest.raises(BadRequest) as refused:
        stage.watch((session, SEQ), conversation="g-2")
    assert (refused.value.code, refused.value.retryable) == ("too_many", True)
    stage.watch((session, 0))
    stage.watch((session, SEQ), conversation="g-2")
    assert set(stage.counting._counted) == {"g-2"}


def test_a_group_that_is_too_large_or_a_store_that_is_away_leaves_nothing_behind() -> None:
    async def away() -> None:
        raise StoreUnavailable("away")

    stage, (session, _) = Stage(members_limit=2), session_of(ANA)
    with pytest.raises(BadRequest):
        stage.watch((session, SEQ))
    stage.meanwhile = away
    with pytest.raises(StoreUnavailable):
        stage.watch((session, SEQ))
    assert stage.counting._counted == {}


def test_a_session_that_ends_or_is_put_out_of_the_group_is_told_no_more() -> None:
    stage, (ana, anas), (ben, bens) = Stage(), session_of(ANA), session_of(BEN)
    stage.watch((ana, SEQ), (ben, SEQ))
    stage.told(anas)
    bens.take()
    stage.counting.on_event(events.MemberRemoved(member=BEN, **base(9)))
    stage.counting.tell()
    assert bens.frames == []
    assert anas.take() == [told(0, members=1)]
    stage.counting.forget(ana)
    assert stage.counting._counted == {}


def test_a_session_that_ends_while_the_tables_are_read_leaves_nothing_behind() -> None:
    stage, (session, sink) = Stage(), session_of(ANA)

    async def ends() -> None:
        stage.counting.forget(session)

    stage.meanwhile = ends
    stage.watch((session, SEQ))
    assert stage.told(sink) == []
    assert stage.counting._counted == {}
