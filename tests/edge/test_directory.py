"""The directory over fake timelines: every conversation once with what is not projected laid over, in pages of bounded size.

Method: random histories; each of a directory's reads finds the rows as of a moment of its own, never an older one than the read before,
while events go on arriving at the node between the reads.
"""

import asyncio
import random
from collections.abc import Iterable
from typing import cast

import pytest

from edge import frames
from edge.directory import Directories
from edge.errors import BadRequest
from edge.recent import Recent
from schemas import events
from schemas.codec import encode
from schemas.values import Content, Member
from store.timelines import Listed, Recency, Timelines
from store.views import Head, Membership
from tests.edge.builders import ANA, BEN, base
from tests.store.folded import folded_head, folded_place
from tests.store.histories import USERS, interleaved, stories

BYTES_LIMIT = 1 << 20


class Moving:
    """Timelines that hold the first `written` events, and a feed that has read `fed`; both move on with every read."""

    def __init__(self, log: list[events.Event], written: int, fed: int, rng: random.Random | None = None) -> None:
        self.log, self.written, self.fed, self.rng = log, written, 0, rng
        self.recent = Recent(1 << 20)
        self.recent.advance({0: written})
        self.feed_until(fed)

    def feed_until(self, fed: int) -> None:
        for offset in range(self.fed, fed):
            event = self.log[offset]
            self.recent.add(0, offset, event.conversation_id, encode("conversation-events", event), users_of(event))
        self.fed = max(fed, self.fed)

    def rows(self, conversation: str) -> list[events.Event]:
        return [event for event in self.log[: self.written] if event.conversation_id == conversation]

    def move(self) -> None:
        if self.rng is not None:
            self.written += self.rng.randrange(0, max(1, self.fed - self.written + 1))
            self.feed_until(min(len(self.log), self.fed + self.rng.randrange(0, 4)))

    async def conversations_of(self, user: str) -> list[Listed]:
        self.move()
        found = []
        for conversation in sorted({event.conversation_id for event in self.log[: self.written]}):
            place = folded_place(self.rows(conversation), user)
            if place is not None:
                found.append(Listed(conversation, place.active, place.changed_seq))
        return found

    async def recencies(self, conversations: Iterable[str]) -> dict[str, Recency]:
        self.move()
        heads = {each: folded_head(self.rows(each)) for each in conversations}
        return {each: Recency(head.head_seq, head.at_ms) for each, head in heads.items() if head is not None}

    async def heads(self, conversations: Iterable[str]) -> dict[str, Head]:
        self.move()
        return {each: head for each in conversations if (head := folded_head(self.rows(each))) is not None}

    async def places(self, user: str, conversations: Iterable[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
        self.move()
        wanted = list(conversations)
        places = {each: place for each in wanted if (place := folded_place(self.rows(each), user)) is not None}
        return places, {each: head for each in places if (head := folded_head(self.rows(each))) is not None}


def users_of(event: events.Event) -> tuple[str, ...]:
    match event:
        case events.ConversationCreated():
            return tuple(member.user for member in event.members)
        case events.MemberAdded() | events.MemberRemoved():
            return (event.member,)
        case events.MemberLeft():
            return (event.user,)
        case _:
            return ()


def directories_of(timelines: Moving, entries_limit: int = 100, bytes_limit: int = BYTES_LIMIT) -> Directories:
    return Directories(cast(Timelines, timelines), timelines.recent, entries_limit, bytes_limit)


async def all_pages(directories: Directories, user: str) -> list[frames.DirectoryEntry]:
    found = await directories.first(user)
    entries = list(found.page.entries)
    order, following = found.order, found.page.next
    for _ in range(100):
        if following is None:
            break
        found = await directories.page(user, following, order)
        entries += found.page.entries
        following = found.page.next
    return entries


def as_it_is(log: list[events.Event], user: str) -> dict[str, frames.DirectoryEntry]:
    """What the whole log says, by a directory that reads nothing but rows."""
    entries = asyncio.run(all_pages(directories_of(Moving(log, len(log), len(log))), user))
    return {entry.conversation: entry for entry in entries}


@pytest.mark.parametrize("seed", range(40))
def test_pages_give_every_conversation_once_as_it_is_now(seed: int) -> None:
    rng = random.Random(seed)
    log = list(interleaved(seed, stories(seed, 12, 160)))
    fed = rng.randrange(len(log) // 2, len(log))
    timelines = Moving(log, rng.randrange(0, fed), fed, rng)
    entries_limit = rng.choice((1, 3, 100))
    entries = asyncio.run(all_pages(directories_of(timelines, entries_limit), user := rng.choice(USERS)))
    at_end = as_it_is(log[: timelines.fed], user)
    given = [entry.conversation for entry in entries]
    assert len(given) == len(set(given))
    joined_while_paging = {event.conversation_id for event in log[fed : timelines.fed] if user in users_of(event)}
    assert set(given) ^ at_end.keys() <= joined_while_paging


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("entries_limit", [1, 3, 100])
def test_rows_and_unprojected_events_make_what_the_log_says(seed: int, entries_limit: int) -> None:
    """At every cut between what is projected and what is only in the feed, whether the light rows are read or not."""
    log = list(interleaved(seed, stories(seed, 8, 60)))
    wanted = sorted(as_it_is(log, USERS[0]).values(), key=lambda entry: (-entry.active_at_ms, entry.conversation))
    for written in range(0, len(log) + 1, 7):
        timelines = Moving(log, written, len(log))
        assert asyncio.run(all_pages(directories_of(timelines, entries_limit), USERS[0])) == wanted


@pytest.mark.parametrize("entries_limit", [1, 100])
def test_the_heads_that_were_asked_for_count_what_is_not_projected(entries_limit: int) -> None:
    made = [story for story in stories(5, 8, 60) if story.history]
    log = list(interleaved(5, made))
    timelines = Moving(log, len(log) // 2, len(log))
    asked = [story.conversation for story in made] + ["g-nowhere"]
    found = asyncio.run(directories_of(timelines, entries_limit).first(USERS[0], asked))
    members = as_it_is(log, USERS[0])
    assert found.head_seqs == {conversation: entry.head_seq for conversation, entry in members.items()}
    assert set(found.order) == members.keys()


def test_who_joins_or_leaves_while_the_directory_is_read_is_seen() -> None:
    log: list[events.Event] = [group("g-1", (ANA, BEN)), group("g-2", (ANA, BEN)), group("g-3", (BEN,))]
    log += [
        events.MemberLeft(**base(2, user=ANA, conversation="g-1")),
        events.MemberAdded(member=ANA, role="member", **base(2, user=BEN, conversation="g-3")),
    ]

    class Late(Moving):
        """All of the log arrives while the last rows are on their way."""

        async def places(self, user: str, conversations: Iterable[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
            found = await super().places(user, conversations)
            self.feed_until(len(self.log))
            return found

    for entries_limit in (1, 100):
        found = asyncio.run(directories_of(Late(log, 3, 3), entries_limit).first(ANA))
        assert set(found.order) == {"g-2", "g-3"}


def group(conversation: str, members: tuple[str, ...]) -> events.ConversationCreated:
    named = tuple(Member(user) for user in members)
    return events.ConversationCreated(conversation_kind="group", title="t", members=named, **base(1, user=BEN, conversation=conversation))


def with_messages(count: int, body: bytes) -> list[events.Event]:
    log: list[events.Event] = [group(f"g-{number:03}", (ANA, BEN)) for number in range(count)]
    return log + [
        events.MessageSent(content=Content("text/plain", body), **base(2 + number, conversation=f"g-{number:03}"))
        for number in range(count)
    ]


@pytest.mark.parametrize("body", [b"x" * 16_384, b"\x01" * 4_000, b'"\\' * 3_000])
def test_a_page_keeps_its_bytes_whatever_stands_in_the_messages(body: bytes) -> None:
    """Quotes and control characters are two to six times as long on the wire."""
    log = with_messages(60, body)
    timelines = Moving(log, len(log), len(log))
    directories = directories_of(timelines, 100, 128 * 1024)

    async def read() -> list[str]:
        found = await directories.first(ANA)
        seen = [entry.conversation for entry in found.page.entries]
        while found.page.next is not None:
            assert 0 < len(found.page.entries) < 60
            assert len(frames.encode_json(frames.DirectoryPage("r", found.page.entries, found.page.next))) < 132 * 1024
            found = await directories.page(ANA, found.page.next, found.order)
            seen += [entry.conversation for entry in found.page.entries]
        return seen

    assert asyncio.run(read()) == [f"g-{number:03}" for number in reversed(range(60))]


def test_a_message_that_fits_no_page_is_left_to_the_history() -> None:
    log = with_messages(2, b"x" * 3_000)
    found = asyncio.run(directories_of(Moving(log, len(log), len(log)), 100, 2_000).first(ANA))
    assert [(entry.conversation, entry.last) for entry in found.page.entries] == [("g-001", None), ("g-000", None)]


def test_who_left_since_is_in_no_later_page_and_the_others_are() -> None:
    log = with_messages(9, b"hi")
    directories = directories_of(Moving(log, len(log), len(log)), 2)

    async def read() -> list[str]:
        found = await directories.first(ANA)
        members = set(found.order) - {"g-006", "g-003"}
        seen = list[str]()
        while found.page.next is not None:
            found = await directories.page(ANA, found.page.next, found.order, members)
            seen += [entry.conversation for entry in found.page.entries]
        return seen

    assert asyncio.run(read()) == ["g-005", "g-004", "g-002", "g-001", "g-000"]


@pytest.mark.parametrize("order", [(), ("g-000",)])
def test_a_page_after_an_unknown_conversation_is_refused(order: tuple[str, ...]) -> None:
    log = with_messages(1, b"hi")
    with pytest.raises(BadRequest) as refused:
        asyncio.run(directories_of(Moving(log, len(log), len(log))).page(ANA, "g-gone", order))
    assert refused.value.code == "invalid"


def test_a_directory_that_cannot_see_everything_says_when_to_come_again() -> None:
    log = with_messages(3, b"hi")
    timelines = Moving(log, 0, 0)
    timelines.recent.bytes_limit = 1
    timelines.feed_until(len(log))
    with pytest.raises(BadRequest) as refused:
        asyncio.run(directories_of(timelines).first(ANA))
    assert (refused.value.code, refused.value.retryable) == ("behind", True)
