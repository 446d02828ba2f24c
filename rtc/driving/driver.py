"""The driver of one engine: follows the calls in the log, lets its participants in, and says what the engine sees.

Made by `rtc.engine`; hands what concerns one room to `rtc.driving.room`. What is done for a call is decided in `rtc.driving.plan`,
`rtc.supervise` and `rtc.reconcile`, which are pure.
Rule 1: nothing is done before the log's end has been reached once; calls that have this engine then are of a process that is no more, and
get a new epoch with this one, so that their devices come back the same way as after a switch.
Rule 2: everything that is not told by an event is tried again: what a second did not bring, the next one may.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from log.port import Record
from rtc import supervise
from rtc.choose import PEER_TO_PEER, Engines
from rtc.driving.leg import Shared
from rtc.driving.metrics import COMMANDS_REFUSED, LINE_GAPS, PARTICIPANTS, ROOMS, SIGNALS, UNDECODABLE
from rtc.driving.plan import Close, LetIn, Mute, Open, PutOut, Served, Step, steps
from rtc.driving.room import RoomDesk
from rtc.engines.port import Capabilities, EngineUnavailable, Room
from rtc.live import Change, LineGap, LiveLines
from rtc.reports import Place, switch, vanished
from rtc.state import Call, Line
from schemas import call_events, call_records, call_signals
from schemas.call_records import EngineAnnounced
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.records import WriterChanged

LOGGER = structlog.get_logger("rtc.driving")
PROBED = Room("", 0)  # no call has it; asking for it shows whether the engine answers
TICK_S = 1.0
DRAIN_LOOK_S = 0.1
FORGET_TICKS = 60


class Driver:
    def __init__(self, shared: Shared, lines: LiveLines, engines: Engines, lease_ms: int) -> None:
        self._shared = shared
        self._settings, self._engine, self._mouth = shared.settings, shared.engine, shared.mouth
        self.name = shared.mouth.engine
        self.lines, self.engines = lines, engines
        self._renew_ms = lease_ms // 3
        self.rooms: dict[Room, RoomDesk] = {}
        self._served: dict[str, Served] = {}  # by call
        self._close_at_ms: dict[Room, int] = {}
        self._orphans: set[Room] = set()
        self._acting = False
        self._draining = False
        self._well = False
        self.progress = 0
        self.handlers: dict[str, Callable[[Sequence[Record]], None]] = {
            "call-events": self._on_events,
            "call-signals": self._on_signals,
            "call-engines": self._on_engines,
            "call-replies": self._on_replies,
        }

    # ---- from the log

    def _on_events(self, records: Sequence[Record]) -> None:
        for event in decoded(records, call_events.Event | WriterChanged):
            if isinstance(event, WriterChanged):
                continue
            try:
                change = self.lines.take(event)
            except LineGap as gap:
                LINE_GAPS.inc()
                LOGGER.warning("a call cannot be followed", error=str(gap))
                continue
            if change is not None and self._acting:
                self._follow(change)

    def _on_signals(self, records: Sequence[Record]) -> None:
        for signal in decoded(records, call_signals.CallSignal):
            from_device = signal.direction == "to_engine" or isinstance(signal, call_signals.SignalTracks)
            if from_device and signal.engine == self.name and self._acting:
                SIGNALS.labels("to_engine").inc()
                self._take(signal)

    def _on_engines(self, records: Sequence[Record]) -> None:
        for said in decoded(records, EngineAnnounced):
            self.engines.take(said)

    def _on_replies(self, records: Sequence[Record]) -> None:
        for reply in decoded(records, call_records.CallReply):
            if isinstance(reply, call_records.CallRefused) and not reply.user:
                COMMANDS_REFUSED.labels(reply.code).inc()

    def _take(self, signal: call_signals.CallSignal) -> None:
        call = self.lines.call(signal.conversation_id, signal.call_id)
        party = None if call is None else call.parties.get(signal.user)
        if call is None:
            self._mouth.refuse(signal, "unknown_call", "there is no such call")
        elif party is None or not party.in_call or party.device != signal.device:
            self._mouth.refuse(signal, "not_in_call", "this device is not in the call")
        elif signal.epoch < call.epoch and isinstance(signal, call_signals.SignalCandidate):
            pass  # found before its device heard of the switch; it has nothing to do about it
        elif call.engine != self.name or call.epoch != signal.epoch or (desk := self.rooms.get(Room(call.call_id, call.epoch))) is None:
            self._mouth.refuse(signal, "stale_epoch", f"the call is at epoch {call.epoch}")
        else:
            desk.take(signal)

    # ---- calls

    async def begin(self) -> None:
        """Follows the calls from now on: the log's end was reached."""
        await self._probe()
        self._acting = True
        self._orphans = {Room(call.call_id, call.epoch) for _, call in self.lines.live() if call.engine == self.name}
        self._look_after_calls()

    def _follow(self, change: Change) -> None:
        call_id = change.event.call_id
        line = self.lines.line(change.event.conversation_id)
        if line is None:
            return
        after = change.after if change.after is not None and change.after.call_id == call_id else None
        if after is not None and Room(call_id, after.epoch) in self._orphans and after.engine == self.name:
            return
        served, made = steps(self._served.get(call_id), after, self.name)
        if served is None:
            self._served.pop(call_id, None)
        else:
            self._served[call_id] = served
        for step in made:
            self._do(step, line)

    def _do(self, step: Step, line: Line) -> None:
        desk = self.rooms.get(step.room)
        if desk is None:
            place = Place(line.tenant, line.conversation_id, step.room, self.name)
            desk = self.rooms[step.room] = RoomDesk(self._shared, place)
        match step:
            case Open(media=media):
                desk.open(media)
            case LetIn(user=user, device=device, generation=generation):
                desk.leg(user, device).let_in(generation)
            case PutOut(user=user, device=device):
                desk.leg(user, device).put_out()
            case Mute(user=user, muted=muted):
                desk.mute(user, muted)
            case Close(later=later):
                desk.closing = True
                self._close_at_ms[step.room] = self._mouth.now_ms() + (self._settings.close_after_ms if later else 0)
                if not later:
                    self._close_due()

    def _close_due(self) -> None:
        now_ms = self._mouth.now_ms()
        for room in [room for room, at_ms in self._close_at_ms.items() if at_ms <= now_ms]:
            del self._close_at_ms[room]
            self._shared.group.create_task(self.rooms.pop(room).close())

    def _look_after_calls(self) -> None:
        """Calls of engines that are gone, of rooms that this one has lost and of its predecessor get their next epoch here."""
        now_ms = self._mouth.now_ms()
        live = [(line, call) for line, call in self.lines.live() if call.engine != PEER_TO_PEER]
        self._orphans &= {Room(call.call_id, call.epoch) for _, call in live}
        if self._draining or not self._well:
            return
        calls = [call for _, call in live]
        taken = {call.call_id for call in supervise.taken_over(calls, self.engines, self.name, now_ms)}
        mourned = {call.call_id for call in supervise.mourned(calls, self.engines, self.name, now_ms)}
        for line, call in live:
            if call.call_id in mourned:
                self._mouth.command(vanished(line.tenant, line.conversation_id, call))
            if call.call_id in taken or (call.engine == self.name and self._is_lost(Room(call.call_id, call.epoch))):
                LOGGER.warning("a call gets a new room here", call=call.call_id, before=call.engine, epoch=call.epoch + 1)
                self._mouth.command(switch(line.tenant, line.conversation_id, call, self.name))

    def _is_lost(self, room: Room) -> bool:
        desk = self.rooms.get(room)
        return room in self._orphans or (desk is not None and desk.lost)

    # ---- loops

    async def listen(self) -> None:
        """What the engine reports, for ever."""
        async for event in self._engine.events():
            desk = self.rooms.get(event.room)
            if desk is not None:
                desk.engine_said(event)

    async def tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            self.progress += 1
            now_ms = self._mouth.now_ms()
            self._close_due()
            self._look_after_calls()
            for desk in self.rooms.values():
                desk.look_for_holes(now_ms)
            self._shared.tickets.forget(frozenset(self.rooms), now_ms)
            if ticks % FORGET_TICKS == 0:
                self.lines.forget(now_ms)

    async def reconcile(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reconcile_ms / 1000)
            term = self._mouth.now_ms() // self._renew_ms
            for desk in list(self.rooms.values()):
                call = self.lines.call(desk.place.conversation_id, desk.place.room.call_id)
                if call is not None and call.epoch == desk.place.room.epoch and call.engine == self.name and not desk.closing:
                    await desk.reconcile(call, term)

    async def announce(self) -> None:
        while True:
            await self._probe()
            self.say_so()
            await asyncio.sleep(self._settings.announce_ms / 1000)

    async def _probe(self) -> None:
        """Whether the engine answers: an engine that does not is none, and its calls go elsewhere."""
        try:
            await self._engine.snapshot(PROBED)
        except EngineUnavailable as away:
            if self._well:
                LOGGER.warning("the engine does not answer", error=str(away))
            self._well = False
        else:
            self._well = True

    def say_so(self, *, last: bool = False) -> None:
        """Announces the engine. `last`: it is over now."""
        rooms, participants = self._engine.load()
        ROOMS.set(rooms)
        PARTICIPANTS.set(participants)
        can = self._engine.capabilities()
        now_ms = self._mouth.now_ms()
        said = EngineAnnounced(
            engine=self.name,
            engine_kind=self._engine.kind,
            capabilities=capabilities(can),
            rooms=rooms,
            participants=participants,
            participants_limit=can.participants_limit,
            draining=self._draining,
            at_ms=now_ms,
            until_ms=now_ms + self._settings.announced_ms if self._well and not last else now_ms,
        )
        self.engines.take(said)
        self._mouth.announce(said)

    # ---- the end

    async def drain(self) -> None:
        """Moves the calls to other engines, as far as there are any, and waits until their devices are there. Blocks: RTC_DRAIN_MS."""
        self._draining = True
        self.say_so()
        moved: set[str] = set()
        until_ms = self._mouth.now_ms() + self._settings.drain_ms
        while self._mouth.now_ms() < until_ms and self._move_calls(moved):  # noqa: ASYNC110  a wait at the end only
            await asyncio.sleep(DRAIN_LOOK_S)

    def _move_calls(self, moved: set[str]) -> bool:
        """Whether there is something to wait for: a call that can go and has not, or whose devices are on their way."""
        waiting = False
        for line, call in self.lines.live():
            if call.engine == self.name and (other := supervise.successor(call, self.engines, self._mouth.now_ms())):
                if call.call_id not in moved:
                    LOGGER.info("a call moves", call=call.call_id, to=other)
                    self._mouth.command(switch(line.tenant, line.conversation_id, call, other))
                moved.add(call.call_id)
                waiting = True
            elif call.call_id in moved and on_the_way(call):
                waiting = True
        return waiting

    def report(self) -> dict[str, Any]:
        """For GET /live."""
        rooms, participants = self._engine.load()
        return {"rooms": rooms, "participants": participants, "calls": len(self._served), "well": self._well, "draining": self._draining}


def on_the_way(call: Call) -> bool:
    return any(party.flow == "moving" for party in call.participants)


def capabilities(can: Capabilities) -> tuple[str, ...]:
    return tuple(name for name in ("video", "screen", "recording", "layers", "bitrate") if getattr(can, name))


def decoded(records: Sequence[Record], expected: Any) -> list[Any]:
    """The records that are understood; the others are counted."""
    found: list[Any] = []
    for record in records:
        try:
            found.append(decode(record.value, expected))
        except Undecodable as exc:
            UNDECODABLE.labels(record.topic).inc()
            LOGGER.warning("not understood", topic=record.topic, offset=record.offset, error=str(exc))
    return found
