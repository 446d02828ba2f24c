"""Reads of the timelines on a real Cassandra: pages across buckets, sparse messages, heads, memberships."""

import asyncio

import pytest

from schemas import events
from store.schema import BUCKET_SEQS
from store.timelines import LISTED_PER_REQUEST, RECENCIES_PER_REQUEST, Recency, Timelines
from store.views import ReadMark
from tests.store.folded import folded_head, folded_messages, folded_place
from tests.store.histories import USERS, Story, interleaved, records, stories
from tests.store.opening import Projection, opened

pytestmark = pytest.mark.real


def test_what_is_read_is_what_the_folds_say(cassandra_address: str, keyspace: str) -> None:
    made = [story for story in stories(21, 6, 900) if story.history]

    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            await Projection(store).apply(records(interleaved(21, made)))
            timelines = Timelines(store)
            heads = await timelines.heads([story.conversation for story in made] + ["g-unknown"])
            assert heads == {story.conversation: folded_head(story.history) for story in made}
            for story in made:
                await same(timelines, story)
            for user in USERS:
                wanted = [folded_place(story.history, user) for story in made]
                places = sorted((place for place in wanted if place), key=lambda place: place.conversation_id)
                listed = await timelines.conversations_of(user)
                assert [tuple(each) for each in listed] == [(place.conversation_id, place.active, place.changed_seq) for place in places]
                mine = {place.conversation_id: place for place in places}
                assert await timelines.places(user, [*mine, "g-unknown"]) == (mine, {each: heads[each] for each in mine})
            recencies = await timelines.recencies([*heads, "g-unknown"])
            assert recencies == {each: Recency(head.head_seq, head.at_ms) for each, head in heads.items()}

    asyncio.run(body())


async def same(timelines: Timelines, story: Story) -> None:
    assert await timelines.read_events(story.conversation, 1, 5_000) == story.history
    assert await timelines.read_events(story.conversation, 17, 30) == story.history[16:46]
    views = [view for _, view in sorted(folded_messages(story.history).items())]
    assert await timelines.read_messages(story.conversation, None, 5_000) == views
    middle = views[len(views) // 2]
    below = [view for view in views if view.seq < middle.seq]
    assert await timelines.read_messages(story.conversation, middle.seq, 10) == below[-10:]
    places = {user: folded_place(story.history, user) for user in USERS}
    active = [place for _, place in sorted(places.items()) if place and place.active]
    assert await timelines.members(story.conversation, None, 10) == active
    assert await timelines.members(story.conversation, active[0].user, 1) == active[1:2]
    marks = {user: ReadMark(place.read_seq, place.read_ordinal) for user, place in places.items() if place}
    assert await timelines.read_marks(story.conversation) == marks


def test_pages_cross_buckets_and_holes_and_find_sparse_messages(cassandra_address: str, keyspace: str) -> None:
    """3,900 events: messages in the first and the fourth bucket, read marks between them, and one bucket lost to damaged records."""
    story = stories(33, 1, 1)[0]
    story.send("u-ana", "first")
    while len(story.history) < 3 * BUCKET_SEQS + 100:
        story.read("u-ben", story.history[1])
    for index in range(800):
        story.send("u-ana", f"text {index}")
    log = records(story.history)
    lost = range(BUCKET_SEQS, 2 * BUCKET_SEQS)
    kept = [event for event in story.history if event.seq not in lost]

    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            await Projection(store).apply([each for each, event in zip(log, story.history, strict=True) if event.seq not in lost])
            timelines = Timelines(store)
            read: list[events.Event] = []
            while page := await timelines.read_events(story.conversation, read[-1].seq + 1 if read else 1, 700):
                read += page
            assert read == kept
            newest = await timelines.read_messages(story.conversation, None, 799)
            assert [view.ordinal for view in newest] == list(range(3, 802))
            older = await timelines.read_messages(story.conversation, newest[0].seq, 50)
            assert [view.ordinal for view in older] == [1, 2]  # across two buckets of read marks and an empty one
            assert await timelines.read_messages(story.conversation, older[0].seq, 50) == []

    asyncio.run(body())


def test_a_conversation_nobody_knows_is_empty(cassandra_address: str, keyspace: str) -> None:
    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            timelines = Timelines(store)
            assert await timelines.read_events("g-none", 1, 10) == []
            assert await timelines.read_messages("g-none", None, 10) == []
            assert await timelines.read_messages("g-none", 10**9, 10) == []
            assert await timelines.heads(["g-none"]) == {}
            assert await timelines.membership("u-ana", "g-none") is None
            assert await timelines.members("g-none", None, 10) == []

    asyncio.run(body())


def test_a_row_with_damaged_bytes_is_missing_to_readers_and_not_an_error(cassandra_address: str, keyspace: str) -> None:
    story = stories(44, 1, 1)[0]
    for index in range(5):
        story.send("u-ana", f"text {index}")

    async def body() -> None:
        async with opened(cassandra_address, keyspace) as store:
            await Projection(store).apply(records(story.history))
            await store.execute(
                "UPDATE events SET value = ? WHERE conversation = ? AND bucket = 0 AND message = true AND seq = 3",
                (b"\0\0\0\0\x6bgarbage", story.conversation),
            )
            read = await Timelines(store).read_events(story.conversation, 1, 10)
            assert [event.seq for event in read] == [1, 2, 4, 5, 6]

    asyncio.run(body())


def test_a_user_in_very_many_conversations_has_all_of_them(cassandra_address: str, keyspace: str) -> None:
    count = LISTED_PER_REQUEST + RECENCIES_PER_REQUEST + 1
    made = stories(55, count, 0)
    for story in made:
        story.create()

    async def body() -> None:
        async with opened(cassandra_address, f"{keyspace}_many") as store:
            await Projection(store).apply(records(story.history[0] for story in made), chunk_records=500)
            timelines = Timelines(store)
            listed = [each.conversation for each in await timelines.conversations_of("u-ana")]
            assert listed == sorted(story.conversation for story in made)
            assert (await timelines.recencies(listed)).keys() == set(listed)

    asyncio.run(body())
