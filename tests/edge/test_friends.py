"""Rosters, ties and what commands need looked up, without servers: rows that lag, a feed that is ahead, records that repeat."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import pytest

from edge import frames
from edge.completion import Completion
from edge.errors import BadRequest
from edge.hub import Hub
from edge.presence_desk import PresenceDesk
from edge.privacies import Privacies
from edge.recent import Recent
from edge.rosters import Rosters
from edge.ties import Ties
from edge.versions import Version, version_of
from log.port import Record
from schemas import commands, events
from schemas.accounts import InvitationChanged, RosterChanged, RosterEvent, RosterNoted
from schemas.codec import encode
from schemas.ids import direct_conversation_id
from schemas.records import MessageSignalled
from schemas.values import Content, Member, Relation
from store.errors import StoreUnavailable
from store.presence import PresenceRow
from store.privacy import Privacy
from store.roster_rows import RosterRow, fold_roster
from store.rosters import Note, TieRow
from store.ties import Tie
from store.timelines import Timelines
from tests.edge.builders import ANA, BEN, EVE, ListSink, base, command_id, record, session_of
from tests.edge.tables import MemoryTables

DIRECT = direct_conversation_id(ANA, BEN)


def changed(other: str, seq: int, relation: Relation | None = None, user: str = ANA, blocked: bool | None = None) -> RosterChanged:
    conversation = direct_conversation_id(user, other)
    common = {"tenant": "default", "user": user, "at_ms": 1_000 + seq, "other": other, "conversation_id": conversation, "seq": seq}
    return RosterChanged(**common, relation=relation, blocked=blocked)  # type: ignore[arg-type]


class RosterStage:
    """`rosters` over rows that only `project` writes; one partition."""

    def __init__(self, page_limit: int = 100) -> None:
        self.hub, self.memory = Hub(), MemoryTables()
        self.log: list[RosterEvent] = []
        table = self.memory.tables().rosters
        self.rosters = Rosters(self.hub, table, "e1", lambda _: (0, len(self.log)), 1 << 20, page_limit)

    def feed(self, *told: RosterEvent) -> None:
        for event in told:
            self.log.append(event)
            value = encode("rosters", event)
            self.rosters.on_records([Record("rosters", 0, len(self.log) - 1, event.at_ms, event.user.encode(), value)])

    def project(self, up_to: int | None = None) -> None:
        for version, event in enumerate(self.log[:up_to], 1):
            if isinstance(event, RosterChanged | RosterNoted):
                row = fold_roster(self.memory.rosters.get((event.user, event.other)), event, version)
                self.memory.rosters[event.user, event.other] = row
        self.rosters.recent.advance({0: len(self.log) if up_to is None else up_to})

    def walk(self, since: str = "", user: str = ANA) -> tuple[str, bool, list[frames.RosterEntry]]:
        async def pages() -> tuple[str, bool, list[frames.RosterEntry]]:
            first = await self.rosters.page(user, since, "")
            entries, after = list(first.entries), first.next
            while after is not None:
                page = await self.rosters.page(user, since, after)
                assert (page.version, page.full) == (first.version, first.full)
                entries, after = [*entries, *page.entries], page.next
            return first.version, first.full, entries

        return asyncio.run(pages())

    def session(self, user: str = ANA, device: str = "phone") -> ListSink:
        session, sink = session_of(user, device)
        self.hub.open(session, ())
        return sink

    def told(self) -> None:
        async def run() -> None:
            task = asyncio.create_task(self.rosters.run())
            for _ in range(50):
                await asyncio.sleep(0)
            task.cancel()

        asyncio.run(run())


def relations(entries: Iterable[frames.RosterEntry]) -> dict[str, str]:
    return {entry.user: entry.relation for entry in entries}


@pytest.mark.parametrize("projected", range(7))
def test_a_roster_is_whole_wherever_the_projector_stands(projected: int) -> None:
    stage = RosterStage(page_limit=2)
    stage.feed(*(changed(f"u-{number}", 1, "requested") for number in range(4)), changed("u-1", 3, "friends"), changed("u-2", 3, "none"))
    stage.project(projected)
    version, full, entries = stage.walk()
    assert (version, full) == ("e1:0:6", True)
    assert relations(entries) == {"u-0": "requested", "u-1": "friends", "u-3": "requested"}
    assert [entry.user for entry in entries] == sorted(entry.user for entry in entries)


@pytest.mark.parametrize("projected", range(4, 7))
def test_who_was_away_is_told_what_changed_also_what_ended_and_nothing_else(projected: int) -> None:
    stage = RosterStage(page_limit=2)
    stage.feed(*(changed(f"u-{number}", 1, "friends") for number in range(4)))
    version, _, _ = stage.walk()
    stage.memory.notes[ANA, "u-3"] = Note("three", ("x",))
    stage.feed(changed("u-1", 5, "none"), RosterNoted(tenant="default", user=ANA, at_ms=9, other="u-3"))
    stage.project(projected)
    version, full, entries = stage.walk(since=version)
    assert (version, full) == ("e1:0:6", False)
    assert [(entry.user, entry.relation, entry.alias, entry.tags) for entry in entries] == [
        ("u-1", "none", "", ()),
        ("u-3", "friends", "three", ("x",)),
    ]
    assert stage.walk(since=version) == ("e1:0:6", False, [])


@pytest.mark.parametrize("since", ["e0:0:1", "e1:1:1", "e1:0:99", "e1:0:", "1", "e1:0:-1", "x" * 200, "e1:0:1:2 "])
def test_a_version_of_another_log_or_of_none_gets_everything(since: str) -> None:
    stage = RosterStage()
    stage.feed(changed(BEN, 1, "friends"))
    assert stage.walk(since)[1:] == (True, stage.walk()[2])


@pytest.mark.parametrize("after", ["x", "9.u-1", ".", "99999.u", "-1.u"])
def test_a_place_that_was_never_given_begins_anew(after: str) -> None:
    stage = RosterStage()
    stage.feed(changed(BEN, 1, "friends"))
    page = asyncio.run(stage.rosters.page(ANA, "", after))
    assert [entry.user for entry in page.entries] == [BEN]


def test_versions_are_read_as_they_are_written() -> None:
    assert version_of(str(Version("e:1", 3, 12)), "e:1", 3, 12) == 12
    assert version_of("", "e1", 0, 5) is None


def test_rows_that_lag_by_more_than_is_remembered_are_refused_as_behind() -> None:
    stage = RosterStage()
    stage.rosters.recent.bytes_limit = 100
    stage.feed(*(changed(f"u-{number}", 1, "friends") for number in range(9)))
    with pytest.raises(BadRequest) as refused:
        stage.walk()
    assert refused.value.code == "behind"
    stage.project()
    assert len(stage.walk()[2]) == 9


def test_a_change_reaches_every_session_of_its_user_whole_and_nobody_else() -> None:
    stage = RosterStage()
    phone, laptop, ben = stage.session(), stage.session(device="laptop"), stage.session(BEN)
    stage.memory.notes[ANA, BEN] = Note("benny", ())
    stage.feed(changed(BEN, 4, "friends"), changed(BEN, 6, blocked=True))
    stage.told()
    (frame,) = phone.frames
    assert isinstance(frame, frames.Roster)
    assert (frame.version, frame.invitations) == ("e1:0:2", False)
    assert frame.entries == (frames.RosterEntry(BEN, DIRECT, "friends", True, "benny", (), "", 1_006),)
    assert laptop.shared == phone.shared
    assert ben.frames == []


def test_a_record_that_comes_again_late_tells_what_stands_now() -> None:
    stage = RosterStage()
    sink = stage.session()
    stage.feed(changed(BEN, 4, "friends"), changed(BEN, 2, "requested"))
    stage.told()
    assert [relations(frame.entries) for frame in sink.frames if isinstance(frame, frames.Roster)] == [{BEN: "friends"}]
    assert relations(stage.walk()[2]) == {BEN: "friends"}


def test_an_invitation_is_told_as_such_and_listed() -> None:
    stage = RosterStage()
    sink = stage.session()
    common: dict[str, Any] = {"tenant": "default", "user": ANA, "conversation_id": "g-1", "by": BEN}
    stage.feed(InvitationChanged(**common, seq=3, state="invited", at_ms=5), InvitationChanged(**common, seq=9, state="declined", at_ms=6))
    stage.told()
    assert sink.frames == [frames.Roster("e1:0:2", (), True)]
    (row,) = asyncio.run(stage.rosters.joinings(ANA))
    assert (row.way, row.conversation, row.state, row.seq) == ("invitation", "g-1", "declined", 9)


# ---- ties


class NoTimelines:
    def __init__(self) -> None:
        self.log: list[events.Event] = []

    async def heads(self, conversations: list[str]) -> dict[str, object]:
        return {each: None for each in conversations if any(event.conversation_id == each for event in self.log)}

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.Event]:
        return [event for event in self.log if event.seq >= from_seq][:limit]


class TieStage:
    def __init__(self) -> None:
        self.memory, self.recent, self.timelines = MemoryTables(), Recent(1 << 20), NoTimelines()
        self.reached: list[list[str]] = []
        self.on_reach: Callable[[], None] = lambda: None
        table = self.memory.tables().rosters
        self.ties = Ties(table, cast(Timelines, self.timelines), self.recent, self.reach, lambda _: False)

    async def reach(self, conversations: Iterable[str]) -> None:
        self.reached.append(list(conversations))
        self.on_reach()

    def see(self, event: events.Event) -> None:
        """This node's feed has read it, the projector has not written it."""
        seen = record(event, event.seq)
        self.recent.add(0, event.seq, event.conversation_id, seen.value or b"")

    def may(self, user: str, other: str, other_refuses: bool = False) -> str | None:
        verdict = asyncio.run(self.ties.may_message(user, other, other_refuses, 5))
        assert verdict.allowed == (verdict.code is None)
        return verdict.code


