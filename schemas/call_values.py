"""The words that calls share over a process boundary: closed lists, and the small values in commands, events and signals. Pure."""

from typing import Literal

from msgspec import Struct

CallKind = Literal["one_to_one", "group"]
CallMedia = Literal["audio", "video"]
LegState = Literal[
    "invited",  # rung, as far as we know; no device has said anything
    "delivered",  # a device has the ring
    "ringing",  # and shows it
    "accepted",  # answered; no media seen yet. The caller is so from its request on
    "joined",  # in the call: its media was seen, or it came by itself
    "rejected",
    "busy",
    "answered_elsewhere",  # another device of the user answered, with whatever
    "cancelled",  # nobody waits for an answer any more
    "timed_out",
    "failed",  # answered, but its media never came
    "left",
]
EndReason = Literal[
    "hung_up",  # one of the two, or the last one, after an answer
    "cancelled",  # the caller gave up before any answer
    "rejected",
    "busy",
    "missed",  # the ring's deadline passed
    "ended_by_moderator",
    "all_left",  # a group's grace passed
    "no_media",  # answered, but never connected
    "connection_lost",
    "lease_expired",  # a device vanished without a word
    "engine_lost",
    "too_long",
]
CallOutcome = Literal["missed", "rejected", "busy", "ended", "failed"]  # of an ended call, as a timeline shows it
LeaveReason = Literal["hung_up", "kicked", "transferred", "no_media", "connection_lost", "lease_expired", "engine_lost"]
AcceptedVia = Literal["answer", "glare"]
LostBecause = Literal["media", "vanished"]
Standing = Literal["outsider", "member", "moderator"]  # of who commands, in the conversation, as the edge knows it
# Whose doing a refusal is. `nobody`: two were at it at once and one was later.
Fault = Literal["device", "user", "engine", "nobody"]
RefusalCode = Literal[
    "already_answered",
    "call_ended",
    "call_exists",
    "call_full",
    "clock_ahead",
    "foreign_tenant",
    "invalid",
    "kicked",
    "not_a_participant",
    "not_allowed",
    "not_in_call",
    "not_invited",
    "not_member",
    "not_now",
    "nothing_to_lose",
    "stale",
    "stale_epoch",
    "too_late",
    "too_many_invites",
    "unknown_call",
    "unknown_target",
]


class Holder(Struct, frozen=True):
    """The device by which a user takes part."""

    user: str
    device: str


class Quality(Struct, frozen=True):
    """What one participant had of the call so far. Shape: `loss_ratio` in 0..1; the worst that counts is 1."""

    loss_ratio: float
    rtt_ms: int
    jitter_ms: int
    bitrate_kbps: int


LeftBecause = Literal["", "hung_up", "kicked", "transferred", "no_media", "connection_lost", "lease_expired", "engine_lost", "call_ended"]


class PartyRecord(Struct, frozen=True, kw_only=True):
    """One user's part. Shape: a time is 0 where the thing did not happen; the first time, where it did more often.

    `in_call_ms`: over all stays. `entered_at_ms`: of the stay that goes on; 0 when the call has ended.
    """

    user: str
    state: LegState = "invited"
    device: str = ""
    invited_at_ms: int = 0
    rung_at_ms: int = 0
    answered_at_ms: int = 0
    media_at_ms: int = 0
    entered_at_ms: int = 0
    left_at_ms: int = 0
    in_call_ms: int = 0
    left_because: LeftBecause = ""
    quality: Quality | None = None
