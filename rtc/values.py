"""The closed lists of words that a call's commands, events and state share, and the refusal. Pure."""

from typing import Literal

from msgspec import Struct

CallKind = Literal["one_to_one", "group"]
CallMedia = Literal["audio", "video"]
CallState = Literal["requested", "ringing", "accepted", "connected", "reconnecting", "held", "ended"]
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
LeaveReason = Literal["hung_up", "kicked", "transferred", "no_media", "connection_lost", "lease_expired", "engine_lost"]
AcceptedVia = Literal["answer", "glare"]
Flow = Literal["waiting", "flowing", "lost", "moving"]  # of one participant's media; moving: not yet seen on the engine switched to
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


class Refusal(Struct, frozen=True):
    """Nothing was changed, and why. `call_id`: the call that it is about, where the command could not know it.

    `retry_after_ms`: when the same may be accepted; 0: not by waiting alone.
    """

    code: RefusalCode
    fault: Fault
    detail: str
    call_id: str = ""
    retry_after_ms: int = 0


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
