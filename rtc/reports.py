"""What an engine's driver tells the owner of calls, each fact once, whoever saw it: an engine's event, a webhook, or asking it. Pure.

Rule 1: an engine's events are claims. Of each leg only a change against what was reported last is reported, so a repeat is silent.
Rule 2: ids are made of what is said, so that two who say the same thing say one command.
Rule 3: who was never up cannot be lost: an engine that says so lies, and it stays here.
"""

from typing import Any, Literal
from uuid import UUID, uuid5

from msgspec import Struct

from rtc.engines.port import Room
from rtc.state import Call
from schemas.call_commands import RenewLeases, ReportEngineMedia, ReportEngineVanished, ReportQuality, ReportVanished, SwitchEngine
from schemas.call_values import Holder, Quality

NAMESPACE = UUID("6f1c2f64-0f5e-5c1e-9d0a-7d4f3d8c5b21")  # any one; only that it stays the same
Flow = Literal["up", "lost", "gone"]
Report = ReportEngineMedia | ReportVanished


class Place(Struct, frozen=True):
    """Whose calls a room's call is one of; what every command of it carries."""

    tenant: str
    conversation_id: str
    room: Room
    engine: str


class Reported(Struct, frozen=True):
    """`count`: how often something was reported of this leg in this room."""

    flow: Flow
    count: int
    at_ms: int


class Reports:
    """What was said of the legs of one room. Shape: one entry for every device that ever sent media in it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._legs: dict[tuple[str, str], Reported] = {}

    def seen(self, user: str, device: str, flow: Flow, now_ms: int) -> Report | None:
        """What to report of a claim about a leg's media; None: nothing new, or it cannot be."""
        last = self._legs.get((user, device))
        if (last is None or last.flow == "gone") and flow != "up":
            return None
        if last is not None and last.flow == flow:
            return None
        return self._report(user, device, flow, now_ms)

    def again(self, user: str, device: str, flow: Flow, now_ms: int, patience_ms: int) -> Report | None:
        """The same as reported before, but the call does not have it: the report was lost, or came before the call could take it."""
        last = self._legs.get((user, device))
        if last is not None and now_ms - last.at_ms < patience_ms:
            return None
        return self._report(user, device, flow, now_ms)

    def last(self, user: str, device: str) -> Reported | None:
        return self._legs.get((user, device))

    def _report(self, user: str, device: str, flow: Flow, now_ms: int) -> Report:
        last = self._legs.get((user, device))
        count = 1 if last is None else last.count + 1
        self._legs[user, device] = Reported(flow, count, now_ms)
        base = fields(self.place, "media", user, device, flow, str(count))
        if flow == "gone":
            return ReportVanished(**base, user=user, device=device)
        return ReportEngineMedia(**base, user=user, device=device, flow=flow)


def fields(place: Place, *said: str) -> dict[str, Any]:
    """What every command of this room carries."""
    room = place.room
    text = "\0".join((place.engine, room.call_id, str(room.epoch), *said))
    return {
        "tenant": place.tenant,
        "conversation_id": place.conversation_id,
        "call_id": room.call_id,
        "command_id": str(uuid5(NAMESPACE, text)),
        "engine": place.engine,
        "epoch": room.epoch,
    }


def leases(place: Place, holders: tuple[Holder, ...], term: int) -> RenewLeases:
    """`term`: the number of the renewal's time; twice in one term is once."""
    return RenewLeases(**fields(place, "lease", str(term)), holders=holders)


def quality(place: Place, user: str, device: str, seen: Quality, term: int) -> ReportQuality:
    return ReportQuality(**fields(place, "quality", user, device, str(term)), user=user, device=device, quality=seen)


def vanished(tenant: str, conversation_id: str, call: Call) -> ReportEngineVanished:
    """The call's engine is gone, and none takes its place."""
    return ReportEngineVanished(**fields(Place(tenant, conversation_id, Room(call.call_id, call.epoch), call.engine), "vanished"))


def switch(tenant: str, conversation_id: str, call: Call, engine: str) -> SwitchEngine:
    """The call's next epoch, with this engine."""
    return SwitchEngine(**fields(Place(tenant, conversation_id, Room(call.call_id, call.epoch + 1), engine), "switch"))
