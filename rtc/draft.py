"""The events of one decision while it is made: each is folded at once, so that the next is decided on what it left. Pure."""

from typing import Any

from rtc.evolve import evolve
from rtc.state import Call, Line
from schemas import call_events as events
from schemas.call_commands import Command, DeviceCommand
from schemas.call_values import EndReason, LeaveReason

# What the call ends with where it cannot go on without who left.
_END_OF: dict[LeaveReason, EndReason] = {
    "hung_up": "hung_up",
    "kicked": "ended_by_moderator",
    "transferred": "hung_up",
    "no_media": "no_media",
    "connection_lost": "connection_lost",
    "lease_expired": "lease_expired",
    "engine_lost": "engine_lost",
}
# What a call between two ends with that its callee did not take, by what became of the callee's part.
_UNANSWERED: dict[str, EndReason] = {"rejected": "rejected", "busy": "busy", "timed_out": "missed"}


class Draft:
    """Shape: `line` is always the argument after `events`; `command` None: time makes them."""

    __slots__ = ("at_ms", "command", "events", "line")

    def __init__(self, line: Line, at_ms: int, command: Command | None = None) -> None:
        self.line = line
        self.at_ms = at_ms
        self.command = command
        self.events: list[events.Event] = []

    @property
    def call(self) -> Call:
        """The live one, where there has to be one."""
        assert self.line.live is not None
        return self.line.live

    def emit(self, kind: type[events.Event], call_id: str = "", **fields: Any) -> None:
        """The next event, by who commands; `call_id` only for the first one of a call."""
        line, command, seq = self.line, self.command, self.line.head_seq + 1
        device = command if isinstance(command, DeviceCommand) else None
        event = kind(
            event_id=f"{line.conversation_id}:call:{seq}",
            tenant=line.tenant,
            conversation_id=line.conversation_id,
            call_id=call_id or self.call.call_id,
            seq=seq,
            at_ms=max(self.at_ms, line.head_at_ms),
            user=device.user if device else "",
            device=device.device if device else "",
            command_id=command.command_id if command else "",
            trace_id=command.trace_id if command else "",
            **fields,
        )
        self.events.append(event)
        self.line = evolve(line, event)

    def leave(self, user: str, reason: LeaveReason) -> None:
        """The participant is out, and the call may be over by that."""
        self.emit(events.ParticipantLeft, participant=user, reason=reason)
        call = self.call
        needed = 2 if call.kind == "one_to_one" else 0 if call.answered else 1  # an answered group's call has its grace
        if len(call.participants) < needed:
            self.end("cancelled" if reason == "hung_up" and not call.answered else _END_OF[reason])

    def unanswered(self, user: str) -> None:
        """The user's part was refused or ran out: a call between two that nobody answered ends by that."""
        call = self.call
        if call.kind == "one_to_one" and not call.answered and not call.ringing:
            self.end(_UNANSWERED[call.parties[user].state])

    def end(self, reason: EndReason) -> None:
        self.emit(events.CallEnded, reason=reason)