def direct(kind: Any, seq: int, user: str, **fields: Any) -> Any:
    return kind(**base(seq, user=user, conversation=DIRECT), **fields)


def opening(*refusing: str) -> events.ConversationCreated:
    named = (Member(ANA), Member(BEN))
    return cast(
        events.ConversationCreated,
        direct(events.ConversationCreated, 1, ANA, conversation_kind="direct", title="", members=named, refuse_strangers=refusing),
    )


def test_a_block_that_is_only_in_the_log_holds_for_the_next_look_up() -> None:
    stage = TieStage()
    stage.timelines.log = [opening()]
    assert stage.may(ANA, BEN) is None
    stage.on_reach = lambda: stage.see(direct(events.UserBlocked, 2, BEN, member=ANA))
    assert stage.may(ANA, BEN) == "blocked"
    assert stage.may(BEN, ANA) == "blocked"
    assert stage.reached == [[DIRECT]] * 3


def test_a_row_that_is_ahead_of_the_feed_is_not_taken_back() -> None:
    stage = TieStage()
    stage.timelines.log = [opening()]
    stage.memory.ties[DIRECT] = TieRow(Tie(), {BEN: -7}, {})
    stage.see(direct(events.UserBlocked, 5, BEN, member=ANA))
    assert stage.may(ANA, BEN) is None


