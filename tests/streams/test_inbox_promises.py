"""What is pending is never lost and never pushed once settled, with the lane stopped at every await of its shell."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.notices import Notification, PushRequested
from schemas.records import SessionEvent
from streams.inbox import lane
from tests.streams.inbox_parts import START_MS, closed, notified, opened, rang, rung, settled
from tests.streams.inbox_simulation import World, asked_for, read_all, standing
from tests.streams.simulation import Fate

ABSENT, SILENT, PROMPT, LATE = "u-absent", "u-silent", "u-prompt", "u-late"
ALL = (ABSENT, SILENT, PROMPT, LATE)
LEASE_MS = 10_000_000
WHOLE_SCHEDULE_MS = 4_000


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "RETRY_S_MIN", 0.0)


def fixed_sessions() -> list[SessionEvent]:
    there: list[SessionEvent] = [opened(START_MS, user=user, lease_ms=LEASE_MS) for user in (SILENT, PROMPT)]
    return [*there, opened(START_MS, user=LATE), closed(START_MS, user=LATE)]


def fixed_notifications() -> list[Notification]:
    return [
        notified(1, 2, users=ALL),
        settled(2, PROMPT),
        notified(3, users=ALL),
        settled(3, PROMPT),
        notified(1, users=(ABSENT,), conversation="d-1", kind="direct"),
        settled(3, LATE),
        notified(3, users=ALL),  # the notifier said it twice
        rung(1, users=(ABSENT, SILENT)),
        rang("stopped", 2, users=(SILENT,)),
        rang("missed", 3, users=(ABSENT,)),
        rung(1, users=(ABSENT, SILENT)),  # and this, after it was over
    ]


async def history(fates: Sequence[Fate], chunk_size: int = 2) -> World:
    """The records, taken by lanes with these fates one after the other and at last by one that lives."""
    world = World(fixed_sessions(), fixed_notifications(), chunk_size)
    await world.publish()
    for fate in fates:
        await world.live(fate, 30)
        if not fate.sleeps:
            await world.wake_sleepers()
    await world.live(Fate(), 10)
    await world.wake_sleepers()
    await world.live(Fate(), WHOLE_SCHEDULE_MS)
    await check(world)
    return world


async def check(world: World) -> None:
    seen = await read_all(world.log)
    for conversation, seqs in (("g-1", [1, 2, 3]), ("d-1", [1])):
        seen_here = await read_all(world.log)
        seen_here.pushes = [each for each in seen.pushes if each.conversation_id == conversation]
        assert asked_for(seen_here, ABSENT) == seqs, "every undelivered message of an absent user, once"
        if conversation == "g-1":
            assert asked_for(seen_here, SILENT) == seqs
            assert standing(seen_here, SILENT) == seqs
    calls = [each for each in seen.pushes if each.conversation_id == "r-1"]
    assert {each.push_id for each in calls if isinstance(each, PushRequested)} == {f"{ABSENT}:call-1:0:3"}, "in vain, told once"
    assert all(each.missed for each in calls if isinstance(each, PushRequested)), "no ring after it stopped"
    assert [each for each in seen.pushes if each.user == PROMPT] == [], "what was delivered is not pushed"
    assert standing(seen, LATE) == [], "delivered later: cancelled"
    assert seen.saved.get(PROMPT) is None
    assert seen.saved.get(LATE) is None
    for user, left in ((ABSENT, {"g-1": (1, 3), "d-1": (1, 1)}), (SILENT, {"g-1": (1, 3)})):
        saved = seen.saved[user]
        assert saved is not None
        assert {each.conversation_id: (each.from_seq, each.to_seq) for each in saved.pending} == left
        assert all(each.pushed_seq == each.to_seq for each in saved.pending)
    shown = {each.user: each for each in seen.presences}
    assert {user: each.state for user, each in shown.items()} == {SILENT: "online", PROMPT: "online"}


def test_without_faults_there_is_one_push_request_for_each_user_and_conversation_that_needs_one() -> None:
    async def body() -> None:
        world = await history([], chunk_size=20)
        seen = await read_all(world.log)
        asked = [each.push_id for each in seen.pushes if isinstance(each, PushRequested)]
        assert len(asked) == len(set(asked))
        assert {user: row.state for user, row in world.rows.items()} == {SILENT: "online", PROMPT: "online"}
        assert world.fenced == 0

    asyncio.run(body())


def test_what_was_saved_and_then_delivered_does_not_come_back_with_a_successor() -> None:
    """The mark comes after the save, so the successor finds the notification in the saved state only."""

    async def body() -> None:
        world = World([opened(START_MS, user=SILENT, lease_ms=LEASE_MS)], [notified(1, 2, users=(SILENT,))])
        await world.publish()
        await world.live(Fate(), 30)
        assert (await read_all(world.log)).saved[SILENT] is not None
        world.sessions, world.notifications = [], [settled(2, SILENT)]
        await world.publish()
        await world.live(Fate(), 30)
        await world.live(Fate(), WHOLE_SCHEDULE_MS)
        seen = await read_all(world.log)
        assert (seen.pushes, seen.saved) == ([], {SILENT: None})
        world.notifications = [notified(3, users=(SILENT,))]
        await world.publish()
        await world.live(Fate(), 4)
        await world.live(Fate(), WHOLE_SCHEDULE_MS)
        assert asked_for(await read_all(world.log), SILENT) == [3]

    asyncio.run(body())


def test_a_backlog_is_read_to_its_end_before_anything_in_it_is_pushed() -> None:
    async def body() -> None:
        for chunk_size in (1, 3):
            world = World([], [notified(1, users=(ABSENT, LATE)), notified(2, users=(ABSENT, LATE)), settled(2, LATE)], chunk_size)
            await world.publish()
            await world.live(Fate(), 100)
            seen = await read_all(world.log)
            assert [(each.user, each.to_seq) for each in seen.pushes if isinstance(each, PushRequested)] == [(ABSENT, 2)]

    asyncio.run(body())


def operations_of_a_whole_life() -> int:
    async def body() -> int:
        world = World(fixed_sessions(), fixed_notifications(), 2)
        await world.publish()
        return (await world.live(Fate(), WHOLE_SCHEDULE_MS)).operations

    return asyncio.run(body())


def test_a_crash_at_every_operation_loses_nothing_and_pushes_nothing_that_was_settled() -> None:
    operations = operations_of_a_whole_life()
    assert operations > 30
    for stops_at in range(operations + 2):
        asyncio.run(history([Fate(stops_at=stops_at)]))


def test_a_sleeper_woken_after_its_successor_is_fenced_at_every_operation() -> None:
    fenced = 0
    for stops_at in range(operations_of_a_whole_life()):
        fenced += asyncio.run(history([Fate(stops_at=stops_at, sleeps=True)])).fenced
    assert fenced > 20


def test_a_lost_log_or_table_at_every_operation_is_taken_over_from_itself() -> None:
    for number in range(operations_of_a_whole_life()):
        world = asyncio.run(history([Fate(unavailable_at=frozenset({number}))]))
        assert {user: row.state for user, row in world.rows.items()} == {SILENT: "online", PROMPT: "online"}


FATE = st.builds(
    Fate,
    stops_at=st.one_of(st.none(), st.integers(0, 70)),
    sleeps=st.booleans(),
    unavailable_at=st.frozensets(st.integers(0, 70), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FATE, max_size=3), st.integers(1, 7))
def test_random_fates_one_after_the_other_keep_the_promises(fates: list[Fate], chunk_size: int) -> None:
    lane.RETRY_S_MIN = 0.0
    asyncio.run(history(fates, chunk_size))


def test_a_message_that_is_delivered_within_the_save_time_costs_no_record() -> None:
    async def body() -> None:
        sessions = [opened(START_MS, user=PROMPT, lease_ms=LEASE_MS)]
        records: list[Notification] = []
        for seq in range(1, 101):
            records += [notified(seq, users=(PROMPT,)), settled(seq, PROMPT)]
        world = World(sessions, records, chunk_size=2)
        await world.publish()
        await world.live(Fate(), 100)
        seen = await read_all(world.log)
        assert (seen.pushes, seen.saved) == ([], {})

    asyncio.run(body())
