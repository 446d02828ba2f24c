"""Calls under the fates of their owners, from the log alone: stopped, asleep or without a log at every await of the shell.

Method: the same commands, at the same times, are handled by owners that die or sleep in turn. Whatever befalls them, and whether a timer
fires in time, late or twice, each conversation's events have to be those of an owner to whom nothing happened.
"""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from log.errors import Fenced
from log.memory import MemoryLog
from log.port import Entry
from rtc.rules import Rules
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import codec
from schemas.call_records import CallReply
from schemas.headers import read_command_header
from streams.calls.owned import CALLS
from streams.owning import lane
from tests.streams.call_desk import ANA, ANA2, BOB, BOB2, EVE, ROOM, TALK, XEN, call_entry, fresh_calls_of_one, make_call_command
from tests.streams.simulation import Clock, Fate, World

Command = type[commands.Command]
Logged = dict[str, list[events.Event]]
Said = tuple[int, Command, str, dict[str, object]]  # after how many ms, what, by whom
RULES = Rules(connect_ms=5_000, grace_ms=2_000, lease_ms=70_000)
ALL_IS_OVER_MS = 400_000


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "RETRY_S_MIN", 0.0)


GROUP: dict[str, object] = {"conversation_id": ROOM, "call_kind": "group", "callees": ("ana", "bob")}
IN_ROOM: dict[str, object] = {"conversation_id": ROOM}
PLAYED: tuple[Said, ...] = (
    (1, commands.RequestCall, ANA, {}),
    (9, commands.ReportRinging, BOB, {}),
    (1, commands.RequestCall, EVE, GROUP),
    (50, commands.AcceptCall, XEN, {}),
    (300, commands.AcceptCall, BOB, {}),
    (1, commands.AcceptCall, BOB2, {}),
    (80, commands.ReportEngineMedia, "", {"user": "bob", "device": "1", "flow": "up"}),
    (2_000, commands.JoinCall, ANA2, IN_ROOM),
    (70_000, commands.HangUp, ANA, {}),  # time has ended both calls
    (20, commands.RequestCall, BOB, {"call_id": "c2", "callees": ("ana",)}),
    (31_000, commands.LeaveCall, ANA2, IN_ROOM),
    (5_000, commands.RequestCall, ANA, {"call_id": "c3"}),  # glare: it accepts c2
    (2, commands.HangUp, ANA, {"call_id": "c3"}),
    (40_000, commands.RequestCall, EVE, {"call_id": "c4", "callees": ("bob",)}),  # its ring is the last thing, and time's alone
)


async def play(said: Sequence[Said], fates: Sequence[Fate], chunk_sizes: Sequence[int] = (3, 1, 2)) -> World:
    clock = Clock()
    world = World(MemoryLog(1, clock_ms=clock), clock, chunk_sizes, owned=CALLS, fresh=lambda: fresh_calls_of_one(RULES, 3))
    for number, (after_ms, kind, who, fields) in enumerate(said):
        clock.now_ms += after_ms
        command = make_call_command(kind, who, number, clock.now_ms, **fields)
        await world.log.publish("call-commands", 0, [call_entry(command)])
    await world.log.publish("call-commands", 0, [Entry(TALK.encode(), b"not avro at all")])
    clock.now_ms += ALL_IS_OVER_MS
    for fate in fates:
        await world.live(fate)
        if not fate.sleeps:
            await world.wake_sleepers()
    for life in range(20):  # the second one comes after the sleepers, whatever they did; more only where a process had no time
        await world.live(Fate())
        await world.wake_sleepers()
        if life and not await goes_on(world):
            break
    return world


async def goes_on(world: World) -> bool:
    """Whether a call waits for its end."""
    rows = [row for row in await world.log.read("call-events", 0, 0, 100_000) if row.key is not None]
    made: list[events.Event] = [codec.decode(row.value, events.Event) for row in rows]  # type: ignore[arg-type]
    return sum(isinstance(event, events.CallRequested) for event in made) > sum(isinstance(event, events.CallRecorded) for event in made)


