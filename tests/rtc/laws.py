"""What has to hold of any history of calls, seen from the events alone: nothing here asks the code that is tested.

`Observer.take` raises AssertionError at the first event that breaks a law. It keeps a model of its own, as simple as the laws are.
"""

from dataclasses import dataclass, field
from typing import Any

from rtc.call import Outcome
from rtc.record import CallRecord
from rtc.rules import Rules
from rtc.values import Refusal
from schemas import call_commands as commands
from schemas import call_events as events

ANSWERED_ENDS = {"hung_up", "no_media", "connection_lost", "all_left"}
REQUEST_REFUSED = {"stale", "invalid", "clock_ahead", "foreign_tenant"}
UNANSWERED_ENDS = {"cancelled", "rejected", "busy", "missed"}
OF_PARTICIPANT = (
    *(events.CallHeld, events.CallResumed, events.CallUpgraded, events.HandRaised, events.PartiesInvited),
    *(events.ParticipantLeft, events.MediaChanged, events.ParticipantMuted, events.QualityNoted),
)


@dataclass
class Seen:
    """One call as it was seen. `rung`: users with an open ring, by its deadline. `inside`: by device and since when."""

    request: events.CallRequested
    rung: dict[str, int]
    inside: dict[str, str] = field(default_factory=dict)
    since_ms: dict[str, int] = field(default_factory=dict)
    lease_ms: dict[str, int] = field(default_factory=dict)
    stays_ms: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    accepted: int = 0
    answered_ms: int = 0
    connected_ms: int = 0
    empty_ms: int = 0
    third: bool = False
    invited: set[str] = field(default_factory=set)
    kicked: set[str] = field(default_factory=set)
    lost_ids: set[str] = field(default_factory=set)
    epoch: int = 1
    end: events.CallEnded | None = None
    recorded: events.CallRecorded | None = None


