"""The engine that is a Janus: every room is one of its VideoRoom's, every leg a publisher and a subscriber there.

Called by the driver through `rtc.engines.port`.
Rule 1: when the link to Janus is lost, so is every room; that is said, and who drives makes them again.
Rule 2: candidates of Janus' own stand in its descriptions, so no `CandidateFound` is ever told.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from rtc.engines.janus import requests
from rtc.engines.janus.admin import AdminLink
from rtc.engines.janus.ids import described_room, feed_number, room_number
from rtc.engines.janus.leg import JanusLeg
from rtc.engines.janus.link import JanusRefused, Link
from rtc.engines.janus.messages import Jsep, Message, RoomData
from rtc.engines.janus.quality import Handle, quality
from rtc.engines.janus.refusals import NO_SUCH_ROOM, ROOM_EXISTS, refusal
from rtc.engines.janus.room import JanusRoom
from rtc.engines.janus.settings import JanusSettings
from rtc.engines.port import (
    Capabilities,
    EngineEvent,
    EngineRefused,
    EngineTicket,
    EngineUnavailable,
    Leg,
    LegSeen,
    QualitySeen,
    Room,
    RoomGone,
    RoomSnapshot,
)
from rtc.engines.told import Telling
from schemas.call_signals import EngineKind, IceServer, Layer, PeerConnection, Track, TrackSource
from schemas.call_values import CallMedia

MESSAGE_BYTES_LIMIT = 4 * 1024 * 1024  # a description of 100 media sections is some 200 KB
LOOK_S = 0.5
log = structlog.get_logger()


class JanusEngine:
    kind: EngineKind = "janus"

    def __init__(self, settings: JanusSettings, node: str) -> None:
        self._settings = settings
        self._node = node
        self._key = settings.key()
        self._link: Link | None = None
        self._control = 0
        self._rooms: dict[Room, JanusRoom] = {}
        self._keepers: dict[Room, asyncio.Task[None]] = {}
        self._making: dict[Room, asyncio.Lock] = {}
        self._told = Telling()
        self._tasks: list[asyncio.Task[None]] = []
        self._linked = asyncio.Event()
        self._admin = AdminLink(settings.admin_url, settings.admin_secret(), settings.timeout_ms / 1000) if settings.admin_url else None

    def capabilities(self) -> Capabilities:
        return Capabilities(
            video=True,
            screen=True,
            recording=bool(self._settings.record_dir),
            layers=True,
            bitrate=True,
            participants_limit=self._settings.participants_limit,
        )

    def load(self) -> tuple[int, int]:
        return len(self._rooms), sum(len(room.legs) for room in self._rooms.values())

    # ---- the link

    async def start(self) -> None:
        """Raises: EngineUnavailable if Janus is not there within its time."""
        self._tasks = [asyncio.create_task(self._stay_linked()), asyncio.create_task(self._look())]
        if self._admin is not None:
            self._tasks.append(asyncio.create_task(self._measure(self._admin)))
        try:
            await asyncio.wait_for(self._linked.wait(), self._settings.connect_timeout_ms / 1000)
        except TimeoutError:
            await self.stop()
            raise EngineUnavailable(f"no janus at {self._settings.url}") from None

    async def stop(self) -> None:
        tasks = [*self._tasks, *self._keepers.values()]
        self._tasks = []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._admin is not None:
            await self._admin.close()

    async def _stay_linked(self) -> None:
        while True:
            try:
                await self._be_linked()
                log.warning("janus closed the link", url=self._settings.url)
            except (OSError, WebSocketException, TimeoutError, EngineUnavailable, JanusRefused) as error:
                log.warning("janus is not reached", url=self._settings.url, error=str(error))
            finally:
                self._lose_all()
            await asyncio.sleep(self._settings.reconnect_ms / 1000)

    async def _be_linked(self) -> None:
        timeout_s = self._settings.timeout_ms / 1000
        protocol = [Subprotocol("janus-protocol")]
        async with connect(self._settings.url, subprotocols=protocol, max_size=MESSAGE_BYTES_LIMIT, open_timeout=timeout_s) as socket:
            await Link(socket, timeout_s, self._hear).run(self._prepare)

    async def _prepare(self, link: Link) -> None:
        self._control = await link.attach()
        await self._sweep(link)
        self._link = link
        self._linked.set()

    async def _sweep(self, link: Link) -> None:
        """Removes what an earlier process of this node left: rooms of calls that may long be over. Live ones are asked for again."""
        if not self._settings.key_file:
            return  # of another key, hence not to be found
        listed = await link.ask(self._control, {"request": "list", "admin_key": self._key})
        for found in listed.room_data.list:
            room = described_room(found.description, self._node)
            if room is not None and found.room == room_number(self._key, room):
                await link.ask(self._control, requests.of_room(self._key, room, "destroy"))

    def _lose_all(self) -> None:
        self._link = None
        self._linked.clear()
        for keeper in self._keepers.values():
            keeper.cancel()
        lost, self._rooms, self._keepers = self._rooms, {}, {}
        for room in lost:
            self._told.tell(RoomGone(room))

    def _there(self) -> Link:
        if self._link is None:
            raise EngineUnavailable("no link to janus")
        return self._link

    # ---- what Janus says

    def _hear(self, message: Message) -> None:
        room = next((room for room in self._rooms.values() if message.sender in room.handles()), None)
        if room is not None:
            room.take(message)
            self._look_at(room)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for room in list(self._rooms.values()):
                self._look_at(room)

    async def _measure(self, admin: AdminLink) -> None:
        """Tells every leg's quality once in a while; without it, calls go on."""
        while True:
            await asyncio.sleep(self._settings.quality_ms / 1000)
            for room in list(self._rooms.values()):
                for leg in list(room.legs.values()):
                    try:
                        publisher = await admin.handle(room.link.session, leg.publisher)
                        subscriber = await admin.handle(room.link.session, leg.subscriber) if leg.subscriber else Handle()
                    except EngineUnavailable as error:
                        log.warning("no figures of quality", error=str(error))
                        break
                    if (found := quality(publisher, subscriber)) is not None:
                        self._told.tell(QualitySeen(room.room, leg.leg, found))

    def _look_at(self, room: JanusRoom) -> None:
        room.look(time.monotonic_ns() // 1_000_000, self._settings.lost_ms)
        if room.gone:
            self._forget(room.room)

    def _forget(self, room: Room) -> JanusRoom | None:
        if (keeper := self._keepers.pop(room, None)) is not None:
            keeper.cancel()
        self._making.pop(room, None)
        return self._rooms.pop(room, None)

    def events(self) -> AsyncIterator[EngineEvent]:
        return self._told.events()

    # ---- rooms

    async def ensure_room(self, room: Room, media: CallMedia) -> None:
        async with self._making.setdefault(room, asyncio.Lock()):
            if room not in self._rooms:
                await self._make(room, self._there())

    async def _make(self, room: Room, link: Link) -> None:
        made = JanusRoom(room, self._key, link, self._control, self._told.tell, most_kbps=self._settings.bitrate_kbps)
        try:
            existed = await self._create(room, link)
            await made.watch()
            if existed:
                await made.sweep()
        except JanusRefused as refused:
            raise EngineUnavailable(str(refused)) from refused
        if self._link is not link:
            raise EngineUnavailable("the link to janus was lost")
        self._rooms[room] = made
        self._keepers[room] = asyncio.create_task(self._keep(made))

    async def _create(self, room: Room, link: Link) -> bool:
        """Whether it was there already."""
        try:
            await link.ask(self._control, requests.create(self._key, self._node, room, self._limits()))
        except JanusRefused as refused:
            if refused.code != ROOM_EXISTS:
                raise
            return True
        return False

    def _limits(self) -> requests.Body:
        chosen = self._settings
        limits: requests.Body = {
            "publishers": 2 * chosen.participants_limit,  # all may be replaced at once: their edge was lost
            "bitrate": chosen.bitrate_kbps * 1000,
            "audio_active_packets": chosen.talking_packets,
            "audio_level_average": chosen.talking_dbov,
        }
        return limits | ({"rec_dir": chosen.record_dir, "lock_record": True} if chosen.record_dir else {})

    async def _keep(self, room: JanusRoom) -> None:
        try:
            await room.keep()
        except EngineUnavailable as error:
            # a room that is not kept is none: who drives makes it again
            log.warning("a room at janus is given up", call=room.room.call_id, error=str(error))
            self._keepers.pop(room.room, None)
            if self._rooms.pop(room.room, None) is not None:
                self._told.tell(RoomGone(room.room))

    async def close(self, room: Room) -> None:
        link = self._there()
        gone = self._forget(room)
        try:
            await link.ask(self._control, requests.of_room(self._key, room, "destroy"))
        except JanusRefused as refused:
            if refused.code != NO_SUCH_ROOM:
                raise EngineUnavailable(str(refused)) from refused
        for handle in gone.handles() if gone is not None else ():
            await link.detach(handle)

    async def snapshot(self, room: Room) -> RoomSnapshot:
        link = self._there()
        try:
            listed = await link.ask(self._control, requests.of_room(self._key, room, "listparticipants"))
        except JanusRefused as refused:
            if refused.code == NO_SUCH_ROOM:
                return RoomSnapshot(room, False, ())
            raise EngineUnavailable(str(refused)) from refused
        there = {participant.id for participant in listed.room_data.participants}
        legs = self._rooms[room].all_legs() if room in self._rooms else ()
        seen = tuple(LegSeen(leg.leg, leg.flow.said == "up") for leg in legs if leg.feed in there)
        return RoomSnapshot(room, room in self._rooms, seen)

    # ---- legs

    def _room(self, room: Room) -> JanusRoom:
        self._there()
        if room not in self._rooms:
            raise EngineRefused("unknown_call", "janus has no such room")
        return self._rooms[room]

    def _leg(self, room: Room, leg: Leg) -> JanusLeg:
        found = self._room(room).legs.get((leg.user, leg.device))
        if found is None or found.leg != leg:
            raise EngineRefused("unknown_leg", "nothing is published by this leg and generation")
        return found

    async def ticket(self, room: Room, leg: Leg, until_ms: int) -> EngineTicket:
        raise EngineRefused("not_supported", "janus is spoken to by us alone")

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        at = self._room(room)
        before = at.legs.get((leg.user, leg.device))
        if before is not None and before.leg.generation > leg.generation:
            raise EngineRefused("unknown_leg", "a newer generation publishes already")
        if before is not None and before.leg == leg:
            return await self._publish_again(at, before, sdp, tracks)
        if before is None and len(at.legs) >= self._settings.participants_limit:
            raise EngineRefused("too_many", f"the room has {self._settings.participants_limit} participants")
        return await self._publish_first(at, leg, sdp, tracks)

    async def _publish_first(self, at: JanusRoom, leg: Leg, sdp: str, tracks: tuple[Track, ...]) -> str:
        handle = await at.link.attach()
        made = JanusLeg(leg, handle, feed_number(self._key, at.room, leg), tracks)
        try:
            joined = await self._offer(at, handle, requests.publish(self._key, at.room, leg, tracks), sdp)
        except (EngineRefused, EngineUnavailable):
            await at.link.detach(handle)
            raise
        at.put(made)
        return await self._published(at, made, joined)

    async def _publish_again(self, at: JanusRoom, leg: JanusLeg, sdp: str, tracks: tuple[Track, ...]) -> str:
        configured = await self._offer(at, leg.publisher, requests.republish(tracks), sdp)
        leg.tracks = tracks
        return await self._published(at, leg, configured)

    async def _offer(self, at: JanusRoom, handle: int, body: requests.Body, sdp: str) -> Message:
        try:
            answered = await at.link.ask(handle, body, Jsep("offer", sdp))
        except JanusRefused as refused:
            raise refusal(refused) from refused
        if answered.jsep is None:
            raise EngineRefused("invalid", "janus has no answer to this offer")
        return answered

    async def _published(self, at: JanusRoom, leg: JanusLeg, answered: Message) -> str:
        assert answered.jsep is not None  # seen by _offer
        leg.audio_mids = _audio_mids(answered.room_data) or leg.audio_mids
        if leg.leg.user in at.muted:
            await at.moderate(leg, True)
        at.touch()
        return answered.jsep.sdp

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        at, subscribed = self._room(room), self._leg(room, leg)
        async with subscribed.lock:
            if not subscribed.offered:
                raise EngineRefused("invalid", "no offer waits for an answer")
            try:
                await at.link.ask(subscribed.subscriber, {"request": "start"}, Jsep("answer", sdp))
            except JanusRefused as refused:
                raise refusal(refused) from refused
            subscribed.offered = False
        at.touch()

    async def candidate(self, room: Room, leg: Leg, pc: PeerConnection, candidate: str, mid: str) -> None:
        found = self._leg(room, leg)
        handle = found.publisher if pc == "publish" else found.subscriber
        if not handle:
            raise EngineRefused("unknown_leg", "nothing was offered to this leg yet")
        await self._room(room).link.trickle(handle, candidate, mid)

    async def tracks(self, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> None:
        at, found = self._room(room), self._leg(room, leg)
        sources_before = {(track.mid, track.source) for track in found.tracks}
        found.tracks = tracks
        if {(track.mid, track.source) for track in tracks} - sources_before:
            await self._ask(at, found.publisher, requests.republish(tracks))
        self._look_at(at)

    async def layer(self, room: Room, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None:
        self._leg(room, leg).layers[(publisher, source)] = layer
        self._room(room).touch()

    async def mute(self, room: Room, user: str, muted: bool) -> None:
        await self._room(room).mute(user, muted)

    async def kick(self, room: Room, user: str, device: str) -> None:
        at = self._room(room)
        for leg in at.of_user(user, device):
            try:
                await at.link.ask(self._control, requests.of_room(self._key, room, "kick", id=leg.feed))
            except JanusRefused:
                pass  # it went by itself
            await at.drop(leg)

    async def record(self, room: Room, on: bool) -> None:
        if not self._settings.record_dir:
            raise EngineRefused("not_supported", "RTC_JANUS_RECORD_DIR is not set")
        at = self._room(room)
        await self._ask(at, self._control, requests.of_room(self._key, room, "enable_recording", record=on))

    async def _ask(self, at: JanusRoom, handle: int, body: requests.Body) -> Message:
        try:
            return await at.link.ask(handle, body)
        except JanusRefused as refused:
            raise refusal(refused) from refused


def _audio_mids(data: RoomData) -> tuple[str, ...]:
    return tuple(stream.mid for stream in data.streams if stream.type == "audio" and not stream.disabled)
