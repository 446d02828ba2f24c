"""What devices read, over fake timelines: pages that fit, positions of another log, events laid over rows."""

import asyncio
from typing import Any, cast

import pytest

from edge.errors import BadRequest
from edge.merge import PAGE_BYTES_LIMIT, EventsPage
from edge.reader import Reader
from edge.recent import Recent
from schemas import events
from schemas.codec import encode
from store.timelines import Timelines
from store.views import Head, MessageView, message_of
from tests.edge.builders import ANA, GROUP, base, sent

LONG = b"x" * 16_384


class Rows:
    """Timelines that hold these messages, up to a head."""

    def __init__(self, *rows: Any) -> None:
        self.rows = rows

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.MessageSent]:
        return [row for row in self.rows if row.seq >= from_seq][:limit]

    async def read_messages(self, conversation: str, before_seq: int | None, limit: int) -> list[MessageView]:
        return [message_of(row) for row in self.rows if before_seq is None or row.seq < before_seq][-limit:]

    async def heads(self, conversations: list[str]) -> dict[str, Head]:
        newest = self.rows[-1] if self.rows else None
        return {} if newest is None else {GROUP: Head(conversation_id=GROUP, head_seq=newest.seq)}


async def reached(_: str) -> None:
    """The feed is always at the end here."""


def reader_of(rows: Rows, *recent: events.Event, bytes_limit: int = 1 << 20) -> Reader:
    remembered = Recent(bytes_limit)
    for offset, event in enumerate(recent):
        remembered.add(0, offset, event.conversation_id, encode("conversation-events", event))
    return Reader(cast(Timelines, rows), remembered, reached)


def test_history_pages_fit_into_the_outbox_and_lead_to_the_beginning() -> None:
    reader = reader_of(Rows(*(sent(seq, body=LONG) for seq in range(1, 101))))
    before: int | None = None
    seen: list[int] = []
    for _ in range(100):
        views, before = asyncio.run(reader.history(GROUP, before, 100))
        assert sum(len(view.content.body) for view in views if view.content is not None) <= PAGE_BYTES_LIMIT
        seen = [view.seq for view in views] + seen
        if before is None:
            break
        assert before == views[0].seq
    assert seen == list(range(1, 101))


def test_sync_pages_fit_into_the_outbox_and_lead_to_the_head() -> None:
    reader = reader_of(Rows(*(sent(seq, body=LONG) for seq in range(1, 101))))
    next_seq, more, seen = 1, True, list[int]()
    while more:
        page = asyncio.run(reader.events(GROUP, next_seq, 500))
        assert sum(len(event.content.body) for event in page.events if isinstance(event, events.MessageSent)) <= PAGE_BYTES_LIMIT
        seen += [event.seq for event in page.events]
        next_seq, more = page.next_seq, page.more
    assert seen == list(range(1, 101))


@pytest.mark.parametrize(("rows", "recent"), [((1, 2, 3), ()), ((1,), (2, 3)), ((), (1, 2, 3))])
def test_a_position_up_to_the_next_event_is_fine_and_one_beyond_is_of_another_log(rows: tuple[int, ...], recent: tuple[int, ...]) -> None:
    reader = reader_of(Rows(*map(sent, rows)), *map(sent, recent))
    assert asyncio.run(reader.events(GROUP, 4, 10)).events == ()
    with pytest.raises(BadRequest) as refused:
        asyncio.run(reader.events(GROUP, 5, 10))
    assert (refused.value.code, refused.value.retryable) == ("seq_ahead", False)


def test_a_reader_that_cannot_see_everything_says_when_to_come_again() -> None:
    reader = reader_of(Rows(), sent(1), sent(2), bytes_limit=1)
    for read in (reader.events(GROUP, 1, 10), reader.history(GROUP, None, 10)):
        with pytest.raises(BadRequest) as refused:
            asyncio.run(cast(Any, read))
        assert (refused.value.code, refused.value.retryable) == ("behind", True)
        assert refused.value.retry_after_ms > 0