class Observer:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.calls: dict[str, Seen] = {}
        self.live: Seen | None = None
        self.head: events.Event | None = None
        self.invites: list[tuple[str, int, int]] = []

    def take(self, event: events.Event) -> None:
        before = self.head
        assert event.seq == (before.seq + 1 if before else 1), "seq is dense"
        assert before is None or event.at_ms >= before.at_ms, "time does not go back"
        assert event.event_id == f"{event.conversation_id}:call:{event.seq}"
        self.head = event
        assert not isinstance(before, events.CallEnded) or isinstance(event, events.CallRecorded), "a call's record follows its end"
        if isinstance(event, events.CallRecorded):
            self._recorded(event, before)
            return
        if isinstance(event, events.CallRequested):
            self._requested(event)
            return
        seen = self.live
        assert seen is not None, f"{event} outside of a call"
        assert seen.request.call_id == event.call_id, "one live call at most, and nothing after its end"
        assert not seen.empty_ms or event.at_ms <= seen.empty_ms + self.rules.grace_ms, "an empty call ends with its grace"
        getattr(self, f"_{event.__struct_config__.tag}", self._other)(seen, event)

    def _recorded(self, event: events.CallRecorded, before: events.Event | None) -> None:
        assert isinstance(before, events.CallEnded), "a record without an end"
        assert (event.call_id, event.at_ms, event.reason) == (before.call_id, before.at_ms, before.reason)
        seen = self.calls[event.call_id]
        assert seen.recorded is None, "a call has one record"
        seen.recorded = event

    def _requested(self, event: events.CallRequested) -> None:
        assert self.live is None, "two calls at once"
        assert event.call_id not in self.calls, "a call id twice"
        rung = {user: event.ring_deadline_ms for user in event.callees if user not in event.busy}
        seen = self.live = self.calls[event.call_id] = Seen(event, rung, invited={*event.callees, event.user})
        self._in(seen, event, event.user)
        self._invited(event, event.ring_deadline_ms)

    def _invited(self, event: events.CallRequested | events.PartiesInvited, deadline_ms: int) -> None:
        assert 30_000 <= deadline_ms - event.at_ms <= 120_000
        self.invites.append((event.user, event.at_ms, len(event.callees)))
        recent = [count for user, at_ms, count in self.invites if user == event.user and at_ms > event.at_ms - self.rules.invites_window_ms]
        assert sum(recent) <= self.rules.invites_per_user_limit, "the limit of invitations"

    def _parties_invited(self, seen: Seen, event: events.PartiesInvited) -> None:
        assert seen.answered_ms or seen.request.call_kind == "group"
        assert seen.inside.get(event.user) == event.device, "who invites is in the call"
        assert not set(event.callees) & (seen.rung.keys() | seen.inside.keys()), "who is rung or in the call is not rung again"
        seen.rung |= {user: event.ring_deadline_ms for user in event.callees if user not in event.busy}
        seen.invited |= set(event.callees)
        seen.kicked -= set(event.callees)
        self._invited(event, event.ring_deadline_ms)

    def _ring_delivered(self, seen: Seen, event: events.Event) -> None:
        assert event.user in seen.rung, "a ring after an answer"
        assert event.at_ms < seen.rung[event.user], "a ring after its deadline"

    _ring_started = _ring_delivered

    def _call_accepted(self, seen: Seen, event: events.CallAccepted) -> None:
        assert event.user in seen.rung, "one winner: an accept without an open ring"
        assert event.at_ms < seen.rung.pop(event.user), "an accept after the deadline"
        seen.accepted += 1
        seen.lost_ids |= {event.lost_call_id} - {""}
        seen.third |= seen.accepted > 1
        self._in(seen, event, event.user)

    def _call_rejected(self, seen: Seen, event: events.Event) -> None:
        assert seen.rung.pop(event.user, 0) > event.at_ms, "a refusal without an open ring"

    _call_busy = _call_rejected

    def _ring_timed_out(self, seen: Seen, event: events.RingTimedOut) -> None:
        assert seen.rung.pop(event.party) == event.at_ms, "a ring ends at its deadline, however late one looks"

    def _invite_cancelled(self, seen: Seen, event: events.InviteCancelled) -> None:
        del seen.rung[event.party]
        seen.kicked.add(event.party)

    def _participant_joined(self, seen: Seen, event: events.ParticipantJoined) -> None:
        assert event.user != "xen" or "xen" in seen.invited, "an outsider was invited"
        assert event.user not in seen.kicked
        if seen.request.call_kind == "one_to_one" and not seen.third:
            assert event.user in seen.inside, "one does not join a call between two"
        assert seen.inside.get(event.user) != event.device
        seen.rung.pop(event.user, None)
        self._in(seen, event, event.user)

    def _in(self, seen: Seen, event: Any, user: str) -> None:
        if user not in seen.inside:
            seen.since_ms[user] = event.at_ms
        seen.inside[user] = event.device
        seen.lease_ms[user] = event.lease_until_ms
        seen.lost.discard(user)
        seen.empty_ms = 0
        if user != seen.request.user and not seen.answered_ms:
            seen.answered_ms = event.at_ms
        assert len(seen.inside) <= self.rules.participants_limit + 1, "one more only for the moment of a transfer"

    def _participant_left(self, seen: Seen, event: events.ParticipantLeft) -> None:
        user = event.participant
        assert user in seen.inside, "it was in the call"
        if event.reason == "hung_up":
            assert (event.user, event.device) == (user, seen.inside[user]), "only the device in the call hangs up"
        if event.reason == "lease_expired":
            assert event.at_ms == seen.lease_ms[user], "a lease ends when it ends"
        if event.reason in ("connection_lost", "engine_lost"):
            assert user in seen.lost, "who is thrown out was lost"
        if event.reason == "kicked":
            seen.kicked.add(user)
        self._out(seen, user, event.at_ms)

    def _out(self, seen: Seen, user: str, at_ms: int) -> None:
        del seen.inside[user]
        stay_ms = at_ms - seen.since_ms.pop(user)
        seen.stays_ms[user] = seen.stays_ms.get(user, 0) + stay_ms
        if not seen.inside:
            seen.empty_ms = at_ms

    def _media_changed(self, seen: Seen, event: events.MediaChanged) -> None:
        assert event.participant in seen.inside, "media of who is not there"
        if event.flow == "lost":
            seen.lost.add(event.participant)
        else:
            seen.lost.discard(event.participant)
            if seen.answered_ms and not seen.connected_ms:
                seen.connected_ms = event.at_ms

    def _leases_renewed(self, seen: Seen, event: events.LeasesRenewed) -> None:
        for holder in event.holders:
            assert seen.inside[holder.user] == holder.device
            assert event.at_ms < seen.lease_ms[holder.user] < event.until_ms, "an expired lease is not renewed"
            seen.lease_ms[holder.user] = event.until_ms

    def _engine_switched(self, seen: Seen, event: events.EngineSwitched) -> None:
        seen.epoch += 1
        assert event.epoch == seen.epoch, "epochs are dense"
        seen.lost |= seen.inside.keys()  # who does not come along within the reconnect time

    def _engine_lost(self, seen: Seen, event: events.EngineLost) -> None:
        assert event.epoch == seen.epoch
        seen.lost |= seen.inside.keys()

    def _call_ended(self, seen: Seen, event: events.CallEnded) -> None:
        reason, answered = event.reason, bool(seen.answered_ms)
        assert reason not in ANSWERED_ENDS or answered or len(seen.inside) == 0, f"{reason} without an answer"
        assert reason not in UNANSWERED_ENDS or not answered, f"{reason} after an answer"
        if reason == "all_left":
            assert event.at_ms == seen.empty_ms + self.rules.grace_ms
        elif reason == "too_long":
            assert event.at_ms == seen.request.at_ms + self.rules.call_ms_limit
        elif reason == "ended_by_moderator" and event.user:
            assert event.user in ("mod", seen.request.user), "only a moderator ends it for all"
        elif reason == "missed":
            assert event.at_ms == seen.request.ring_deadline_ms
        elif reason != "ended_by_moderator":
            assert len(seen.inside) < 2, f"{reason} with {len(seen.inside)} in it"
        for user in tuple(seen.inside):
            self._out(seen, user, event.at_ms)
        seen.rung.clear()
        seen.end = event
        self.live = None

    def _other(self, seen: Seen, event: events.Event) -> None:
        assert isinstance(event, OF_PARTICIPANT)
        if isinstance(event, events.ParticipantMuted):
            assert event.user in ("mod", seen.request.user)
            assert event.participant in seen.inside
        elif event.user:
            assert seen.inside.get(event.user) == event.device, f"{event} by who is not in the call"

    def owed(self, command: commands.Command, outcome: Outcome, at_ms: int) -> None:
        """Before the events are taken: what a command must come to, and what it must not. Shape: time has brought nothing first."""
        seen = self.live
        if seen is None:
            return
        done = () if isinstance(outcome, Refusal) else tuple(type(event) for event in outcome)
        ours = command.call_id in (seen.request.call_id, *seen.lost_ids) and command.tenant == seen.request.tenant
        code = outcome.code if isinstance(outcome, Refusal) else ""
        assert not ours or code not in ("unknown_call", "foreign_tenant")
        if isinstance(command, commands.EngineCommand) and done and not isinstance(command, commands.SwitchEngine):
            assert command.epoch == seen.epoch, "a stale epoch is not heard"
        if isinstance(command, commands.ReportEngineMedia | commands.ReportVanished | commands.ReportQuality) and done:
            assert seen.inside.get(command.user) == command.device, "an engine that lies changes nothing"
        if not isinstance(command, commands.DeviceCommand) or code == "call_ended":
            return
        rung = seen.rung.get(command.user, 0) > at_ms
        if isinstance(command, commands.AcceptCall) and ours and rung:
            assert events.CallAccepted in done or code == "call_full", "who is rung may accept"
        if isinstance(command, commands.HangUp | commands.LeaveCall) and ours and seen.inside.get(command.user) == command.device:
            assert {events.ParticipantLeft, events.CallEnded} & set(done) or code == "not_allowed", "who is in the call may leave"
        if isinstance(command, commands.RequestCall) and seen.request.call_kind == command.call_kind == "one_to_one":
            mutual = rung and command.callees == (seen.request.user,) and not seen.answered_ms
            assert (events.CallAccepted in done) == mutual or code in REQUEST_REFUSED, "a glare is one call"

    def between_decisions(self) -> None:
        """A decision leaves no call between two with only one in it."""
        seen = self.live
        assert seen is None or len(seen.inside) <= self.rules.participants_limit
        if seen is not None and seen.request.call_kind == "one_to_one" and not seen.third:
            assert len(seen.inside) == 2 if seen.answered_ms else len(seen.rung) == 1
        if seen is not None and not seen.answered_ms:
            assert seen.request.user in seen.inside, "an unanswered call has its caller"