def test_strangers_are_refused_until_the_one_who_refuses_them_writes_or_they_are_friends() -> None:
    stage = TieStage()
    assert stage.may(ANA, BEN, other_refuses=True) == "strangers_refused"  # before there is a conversation
    assert stage.may(ANA, BEN) is None
    stage.timelines.log = [opening(BEN)]
    stage.memory.ties[DIRECT] = TieRow(Tie(refusing=(BEN,)), {}, {BEN: 1})
    assert stage.may(ANA, BEN) == "strangers_refused"
    assert stage.may(BEN, ANA) is None
    stage.see(direct(events.MessageSent, 2, BEN, content=Content("text/plain", b"hi")))
    assert stage.may(ANA, BEN) is None
    stage.recent.by_conversation.clear()  # it is written, and forgotten here
    assert stage.may(ANA, BEN) == "strangers_refused"
    stage.timelines.log.append(direct(events.MessageSent, 2, BEN, content=Content("text/plain", b"hi")))
    assert stage.may(ANA, BEN) is None
    stage.memory.ties[DIRECT] = TieRow(Tie(refusing=(BEN,)), {}, {BEN: 4})  # a friendship ended at 4: he begins to refuse anew
    assert stage.may(ANA, BEN) == "strangers_refused"
    stage.memory.ties[DIRECT] = TieRow(Tie(friends=True, since_seq=6, refusing=(BEN,)), {}, {BEN: 4})
    assert stage.may(ANA, BEN) is None


