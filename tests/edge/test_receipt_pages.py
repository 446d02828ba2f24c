"""Pages of receipts: each member once, in the page of who has or of who has not, with a bounded number of rows a page."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counts import STATES, Count, ShownState, Tally
from edge.errors import BadRequest
from edge.receipt_pages import Asked, ReceiptPages
from edge.recent import Recent
from schemas import events
from schemas.codec import encode
from store.receipts import ReceiptRow
from store.views import Membership
from tests.edge.builders import GROUP, base, sent
from tests.edge.tables import MemoryTables

SCAN = 4
SHOWN: st.SearchStrategy[ShownState] = st.sampled_from(STATES)


def member(user: str, read_seq: int = 1, active: bool = True) -> Membership:
    return Membership(
        user=user,
        conversation_id=GROUP,
        conversation_kind="group",
        title="",
        role="member",
        joined_seq=1,
        active=active,
        changed_seq=1,
        read_seq=read_seq,
        read_ordinal=read_seq,
    )


def row(user: str, up_to_seq: int, device: str = "d", hidden: bool = False) -> ReceiptRow:
    return ReceiptRow(user, device, up_to_seq, 0, hidden, 100 + up_to_seq)


async def settled(conversation: str) -> None:
    return None


def pages_of(memory: MemoryTables, recent: Recent | None = None) -> ReceiptPages:
    return ReceiptPages(memory.tables().receipts, recent or Recent(1 << 20), settled, SCAN)


def all_pages(memory: MemoryTables, state: ShownState, has: bool, seq: int = 5, limit: int = 2, recent: Recent | None = None) -> list[str]:
    async def walk() -> list[str]:
        pages, found, after = pages_of(memory, recent), [], None
        while True:
            before = memory.rows_read
            entries, after = await pages.page(Asked(GROUP, seq, state, has, after, limit))
            assert memory.rows_read - before <= SCAN
            assert len(entries) <= limit
            found += [entry.user for entry in entries]
            if after is None:
                return found

    return asyncio.run(walk())


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=14),
    st.lists(st.tuples(st.integers(0, 13), SHOWN, st.integers(1, 9), st.booleans()), max_size=30),
    SHOWN,
    st.integers(1, 5),
)
def test_every_member_is_in_exactly_one_of_the_two_lists(
    places: list[tuple[int, bool]], marks: list[tuple[int, ShownState, int, bool]], state: ShownState, limit: int
) -> None:
    memory = MemoryTables()
    memory.members = [member(f"u{number:02}", read_seq, active) for number, (read_seq, active) in enumerate(places)]
    for number, (user, which, seq, hidden) in enumerate(marks):
        memory.marks.setdefault(which, []).append(row(f"u{user:02}", seq, f"d{number}", hidden))
    has, has_not = (all_pages(memory, state, each, limit=limit) for each in (True, False))
    active = [place.user for place in memory.members if place.active]
    assert sorted([*has, *has_not]) == active
    assert has == sorted(has)
    assert len(has) == counted(memory, state)


def counted(memory: MemoryTables, state: ShownState) -> int:
    """The same by the tally."""
    tally = Tally()
    asyncio.run(pages_of(memory).load(GROUP, tally, 99))
    return int(getattr(tally.count(5, "nobody"), state))


def test_the_furthest_device_counts_and_hidden_marks_do_not() -> None:
    memory = MemoryTables()
    memory.members = [member("a"), member("b"), member("c")]
    memory.marks["delivered"] = [row("a", 3, "d1"), row("a", 6, "d2"), row("b", 9, hidden=True)]
    memory.marks["read"] = [row("c", 5)]
    assert all_pages(memory, "delivered", True) == ["a", "c"]
    assert all_pages(memory, "read", True) == ["c"]
    entries, _ = asyncio.run(pages_of(memory).page(Asked(GROUP, 5, "delivered", True, None, 10)))
    assert [(entry.user, entry.up_to_seq, entry.at_ms) for entry in entries] == [("a", 6, 106), ("c", 5, 105)]


def test_events_that_are_not_projected_yet_are_laid_over() -> None:
    memory, recent = MemoryTables(), Recent(1 << 20)
    memory.members = [member("a"), member("b"), member("c")]
    unprojected: list[events.Event] = [
        sent(5, user="a"),
        events.MemberLeft(**base(6, user="b")),
        events.MemberAdded(member="d", role="member", **base(7, user="a")),
    ]
    for offset, event in enumerate(unprojected):
        recent.add(0, offset, GROUP, encode("conversation-events", event))
    assert all_pages(memory, "read", True, recent=recent) == ["a", "d"]
    assert all_pages(memory, "read", False, recent=recent) == ["c"]


def test_members_are_counted_up_to_the_limit() -> None:
    memory = MemoryTables()
    memory.members = [member(f"u{number:02}", 5) for number in range(10)]
    tally = Tally()
    asyncio.run(pages_of(memory).load(GROUP, tally, 10))
    assert tally.count(5, "u00") == Count(9, 9, 9, 0)
    with pytest.raises(BadRequest) as refused:
        asyncio.run(pages_of(memory).load(GROUP, Tally(), 9))
    assert refused.value.code == "too_many"