async def logged(world: World) -> Logged:
    """By conversation; every call that was requested has its record, and the headers rise as the commands do."""
    found: Logged = {TALK: [], ROOM: []}
    used = -1
    for record in await world.log.read("call-events", 0, 0, 100_000):
        if record.key is None:
            continue
        event: events.Event = codec.decode(record.value, events.Event)  # type: ignore[arg-type]
        found[event.conversation_id].append(event)
        header = read_command_header(record.headers)
        assert header is not None
        assert header[0] >= used, "commands are used in their order"
        used = header[0]
    for each in found.values():
        assert [event.seq for event in each] == list(range(1, len(each) + 1)), "one dense order"
        requested = [event.call_id for event in each if isinstance(event, events.CallRequested)]
        assert [event.call_id for event in each if isinstance(event, events.CallRecorded)] == requested
    return found


async def check_answers(world: World) -> None:
    """Every command has left an event or an answer, or is buried."""
    events_of = {event.command_id for each in (await logged(world)).values() for event in each}
    replies: list[CallReply] = [codec.decode(row.value, CallReply) for row in await world.log.read("call-replies", 0, 0, 100_000)]  # type: ignore[arg-type]
    answered = events_of | {reply.command_id for reply in replies}
    for record in await world.log.read("call-commands", 0, 0, 100_000):
        if record.value != b"not avro at all":
            command: commands.Command = codec.decode(record.value, commands.Command)  # type: ignore[arg-type]
            assert command.command_id in answered
    assert len(await world.log.read("dead-letters", 0, 0, 10)) >= 1


def whole(
    said: Sequence[Said], fates: Sequence[Fate], chunk_sizes: Sequence[int] = (3, 1, 2)
) -> tuple[World, dict[str, list[events.Event]]]:
    async def body() -> tuple[World, Logged]:
        world = await play(said, fates, chunk_sizes)
        await check_answers(world)
        return world, await logged(world)

    return asyncio.run(body())


def test_the_play_has_calls_that_end_by_themselves_and_by_somebody() -> None:
    _, log = whole(PLAYED, [])
    ends = [(event.reason, event.command_id != "") for each in log.values() for event in each if isinstance(event, events.CallEnded)]
    assert ends == [("no_media", False), ("hung_up", True), ("missed", False), ("all_left", False)]


@pytest.mark.parametrize("sleeps", [False, True], ids=["killed", "asleep"])
def test_an_owner_that_ends_at_any_operation_changes_nothing_in_the_log(sleeps: bool) -> None:
    _, expected = whole(PLAYED, [])
    fenced = stopped = 0
    for stops_at in range(200):
        world, found = whole(PLAYED, [Fate(stops_at=stops_at, sleeps=sleeps)])
        assert found == expected, f"stopped at {stops_at}"
        fenced += any(isinstance(ending, Fenced) for ending in world.endings)
        stopped = stops_at
        if world.owners[0].operations <= stops_at:
            break
    assert stopped > 40
    assert not sleeps or fenced > 20


def test_a_lost_log_at_any_operation_changes_nothing_in_the_log() -> None:
    _, expected = whole(PLAYED, [])
    for number in range(0, 90, 2):
        _, found = whole(PLAYED, [Fate(unavailable_at=frozenset({number}))])
        assert found == expected, f"lost at {number}"


FATE = st.builds(
    Fate,
    stops_at=st.one_of(st.none(), st.integers(0, 90)),
    sleeps=st.booleans(),
    unavailable_at=st.frozensets(st.integers(5, 90), max_size=2),
)
SAID = st.sampled_from(PLAYED)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SAID, min_size=1, max_size=20), st.lists(FATE, max_size=3), st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_random_calls_under_random_fates_are_those_of_an_owner_to_whom_nothing_happens(
    said: list[Said], fates: list[Fate], chunk_sizes: list[int]
) -> None:
    _, expected = whole(said, [])
    _, found = whole(said, fates, chunk_sizes)
    assert found == expected