# ---- what commands need looked up


class Sent:
    def __init__(self, privacy: dict[str, Privacy] | None = None) -> None:
        self.ties_stage = TieStage()
        self.memory = self.ties_stage.memory
        self.memory.privacy.update(privacy or {})
        privacies = Privacies(self.memory.tables().privacy, "everyone")
        self.sent: list[Any] = []
        self.rejects: list[frames.Reject] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.completion = Completion(privacies, self.ties_stage.ties, self.spawn, lambda each, *_: self.sent.append(each))

    def spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def publish(self, *records: Any) -> None:
        async def run() -> None:
            for each in records:
                self.completion.publish(each, self.rejects.append, None)
            await asyncio.gather(*self.tasks)
            self.tasks.clear()

        asyncio.run(run())


def command(kind: Any, number: int, conversation: str = DIRECT, **fields: Any) -> Any:
    common = {"tenant": "default", "conversation_id": conversation, "command_id": command_id(number), "user": ANA, "device": "d"}
    return kind(**common, trace_id="t", received_at_ms=0, **fields)


CHOSEN = {BEN: Privacy(True, "everyone", 1, "friends", "question"), ANA: Privacy(True, "everyone", 1, "friends")}


def test_friend_commands_and_new_direct_conversations_carry_what_both_users_chose() -> None:
    sent = Sent(CHOSEN)
    sent.publish(
        command(commands.CreateConversation, 1, conversation_kind="direct", title="", members=(Member(BEN),)),
        command(commands.RequestFriend, 2, member=BEN),
        command(commands.BlockUser, 3, member=BEN),
        command(commands.RemoveFriend, 4, member=BEN),
    )
    assert [each.refuse_strangers for each in sent.sent] == [(ANA, BEN)] * 4
    assert sent.sent[1].taken == "question"


def test_what_needs_no_look_goes_at_once_but_never_past_one_that_is_looked_up() -> None:
    sent = Sent()
    create = command(commands.CreateConversation, 1, conversation_kind="direct", title="", members=(Member(BEN),))
    message = command(commands.SendMessage, 2, content=Content("text/plain", b"hi"))
    elsewhere = command(commands.SendMessage, 3, "g-1", content=Content("text/plain", b"hi"))
    sent.publish(create, message, elsewhere)
    assert [each.command_id for each in sent.sent] == [elsewhere.command_id, create.command_id, message.command_id]


def test_a_store_that_is_away_refuses_the_command_and_lets_the_next_one_through() -> None:
    sent = Sent()

    async def away() -> None:
        sent.memory.turn = _at_once
        raise StoreUnavailable("away")

    sent.memory.turn = away
    request = command(commands.RequestFriend, 1, member=BEN)
    sent.publish(request, command(commands.BlockUser, 2, member=BEN))
    assert [(each.id, each.code, each.retryable) for each in sent.rejects] == [(request.command_id, "unavailable", True)]
    assert [type(each) for each in sent.sent] == [commands.BlockUser]


async def _at_once() -> None:
    return None


