"""One device's way into one room: its tickets, its signals in order, what the engine answers. Called by `rtc.driving.room`.

Rule 1: nothing of a device reaches the engine before a ticket was used for that generation of its connections.
Rule 2: one thing after the other per leg; a slow answer to one leg keeps no other waiting.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from rtc.driving.asking import ask, tried
from rtc.driving.lane import Lane, Work
from rtc.driving.metrics import TICKETS
from rtc.driving.mouth import Mouth, to_device
from rtc.engines.port import CandidateFound, Engine, EngineRefused, EngineUnavailable, Leg, Limited, Offered
from rtc.ordering import LegSignals, Ordered
from rtc.reports import Place
from rtc.sdp import Fault, Limits, candidate_fault, sdp_fault
from rtc.settings import DriverSettings
from rtc.tickets import Tickets
from rtc.turn import Turn
from schemas.call_signals import (
    CallSignal,
    SignalBase,
    SignalCandidate,
    SignalDescription,
    SignalLayer,
    SignalLimits,
    SignalTracks,
    TicketGiven,
    TicketWanted,
)

LOGGER = structlog.get_logger("rtc.driving")
OPEN_WAIT_S = 10.0  # how long a leg waits for its room
TOKEN_BYTES = 24
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shared:
    """What all rooms of the process use."""

    engine: Engine
    settings: DriverSettings
    limits: Limits
    mouth: Mouth
    tickets: Tickets
    turn: Turn
    group: asyncio.TaskGroup


class LegDesk:
    """`connected`: the generation whose ticket was used; 0: none."""

    def __init__(self, shared: Shared, place: Place, opened: asyncio.Event, user: str, device: str) -> None:
        self._shared, self._place, self._opened = shared, place, opened
        self._user, self._device = user, device
        self._signals = LegSignals(shared.settings.waiting_limit)
        self._lane = Lane(shared.group, shared.settings.work_limit)
        self._sent = (0, 0)  # generation, seq of the last description or candidate to the device
        self.connected = 0

    def end(self) -> None:
        self._lane.end()

    # ---- what the call says

    def let_in(self, generation: int = 0) -> None:
        self._lane.offer(lambda: self._give_ticket(generation), always=True)

    def put_out(self) -> None:
        self.connected = 0
        self._lane.offer(self._kick, always=True)

    async def _kick(self) -> None:
        await tried("kick", lambda: self._shared.engine.kick(self._place.room, self._user, self._device))

    async def _give_ticket(self, wanted: int) -> None:
        shared, room = self._shared, self._place.room
        if not await self._open():
            return  # the device asks for one when none comes
        generation = shared.tickets.next_generation(room, self._user, self._device, wanted)
        now_ms = shared.mouth.now_ms()
        until_ms = now_ms + shared.settings.ticket_ms
        url, token = "", secrets.token_urlsafe(TOKEN_BYTES)
        if shared.engine.capabilities().own_tickets:
            leg = Leg(self._user, self._device, generation)
            try:
                own = await ask("ticket", lambda: shared.engine.ticket(room, leg, until_ms))
            except (EngineRefused, EngineUnavailable) as failed:
                LOGGER.warning("no ticket", call=room.call_id, error=str(failed))
                return
            url, token = own.url, own.token
        shared.tickets.give(token, room, Leg(self._user, self._device, generation), until_ms)
        TICKETS.inc()
        shared.mouth.signal(
            TicketGiven(
                **self._to_device(generation),
                engine_kind=shared.engine.kind,
                url=url,
                ticket=token,
                ice_servers=shared.turn.ice_servers(room.call_id, self._user, now_ms),
                until_ms=until_ms,
            )
        )

    # ---- what the device says

    def take(self, signal: CallSignal) -> None:
        engine, room = self._shared.engine, self._place.room
        match signal:
            case SignalDescription() | SignalCandidate():
                self._take_ordered(signal)
            case TicketWanted(generation=generation):
                self._work(signal, lambda: self._give_ticket(generation))
            case SignalTracks(tracks=tracks):
                self._work(signal, lambda: self._asked(signal, "tracks", lambda: engine.tracks(room, self._leg, tracks)))
            case SignalLayer(publisher=publisher, source=source, layer=layer):
                self._work(signal, lambda: self._asked(signal, "layer", lambda: engine.layer(room, self._leg, publisher, source, layer)))
            case _:
                self._shared.mouth.refuse(signal, "not_supported", "that is for devices")

    def _take_ordered(self, signal: Ordered) -> None:
        shared = self._shared
        ticketed = shared.tickets.generation(self._place.room, self._user, self._device)
        if signal.generation < ticketed:
            return  # its device has asked for a new one and given it up
        if signal.generation > ticketed:
            shared.mouth.refuse(signal, "ticket_needed", "there is no ticket for this generation")
            return
        taken = self._signals.take(signal, shared.mouth.now_ms())
        if taken.refused is not None:
            shared.mouth.refuse(signal, taken.refused, "seq from 1, and no more than a few that wait for an earlier one")
        for ready in taken.ready:
            self._take_ready(ready)

    def _take_ready(self, signal: Ordered) -> None:
        fault = self._fault(signal)
        if fault is not None:
            self._shared.mouth.refuse(signal, fault.code, fault.detail)
        elif isinstance(signal, SignalDescription):
            self._work(signal, lambda: self._describe(signal))
        else:
            engine, room, leg = self._shared.engine, self._place.room, self._leg
            found = (signal.pc, signal.candidate, signal.mid)
            self._work(signal, lambda: self._asked(signal, "candidate", lambda: engine.candidate(room, leg, *found)))

    def _fault(self, signal: Ordered) -> Fault | None:
        """Why a signal whose turn it is goes to no engine. The ticket last, so that a bad description does not use it up."""
        if isinstance(signal, SignalCandidate):
            fault = candidate_fault(signal.candidate)
            return fault or (None if signal.generation == self.connected else Fault("ticket_needed", "an offer with a ticket comes first"))
        if (signal.pc == "publish") != (signal.sdp_type == "offer"):
            return Fault("invalid", "what is published is offered, what is subscribed to is answered")
        fault = sdp_fault(signal.sdp, signal.pc, signal.tracks, self._shared.limits)
        if fault is not None or signal.generation == self.connected:
            return fault
        if signal.pc == "subscribe":
            return Fault("ticket_needed", "an offer with a ticket comes first")
        leg = Leg(self._user, self._device, signal.generation)
        code = self._shared.tickets.use(signal.ticket, self._place.room, leg, self._shared.mouth.now_ms())
        if code is not None:
            return Fault(code, "call_ticket_wanted brings another")
        if signal.generation > 1:
            LOGGER.info("new connections", call=self._place.room.call_id, user=self._user, generation=signal.generation)
        self.connected = signal.generation
        return None

    async def _describe(self, signal: SignalDescription) -> None:
        engine, room, leg = self._shared.engine, self._place.room, Leg(self._user, self._device, signal.generation)
        if signal.generation != self.connected:
            return
        if signal.pc == "subscribe":
            await self._asked(signal, "answer", lambda: engine.answer(room, leg, signal.sdp))
            return
        settings = self._shared.settings
        ice = (
            self._shared.turn.ice_servers(room.call_id, self._place.engine, self._shared.mouth.now_ms()) if settings.turn_for_engine else ()
        )
        answer = await self._asked(signal, "publish", lambda: engine.publish(room, leg, signal.sdp, signal.tracks, ice))
        if answer is not None:
            base = self._numbered(signal.generation)
            self._shared.mouth.signal(SignalDescription(**base, pc="publish", sdp_type="answer", sdp=answer, tracks=(), ticket=""))

    def look_for_holes(self, now_ms: int) -> None:
        """Tells the device of a signal that never came: what it sent after it waits for it."""
        missing = self._signals.hole(now_ms, self._shared.settings.hole_ms)
        if missing:
            generation = self._signals.generation
            gone = SignalBase(**{**self._to_device(generation), "seq": missing})
            self._shared.mouth.refuse(gone, "invalid", f"the signal {missing} has not come; send it, or ask for a new generation")

    # ---- what the engine says

    def offered(self, offer: Offered) -> None:
        base = self._numbered(offer.leg.generation)
        self._shared.mouth.signal(
            SignalDescription(**base, pc="subscribe", sdp_type="offer", sdp=offer.sdp, tracks=offer.tracks, ticket="")
        )

    def found(self, found: CandidateFound) -> None:
        base = self._numbered(found.leg.generation)
        self._shared.mouth.signal(SignalCandidate(**base, pc=found.pc, candidate=found.candidate, mid=found.mid))

    def limited(self, limits: Limited) -> None:
        base = self._to_device(limits.leg.generation)
        said = (limits.bitrate_kbps, limits.height, limits.audio_only)
        self._shared.mouth.signal(SignalLimits(**base, bitrate_kbps=said[0], height=said[1], audio_only=said[2]))

    # ---- helpers

    @property
    def _leg(self) -> Leg:
        return Leg(self._user, self._device, self.connected)

    def _to_device(self, generation: int, seq: int = 0) -> dict[str, Any]:
        return to_device(self._place, self._user, self._device, generation, self._shared.mouth.now_ms(), seq)

    def _numbered(self, generation: int) -> dict[str, Any]:
        """Of what the device puts in order."""
        seq = self._sent[1] + 1 if self._sent[0] == generation else 1
        self._sent = (generation, seq)
        return self._to_device(generation, seq)

    async def _open(self) -> bool:
        """Whether there is the room, which is made when its call begins."""
        try:
            async with asyncio.timeout(OPEN_WAIT_S):
                await self._opened.wait()
        except TimeoutError:
            return False
        return True

    async def _asked(self, signal: CallSignal, what: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """What the engine answers to a signal; None: the device was told why not."""
        try:
            if not await self._open():
                raise EngineUnavailable("there is no room yet")
            return await ask(what, call)
        except EngineRefused as refused:
            self._shared.mouth.refuse(signal, refused.code, refused.detail)
        except EngineUnavailable as unavailable:
            self._shared.mouth.refuse(signal, "engine_unavailable", str(unavailable))
        return None

    def _work(self, signal: CallSignal, work: Work) -> None:
        if not self._lane.offer(work):
            self._shared.mouth.refuse(signal, "too_many", "the engine does not keep up with what this device sends")
