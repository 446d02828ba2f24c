"""Receipts from the log to sessions: who hears what, and at what cost."""

import asyncio

import pytest

import edge.fanout
from edge import frames
from edge.counting import Counting
from edge.counts import Tally
from edge.fanout import ReceiptFanout
from edge.hub import Hub
from edge.own_marks import OwnMarks
from edge.session import Session
from edge.sizes import Sizes
from log.port import Record
from schemas import events
from schemas.codec import encode
from schemas.ids import direct_conversation_id
from schemas.keys import receipt_key
from schemas.records import WatermarkRaised
from schemas.values import WatermarkState
from store.errors import StoreUnavailable
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, base, session_of

LIMIT = 3


def mark(state: WatermarkState, up_to_seq: int, user: str = BEN, device: str = "phone", conversation: str = GROUP, **more: bool) -> Record:
    raised = WatermarkRaised(
        tenant="default", conversation_id=conversation, user=user, device=device, state=state, up_to_seq=up_to_seq, at_ms=1, **more
    )
    return Record("receipts", 0, 0, 0, receipt_key(raised), encode("receipts", raised))


class Stage:
    """A hub with sessions; `members` is what Cassandra would answer."""

    def __init__(self, *members: str) -> None:
        self.hub = Hub()
        self.members = set(members)
        self.failures = 0
        self.lookups = 0
        self.fanout = ReceiptFanout(self.hub, Sizes(LIMIT), Counting(self.load, 1, 1), OwnMarks(), self.members_of)

    async def load(self, conversation: str, tally: Tally, members_limit: int) -> None:
        raise AssertionError("nobody watches")

    async def members_of(self, conversation: str) -> set[str]:
        self.lookups += 1
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        return set(self.members)

    def session(self, user: str, device: str = "phone", *conversations: str) -> tuple[Session, ListSink]:
        session, sink = session_of(user, device)
        self.hub.open(session, conversations or (GROUP,))
        return session, sink

    def feed(self, *records: Record) -> None:
        async def whole() -> None:
            self.fanout.on_receipts(records)
            looking = asyncio.ensure_future(self.fanout.run())
            for _ in range(20):
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

        asyncio.run(whole())
        self.fanout._to_learn = asyncio.Queue()


def receipt(state: WatermarkState, up_to_seq: int, user: str = BEN, conversation: str = GROUP) -> frames.Receipt:
    return frames.Receipt(conversation, user, state, up_to_seq)


def test_in_a_small_group_the_others_hear_it_and_the_users_own_other_devices() -> None:
    stage = Stage(ANA, BEN)
    _, ana = stage.session(ANA)
    _, phone = stage.session(BEN, "phone")
    _, laptop = stage.session(BEN, "laptop")
    stage.feed(mark("delivered", 4))
    assert ana.frames == laptop.frames == [receipt("delivered", 4)]
    assert phone.frames == []


def test_members_elsewhere_count_for_what_is_small() -> None:
    """One session here, but the group has many members on other nodes."""
    stage = Stage(ANA, BEN, "u1", "u2")
    _, ana = stage.session(ANA)
    _, laptop = stage.session(BEN, "laptop")
    stage.feed(mark("delivered", 4), mark("read", 4), mark("played", 4))
    assert ana.frames == []
    assert laptop.frames == [receipt("delivered", 4), receipt("read", 4), receipt("played", 4)]
    assert stage.fanout.is_large(GROUP)


def test_a_direct_conversation_needs_no_look_up() -> None:
    direct = direct_conversation_id(ANA, BEN)
    stage = Stage()
    _, ana = stage.session(ANA, "phone", direct)
    stage.feed(mark("delivered", 4, conversation=direct))
    assert ana.frames == [receipt("delivered", 4, conversation=direct)]
    assert stage.lookups == 0


@pytest.mark.parametrize("state", ["previewed", "unread"])
def test_previews_and_unread_marks_are_for_the_users_own_devices(state: WatermarkState) -> None:
    stage = Stage(ANA, BEN)
    _, ana = stage.session(ANA)
    _, laptop = stage.session(BEN, "laptop")
    stage.feed(mark(state, 4))
    assert ana.frames == []
    assert laptop.frames == [receipt(state, 4)]


def test_hidden_receipts_are_for_the_users_own_devices() -> None:
    stage = Stage(ANA, BEN)
    _, ana = stage.session(ANA)
    _, laptop = stage.session(BEN, "laptop")
    stage.feed(mark("read", 4, hidden=True))
    assert ana.frames == []
    assert laptop.frames == [receipt("read", 4)]


def test_an_unread_mark_is_known_to_all_sessions_of_the_user_until_it_is_taken_back() -> None:
    stage = Stage(ANA, BEN)
    phone, _ = stage.session(BEN, "phone")
    laptop, _ = stage.session(BEN, "laptop")
    stage.feed(mark("unread", 4))
    assert phone.marked_unread == laptop.marked_unread == {GROUP}
    stage.feed(mark("unread", 0))
    assert phone.marked_unread == laptop.marked_unread == set()


def test_what_nobody_here_is_in_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(value: bytes | None) -> WatermarkRaised:
        raise AssertionError("decoded")

    stage = Stage()
    stage.session(ANA, "phone", "g-other")
    monkeypatch.setattr(edge.fanout, "decode_receipt", never)
    stage.feed(mark("delivered", 4))
    assert stage.lookups == 0


def test_while_the_size_is_looked_up_marks_wait_and_only_the_last_is_told() -> None:
    stage = Stage(ANA, BEN)
    _, ana = stage.session(ANA)
    stage.feed(mark("delivered", 4), mark("delivered", 6), mark("delivered", 5), mark("played", 2))
    assert ana.frames == [receipt("delivered", 6), receipt("played", 2)]
    assert stage.lookups == 1


def test_a_store_that_is_away_only_delays_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.fanout, "RETRY_S", 0)
    stage = Stage(ANA, BEN)
    stage.failures = 2
    _, ana = stage.session(ANA)
    stage.feed(mark("delivered", 4))
    assert ana.frames == [receipt("delivered", 4)]
    assert stage.lookups == 3


def test_a_damaged_record_is_passed_over() -> None:
    stage = Stage(ANA, BEN)
    _, ana = stage.session(ANA)
    stage.feed(mark("delivered", 4)._replace(value=b"junk"), mark("delivered", 5))
    assert ana.frames == [receipt("delivered", 5)]


def test_a_group_that_grows_is_large_from_then_on_and_is_looked_up_again_when_somebody_leaves() -> None:
    stage = Stage(ANA, BEN, EVE)
    _, ana = stage.session(ANA)
    stage.feed(mark("delivered", 1))
    stage.fanout.on_event(events.MemberAdded(member="u-new", role="member", **base(9)))
    stage.feed(mark("delivered", 2))
    stage.members = {ANA, BEN, EVE}
    stage.fanout.on_event(events.MemberLeft(**base(10, user="u-new")))
    stage.feed(mark("delivered", 3))
    assert ana.frames == [receipt("delivered", 1), receipt("delivered", 3)]
    assert stage.lookups == 2
