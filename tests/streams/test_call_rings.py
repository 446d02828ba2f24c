"""What follows from a log of calls: who is rung and who is not any more, and one note of each call, whatever dies when."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from log.errors import LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Record
from rtc.record import call_record, timeline_entry
from schemas import call_commands as call
from schemas import call_events, codec, commands, events
from schemas.notices import PushRequested, RingNotified, RingSettled
from schemas.partition import partition_of
from streams.calls.recording import recorded
from streams.conversations.decide import Refused, Repeated
from streams.notifier import calls as calls_shell
from streams.notifier.calls import CallFollower
from streams.notifier.rings import note_of, ring_entries, rings_of
from tests.rtc.simulation import World
from tests.rtc.talking import ANA, BOB, EVE, Talk
from tests.streams.inbox_parts import Fed, opened
from tests.streams.talking import Talk as Chat
from tests.streams.talking import opened as conversation

PARTITIONS = 4
STILL_RUNG = ("timed_out", "cancelled")


def log_of(talk: Talk) -> tuple[call_events.Event, ...]:
    return recorded(talk.log, None)[0]


def told(history: tuple[call_events.Event, ...]) -> list[tuple[str, tuple[str, ...]]]:
    rings = [ring for event in history for ring in rings_of(event) if ring.users]
    return [(ring.outcome if isinstance(ring, RingSettled) else "rung", ring.users) for ring in rings]


def test_a_call_rings_whom_it_invites_and_its_answer_stops_that() -> None:
    talk = Talk()
    talk.request(ANA, "bob", media="video")
    talk.say(call.ReportDelivered, BOB)
    talk.say(call.AcceptCall, BOB)
    assert told(log_of(talk)) == [("rung", ("bob",)), ("delivered", ("bob",)), ("stopped", ("bob",))]
    ring = next(rings_of(talk.log[0]))
    assert isinstance(ring, RingNotified)
    assert (ring.caller, ring.video, ring.conversation_kind, ring.seq) == ("ana", True, "direct", 1)
    assert ring.deadline_ms == talk.clock_ms + 60_000


def test_who_is_busy_is_not_rung_and_a_ring_in_vain_is_said_to_have_been() -> None:
    talk = Talk()
    talk.request(ANA, "bob", "eve", kind="group", busy=("eve",))
    talk.wait(61_000)
    assert told(log_of(talk)) == [("rung", ("bob",)), ("missed", ("bob",))]


def test_whom_it_rings_when_the_caller_gives_up_has_missed_it() -> None:
    talk = Talk()
    talk.request(ANA, "bob", "eve", kind="group")
    talk.say(call.RejectCall, EVE)
    talk.say(call.HangUp, ANA)
    assert told(log_of(talk)) == [("rung", ("bob", "eve")), ("stopped", ("eve",)), ("missed", ("bob",))]


def test_an_invitation_names_who_invites_and_the_media_of_the_call() -> None:
    talk = Talk()
    talk.request(ANA, "bob", media="video")
    talk.say(call.AcceptCall, BOB)
    talk.say(call.InviteToCall, BOB, callees=("eve",))
    ring = next(rings_of(talk.log[-1]))
    assert isinstance(ring, RingNotified)
    assert (ring.caller, ring.video, ring.users) == ("bob", True, ("eve",))


HISTORIES = st.binary(min_size=60, max_size=300)


def histories(history: bytes) -> tuple[call_events.Event, ...]:
    return tuple(World(history).log)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(HISTORIES)
def test_when_a_call_is_over_nobody_is_rung_and_who_missed_it_was_told(history: bytes) -> None:
    ringing: dict[tuple[str, str], str] = {}  # (call, user) -> how it stands
    for event in histories(history):
        for ring in rings_of(event):
            for user in ring.users:
                if isinstance(ring, RingNotified):
                    ringing[ring.call_id, user] = "rung"
                elif ringing.get((ring.call_id, user)) == "rung" and ring.outcome != "delivered":
                    ringing[ring.call_id, user] = ring.outcome
        if isinstance(event, call_events.CallRecorded):
            entry = timeline_entry(call_record(event))
            of_call = {user: how for (name, user), how in ringing.items() if name == event.call_id}
            assert "rung" not in of_call.values()
            in_vain = {party.user for party in event.parties if party.state in STILL_RUNG}
            assert {user for user, how in of_call.items() if how == "missed"} >= in_vain & set(entry.missed_by) & set(of_call)
            assert all(of_call[party.user] == "stopped" for party in event.parties if party.state == "rejected" and party.user in of_call)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(HISTORIES, st.booleans())
def test_no_history_of_calls_rings_a_phone_after_the_call_stopped_to(history: bytes, there: bool) -> None:
    """Calls, notifier and inbox together: of every ring at most one push, and none once it is over or past its deadline."""
    over: dict[tuple[str, str], int] = {}
    fed = Fed(now_ms=1_700_000_000_000)
    if there:
        fed.feed(*(opened(fed.now_ms, user, f"s-{user}", 1 << 50) for user in ("ana", "bob", "eve")))
    for event in histories(history):
        fed.until(max(fed.now_ms, event.at_ms))
        before = len(fed.effects)
        for ring in rings_of(event):
            fed.feed(ring)
            if isinstance(ring, RingSettled) and ring.outcome != "delivered":
                over.update(((ring.call_id, user), ring.seq) for user in ring.users)
        for at_ms, each in fed.effects[before:]:
            if isinstance(each, PushRequested) and not each.missed:
                assert at_ms < each.deadline_ms
                assert over.get((each.ref, each.user), 0) < each.attempt
    rings = [(each.ref, each.user, each.attempt) for each in fed.pushes]
    assert len(rings) == len(set(rings))


def test_the_users_of_a_large_call_are_told_in_the_partitions_of_their_inboxes() -> None:
    talk = Talk()
    talk.request(ANA, *(f"u-{number}" for number in range(4)), kind="group")
    entries = ring_entries(log_of(talk), PARTITIONS)
    found = {}
    for partition, each in entries.items():
        for entry in each:
            ring = codec.decode(entry.value, RingNotified)
            found.update(dict.fromkeys(ring.users, partition))
    assert found == {f"u-{number}": partition_of(f"u-{number}".encode(), PARTITIONS) for number in range(4)}


# ---- the note


def two_calls() -> tuple[call_events.Event, ...]:
    talk = Talk()
    talk.request(ANA, "bob", call="c1")
    talk.wait(61_000)
    talk.request(BOB, "ana", call="c2")
    talk.say(call.AcceptCall, ANA, call_id="c2")
    talk.up(ANA, call_id="c2")
    talk.up(BOB, call_id="c2")
    talk.wait(5_000)
    talk.say(call.HangUp, BOB, call_id="c2")
    return log_of(talk)


def notes() -> list[commands.NoteCall]:
    return [note_of(event) for event in two_calls() if isinstance(event, call_events.CallRecorded)]


def test_a_note_says_what_became_of_the_call_and_is_always_the_same_command() -> None:
    missed, talked = notes()
    assert (missed.user, missed.outcome, missed.missed_by, missed.duration_ms) == ("ana", "missed", ("bob",), 0)
    assert (talked.user, talked.outcome, talked.missed_by, talked.duration_ms) == ("bob", "ended", (), 5_000)
    assert notes() == [missed, talked]
    assert missed.command_id != talked.command_id


def test_a_note_is_taken_whoever_the_caller_is_by_now_and_counts_if_somebody_missed_it() -> None:
    """It has left, all are muted, and the publisher was away for a year; a device that said so would be refused."""
    talk = conversation("group", {"ben": "member", "ana": "member"})
    owner = next(user for user, member in talk.head.members.items() if member.role == "owner")
    talk.do(talk.command(commands.MuteAll, owner, until_ms=talk.now_ms + 60_000))
    talk.do(talk.command(commands.LeaveConversation, "ana"))
    talk.now_ms += 366 * 86_400_000
    ordinal = talk.head.head_ordinal
    missed, talked = (here(talk, note) for note in notes())
    talk.do(missed)
    assert talk.head.head_ordinal == ordinal + 1
    talk.do(talked)
    assert talk.head.head_ordinal == ordinal + 1
    noted = [event for event, _ in talk.log if isinstance(event, events.CallNoted)]
    assert [(event.call_id, event.user, event.outcome) for event in noted] == [("c1", "ana", "missed"), ("c2", "bob", "ended")]
    assert isinstance(talk.do(talked), Repeated)


def here(talk: Chat, note: commands.NoteCall) -> commands.NoteCall:
    return replace(note, tenant=talk.head.tenant, conversation_id=talk.head.conversation_id)


def test_a_note_that_is_forgotten_is_still_not_taken_twice() -> None:
    talk = conversation("group", {"bob": "member"})
    first, second = (here(talk, note) for note in notes())
    talk.do(first)
    talk.do(second)
    while talk.head.remembered(bytes.fromhex(first.command_id.replace("-", ""))) is not None:
        talk.head.recent.drop_oldest()
    decision = talk.do(first)
    assert isinstance(decision, Refused)
    assert decision.code == "already_done"


def records(history: tuple[call_events.Event, ...]) -> Iterator[Record]:
    for offset, event in enumerate(history):
        yield Record("call-events", 0, offset, event.at_ms, event.conversation_id.encode(), codec.encode("call-events", event))


class Dead(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_each_call_is_noted_once_and_in_order_though_the_follower_dies_at_every_publish(
    moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies in the first, the second, … publish of its life; a successor begins again at the chunk that was not acked."""
    monkeypatch.setattr(calls_shell, "RETRY_S_MIN", 0.0)

    async def life(log: MemoryLog, chunks: list[list[Record]], dies_at: int) -> int:
        count = 0

        async def fault(operation: str, when: Moment) -> None:
            nonlocal count
            if operation == "publish" and when == moment:
                count += 1
                if count == dies_at:
                    raise Dead

        log.fault = fault
        for number, chunk in enumerate(chunks):
            try:
                await CallFollower(log, PARTITIONS, 1).handle(chunk)
            except Dead:
                return number
        return len(chunks)

    async def body(dies_at: int) -> None:
        log = MemoryLog(PARTITIONS)
        chunks = [[record] for record in records(two_calls())]
        done = await life(log, chunks, dies_at)
        await life(log, chunks[done:], 0)
        talk = conversation("group", {"bob": "member"})
        for row in await log.read("conversation-commands", 0, 0, 1_000):
            note = codec.decode(row.value, commands.NoteCall)
            talk.do(here(talk, note))
        noted = [event.call_id for event, _ in talk.log if isinstance(event, events.CallNoted)]
        assert noted == ["c1", "c2"]

    for dies_at in range(1, 12):
        asyncio.run(body(dies_at))


def test_a_log_that_is_away_is_waited_for_and_what_is_no_event_is_buried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_shell, "RETRY_S_MIN", 0.0)

    async def body() -> None:
        away = 3

        async def fault(operation: str, when: Moment) -> None:
            nonlocal away
            if operation == "publish" and when == "before" and away:
                away -= 1
                raise LogUnavailable("injected")

        log = MemoryLog(PARTITIONS, fault=fault)
        follower = CallFollower(log, PARTITIONS, PARTITIONS)
        control = Record("call-events", 0, 0, 0, None, b"")
        await follower.handle([control, Record("call-events", 0, 1, 0, b"g", b"junk"), *records(two_calls())])
        letters = await log.read("dead-letters", 0, 0, 10)
        assert len(letters) >= 1
        assert (follower.stats.notes, follower.stats.dead_letters) == (2, 1)

    asyncio.run(body())
