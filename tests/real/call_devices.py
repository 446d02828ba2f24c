"""Calls through the log alone: the owner's process, engines' processes, and devices of aiortc that speak `call-signals`."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from log.kafka import KafkaLog
from log.port import Entry
from log.settings import LogSettings
from log.topics import ensure_topics
from rtc.choose import Engines
from rtc.driving.driver import decoded
from rtc.driving.reading import Reading
from rtc.engines.port import Leg, Offered, Room
from rtc.live import LineGap, LiveLines
from rtc.state import Call
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import call_signals as signals
from schemas.call_records import EngineAnnounced
from schemas.call_signals import IceServer, Track, TrackSource
from schemas.codec import encode
from schemas.partition import partition_of
from schemas.records import WriterChanged
from tests.real.workers import PARTITIONS, Worker, opened, uuid7
from tests.rtc.peers import Peer, until

TENANT = "default"


class EngineProcess(Worker):
    """`python -m rtc.engine`."""

    module = "rtc.engine"

    def __init__(self, kafka: str, data: Path, name: str, **settings: str) -> None:
        super().__init__(kafka, data, name, RTC_ENGINE=name.partition("-")[0], **settings)
        self._env["RTC_LIVE_PORT"] = str(self.port)

    async def until_well(self) -> None:
        await self.until(lambda answer: bool(answer["ok"]), "ready")


class Arrivals(Counter[tuple[str, TrackSource]]):
    """Counts frames, and notes when each came."""

    def __init__(self, moments: list[float]) -> None:
        super().__init__()
        self._moments = moments

    def __setitem__(self, key: tuple[str, TrackSource], value: int) -> None:
        self._moments.append(time.monotonic())
        super().__setitem__(key, value)


class Hub:
    """What the log says now: live calls, engines, and every event since the start."""

    def __init__(self, log: KafkaLog) -> None:
        self.log = log
        self.lines, self.engines = LiveLines(), Engines()
        self.happened: list[events.Event] = []
        self.devices: dict[tuple[str, str, str], Device] = {}

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Hub]:
        handlers = {
            "call-events": self._on_events,
            "call-signals": self._on_signals,
            "call-engines": self._on_engines,
        }
        reading = Reading(self.log, handlers, now_ms)
        await reading.start(self.lines)
        running = asyncio.create_task(reading.run())
        try:
            await reading.reached.wait()
            yield self
        finally:
            running.cancel()
            for device in self.devices.values():
                await device.end()

    def _on_events(self, records: Any) -> None:
        for event in decoded(records, events.Event | WriterChanged):
            if not isinstance(event, WriterChanged):
                self.happened.append(event)
                try:
                    self.lines.take(event)
                except LineGap:
                    continue  # of a test before this one

    def _on_engines(self, records: Any) -> None:
        for said in decoded(records, EngineAnnounced):
            self.engines.take(said)

    def _on_signals(self, records: Any) -> None:
        for signal in decoded(records, signals.CallSignal):
            device = self.devices.get((signal.call_id, signal.user, signal.device))
            if device is not None and signal.direction == "to_device":
                device.take(signal)

    async def publish(self, topic: str, key: str, record: Any) -> None:
        await self.log.publish(topic, partition_of(key.encode(), PARTITIONS), [Entry(key.encode(), encode(topic, record))])


class Calling:
    """One conversation and its call."""

    def __init__(self, hub: Hub, engine: str) -> None:
        self.hub, self.engine = hub, engine
        self.conversation, self.call_id = f"d-{uuid.uuid4().hex}", uuid.uuid4().hex

    @property
    def call(self) -> Call:
        found = self.hub.lines.call(self.conversation, self.call_id)
        assert found is not None
        return found

    @property
    def lives(self) -> bool:
        return self.hub.lines.call(self.conversation, self.call_id) is not None

    def flows(self) -> list[str]:
        return [party.flow for party in self.call.participants]

    def device(self, user: str) -> Device:
        device = Device(self, user)
        self.hub.devices[self.call_id, user, device.device] = device
        return device

    async def say(self, kind: type[Any], user: str, **fields: Any) -> None:
        base: dict[str, Any] = {"tenant": TENANT, "conversation_id": self.conversation, "call_id": self.call_id, "command_id": uuid7()}
        await self.hub.publish("call-commands", self.conversation, kind(**base, user=user, device="d", **fields))

    async def request(self, *callees: str, kind: str = "one_to_one") -> None:
        asked = {"call_kind": kind, "media": "video", "callees": callees, "engine": self.engine, "ring_ms": 30_000}
        await self.say(commands.RequestCall, "ana", **asked)
        await until(lambda: self.lives, "the call is requested")

    async def between_two(self) -> tuple[Device, Device]:
        """Ana and Ben, connected, each seeing the other."""
        ana, ben = self.device("ana"), self.device("ben")
        await self.request("ben")
        await self.say(commands.AcceptCall, "ben")
        await until(lambda: self.call.state == "connected", "connected")
        await until(lambda: ana.moments != [] and ben.moments != [], "both see each other")
        return ana, ben


class Device:
    """Connects with every ticket that it gets, the new connections before the old ones are broken.

    `moments`: when pictures of others came. `refusals`: of its signals. `holds`: tickets are kept, not used.
    """

    device = "d"

    def __init__(self, calling: Calling, user: str) -> None:
        self.calling, self.user = calling, user
        self.moments: list[float] = []
        self.tickets: list[signals.TicketGiven] = []
        self.refusals: list[signals.SignalRefused] = []
        self.holds = False
        self._peers: dict[tuple[int, int], Peer] = {}
        self._wires: dict[tuple[int, int], Wire] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, signal: signals.CallSignal) -> None:
        match signal:
            case signals.TicketGiven():
                self.tickets.append(signal)
                if not self.holds:
                    self._spawn(self._connect(signal))
            case signals.SignalRefused():
                self.refusals.append(signal)
            case signals.SignalDescription(pc="publish") if (wire := self._wires.get((signal.epoch, signal.generation))) is not None:
                wire.answers.put_nowait(signal.sdp)
            case signals.SignalDescription(pc="subscribe") if (peer := self._peers.get((signal.epoch, signal.generation))) is not None:
                room, leg = Room(signal.call_id, signal.epoch), Leg(self.user, self.device, signal.generation)
                self._spawn(peer.take_offer(Offered(room, leg, signal.sdp, signal.tracks)))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, ticket: signals.TicketGiven) -> None:
        place = (ticket.epoch, ticket.generation)
        wire = self._wires[place] = Wire(self, ticket)
        peer = self._peers[place] = Peer(wire, Room(ticket.call_id, ticket.epoch), Leg(self.user, self.device, ticket.generation))  # type: ignore[arg-type]  # as much of an engine as a peer uses
        peer.frames = Arrivals(self.moments)
        await peer.publish("camera")
        await until(lambda: sum(peer.frames.values()) > 0, f"{self.user} gets pictures at epoch {ticket.epoch}", 120)
        for older in [other for other in self._peers if other < place]:
            await self._peers.pop(older).vanish()

    async def send(self, kind: type[Any], epoch: int, generation: int, seq: int, engine: str = "", **fields: Any) -> None:
        calling = self.calling
        base = {
            "tenant": TENANT,
            "conversation_id": calling.conversation,
            "call_id": calling.call_id,
            "user": self.user,
            "device": self.device,
            "engine": engine or calling.call.engine,
            "epoch": epoch,
            "generation": generation,
            "direction": "to_engine",
            "seq": seq,
            "at_ms": now_ms(),
        }
        await calling.hub.publish("call-signals", calling.call_id, kind(**base, **fields))

    async def offer(self, ticket: signals.TicketGiven, seq: int, sdp: str, shown: str | None = None) -> None:
        fields: dict[str, Any] = {"pc": "publish", "sdp_type": "offer", "sdp": sdp, "tracks": ()}
        fields["ticket"] = ticket.ticket if shown is None else shown
        await self.send(signals.SignalDescription, ticket.epoch, ticket.generation, seq, ticket.engine, **fields)

    def longest_gap_s(self, since: float) -> float:
        moments = [since, *(moment for moment in self.moments if moment > since)]
        return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for peer in self._peers.values():
            await peer.vanish()


class Wire:
    """What a peer takes for its engine: descriptions go through the log, and so come the answers."""

    def __init__(self, device: Device, ticket: signals.TicketGiven) -> None:
        self._device, self._ticket = device, ticket
        self._seq = 0
        self.answers: asyncio.Queue[str] = asyncio.Queue()

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        shown = self._ticket.ticket if self._seq == 0 else ""
        await self._describe("publish", "offer", sdp, tracks, shown)
        return await asyncio.wait_for(self.answers.get(), 60)

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        await self._describe("subscribe", "answer", sdp, (), "")

    async def _describe(self, pc: str, sdp_type: str, sdp: str, tracks: tuple[Track, ...], shown: str) -> None:
        self._seq += 1
        fields = {"pc": pc, "sdp_type": sdp_type, "sdp": sdp, "tracks": tracks, "ticket": shown}
        ticket = self._ticket
        await self._device.send(signals.SignalDescription, ticket.epoch, ticket.generation, self._seq, ticket.engine, **fields)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def hub_at(kafka: str) -> AsyncIterator[Hub]:
    await ensure_topics(LogSettings(kafka), PARTITIONS)
    async with opened(kafka) as log, Hub(log).following() as hub:
        yield hub


async def seen(true: Callable[[], Any], what: str, within_s: float = 120.0) -> None:
    await until(lambda: bool(true()), what, within_s)