def test_an_ephemeral_message_to_who_blocks_its_author_is_refused() -> None:
    signal = MessageSignalled(
        tenant="default", conversation_id=DIRECT, user=ANA, device="d", command_id=command_id(1), content=Content("a/b", b"x"), at_ms=0
    )
    sent = Sent()
    sent.ties_stage.timelines.log = [opening()]
    sent.publish(signal)
    assert sent.sent == [signal]
    sent.ties_stage.see(direct(events.UserBlocked, 2, BEN, member=ANA))
    sent.publish(signal)
    assert [each.code for each in sent.rejects] == ["blocked"]
    assert sent.sent == [signal]


# ---- presence


class Watching:
    def __init__(self, visibility: Any = "everyone") -> None:
        self.ties_stage, self.hub = TieStage(), Hub()
        self.memory = self.ties_stage.memory
        tables = self.memory.tables()
        self.desk = PresenceDesk(self.hub, tables.presences, Privacies(tables.privacy, visibility), self.nobody, 9)
        self.desk.ties_of = self.ties_stage.ties.of
        self.session, self.sink = session_of(ANA)
        self.hub.open(self.session, (DIRECT,))
        self.memory.presence[BEN] = PresenceRow(BEN, "online", "hi", 5, 5)

    async def nobody(self, conversation: str, limit: int) -> Iterable[str]:
        return ()

    def ask(self) -> frames.PresenceEntry:
        asyncio.run(self.desk.answer(self.session, frames.WatchPresence("r", (BEN,))))
        (answer,) = self.sink.take()
        assert isinstance(answer, frames.Presence)
        return answer.users[0]

    def happens(self, event: events.Event) -> list[frames.FromEdge]:
        self.ties_stage.see(event)
        self.desk.on_event(event)
        self.desk.tell()
        return self.sink.take()


OFFLINE = frames.PresenceEntry(BEN, "offline")
ONLINE = frames.PresenceEntry(BEN, "online", "hi", 5)


def test_who_is_blocked_sees_the_other_as_never_online_at_once_and_at_every_later_look() -> None:
    watching = Watching()
    assert watching.ask() == ONLINE
    assert watching.happens(direct(events.UserBlocked, 2, BEN, member=ANA)) == [frames.Presence("", (OFFLINE,))]
    assert watching.ask() == OFFLINE
    assert watching.happens(direct(events.UserUnblocked, 3, BEN, member=ANA)) == [frames.Presence("", (ONLINE,))]


def test_a_block_of_ones_own_changes_nothing_of_what_one_sees() -> None:
    watching = Watching()
    assert watching.ask() == ONLINE
    assert watching.happens(direct(events.UserBlocked, 2, ANA, member=BEN)) == []
    assert watching.ask() == ONLINE


def test_friends_only_presence_is_seen_by_friends_as_long_as_they_are() -> None:
    watching = Watching("friends")
    assert watching.ask() == OFFLINE
    assert watching.happens(direct(events.FriendRequested, 2, ANA, member=BEN, text="")) == []
    assert watching.happens(direct(events.FriendAccepted, 3, BEN, member=ANA, text="")) == [frames.Presence("", (ONLINE,))]
    assert watching.ask() == ONLINE
    assert watching.happens(direct(events.FriendRemoved, 4, BEN, member=ANA)) == [frames.Presence("", (OFFLINE,))]
    assert watching.ask() == OFFLINE


def test_a_block_that_comes_while_the_rows_are_read_is_in_the_answer() -> None:
    watching = Watching()

    async def meanwhile() -> None:
        watching.happens(direct(events.UserBlocked, 2, BEN, member=ANA))

    watching.memory.turn = cast(Callable[[], Awaitable[None]], meanwhile)
    assert watching.ask() == OFFLINE


def test_a_block_of_another_user_touches_nobody_elses_watch() -> None:
    watching = Watching()
    assert watching.ask() == ONLINE
    eves = direct_conversation_id(ANA, EVE)
    watching.hub.join(watching.session, eves)
    assert watching.happens(events.UserBlocked(**base(2, user=EVE, conversation=eves), member=ANA)) == []


def test_rows_are_folded_into_rows() -> None:
    assert fold_roster(None, changed(BEN, 2, "asked"), 5) == RosterRow(BEN, "asked", "", 2, False, 0, 5, 1_002)
