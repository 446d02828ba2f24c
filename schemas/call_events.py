"""Facts about a conversation's calls (topic `call-events`, key conversation): dense by seq, never changed. Pure.

Times that matter later (deadlines, leases) stand in the event as absolute ones, so that folding needs no limits and no clock.
"""

from typing import Literal

from msgspec import Struct

from schemas.call_values import AcceptedVia, CallKind, CallMedia, EndReason, Holder, LeaveReason, LostBecause, PartyRecord, Quality


class EventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every event carries.

    Shape: `seq` dense from 1 within the conversation's calls; `user`, `device` and `command_id` empty: time alone made it.
    Units: `at_ms` is the command record's LogAppendTime, or the moment that was due; never decreasing.
    """

    event_id: str  # "<conversation_id>:call:<seq>"
    tenant: str
    conversation_id: str
    call_id: str
    seq: int
    at_ms: int
    user: str
    device: str
    command_id: str
    trace_id: str


class CallRequested(EventBase, frozen=True, kw_only=True, tag="call_requested"):
    """Every callee that is not `busy` is rung until `ring_deadline_ms`; the `waiting` are in a call and hear a knock."""

    call_kind: CallKind
    media: CallMedia
    callees: tuple[str, ...]
    busy: tuple[str, ...]
    waiting: tuple[str, ...]
    ring_deadline_ms: int
    lease_until_ms: int
    engine: str
    offer_hash: str


class PartiesInvited(EventBase, frozen=True, kw_only=True, tag="parties_invited"):
    """`replaces`: whose place the one callee takes when it accepts; else empty. `media`: of the call, so that a ring can say it."""

    media: CallMedia
    callees: tuple[str, ...]
    busy: tuple[str, ...]
    waiting: tuple[str, ...]
    ring_deadline_ms: int
    replaces: str


class RingDelivered(EventBase, frozen=True, kw_only=True, tag="ring_delivered"):
    pass


class RingStarted(EventBase, frozen=True, kw_only=True, tag="ring_started"):
    pass


class CallAccepted(EventBase, frozen=True, kw_only=True, tag="call_accepted"):
    """The user's other devices stop ringing. `lost_call_id`: of `glare`, the call that this user had requested itself."""

    via: AcceptedVia
    lost_call_id: str
    answer_hash: str
    lease_until_ms: int


class CallRejected(EventBase, frozen=True, kw_only=True, tag="call_rejected"):
    pass


class CallBusy(EventBase, frozen=True, kw_only=True, tag="call_busy"):
    pass


class RingTimedOut(EventBase, frozen=True, kw_only=True, tag="ring_timed_out"):
    party: str


class InviteCancelled(EventBase, frozen=True, kw_only=True, tag="invite_cancelled"):
    party: str


class ParticipantJoined(EventBase, frozen=True, kw_only=True, tag="participant_joined"):
    """By itself. Where the user was in the call already, its earlier device has left it."""

    lease_until_ms: int


class ParticipantLeft(EventBase, frozen=True, kw_only=True, tag="participant_left"):
    participant: str
    reason: LeaveReason


class MediaChanged(EventBase, frozen=True, kw_only=True, tag="media_changed"):
    participant: str
    flow: Literal["up", "lost"]
    because: LostBecause


class CallHeld(EventBase, frozen=True, kw_only=True, tag="call_held"):
    pass


class CallResumed(EventBase, frozen=True, kw_only=True, tag="call_resumed"):
    pass


class CallUpgraded(EventBase, frozen=True, kw_only=True, tag="call_upgraded"):
    media: CallMedia


class HandRaised(EventBase, frozen=True, kw_only=True, tag="hand_raised"):
    raised: bool


class ParticipantMuted(EventBase, frozen=True, kw_only=True, tag="participant_muted"):
    participant: str
    muted: bool


class QualityNoted(EventBase, frozen=True, kw_only=True, tag="quality_noted"):
    participant: str
    quality: Quality


class LeasesRenewed(EventBase, frozen=True, kw_only=True, tag="leases_renewed"):
    """Written when less than half of a lease is left, not for every renewal: these events are kept for ever."""

    holders: tuple[Holder, ...]
    engine_too: bool
    until_ms: int


class EngineSwitched(EventBase, frozen=True, kw_only=True, tag="engine_switched"):
    engine: str
    epoch: int
    engine_until_ms: int


class EngineLost(EventBase, frozen=True, kw_only=True, tag="engine_lost"):
    epoch: int


class CallEnded(EventBase, frozen=True, kw_only=True, tag="call_ended"):
    """Every ring stops and every participant is out; nothing of this call follows but its record."""

    reason: EndReason


class CallRecorded(EventBase, frozen=True, kw_only=True, tag="call_recorded"):
    """The call's record (CDR), appended with its end. Who has the log can fold the same from the call's events.

    Shape: a time is 0 where the thing did not happen. Units: `ring_ms` from the request to the first answer or the end; `talk_ms` from the
    first media after an answer to the end.
    """

    call_kind: CallKind
    media: CallMedia
    caller: str
    engines: tuple[str, ...]
    parties: tuple[PartyRecord, ...]
    requested_at_ms: int
    rung_at_ms: int
    answered_at_ms: int
    connected_at_ms: int
    ended_at_ms: int
    reason: EndReason
    ring_ms: int
    talk_ms: int


Event = (
    CallRequested
    | PartiesInvited
    | RingDelivered
    | RingStarted
    | CallAccepted
    | CallRejected
    | CallBusy
    | RingTimedOut
    | InviteCancelled
    | ParticipantJoined
    | ParticipantLeft
    | MediaChanged
    | CallHeld
    | CallResumed
    | CallUpgraded
    | HandRaised
    | ParticipantMuted
    | QualityNoted
    | LeasesRenewed
    | EngineSwitched
    | EngineLost
    | CallEnded
    | CallRecorded
)
