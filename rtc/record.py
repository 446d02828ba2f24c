"""A call's record (CDR), folded from its events, and what the conversation's timeline shows of it. Pure.

The owner folds it beside its state and appends it after the call's end; projectors and billing read that.
Rule 1: the record looks at events alone and not at the state, so that whoever has the log can check it.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from schemas import call_events as events
from schemas.call_values import CallKind, CallMedia, CallOutcome, EndReason, LeaveReason, PartyRecord

OPEN_STATES = ("invited", "delivered", "ringing")


class CallRecord(Struct, frozen=True, kw_only=True):
    """One call. Shape: while it goes on, `reason` is None and the durations are 0.

    Units: `ring_ms` from the request to the first answer or the end; `talk_ms` from the first media after an answer to the end.
    """

    tenant: str
    conversation_id: str
    call_id: str
    kind: CallKind  # as it was requested
    media: CallMedia
    caller: str
    engines: tuple[str, ...]
    parties: Mapping[str, PartyRecord]
    requested_at_ms: int
    rung_at_ms: int = 0
    answered_at_ms: int = 0
    connected_at_ms: int = 0
    ended_at_ms: int = 0
    reason: EndReason | None = None
    ring_ms: int = 0
    talk_ms: int = 0


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """What the conversation shows of an ended call. `missed_by`: for whom it was rung in vain."""

    call_id: str
    at_ms: int
    caller: str
    media: CallMedia
    outcome: CallOutcome
    duration_ms: int
    missed_by: tuple[str, ...]


def fold_record(record: CallRecord | None, event: events.Event) -> CallRecord:
    """The record after the event. Raises: ValueError for a first event that is no request."""
    if record is None:
        if not isinstance(event, events.CallRequested):
            raise ValueError(f"a record begins with a request, not with {type(event).__name__}")
        return _begun(event)
    match event:
        case events.CallAccepted() | events.ParticipantJoined():
            return _entered(record, event)
        case events.ParticipantLeft():
            return _out(record, event.participant, event.at_ms, event.reason)
        case events.MediaChanged(flow="up"):
            return _flowing(record, event)
        case events.CallUpgraded():
            return replace(record, media=event.media)
        case events.EngineSwitched():
            return replace(record, engines=(*record.engines, event.engine))
        case events.CallEnded():
            return _ended(record, event)
        case _:
            return _rung(record, event)


def _begun(event: events.CallRequested) -> CallRecord:
    at_ms = event.at_ms
    caller = PartyRecord(user=event.user, state="accepted", device=event.device, entered_at_ms=at_ms)
    callees = {user: _invited(user, event) for user in event.callees}
    return CallRecord(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        call_id=event.call_id,
        kind=event.call_kind,
        media=event.media,
        caller=event.user,
        engines=(event.engine,),
        parties={event.user: caller, **callees},
        requested_at_ms=at_ms,
    )


def _invited(user: str, event: events.CallRequested | events.PartiesInvited) -> PartyRecord:
    return PartyRecord(user=user, invited_at_ms=event.at_ms, state="busy" if user in event.busy else "invited")


def _with(record: CallRecord, party: PartyRecord) -> CallRecord:
    return replace(record, parties={**record.parties, party.user: party})


def _rung(record: CallRecord, event: events.Event) -> CallRecord:
    """What happens to a ring, and to those that are in the call without changing who is."""
    parties, at_ms = record.parties, event.at_ms
    match event:
        case events.PartiesInvited():
            again = {user: _again(parties.get(user), _invited(user, event)) for user in event.callees}
            return replace(record, parties={**parties, **again})
        case events.RingDelivered():
            party = parties[event.user]
            return _with(record, replace(party, state="delivered")) if party.state == "invited" else record
        case events.RingStarted():
            party = parties[event.user]
            record = replace(record, rung_at_ms=record.rung_at_ms or at_ms)
            return _with(record, replace(party, state="ringing", rung_at_ms=party.rung_at_ms or at_ms))
        case events.CallRejected():
            return _with(record, replace(parties[event.user], state="rejected", device=event.device))
        case events.CallBusy():
            return _with(record, replace(parties[event.user], state="busy", device=event.device))
        case events.RingTimedOut():
            return _with(record, replace(parties[event.party], state="timed_out"))
        case events.InviteCancelled():
            return _with(record, replace(parties[event.party], state="cancelled"))
        case events.QualityNoted():
            return _with(record, replace(parties[event.participant], quality=event.quality))
        case _:
            return record


def _again(before: PartyRecord | None, now: PartyRecord) -> PartyRecord:
    return now if before is None else replace(before, state=now.state, invited_at_ms=before.invited_at_ms or now.invited_at_ms)


def _entered(record: CallRecord, event: events.CallAccepted | events.ParticipantJoined) -> CallRecord:
    party, at_ms = record.parties.get(event.user) or PartyRecord(user=event.user), event.at_ms
    joined = isinstance(event, events.ParticipantJoined)
    answered_at_ms = party.answered_at_ms or (0 if event.user == record.caller else at_ms)
    party = replace(
        party,
        state="joined" if joined else "accepted",
        device=event.device,
        answered_at_ms=answered_at_ms,
        entered_at_ms=party.entered_at_ms or at_ms,
    )
    if answered_at_ms and not record.answered_at_ms:
        record = _answered(record, answered_at_ms)
    return _with(record, party)


def _answered(record: CallRecord, at_ms: int) -> CallRecord:
    caller = record.parties[record.caller]
    return _with(replace(record, answered_at_ms=at_ms), replace(caller, state="joined") if caller.media_at_ms else caller)


def _out(record: CallRecord, user: str, at_ms: int, because: LeaveReason | Literal["call_ended"]) -> CallRecord:
    party = record.parties[user]
    failed = because == "no_media" and party.state == "accepted"
    party = replace(
        party,
        state="failed" if failed else "left",
        left_at_ms=at_ms,
        left_because=because,
        in_call_ms=party.in_call_ms + at_ms - party.entered_at_ms,
        entered_at_ms=0,
    )
    return _with(record, party)


def _flowing(record: CallRecord, event: events.MediaChanged) -> CallRecord:
    party = record.parties[event.participant]
    answered = bool(record.answered_at_ms)
    record = _with(record, replace(party, state="joined" if answered else party.state, media_at_ms=party.media_at_ms or event.at_ms))
    return replace(record, connected_at_ms=record.connected_at_ms or (event.at_ms if answered else 0))


def _ended(record: CallRecord, event: events.CallEnded) -> CallRecord:
    at_ms = event.at_ms
    for user, party in record.parties.items():
        if party.entered_at_ms:
            record = _out(record, user, at_ms, "call_ended")
        elif party.state in OPEN_STATES:
            record = _with(record, replace(party, state="cancelled"))
    return replace(
        record,
        ended_at_ms=at_ms,
        reason=event.reason,
        ring_ms=(record.answered_at_ms or at_ms) - record.requested_at_ms,
        talk_ms=at_ms - record.connected_at_ms if record.connected_at_ms else 0,
    )


# Of a call that nobody answered; what is not here was missed, whatever kept the caller from waiting.
_UNANSWERED: Mapping[EndReason, CallOutcome] = {"rejected": "rejected", "busy": "busy"}


def call_record(event: events.CallRecorded) -> CallRecord:
    """The record as it was folded, from the event that holds it."""
    return CallRecord(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        call_id=event.call_id,
        kind=event.call_kind,
        media=event.media,
        caller=event.caller,
        engines=event.engines,
        parties={party.user: party for party in event.parties},
        requested_at_ms=event.requested_at_ms,
        rung_at_ms=event.rung_at_ms,
        answered_at_ms=event.answered_at_ms,
        connected_at_ms=event.connected_at_ms,
        ended_at_ms=event.ended_at_ms,
        reason=event.reason,
        ring_ms=event.ring_ms,
        talk_ms=event.talk_ms,
    )


def timeline_entry(record: CallRecord) -> TimelineEntry:
    """What the timeline shows. Shape: the call has ended."""
    assert record.reason is not None
    answered: CallOutcome = "ended" if record.connected_at_ms else "failed"
    outcome = answered if record.answered_at_ms else _UNANSWERED.get(record.reason, "missed")
    missed = ("timed_out", "cancelled", "busy")
    return TimelineEntry(
        call_id=record.call_id,
        at_ms=record.ended_at_ms,
        caller=record.caller,
        media=record.media,
        outcome=outcome,
        duration_ms=record.talk_ms,
        missed_by=tuple(sorted(user for user, party in record.parties.items() if party.state in missed and not party.answered_at_ms)),
    )
