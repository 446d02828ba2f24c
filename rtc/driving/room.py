"""One room of the engine, as a call's events, its devices' signals and the engine's own reports need it. Called by `rtc.driving.driver`."""

import asyncio

import structlog

from rtc import reports
from rtc.driving.asking import ask, tried
from rtc.driving.lane import Lane
from rtc.driving.leg import LegDesk, Shared
from rtc.driving.metrics import RECONCILED
from rtc.driving.mouth import to_device
from rtc.engines.port import (
    CandidateFound,
    EngineEvent,
    EngineRefused,
    EngineUnavailable,
    Limited,
    MediaSeen,
    Offered,
    QualitySeen,
    RoomGone,
    RoomSnapshot,
    Speaking,
)
from rtc.reconcile import reconcile
from rtc.reports import Place, Reports
from rtc.state import Call
from schemas.call_signals import CallSignal, SignalSpeaking
from schemas.call_values import CallMedia

LOGGER = structlog.get_logger("rtc.driving")
OPEN_AGAIN_S = 1.0


class RoomDesk:
    """`lost`: the engine does not have the room any more. `closing`: its call goes on elsewhere, or has ended."""

    def __init__(self, shared: Shared, place: Place) -> None:
        self.place = place
        self.lost = False
        self.closing = False
        self._shared = shared
        self._reports = Reports(place)
        self._opened = asyncio.Event()
        self._lane = Lane(shared.group, shared.settings.work_limit)
        self._legs: dict[tuple[str, str], LegDesk] = {}
        self._lease_term = 0
        self._quality_terms: dict[tuple[str, str], int] = {}

    # ---- what the call says

    def open(self, media: CallMedia) -> None:
        self._lane.offer(lambda: self._open(media), always=True)

    async def _open(self, media: CallMedia) -> None:
        """Until the engine has it: it may be starting anew, and the call's devices wait for their tickets meanwhile."""
        while not self.closing:
            if await tried("ensure_room", lambda: self._shared.engine.ensure_room(self.place.room, media)):
                self._opened.set()
                return
            await asyncio.sleep(OPEN_AGAIN_S)

    def leg(self, user: str, device: str) -> LegDesk:
        """Made for those whom the call lets in, and kept with the room: a generation is never used twice."""
        found = self._legs.get((user, device))
        if found is None:
            found = self._legs[user, device] = LegDesk(self._shared, self.place, self._opened, user, device)
        return found

    def mute(self, user: str, muted: bool) -> None:
        self._lane.offer(lambda: self._mute(user, muted), always=True)

    async def _mute(self, user: str, muted: bool) -> None:
        await tried("mute", lambda: self._shared.engine.mute(self.place.room, user, muted))

    async def close(self) -> None:
        """Ends the room and everything that is under way in it."""
        self.closing = True
        for leg in self._legs.values():
            leg.end()
        self._lane.end()
        await tried("close", lambda: self._shared.engine.close(self.place.room))

    # ---- what devices say

    def take(self, signal: CallSignal) -> None:
        """Of a leg that is in the call now."""
        leg = self._legs.get((signal.user, signal.device))
        if leg is None:
            self._shared.mouth.refuse(signal, "unknown_leg", "this device has had no ticket for this room")
        else:
            leg.take(signal)

    def look_for_holes(self, now_ms: int) -> None:
        for leg in self._legs.values():
            leg.look_for_holes(now_ms)

    # ---- what the engine says

    def engine_said(self, event: EngineEvent) -> None:
        match event:
            case Offered():
                self.leg(event.leg.user, event.leg.device).offered(event)
            case CandidateFound():
                self.leg(event.leg.user, event.leg.device).found(event)
            case Limited():
                self.leg(event.leg.user, event.leg.device).limited(event)
            case MediaSeen():
                self._media_seen(event)
            case QualitySeen():
                self._quality_seen(event)
            case Speaking():
                base = to_device(self.place, "", "", 0, self._shared.mouth.now_ms())
                self._shared.mouth.signal(SignalSpeaking(**base, speakers=event.speakers))
            case RoomGone():
                self.lost = True

    def _media_seen(self, event: MediaSeen) -> None:
        leg = self._legs.get((event.leg.user, event.leg.device))
        if self.closing or leg is None or event.leg.generation < leg.connected:
            return  # the connection that its device has given up
        report = self._reports.seen(event.leg.user, event.leg.device, event.flow, self._shared.mouth.now_ms())
        if report is not None:
            self._shared.mouth.command(report)

    def _quality_seen(self, event: QualitySeen) -> None:
        who = (event.leg.user, event.leg.device)
        term = self._shared.mouth.now_ms() // self._shared.settings.quality_ms
        if self.closing or who not in self._legs or self._quality_terms.get(who) == term:
            return
        self._quality_terms[who] = term
        self._shared.mouth.command(reports.quality(self.place, *who, event.quality, term))

    # ---- asking it

    async def reconcile(self, call: Call, lease_term: int) -> None:
        """What the call and the room have against each other; and the leases, once a term."""
        if not self._opened.is_set() or self.lost:
            return
        try:
            snapshot: RoomSnapshot = await ask("snapshot", lambda: self._shared.engine.snapshot(self.place.room))
        except (EngineRefused, EngineUnavailable):
            return
        if not snapshot.exists:
            self.lost = not self.closing
            return
        mouth = self._shared.mouth
        missing = reconcile(call, snapshot, self._reports, mouth.now_ms(), self._shared.settings.report_again_ms)
        for command in missing.commands:
            mouth.command(command)
        for user, device in missing.kicks:
            self.leg(user, device).put_out()
        RECONCILED.labels("report").inc(len(missing.commands))
        RECONCILED.labels("kick").inc(len(missing.kicks))
        if lease_term != self._lease_term:
            self._lease_term = lease_term
            mouth.command(reports.leases(self.place, missing.holders, lease_term))
