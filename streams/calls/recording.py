"""The record of a call in the log, right after the end that completes it. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from rtc.record import CallRecord, fold_record
from schemas.call_events import CallEnded, CallRecorded, CallRequested, Event


def recorded(events: Iterable[Event], record: CallRecord | None) -> tuple[tuple[Event, ...], CallRecord | None]:
    """The events with each ended call's record in its place, and the record of the call that goes on.

    Shape: what follows an end is numbered anew, so that it does not matter to the log whether the end came by itself, when it was due, or
    together with the next call, which found that it was.
    """
    complete: list[Event] = []
    for event in events:
        seq = event.seq if not complete else complete[-1].seq + 1
        complete.append(event if event.seq == seq else replace(event, seq=seq, event_id=event_id(event, seq)))
        record = folded(record, event)
        if isinstance(event, CallEnded):
            assert record is not None  # a call that ends was requested
            complete.append(record_of(record, complete[-1], seq + 1))
            record = None
    return tuple(complete), record


def folded(record: CallRecord | None, event: Event) -> CallRecord | None:
    """The live call's record after the event; None once it stands in the log. Raises: ValueError, KeyError for what no owner writes."""
    if isinstance(event, CallRecorded):
        return None
    return fold_record(None if isinstance(event, CallRequested) else record, event)


def event_id(event: Event, seq: int) -> str:
    return f"{event.conversation_id}:call:{seq}"


def record_of(record: CallRecord, end: Event, seq: int) -> CallRecorded:
    assert record.reason is not None
    return CallRecorded(
        event_id=event_id(end, seq),
        tenant=end.tenant,
        conversation_id=end.conversation_id,
        call_id=end.call_id,
        seq=seq,
        at_ms=end.at_ms,
        user=end.user,
        device=end.device,
        command_id=end.command_id,
        trace_id=end.trace_id,
        call_kind=record.kind,
        media=record.media,
        caller=record.caller,
        engines=record.engines,
        parties=tuple(record.parties.values()),
        requested_at_ms=record.requested_at_ms,
        rung_at_ms=record.rung_at_ms,
        answered_at_ms=record.answered_at_ms,
        connected_at_ms=record.connected_at_ms,
        ended_at_ms=record.ended_at_ms,
        reason=record.reason,
        ring_ms=record.ring_ms,
        talk_ms=record.talk_ms,
    )
