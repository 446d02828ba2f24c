"""Promises 1-3 of the design, held from the log alone, with the owner stopped at every await of its shell."""

import asyncio
import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from log.errors import Fenced
from log.memory import MemoryLog
from log.port import Entry
from streams.conversations.partition import COMMANDS_TOPIC
from streams.owning import lane
from tests.streams import simulation
from tests.streams.simulation import CONVERSATIONS, Clock, Fate, World, check_promises, entry_of, make_command, read_all, refusals

KINDS = ("send", "send", "send", "create", "add", "leave", "recall")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "RETRY_S_MIN", 0.0)


def fixed_commands() -> list[Entry]:
    """Every kind of outcome: accepted with one and more events, repeated, refused, reused, poison; two conversations."""
    made = [make_command("create", 0, 0, 0), make_command("create", 1, 1, 1)]
    made += [make_command("send", number % 2, number % 2, number) for number in range(2, 8)]
    made += [made[4], made[0], make_command("send", 0, 2, 9), make_command("add", 0, 0, 10), make_command("send", 0, 2, 11)]
    made += [make_command("recall", 0, 0, 12), make_command("leave", 0, 0, 13), make_command("leave", 0, 2, 14), made[3], made[6]]
    entries = [entry_of(command) for command in made]
    entries.insert(7, Entry(CONVERSATIONS[0].encode(), b"not avro at all"))
    return entries


async def history(entries: Sequence[Entry], fates: Sequence[Fate], chunk_sizes: Sequence[int] = (3, 1, 2)) -> World:
    """The commands, handled by owners with these fates one after the other and at last by one that lives."""
    clock = Clock()
    world = World(MemoryLog(1, clock_ms=clock), clock, chunk_sizes)
    await world.log.publish(COMMANDS_TOPIC, 0, entries)
    for fate in fates:
        await world.live(fate)
        if not fate.sleeps:
            await world.wake_sleepers()
    await world.live(Fate())
    await world.wake_sleepers()
    await world.live(Fate())  # after the sleepers, whatever they did
    check_promises(await read_all(world.log))
    return world


def test_without_faults_every_kind_of_outcome_occurs() -> None:
    async def body() -> None:
        world = await history(fixed_commands(), [])
        seen = await read_all(world.log)
        assert len(seen.events) >= 10
        assert {"unknown_conversation", "not_member"} & {reply.code for reply in refusals(seen)}
        assert len(seen.replies) > len(refusals(seen)), "no repeated command"
        assert [letter.reason for letter in seen.dead] == ["not the wire format"]

    asyncio.run(body())


def operations_of_a_whole_life() -> int:
    async def body() -> int:
        clock = Clock()
        world = World(MemoryLog(1, clock_ms=clock), clock)
        await world.log.publish(COMMANDS_TOPIC, 0, fixed_commands())
        return (await world.live(Fate())).operations

    return asyncio.run(body())


def test_a_crash_at_every_operation_keeps_the_promises() -> None:
    operations = operations_of_a_whole_life()
    assert operations > 40
    reference: set[str] | None = None
    for stops_at in range(operations + 4):
        world = asyncio.run(history(fixed_commands(), [Fate(stops_at=stops_at)]))
        bodies = {f"{event.event_id} {event.command_id}" for _, event in asyncio.run(read_all(world.log)).events}
        reference = reference or bodies
        assert bodies == reference, f"crash at {stops_at} changed what was decided"


def test_a_sleeper_woken_after_its_successor_is_fenced_at_every_operation() -> None:
    fenced = 0
    for stops_at in range(operations_of_a_whole_life()):
        world = asyncio.run(history(fixed_commands(), [Fate(stops_at=stops_at, sleeps=True)]))
        fenced += any(isinstance(ending, Fenced) for ending in world.endings)
    assert fenced > 20


def test_a_lost_log_at_every_operation_is_taken_over_from_itself() -> None:
    for number in range(operations_of_a_whole_life()):
        asyncio.run(history(fixed_commands(), [Fate(unavailable_at=frozenset({number}))]))


def test_a_writer_renewed_all_the_time_keeps_the_promises_through_a_crash_at_every_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "SETTINGS", dataclasses.replace(simulation.SETTINGS, writer_renew_ms=6))
    operations = operations_of_a_whole_life()
    for stops_at in range(0, operations, 2):
        asyncio.run(history(fixed_commands(), [Fate(stops_at=stops_at, sleeps=stops_at % 4 == 0)]))


COMMAND = st.tuples(st.sampled_from(KINDS), st.integers(0, 1), st.integers(0, 2), st.integers(0, 40))
FATE = st.builds(
    Fate,
    stops_at=st.one_of(st.none(), st.integers(0, 90)),
    sleeps=st.booleans(),
    unavailable_at=st.frozensets(st.integers(5, 90), max_size=2),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(COMMAND, max_size=25),
    st.lists(FATE, max_size=4),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.booleans(),
)
def test_random_commands_and_retries_under_random_fates_keep_the_promises(
    drawn: list[tuple[str, int, int, int]], fates: list[Fate], chunk_sizes: list[int], created: bool
) -> None:
    commands = [make_command("create", 0, 0, 50), make_command("create", 1, 1, 51)] if created else []
    commands += [make_command(*one) for one in drawn]
    asyncio.run(history([entry_of(command) for command in commands], fates, chunk_sizes))
