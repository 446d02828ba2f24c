"""What a newcomer may read: nothing from before it joined where the group says so, also when it says so while a page is read."""

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge.merge import EventsPage
from edge.node import Node
from edge.readable import HIDDEN_SEQS, Readable, cut_below, hidden
from edge.reader import Reader
from edge.recent import Recent
from schemas import events
from schemas.codec import encode
from schemas.values import GroupSettings
from store.facts import Fact, FactKey, fold_facts
from store.timelines import Timelines
from store.views import Membership, message_of
from tests.edge.builders import ANA, GROUP, base, sent
from tests.edge.test_reader import Rows

JOINED_SEQ = 6


def place(joined_seq: int = JOINED_SEQ) -> Membership:
    return Membership(
        user=ANA,
        conversation_id=GROUP,
        conversation_kind="group",
        title="",
        role="member",
        joined_seq=joined_seq,
        active=True,
        changed_seq=joined_seq,
        read_seq=0,
        read_ordinal=0,
    )


def chosen(seq: int, history: Any) -> events.SettingsChanged:
    return events.SettingsChanged(**{**base(seq), "ordinal": 0}, settings=GroupSettings(history=history), settings_version=seq)


class World(Rows):
    """Ten messages, a membership and a settings fact; `during` happens while a page is read."""

    def __init__(self, *settings: events.SettingsChanged) -> None:
        super().__init__(*(sent(seq) for seq in range(1, 11)))
        self.facts = fold_facts({}, settings)
        self.during: list[events.Event] = []
        self.recent = Recent(1 << 20)
        self.joined_seq = JOINED_SEQ
        reader = Reader(cast(Timelines, self), self.recent, self.reach)
        node = SimpleNamespace(recent=self.recent, reader=reader, timelines=self, tables=SimpleNamespace(facts=self))
        self.readable = Readable(cast(Node, node))

    async def reach(self, _: str) -> None: ...

    async def named(self, _: str, kind: Any, keys: Collection[str]) -> dict[str, Fact]:
        return {key: self.facts[FactKey(kind, key)] for key in keys if FactKey(kind, key) in self.facts}

    async def membership(self, _user: str, _conversation: str) -> Membership:
        return place(self.joined_seq)

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.MessageSent]:
        rows = await super().read_events(conversation, from_seq, limit)
        self._pass()
        return rows

    async def read_messages(self, conversation: str, before_seq: int | None, limit: int) -> Any:
        rows = await super().read_messages(conversation, before_seq, limit)
        self._pass()
        return rows

    def _pass(self) -> None:
        for event in self.during:
            self.recent.add(0, event.seq, GROUP, encode("conversation-events", event))
        self.during = []

    def page(self, from_seq: int = 1) -> EventsPage:
        return asyncio.run(self.readable.events(ANA, lambda: True, GROUP, from_seq, 50))

    def history(self, before_seq: int | None = None, limit: int = 50) -> tuple[list[int], int | None]:
        views, before = asyncio.run(self.readable.history(ANA, GROUP, before_seq, limit))
        return [view.seq for view in views], before


def seqs(page: EventsPage) -> list[int]:
    return [event.seq for event in page.events]


def test_a_group_whose_history_is_for_all_is_read_from_the_beginning() -> None:
    for world in (World(), World(chosen(3, "all")), World(chosen(2, "joined"), chosen(3, "all"))):
        assert seqs(world.page()) == list(range(1, 11))
        assert world.history() == (list(range(1, 11)), None)


def test_a_newcomer_reads_from_its_joining_on_and_is_told_which_seqs_it_is_not_shown() -> None:
    world = World(chosen(3, "joined"))
    first = world.page()
    assert (first.events, first.missing, first.next_seq, first.more) == ((), (1, 2, 3, 4, 5), JOINED_SEQ, True)
    assert seqs(world.page(first.next_seq)) == [6, 7, 8, 9, 10]
    assert world.history() == ([6, 7, 8, 9, 10], None)
    assert world.history(limit=3) == ([8, 9, 10], 8)
    assert world.history(before_seq=8) == ([6, 7], None)
    assert world.history(before_seq=6) == ([], None)
    assert asyncio.run(world.readable.floor_seq(ANA, GROUP)) == JOINED_SEQ


def test_who_came_back_reads_from_its_last_joining_on() -> None:
    world = World(chosen(3, "joined"))
    world.joined_seq = 9
    assert world.history() == ([9, 10], None)


def test_a_direct_conversation_is_read_without_a_look_at_settings() -> None:
    world = World(chosen(3, "joined"))
    views, _ = asyncio.run(world.readable.history(ANA, "d-1", None, 50))
    assert [view.seq for view in views] == list(range(1, 11))


@pytest.mark.parametrize("read", ["page", "history"])
def test_settings_that_close_the_past_while_a_page_is_read_close_that_page_too(read: str) -> None:
    """The change comes in between the rows and the answer, as the feed would bring it."""
    world = World()
    world.during = [chosen(11, "joined")]
    if read == "page":
        assert (seqs(page := world.page()), page.missing) == ([], (1, 2, 3, 4, 5))
    else:
        assert world.history()[0] == [6, 7, 8, 9, 10]


def test_settings_that_open_the_past_while_a_page_is_read_open_that_page_too() -> None:
    world = World(chosen(3, "joined"))
    world.during = [chosen(11, "all")]
    assert seqs(world.page())[:10] == list(range(1, 11))


def test_very_many_hidden_seqs_are_told_in_several_pages() -> None:
    page = hidden(1, 10 * HIDDEN_SEQS)
    assert (len(page.missing), page.next_seq, page.more) == (HIDDEN_SEQS, HIDDEN_SEQS + 1, True)
    assert hidden(5, 6) == EventsPage((), 6, True, (5,))


def test_a_history_page_ends_where_the_past_is_hidden() -> None:
    views = tuple(message_of(sent(seq)) for seq in (4, 5, 6))
    assert cut_below(views, 4, 1) == (views, 4)
    assert cut_below(views, 4, 4) == (views, None)
    assert cut_below(views, 4, 5) == (views[1:], None)
    assert cut_below(views, None, 7) == ((), None)
