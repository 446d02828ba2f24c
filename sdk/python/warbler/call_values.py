"""The closed lists of words that frames of calls are made of."""

from typing import Literal

EngineKind = Literal["embedded", "janus", "livekit", "p2p"]
Layer = Literal["high", "low", "off"]
PeerConnection = Literal["publish", "subscribe"]  # publish: the client offers; subscribe: who serves it offers
SdpType = Literal["offer", "answer"]
TrackSource = Literal["microphone", "camera", "screen", "screen_audio"]
CallKind = Literal["one_to_one", "group"]
CallMedia = Literal["audio", "video"]
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
Fault = Literal["device", "user", "engine", "nobody"]
LeaveReason = Literal["hung_up", "kicked", "transferred", "no_media", "connection_lost", "lease_expired", "engine_lost"]
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
