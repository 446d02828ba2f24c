"""Drivers over the log in memory, an engine that does nothing but remember, and an owner that decides with the real core."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from log.memory import MemoryLog
from log.port import Entry
from log.publisher import Publisher
from rtc.call import decide, fold
from rtc.choose import Engines
from rtc.driving.driver import Driver, decoded
from rtc.driving.leg import Shared
from rtc.driving.mouth import PUBLISHED, Mouth
from rtc.driving.reading import Reading
from rtc.engines.port import (
    Capabilities,
    EngineEvent,
    EngineRefused,
    EngineTicket,
    EngineUnavailable,
    Leg,
    LegSeen,
    Room,
    RoomSnapshot,
)
from rtc.live import LiveLines
from rtc.rules import Rules
from rtc.settings import DriverSettings
from rtc.state import Call, Line
from rtc.tickets import Tickets
from rtc.turn import Turn
from rtc.values import Refusal
from schemas import call_commands as commands
from schemas import call_signals
from schemas.call_records import CallRefused
from schemas.call_signals import EngineKind, IceServer, Layer, PeerConnection, Track, TrackSource
from schemas.call_values import CallMedia
from schemas.codec import encode
from schemas.ids import uuid7
from schemas.partition import partition_of
from tests.rtc.test_sdp import GOOD, text

PATIENCE_S = 60.0
CONVERSATION, CALL, TENANT = "d-1", "c1", "default"
SDP = text(*GOOD)
FAST = {"announce_ms": 100, "announced_ms": 500, "reconcile_ms": 100, "report_again_ms": 300, "close_after_ms": 200, "hole_ms": 200}


async def until(true: Callable[[], Any], what: str = "") -> Any:
    """What it answers, once it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := true()):  # noqa: ASYNC110  conditions of several tasks at once
            await asyncio.sleep(0.005)
    return found