def adds_up(record: CallRecord, seen: Seen) -> None:
    """The record of an ended call against what was seen."""
    assert seen.end is not None
    assert (record.requested_at_ms, record.ended_at_ms, record.reason) == (seen.request.at_ms, seen.end.at_ms, seen.end.reason)
    assert (record.answered_at_ms, record.connected_at_ms) == (seen.answered_ms, seen.connected_ms)
    whole_ms = record.ended_at_ms - record.requested_at_ms
    assert record.ring_ms + (record.ended_at_ms - record.answered_at_ms if record.answered_at_ms else 0) == whole_ms
    assert record.talk_ms == (record.ended_at_ms - record.connected_at_ms if record.connected_at_ms else 0)
    assert record.talk_ms <= whole_ms - record.ring_ms
    assert {user: party.in_call_ms for user, party in record.parties.items() if party.in_call_ms} == {
        user: stay_ms for user, stay_ms in seen.stays_ms.items() if stay_ms
    }
    for party in record.parties.values():
        assert party.state not in ("invited", "delivered", "ringing", "accepted", "joined"), "nothing is open after the end"
        assert party.entered_at_ms == 0
        assert party.in_call_ms <= whole_ms
        moments = [moment for moment in (party.invited_at_ms, party.rung_at_ms, party.media_at_ms, party.left_at_ms) if moment]
        assert all(record.requested_at_ms <= moment <= record.ended_at_ms for moment in moments)
