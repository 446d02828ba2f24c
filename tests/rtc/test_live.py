"""The fold of live calls: the owner's own state wherever one begins to read, and a gap is never passed over in silence."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.port import Record
from rtc.evolve import evolve, fold
from rtc.live import CALL_STATE, LineGap, LiveLines
from rtc.state import MEMORY_MS, Line
from schemas.call_events import CallRecorded, CallRequested
from schemas.call_records import CallLineSaved, CallsCheckpoint, CallState
from schemas.codec import encode
from tests.rtc.simulation import World
from tests.rtc.talking import CONVERSATION, START_MS, in_state

EMPTY = Line(tenant="t", conversation_id=CONVERSATION)


def state_record(state: CallState | None, key: str = CONVERSATION, partition: int = 3) -> Record:
    return Record(CALL_STATE, partition, 0, START_MS, key.encode(), None if state is None else encode(CALL_STATE, state))


def saved(line: Line) -> Record:
    fields: dict[str, Any] = {"tenant": "t", "conversation_id": line.conversation_id, "head_seq": line.head_seq}
    packed = msgspec.msgpack.encode(line)
    return state_record(CallLineSaved(live=line.live is not None, line=packed, record=b"", **fields))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=60, max_size=240), st.floats(0, 1), st.floats(0, 1))
def test_a_saved_line_and_the_events_from_before_it_give_the_owners_call(history: bytes, save: float, start: float) -> None:
    log = World(history).log
    cut = int(save * len(log))
    began = int(start * cut)
    line = EMPTY
    lines = LiveLines()
    for event in log[:cut]:
        line = evolve(line, event)
    if cut:
        assert lines.saved(saved(line), START_MS)
    for event in log[began:]:
        change = lines.take(event)
        if event.seq <= line.head_seq:
            assert change is None
            continue
        before, line = line, evolve(line, event)
        assert (change.before, change.after) == (before.live, line.live) if change else before.live is line.live is None
        assert lines.call(line.conversation_id) == line.live
        parties = set(line.live.parties) if line.live else set()
        assert {user for user in ("ana", "bob", "eve", "mod", "xen") if list(lines.of_user(user))} == parties
        assert [call for _, call in lines.live()] == ([line.live] if line.live else [])


def test_a_record_follows_a_line_that_was_saved_between_the_end_and_it() -> None:
    log = World(bytes(range(200))).log
    recorded = [number for number, event in enumerate(log) if isinstance(event, CallRecorded)]
    assert recorded
    for number in recorded:
        lines = LiveLines()
        assert lines.saved(saved(fold(EMPTY, log[:number])), START_MS)
        assert lines.take(log[number]) is None
        known = lines.line(CONVERSATION)
        assert known is not None
        assert known.head_seq == log[number].seq


def test_a_gap_is_said_and_the_next_call_is_followed_again() -> None:
    talk = in_state("ended")
    talk.request(call="c2")
    lines = LiveLines()
    lines.take(talk.log[0])
    with pytest.raises(LineGap):
        lines.take(talk.log[2])
    assert lines.call(CONVERSATION) is None
    with pytest.raises(LineGap):
        lines.take(talk.log[3])
    second = talk.log[-1]
    assert isinstance(second, CallRequested)
    lines.take(second)
    assert lines.call(CONVERSATION, "c2") == talk.line.live
    assert lines.call(CONVERSATION, "c1") is None


def test_a_checkpoint_says_from_where_to_read_and_a_tombstone_that_there_is_nothing() -> None:
    lines = LiveLines()
    lines.saved(state_record(CallsCheckpoint(partition=3, commands_next=9, events_next=7, at_ms=START_MS), "#checkpoint"), START_MS)
    assert lines.events_next == {3: 7}
    lines.saved(saved(in_state("ringing").line), START_MS)
    assert lines.call(CONVERSATION) is not None
    lines.saved(state_record(None), START_MS)
    assert lines.call(CONVERSATION) is None
    assert list(lines.of_user("ana")) == []


def test_what_is_not_understood_is_said_and_the_writers_record_is_none_of_it() -> None:
    lines = LiveLines()
    assert not lines.saved(Record(CALL_STATE, 0, 0, 0, b"d-1", b"\0nonsense"), START_MS)
    good = saved(in_state("ringing").line)
    broken = CallLineSaved(tenant="t", conversation_id=CONVERSATION, head_seq=1, live=True, line=b"\xc1", record=b"")
    assert not lines.saved(good._replace(value=encode(CALL_STATE, broken)), START_MS)
    assert lines.saved(Record(CALL_STATE, 0, 0, 0, b"#writer", b"\0whatever"), START_MS)
    assert len(lines) == 0


def test_an_ended_line_is_forgotten_once_nobody_can_come_late() -> None:
    talk = in_state("ended")
    lines = LiveLines()
    for event in talk.log:
        lines.take(event)
    lines.forget(talk.log[-1].at_ms + MEMORY_MS)
    assert lines.line(CONVERSATION) is not None
    lines.forget(talk.log[-1].at_ms + MEMORY_MS + 1)
    assert lines.line(CONVERSATION) is None