class FakeEngine:
    """`done`: what it was asked for. `legs`: who is in which room. `away`: does not answer. `breaks`: raises what an engine must not."""

    def __init__(self, kind: EngineKind = "embedded", participants_limit: int = 100) -> None:
        self.participants_limit = participants_limit
        self.kind: EngineKind = kind
        self.done: list[tuple[Any, ...]] = []
        self.legs: dict[Room, dict[Leg, bool]] = {}
        self.away = False
        self.breaks = False
        self.gate: Callable[[Leg], Awaitable[None]] | None = None
        self.queue: asyncio.Queue[EngineEvent] = asyncio.Queue()

    def capabilities(self) -> Capabilities:
        return Capabilities(
            video=True, screen=True, recording=False, layers=False, bitrate=True, participants_limit=self.participants_limit
        )

    def load(self) -> tuple[int, int]:
        return len(self.legs), sum(map(len, self.legs.values()))

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def _ask(self, *what: Any) -> None:
        if self.away:
            raise EngineUnavailable("away")
        self.done.append(what)

    async def ensure_room(self, room: Room, media: CallMedia) -> None:
        self._ask("ensure_room", room, media)
        self.legs.setdefault(room, {})

    async def ticket(self, room: Room, leg: Leg, until_ms: int) -> EngineTicket:
        raise AssertionError("it has no tickets of its own")

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        self._ask("publish", room, leg)
        if self.breaks:
            raise ZeroDivisionError
        if self.gate is not None:
            await self.gate(leg)
        if room not in self.legs:
            raise EngineRefused("unknown_call", "no room")
        self.legs[room][leg] = False
        return "answer to " + leg.user

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        self._ask("answer", room, leg)

    async def candidate(self, room: Room, leg: Leg, pc: PeerConnection, candidate: str, mid: str) -> None:
        self._ask("candidate", room, leg, pc, candidate)

    async def tracks(self, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> None:
        self._ask("tracks", room, leg, tracks)

    async def layer(self, room: Room, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None:
        self._ask("layer", room, leg, publisher, source, layer)

    async def mute(self, room: Room, user: str, muted: bool) -> None:
        self._ask("mute", room, user, muted)

    async def kick(self, room: Room, user: str, device: str) -> None:
        self._ask("kick", room, user, device)
        for leg in [leg for leg in self.legs.get(room, {}) if (leg.user, leg.device) == (user, device)]:
            del self.legs[room][leg]

    async def record(self, room: Room, on: bool) -> None:
        raise EngineRefused("not_supported", "")

    async def snapshot(self, room: Room) -> RoomSnapshot:
        if self.away:
            raise EngineUnavailable("away")
        legs = self.legs.get(room)
        return RoomSnapshot(room, legs is not None, tuple(LegSeen(leg, flows) for leg, flows in (legs or {}).items()))

    async def close(self, room: Room) -> None:
        self._ask("close", room)
        self.legs.pop(room, None)

    async def events(self) -> AsyncIterator[EngineEvent]:
        while True:
            yield await self.queue.get()


class World:
    """`line`: as the owner has it. `signals`: all that came to devices. `said`: all commands, in order."""

    def __init__(self) -> None:
        self.log = MemoryLog(2)
        self.rules = Rules()
        self.line = Line(tenant=TENANT, conversation_id=CONVERSATION)
        self.signals: list[call_signals.CallSignal] = []
        self.said: list[commands.Command] = []
        self.refused: list[Refusal] = []
        self._ids = 0
        self.clock_ms = 1_700_000_000_000

    def now_ms(self) -> int:
        """Real time, but from a fixed moment on."""
        return self.clock_ms + int(asyncio.get_running_loop().time() * 1000)

    # ---- the owner

    async def own(self) -> None:
        starts = {("call-commands", partition): 0 for partition in range(2)}
        async for records in self.log.tail(starts):
            for command in decoded(records, commands.Command):
                self.said.append(command)
                outcome = decide(self.line, command, self.now_ms(), self.rules)
                if isinstance(outcome, Refusal):
                    self.refused.append(outcome)
                    await self._append("call-replies", CONVERSATION, self._refusal_of(command, outcome))
                    continue
                self.line = fold(self.line, outcome)
                for event in outcome:
                    await self._append("call-events", CONVERSATION, event)

    def _refusal_of(self, command: commands.Command, refusal: Refusal) -> CallRefused:
        return CallRefused(
            tenant=TENANT,
            conversation_id=CONVERSATION,
            call_id=command.call_id,
            command_id=command.command_id,
            user=command.user if isinstance(command, commands.DeviceCommand) else "",
            device="",
            at_ms=self.now_ms(),
            code=refusal.code,
            fault=refusal.fault,
            detail=refusal.detail,
            retry_after_ms=0,
        )

    async def listen(self) -> None:
        starts = {("call-signals", partition): 0 for partition in range(2)}
        async for records in self.log.tail(starts):
            found: list[call_signals.CallSignal] = decoded(records, call_signals.CallSignal)
            self.signals += [signal for signal in found if signal.direction in ("to_device", "to_all")]

    async def _append(self, topic: str, key: str, record: Any) -> None:
        await self.log.publish(topic, partition_of(key.encode(), 2), [Entry(key.encode(), encode(topic, record))])

    @property
    def call(self) -> Call:
        assert self.line.live is not None
        return self.line.live

    # ---- devices

    async def say(self, kind: type[Any], user: str, device: str = "phone", **fields: Any) -> None:
        self._ids += 1
        base = {"tenant": TENANT, "conversation_id": CONVERSATION, "call_id": CALL, "command_id": uuid7(self.now_ms(), self._ids)}
        await self._append("call-commands", CONVERSATION, kind(**base, user=user, device=device, **fields))

    async def request(self, engine: str, *callees: str, kind: str = "group", media: str = "audio") -> None:
        await self.say(commands.RequestCall, "anna", callees=callees or ("bert",), call_kind=kind, media=media, engine=engine)
        await until(lambda: self.line.live)

    async def signal(self, kind: type[Any], user: str, generation: int = 1, seq: int = 0, **fields: Any) -> None:
        base: dict[str, Any] = {"tenant": TENANT, "conversation_id": CONVERSATION, "call_id": CALL, "user": user, "device": "phone"}
        base |= {"engine": self.call.engine, "epoch": self.call.epoch, "generation": generation, "seq": seq, "at_ms": 0}
        base["direction"] = "to_engine"
        await self._append("call-signals", CALL, kind(**(base | fields)))

    async def offer(self, user: str, ticket: str, seq: int = 1, generation: int = 1, **fields: Any) -> None:
        given = {"pc": "publish", "sdp_type": "offer", "sdp": SDP, "tracks": (), "ticket": ticket} | fields
        await self.signal(call_signals.SignalDescription, user, generation, seq, **given)

    async def candidate(self, user: str, seq: int, generation: int = 1, candidate: str = "", pc: str = "publish") -> None:
        await self.signal(call_signals.SignalCandidate, user, generation, seq, pc=pc, candidate=candidate, mid="")

    def got(self, kind: type[Any], user: str = "") -> list[Any]:
        return [signal for signal in self.signals if isinstance(signal, kind) and signal.user == user]

    async def ticket(self, user: str, epoch: int = 1, count: int = 1) -> call_signals.TicketGiven:
        """The last of so many tickets of this epoch."""

        def found() -> list[Any]:
            tickets = [given for given in self.got(call_signals.TicketGiven, user) if given.epoch == epoch]
            return tickets if len(tickets) >= count else []

        return (await until(found))[-1]  # type: ignore[no-any-return]

    async def refusal(self, user: str, count: int = 1) -> str:
        found = await until(lambda: self.got(call_signals.SignalRefused, user)[count - 1 :])
        return str(found[0].code)

    async def connect(self, user: str, epoch: int = 1) -> None:
        """With its ticket, until the engine has answered."""
        given = await self.ticket(user, epoch)
        before = len(self.got(call_signals.SignalDescription, user))
        await self.offer(user, given.ticket, generation=given.generation)
        await until(lambda: len(self.got(call_signals.SignalDescription, user)) > before)

    # ---- engines

    @contextlib.asynccontextmanager
    async def engine(self, name: str, engine: FakeEngine | None = None, **settings: Any) -> AsyncIterator[tuple[Driver, FakeEngine]]:
        """A driver that follows the log; on leaving it dies without a word."""
        engine = engine or FakeEngine()
        chosen = DriverSettings(engine=engine.kind, **(FAST | settings))
        publisher = Publisher(self.log, 0, 1 << 20, 5_000)
        await publisher.start(PUBLISHED)
        tasks: list[asyncio.Future[Any]] = [asyncio.create_task(publisher.run())]
        group = asyncio.TaskGroup()
        made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def drive() -> None:
            async with group:
                shared = Shared(engine, chosen, chosen.sdp_limits(), Mouth(publisher, name, self.now_ms), Tickets(), Turn(), group)
                lines = LiveLines()
                driver = Driver(shared, lines, Engines(), self.rules.lease_ms)
                reading = Reading(self.log, driver.handlers, self.now_ms)
                await reading.start(lines)
                group.create_task(reading.run())
                group.create_task(driver.listen())
                await reading.reached.wait()
                await driver.begin()
                for forever in (driver.announce(), driver.tick(), driver.reconcile()):
                    group.create_task(forever)
                made.set_result(driver)

        tasks.append(asyncio.create_task(drive()))
        try:
            await asyncio.wait([made, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if not made.done():
                tasks[1].result()
            yield made.result(), engine
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[World]:
        tasks = [asyncio.create_task(self.own()), asyncio.create_task(self.listen())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.result()
