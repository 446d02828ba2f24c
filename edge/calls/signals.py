"""Signals of calls: whether a device may send one now, what goes into `call-signals`, and what comes out of it for whom. Pure.

Called by `edge.calls.relay`. Rule 1: a signal that passes here may still be refused by the engine's driver, which checks again.
Rule 2: between two without an engine what one publishes is what the other subscribes to, so `pc` is turned round on the way.
"""

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec import Struct

from edge import call_frames as frames
from rtc.sdp import Limits, candidate_fault, sdp_fault
from rtc.state import Call
from schemas import call_signals as signals
from schemas.call_signals import PeerConnection, SignalCode

PEER_TO_PEER = "p2p"
SDP_LIMITS = Limits()
TURNED: dict[PeerConnection, PeerConnection] = {"publish": "subscribe", "subscribe": "publish"}


class Leg(Struct, frozen=True):
    tenant: str
    user: str
    device: str


class BadSignal(Struct, frozen=True):
    """`later`: this node may only be behind the log."""

    code: SignalCode
    detail: str
    later: bool = False


def checked(call: Call | None, leg: Leg, frame: frames.CallSignalFrames) -> BadSignal | None:
    """Why the device may not send this signal now."""
    if call is None:
        return BadSignal("unknown_call", "there is no such call going on", later=True)
    party = call.parties.get(leg.user)
    if party is None or not party.in_call or party.device != leg.device:
        return BadSignal("not_in_call", "this device is not in the call", later=True)
    if frame.epoch != call.epoch:
        return BadSignal("stale_epoch", f"the call is at epoch {call.epoch}", later=frame.epoch > call.epoch)
    return _unfit_for_peer(leg, frame) if call.engine == PEER_TO_PEER else None


def _unfit_for_peer(leg: Leg, frame: frames.CallSignalFrames) -> BadSignal | None:
    """What an engine's driver would refuse: between two without an engine nobody else looks before the other device does."""
    fault = None
    if isinstance(frame, frames.CallDescription):
        fault = sdp_fault(frame.sdp, frame.pc, tracks_of(frame.tracks, leg), SDP_LIMITS)
    elif isinstance(frame, frames.CallCandidate):
        fault = candidate_fault(frame.candidate)
    elif isinstance(frame, frames.CallLayer):
        return BadSignal("not_supported", "there is no engine that has layers")
    return None if fault is None else BadSignal(fault.code, fault.detail)


def record_of(call: Call, leg: Leg, frame: frames.CallSignalFrames, at_ms: int) -> signals.CallSignal:
    """What the log gets of a signal that was checked."""
    peers = call.engine == PEER_TO_PEER
    base: dict[str, Any] = {
        "tenant": leg.tenant,
        "conversation_id": frame.conversation,
        "call_id": frame.call,
        "user": leg.user,
        "device": leg.device,
        "engine": call.engine,
        "epoch": frame.epoch,
        "generation": 0,
        "direction": "to_peer" if peers else "to_engine",
        "seq": 0,
        "at_ms": at_ms,
    }
    match frame:
        case frames.CallDescription():
            base |= {"generation": frame.generation, "seq": frame.seq}
            tracks = tracks_of(frame.tracks, leg)
            return signals.SignalDescription(
                pc=frame.pc, sdp_type=frame.sdp_type, sdp=frame.sdp, tracks=tracks, ticket=frame.ticket, **base
            )
        case frames.CallCandidate():
            base |= {"generation": frame.generation, "seq": frame.seq}
            return signals.SignalCandidate(pc=frame.pc, candidate=frame.candidate, mid=frame.mid, **base)
        case frames.CallTracks():
            return signals.SignalTracks(tracks=tracks_of(frame.tracks, leg), **base | {"direction": "to_all"})
        case frames.CallLayer():
            return signals.SignalLayer(publisher=frame.publisher, source=frame.source, layer=frame.layer, **base)
        case frames.CallTicketWanted():
            return signals.TicketWanted(**base | {"generation": frame.generation})
        case _:
            assert_never(frame)


def tracks_of(given: Iterable[frames.FrameTrack], leg: Leg) -> tuple[signals.Track, ...]:
    """Whose they are is what the edge knows, not what the device says."""
    return tuple(signals.Track(track.mid, track.source, leg.user, leg.device, track.muted) for track in given)


# ---- to devices


def frame_of(signal: signals.CallSignal) -> frames.CallFromEdge | None:
    """What a device gets of a signal that is for it; None: it is for an engine."""
    conversation, call = signal.conversation_id, signal.call_id
    place = (conversation, call, signal.epoch, signal.generation, signal.seq)
    match signal:
        case signals.SignalDescription():
            pc = TURNED[signal.pc] if signal.direction == "to_peer" else signal.pc
            return frames.CallDescribed(*place, pc, signal.sdp_type, signal.sdp, frame_tracks(signal.tracks))
        case signals.SignalCandidate():
            pc = TURNED[signal.pc] if signal.direction == "to_peer" else signal.pc
            return frames.CallCandidateCame(*place, pc, signal.candidate, signal.mid)
        case signals.SignalTracks():
            return frames.CallTracksChanged(conversation, call, signal.user, signal.device, frame_tracks(signal.tracks))
        case signals.TicketGiven():
            return frames.CallTicket(
                conversation,
                call,
                signal.epoch,
                signal.generation,
                signal.engine_kind,
                signal.url,
                signal.ticket,
                tuple(frames.FrameIceServer(server.urls, server.username, server.credential) for server in signal.ice_servers),
                signal.until_ms,
            )
        case signals.SignalRefused():
            return frames.CallSignalRefusal(conversation, call, signal.epoch, signal.refused_seq, signal.code, signal.detail)
        case signals.SignalSpeaking():
            return frames.CallSpeaking(conversation, call, tuple(frames.FrameSpeaker(each.user, each.level) for each in signal.speakers))
        case signals.SignalLimits():
            return frames.CallLimits(conversation, call, signal.bitrate_kbps, signal.height, signal.audio_only)
        case signals.SignalLayer() | signals.TicketWanted():
            return None
        case _:
            assert_never(signal)


def frame_tracks(tracks: Iterable[signals.Track]) -> tuple[frames.FrameTrack, ...]:
    return tuple(frames.FrameTrack(track.mid, track.source, track.user, track.device, track.muted) for track in tracks)
