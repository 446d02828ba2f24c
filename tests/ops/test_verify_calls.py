"""`warbler verify calls` without Kafka and Cassandra: a log of calls agrees with its own records, and a forged one does not."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from log.port import Record
from ops.verify_calls import CallsFolded, CallsReport
from schemas import call_events as events
from schemas import codec
from streams.calls.recording import recorded
from tests.rtc.simulation import World
from tests.rtc.talking import Talk


def folded(history: tuple[events.Event, ...]) -> CallsFolded:
    calls = CallsFolded(CallsReport())
    for offset, event in enumerate(history):
        calls.take(Record("call-events", 0, offset, event.at_ms, b"d-1", codec.encode("call-events", event)))
    return calls


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=60, max_size=300))
def test_every_record_is_what_its_calls_events_come_to(history: bytes) -> None:
    log = tuple(World(history).log)
    report = folded(log).report
    assert report.differences == []
    begun = sum(isinstance(event, events.CallRequested) for event in log)
    assert report.records_count == sum(isinstance(event, events.CallRecorded) for event in log)
    assert report.open_count == begun - report.records_count
    assert report.events_count == len(log)


def missed() -> tuple[events.Event, ...]:
    talk = Talk()
    talk.request()
    talk.wait(61_000)
    return recorded(talk.log, None)[0]


def test_a_record_that_says_something_else_than_its_events_is_told() -> None:
    *before, record = missed()
    assert isinstance(record, events.CallRecorded)
    calls = folded((*before, replace(record, talk_ms=60_000)))
    assert calls.report.differences_count == 1
    assert len(calls.rows) == 3, "what is recorded is what the tables should have"


def test_an_event_of_a_call_that_has_ended_is_told_and_damage_is_counted() -> None:
    log = missed()
    calls = folded((*log, log[1]))
    assert calls.report.differences_count == 1
    calls.take(Record("call-events", 0, 9, 0, b"d-1", b"junk"))
    calls.take(Record("call-events", 0, 10, 0, None, b"a control record"))
    assert (calls.report.damaged_count, calls.report.events_count) == (1, len(log) + 1)
