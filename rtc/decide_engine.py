"""What engines and their drivers report of a call. Pure.

Rule 1: who speaks of another epoch than the present one is not heard: the room it means is none of this call's any more.
Rule 2: an engine that lies changes nothing: what cannot have happened is refused as its fault, and the call goes on.
"""

from rtc.decide_running import renew
from rtc.draft import Draft
from rtc.rules import Rules
from rtc.state import Call
from rtc.values import Refusal
from schemas import call_events as events
from schemas.call_commands import (
    EngineCommand,
    RenewLeases,
    ReportEngineMedia,
    ReportEngineVanished,
    ReportMedia,
    ReportQuality,
    ReportVanished,
    SwitchEngine,
)
from schemas.call_values import Fault, LostBecause

PEER_TO_PEER = "p2p"  # the engine of a call that has none


def _stale(call: Call, command: EngineCommand) -> Refusal | None:
    if command.epoch == call.epoch and command.engine == call.engine:
        return None
    return Refusal("stale_epoch", "engine", f"the call is at epoch {call.epoch} with {call.engine}", call.call_id)


def _lies(call: Call, user: str, device: str) -> Refusal | None:
    party = call.parties.get(user)
    if party is not None and party.in_call and party.device == device:
        return None
    return Refusal("not_a_participant", "engine", "there is no such participant", call.call_id)


def report_media(draft: Draft, call: Call, command: ReportMedia, rules: Rules) -> Refusal | None:
    if call.engine != PEER_TO_PEER:
        return Refusal("not_allowed", "device", "the engine sees the media, not the device", call.call_id)
    if _lies(call, command.user, command.device) is not None:
        return Refusal("not_in_call", "user", "you are not in this call with this device", call.call_id)
    return _media(draft, call, command.user, command.flow == "up", "media", fault="device")


def report_engine_media(draft: Draft, call: Call, command: ReportEngineMedia, rules: Rules) -> Refusal | None:
    refusal = _stale(call, command) or _lies(call, command.user, command.device)
    return refusal or _media(draft, call, command.user, command.flow == "up", "media")


def report_vanished(draft: Draft, call: Call, command: ReportVanished, rules: Rules) -> Refusal | None:
    refusal = _stale(call, command) or _lies(call, command.user, command.device)
    return refusal or _media(draft, call, command.user, False, "vanished")


def _media(draft: Draft, call: Call, user: str, up: bool, because: LostBecause, fault: Fault = "engine") -> Refusal | None:
    flow = call.parties[user].flow
    if not up and flow in ("waiting", "moving"):
        return Refusal("nothing_to_lose", fault, "it left before it joined", call.call_id)
    if flow != ("flowing" if up else "lost"):
        draft.emit(events.MediaChanged, participant=user, flow="up" if up else "lost", because=because)
    return None


def report_quality(draft: Draft, call: Call, command: ReportQuality, rules: Rules) -> Refusal | None:
    refusal = _stale(call, command) or _lies(call, command.user, command.device)
    if refusal is None:
        draft.emit(events.QualityNoted, participant=command.user, quality=command.quality)
    return refusal


def renew_leases(draft: Draft, call: Call, command: RenewLeases, rules: Rules) -> Refusal | None:
    refusal = _stale(call, command)
    if refusal is None:
        renew(draft, call, command.holders, rules, engine_too=True)
    return refusal


def report_engine_vanished(draft: Draft, call: Call, command: ReportEngineVanished, rules: Rules) -> Refusal | None:
    refusal = _stale(call, command)
    if refusal is None and not call.engine_lost:
        draft.emit(events.EngineLost, epoch=call.epoch)
    return refusal


def switch_engine(draft: Draft, call: Call, command: SwitchEngine, rules: Rules) -> Refusal | None:
    if command.epoch == call.epoch and command.engine == call.engine:
        return None
    if command.epoch != call.epoch + 1 or not command.engine:
        return Refusal("stale_epoch", "engine", f"the epoch after {call.epoch} is {call.epoch + 1}", call.call_id)
    draft.emit(events.EngineSwitched, engine=command.engine, epoch=command.epoch, engine_until_ms=draft.at_ms + rules.lease_ms)
    return None
