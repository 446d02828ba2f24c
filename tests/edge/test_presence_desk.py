"""What a session asks about presence, with changes, other questions and ends in between."""

import asyncio
from collections.abc import Iterable

import pytest

from edge import frames
from edge.errors import BadRequest
from edge.hub import Hub
from edge.presence_desk import PresenceDesk
from edge.privacies import Privacies
from edge.session import Session
from log.port import Record
from schemas.accounts import PrivacyChanged
from schemas.codec import encode
from schemas.records import PresenceChanged
from schemas.values import Visibility
from store.errors import StoreUnavailable
from store.presence import PresenceRow
from store.privacy import Privacy
from tests.edge.builders import ANA, BEN, EVE, GROUP, ListSink, session_of, topic_record
from tests.edge.tables import MemoryTables

LIMIT = 3


def changed(user: str, at_ms: int) -> Record:
    change = PresenceChanged(tenant="default", user=user, state="online", status="", last_seen_ms=at_ms, at_ms=at_ms)
    return topic_record("presence", encode("presence", change), user.encode())


def privacy_changed(user: str, presence: Visibility, receipts: bool = True, at_ms: int = 9) -> PrivacyChanged:
    return PrivacyChanged(tenant="default", user=user, receipts=receipts, presence=presence, at_ms=at_ms)


class Stage:
    def __init__(self) -> None:
        self.hub, self.memory = Hub(), MemoryTables()
        self.members: list[str] = []
        tables = self.memory.tables()
        self.privacies = Privacies(tables.privacy, "everyone")
        self.desk = PresenceDesk(self.hub, tables.presences, self.privacies, self.some_members, LIMIT)
        self.session, self.sink = self.opened(ANA)

    def opened(self, user: str) -> tuple[Session, ListSink]:
        session, sink = session_of(user)
        self.hub.open(session, (GROUP,))
        return session, sink

    async def some_members(self, conversation: str, limit: int) -> Iterable[str]:
        return self.members[:limit]

    def ask(self, *users: str, request: str = "r") -> None:
        asyncio.run(self.desk.answer(self.session, frames.WatchPresence(request, users)))


def entry(user: str, at_ms: int) -> frames.PresenceEntry:
    return frames.PresenceEntry(user, "online", "", at_ms)


def offline(user: str) -> frames.PresenceEntry:
    return frames.PresenceEntry(user, "offline")


def test_a_change_that_comes_while_the_row_is_read_is_in_the_answer() -> None:
    stage = Stage()
    stage.memory.presence[BEN] = PresenceRow(BEN, "online", "", 5, 5)

    async def meanwhile() -> None:
        stage.desk.on_presence([changed(BEN, 6)])
        stage.desk.tell()

    stage.memory.turn = meanwhile
    stage.ask(BEN)
    assert stage.sink.frames == [frames.Presence("r", (entry(BEN, 6),))]


def test_the_members_of_conversations_are_watched_too_up_to_the_limit_and_above_it_nothing_changes() -> None:
    stage = Stage()
    stage.members = [BEN, EVE]
    asyncio.run(stage.desk.answer(stage.session, frames.WatchPresence("r", (ANA,), (GROUP,))))
    assert [each.user for each in stage.sink.frames[0].users] == [ANA, BEN, EVE]  # type: ignore[union-attr]
    stage.members = ["u1", "u2", "u3", "u4"]
    with pytest.raises(BadRequest) as refused:
        asyncio.run(stage.desk.answer(stage.session, frames.WatchPresence("s", (), (GROUP,))))
    assert refused.value.code == "too_many"
    assert stage.desk.watchers.is_watched(EVE)


def test_of_two_questions_at_once_the_second_counts() -> None:
    stage = Stage()

    async def both() -> list[BaseException | None]:
        asked = [frames.WatchPresence("first", (BEN,)), frames.WatchPresence("second", (EVE,))]
        return await asyncio.gather(*(stage.desk.answer(stage.session, each) for each in asked), return_exceptions=True)

    async def turn() -> None:
        await asyncio.sleep(0)

    stage.memory.turn = turn
    first, second = asyncio.run(both())
    assert isinstance(first, BadRequest)
    assert (first.code, second) == ("superseded", None)
    assert stage.sink.frames == [frames.Presence("second", (offline(EVE),))]


def test_a_store_that_is_away_or_a_session_that_ends_meanwhile_leaves_nothing_watched() -> None:
    async def away() -> None:
        raise StoreUnavailable("away")

    async def ends() -> None:
        stage.hub.close(stage.session)
        stage.desk.forget(stage.session)

    stage = Stage()
    stage.memory.turn = away
    with pytest.raises(StoreUnavailable):
        stage.ask(BEN)
    assert not stage.desk.watchers.is_watched(BEN)
    stage.memory.turn = ends
    with pytest.raises(BadRequest):
        stage.ask(BEN)
    assert not stage.desk.watchers.is_watched(BEN)
    stage.ask(BEN)  # asked before it ended, served after: the session is gone
    assert not stage.desk.watchers.is_watched(BEN)


def test_a_change_of_privacy_reaches_watchers_and_the_users_own_sessions() -> None:
    stage = Stage()
    ben, _ = stage.opened(BEN)
    stage.memory.presence[BEN] = PresenceRow(BEN, "online", "", 5, 5)
    stage.ask(BEN)
    stage.sink.take()
    stage.desk.on_privacy_changed(privacy_changed(BEN, "nobody", receipts=False))
    stage.desk.tell()
    assert stage.sink.frames == [frames.Presence("", (offline(BEN),))]
    assert ben.hides_receipts


def test_privacy_is_the_newer_of_the_row_and_of_what_the_feed_saw() -> None:
    async def of(privacies: Privacies) -> Privacy:
        return await privacies.of_user(BEN)

    memory = MemoryTables()
    privacies = Privacies(memory.tables().privacy, "contacts")
    assert asyncio.run(of(privacies)) == Privacy(True, "contacts")
    privacies.on_change(PrivacyChanged(tenant="default", user=BEN, receipts=False, presence="nobody", at_ms=5))
    assert asyncio.run(of(privacies)).presence == "nobody"  # a row that was read before it was written
    memory.privacy[BEN] = Privacy(True, "everyone", 7)
    assert asyncio.run(of(privacies)).presence == "everyone"
    privacies.on_change(PrivacyChanged(tenant="default", user=BEN, receipts=False, presence="nobody", at_ms=4))
    assert asyncio.run(of(privacies)).presence == "everyone"