class Busy(Rows):
    """An event comes by the feed while the answer to the `number`-th query is on its way; the projector is not so far."""

    def __init__(self, number: int, *rows: Any, head_seq: int) -> None:
        super().__init__(*rows)
        self.left, self.head_seq, self.remembered = number, head_seq, Recent(1 << 20)

    def happens(self) -> None:
        self.left -= 1
        if self.left == 0:
            event = sent(self.head_seq + 1)
            self.remembered.add(0, event.seq, GROUP, encode("conversation-events", event))

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.MessageSent]:
        rows = await super().read_events(conversation, from_seq, limit)
        self.happens()
        return rows

    async def read_messages(self, conversation: str, before_seq: int | None, limit: int) -> list[MessageView]:
        views = await super().read_messages(conversation, before_seq, limit)
        self.happens()
        return views

    async def heads(self, conversations: list[str]) -> dict[str, Head]:
        self.happens()
        return {GROUP: Head(conversation_id=GROUP, head_seq=self.head_seq)}


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("expired", [0, 2])
@pytest.mark.parametrize("from_seq", [1, 3, 6])
def test_what_comes_during_any_query_is_in_the_page_or_comes_after_it(number: int, expired: int, from_seq: int) -> None:
    """While a page is read its conversation is not given live: an event that is in neither would never be shown."""
    busy = Busy(number, *(sent(seq) for seq in range(1, 6 - expired)), head_seq=5)
    reader = Reader(cast(Timelines, busy), busy.remembered, reached)
    page = asyncio.run(reader.events(GROUP, from_seq, 50))
    came = [6] if busy.left <= 0 else []
    assert [event.seq for event in page.events] == [*range(from_seq, 6 - expired), *came]
    assert (page.next_seq, page.more) == (6 + len(came), False)
    assert page.missing == tuple(range(max(from_seq, 6 - expired), 6))


def test_what_comes_while_history_is_read_is_in_it() -> None:
    busy = Busy(1, sent(1), sent(2), head_seq=2)
    views, _ = asyncio.run(Reader(cast(Timelines, busy), busy.remembered, reached).history(GROUP, None, 10))
    assert [view.seq for view in views] == [1, 2, 3]


def test_history_shows_what_is_not_projected_yet() -> None:
    edited = events.MessageEdited(target_seq=1, content=sent(1, body=b"better").content, **base(3))
    recalled = events.MessageRecalled(target_seq=2, **base(5))
    reader = reader_of(Rows(sent(1), sent(2)), sent(2), edited, sent(4), recalled)
    views, before = asyncio.run(reader.history(GROUP, None, 10))
    assert [(view.seq, None if view.content is None else view.content.body) for view in views] == [(1, b"better"), (2, None), (4, b"hi")]
    assert before is None


def removed(seq: int) -> events.MemberRemoved:
    return events.MemberRemoved(member=ANA, **base(seq))


def returned(seq: int) -> events.MemberAdded:
    return events.MemberAdded(member=ANA, role="member", **base(seq))


class Feed:
    """Says what this node knows of Ana's place; `reach` brings it to the end of the log."""

    def __init__(self, known: bool, truth: bool) -> None:
        self.known, self.truth = known, truth

    async def reach(self, _: str) -> None:
        self.known = self.truth

    def page(self, rows: list[Any], from_seq: int = 1, limit: int = 50) -> EventsPage:
        reader = Reader(cast(Timelines, Rows(*rows)), Recent(1 << 20), self.reach)
        return asyncio.run(reader.events_for(ANA, lambda: self.known, GROUP, from_seq, limit))


@pytest.mark.parametrize("known", [True, False])
def test_who_is_sent_away_while_a_page_is_read_is_shown_nothing_after_that(known: bool) -> None:
    """Also where the tables are ahead of the feed, which does not know of the removal yet."""
    page = Feed(known, False).page([sent(1), sent(2), removed(3), sent(4), sent(5)])
    assert ([event.seq for event in page.events], page.next_seq, page.more) == ([1, 2, 3], 4, False)


def test_a_page_from_after_the_removal_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        Feed(False, False).page([sent(1), sent(2), removed(3), sent(4), sent(5)], from_seq=4)
    assert (refused.value.code, refused.value.retryable) == ("not_member", False)


@pytest.mark.parametrize("limit", [4, 50])
def test_who_came_back_reads_what_was_said_meanwhile(limit: int) -> None:
    rows = [sent(1), removed(2), sent(3), sent(4), returned(5), sent(6)]
    page = Feed(True, True).page(rows, limit=limit)
    assert [event.seq for event in page.events] == [1, 2, 3, 4, 5, 6][:limit]
    assert page.more == (limit == 4)
