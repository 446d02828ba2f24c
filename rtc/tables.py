"""Everything that changes the state of a call or a leg, as data. Nothing else assigns either. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from rtc.values import CallState
from schemas.call_values import LegState

CallSignal = Literal["rang", "accepted", "media_up", "media_lost", "held", "resumed", "ended"]
LegSignal = Literal["invite", "deliver", "ring", "accept", "reject", "busy", "elsewhere", "cancel", "time_out", "join", "leave", "fail"]

# What is not here changes nothing: media before an answer, a ring after one, anything after the end.
CALL_NEXT: Final[Mapping[tuple[CallState, CallSignal], CallState]] = {
    ("requested", "rang"): "ringing",
    ("requested", "accepted"): "accepted",
    ("requested", "ended"): "ended",
    ("ringing", "accepted"): "accepted",
    ("ringing", "ended"): "ended",
    ("accepted", "media_up"): "connected",
    ("accepted", "ended"): "ended",
    ("connected", "media_lost"): "reconnecting",
    ("connected", "held"): "held",
    ("connected", "ended"): "ended",
    ("reconnecting", "media_up"): "connected",
    ("reconnecting", "held"): "held",
    ("reconnecting", "ended"): "ended",
    ("held", "resumed"): "connected",
    ("held", "ended"): "ended",
}

OPEN: Final[frozenset[LegState]] = frozenset({"invited", "delivered", "ringing"})
IN_CALL: Final[frozenset[LegState]] = frozenset({"accepted", "joined"})
OVER: Final[frozenset[LegState]] = frozenset(
    {"rejected", "busy", "answered_elsewhere", "cancelled", "timed_out", "failed", "left"},
)

_ANSWERS: Final[Mapping[LegSignal, LegState]] = {
    "accept": "accepted",
    "reject": "rejected",
    "busy": "busy",
    "elsewhere": "answered_elsewhere",
    "cancel": "cancelled",
    "time_out": "timed_out",
    "join": "joined",
}

# Of a user's part of the call, and of each of its devices' legs.
LEG_NEXT: Final[Mapping[tuple[LegState, LegSignal], LegState]] = {
    ("invited", "deliver"): "delivered",
    ("invited", "ring"): "ringing",
    ("delivered", "ring"): "ringing",
    **{(state, signal): to for state in OPEN for signal, to in _ANSWERS.items()},
    ("accepted", "join"): "joined",
    ("accepted", "leave"): "left",
    ("accepted", "fail"): "failed",
    ("joined", "join"): "joined",  # with another device
    ("joined", "leave"): "left",
    **{(state, "join"): "joined" for state in OVER},  # back into a group's call
    **{(state, "invite"): "invited" for state in OVER},
}
