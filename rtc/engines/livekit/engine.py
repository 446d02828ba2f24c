"""The engine that is a LiveKit: we make its rooms and sign its tickets; devices speak to it themselves.

Called by the driver through `rtc.engines.port`. What its webhooks say are claims, put in order by `seen` and compared with what it lists.
Rule 1: a room is what we asked for; LiveKit would also make one for any ticket, hence we give none for a room that we did not make.
Rule 2: its own tickets may be used more than once until they expire, so they live no longer than asked for; who must not be in the room
is removed as often as it comes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

import httpx
import msgspec
import structlog

from rtc.engines.livekit.messages import ParticipantInfo, Webhook, named_room, read, room_name
from rtc.engines.livekit.receiver import receive
from rtc.engines.livekit.seen import Ids, RoomSeen, Told, listed, told
from rtc.engines.livekit.settings import LiveKitSettings
from rtc.engines.livekit.tokens import BadToken, Signer, check_webhook, join_token
from rtc.engines.livekit.twirp import RoomService, TwirpRefused
from rtc.engines.names import leg_name, named_leg
from rtc.engines.port import (
    Capabilities,
    EngineEvent,
    EngineRefused,
    EngineTicket,
    EngineUnavailable,
    Leg,
    LegSeen,
    Room,
    RoomGone,
    RoomSnapshot,
)
from rtc.engines.told import Telling
from schemas.call_signals import EngineKind, IceServer, Layer, PeerConnection, Track, TrackSource
from schemas.call_values import CallMedia

log = structlog.get_logger()


class LiveKitEngine:
    kind: EngineKind = "livekit"

    def __init__(self, settings: LiveKitSettings) -> None:
        self._settings = settings
        self._signer = Signer(settings.key, settings.secret())
        self._client = httpx.AsyncClient(base_url=settings.url, timeout=settings.timeout_ms / 1000)
        self._service = RoomService(self._client, self._signer)
        self._rooms: dict[Room, RoomSeen] = {}
        self._muted: dict[Room, set[str]] = {}
        self._ids = Ids()
        self._told = Telling()
        self._server: asyncio.Server | None = None
        self._polling: asyncio.Task[None] | None = None
        self._mute_wanted = asyncio.Event()
        self._muting: asyncio.Task[None] | None = None

    def capabilities(self) -> Capabilities:
        limit = self._settings.participants_limit
        return Capabilities(
            video=True, screen=True, recording=False, layers=False, bitrate=False, participants_limit=limit, own_tickets=True
        )

    def load(self) -> tuple[int, int]:
        return len(self._rooms), sum(len(seen.stays) for seen in self._rooms.values())

    @property
    def webhook_port(self) -> int:
        """Where webhooks come in; 0: nowhere."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else 0

    async def start(self) -> None:
        """Raises: EngineUnavailable if LiveKit is not there, or does not know our key; OSError if the webhooks' port is taken."""
        try:
            await self._service.rooms("")
        except TwirpRefused as refused:
            raise EngineUnavailable(str(refused)) from refused
        chosen = self._settings
        if chosen.webhook_port:
            self._server = await receive(chosen.webhook_host, chosen.webhook_port, chosen.webhook_bytes_limit, self._take)
        self._polling = asyncio.create_task(self._poll())
        self._muting = asyncio.create_task(self._keep_muted())

    async def stop(self) -> None:
        tasks = [task for task in (self._polling, self._muting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        await self._client.aclose()

    # ---- what LiveKit says

    def _take(self, token: str, body: bytes) -> int:
        """One webhook; the status to answer with. What is not ours is taken and left alone, or it would come for ever."""
        try:
            check_webhook(self._signer, token.removeprefix("Bearer "), body, int(time.time()))
            webhook = read(body, Webhook)
        except BadToken as bad:
            log.warning("a webhook that is not livekit's", reason=str(bad))
            return 401
        except (msgspec.DecodeError, RecursionError) as error:
            log.warning("a webhook of livekit that we do not understand", reason=str(error))
            return 400
        room = named_room(webhook.room.name)
        if room in self._rooms and not self._ids.repeated(webhook.id):
            self._follow(room, told(self._rooms[room], room, webhook))
            self._mute_wanted.set()
        return 200

    def _follow(self, room: Room, now: Told) -> None:
        self._rooms[room] = now.seen
        for event in now.events:
            if isinstance(event, RoomGone):
                self._forget(room)
            self._told.tell(event)

    def _forget(self, room: Room) -> None:
        self._rooms.pop(room, None)
        self._muted.pop(room, None)

    def events(self) -> AsyncIterator[EngineEvent]:
        return self._told.events()

    async def _poll(self) -> None:
        """Asks about every room once in a while: webhooks get lost."""
        while True:
            await asyncio.sleep(self._settings.poll_ms / 1000)
            for room in list(self._rooms):
                try:
                    if not (await self.snapshot(room)).exists and room in self._rooms:
                        self._follow(room, Told(RoomSeen(), (RoomGone(room),)))
                except EngineUnavailable as error:
                    log.warning("livekit is not reached", error=str(error))

    # ---- rooms

    async def ensure_room(self, room: Room, media: CallMedia) -> None:
        chosen = self._settings
        try:
            await self._service.create_room(room_name(room), chosen.empty_ms // 1000, chosen.participants_limit)
        except TwirpRefused as refused:
            raise EngineUnavailable(str(refused)) from refused
        self._rooms.setdefault(room, RoomSeen())
        self._muted.setdefault(room, set())

    async def ticket(self, room: Room, leg: Leg, until_ms: int) -> EngineTicket:
        if room not in self._rooms:
            raise EngineRefused("unknown_call", "livekit has no such room")
        token = join_token(self._signer, room_name(room), leg_name(leg), int(time.time()), until_ms // 1000)
        return EngineTicket(self._settings.told_url(), token)

    async def _listed(self, room: Room) -> tuple[ParticipantInfo, ...] | None:
        """Who is there; None: LiveKit does not know the room."""
        try:
            there = (await self._service.participants(room_name(room))).participants
            # of a room that it does not have, LiveKit lists nobody
            return there if there or await self._service.rooms(room_name(room)) else None
        except TwirpRefused as refused:
            if refused.code == "not_found":
                return None
            raise EngineUnavailable(str(refused)) from refused

    async def snapshot(self, room: Room) -> RoomSnapshot:
        there = await self._listed(room)
        if there is None:
            return RoomSnapshot(room, False, ())
        if room in self._rooms:
            self._follow(room, listed(self._rooms[room], room, there))
            self._mute_wanted.set()
        # not the leg's generation but its device counts: two stays of one device are one leg
        legs = {(leg.user, leg.device): leg for each in there if each.active and (leg := named_leg(each.identity)) is not None}
        return RoomSnapshot(room, room in self._rooms, tuple(LegSeen(leg, True) for leg in legs.values()))

    async def close(self, room: Room) -> None:
        self._forget(room)
        try:
            await self._service.delete_room(room_name(room))
        except TwirpRefused as refused:
            if refused.code != "not_found":
                raise EngineUnavailable(str(refused)) from refused

    # ---- participants

    async def kick(self, room: Room, user: str, device: str) -> None:
        for each in _of(user, await self._listed(room) or (), device):
            try:
                await self._service.remove(room_name(room), each.identity)
            except TwirpRefused as refused:
                if refused.code != "not_found":
                    raise EngineUnavailable(str(refused)) from refused

    async def mute(self, room: Room, user: str, muted: bool) -> None:
        """Unmuting needs `enable_remote_unmute` at LiveKit; without it, the device does it by itself."""
        users = self._muted.setdefault(room, set())
        if muted:
            users.add(user)
        else:
            users.discard(user)
        await self._mute(room, user, await self._listed(room) or (), muted)

    async def _mute(self, room: Room, user: str, there: Iterable[ParticipantInfo], muted: bool) -> None:
        for each in _of(user, there):
            for track in each.tracks:
                if track.audio and track.muted != muted:
                    try:
                        await self._service.mute(room_name(room), each.identity, track.sid, muted)
                    except TwirpRefused as refused:
                        log.info("livekit did not mute", user=user, muted=muted, reason=str(refused))

    async def _keep_muted(self) -> None:
        """A muted user stays so with a new track."""
        while True:
            await self._mute_wanted.wait()
            self._mute_wanted.clear()
            for room, users in list(self._muted.items()):
                try:
                    there = await self._listed(room) if users else None
                    for user in sorted(users):
                        await self._mute(room, user, there or (), True)
                except EngineUnavailable as error:
                    log.warning("livekit is not reached", error=str(error))

    # ---- what devices say to LiveKit themselves

    async def publish(self, room: Room, leg: Leg, sdp: str, tracks: tuple[Track, ...], ice: tuple[IceServer, ...]) -> str:
        raise _not_here()

    async def answer(self, room: Room, leg: Leg, sdp: str) -> None:
        raise _not_here()

    async def candidate(self, room: Room, leg: Leg, pc: PeerConnection, candidate: str, mid: str) -> None:
        raise _not_here()

    async def tracks(self, room: Room, leg: Leg, tracks: tuple[Track, ...]) -> None:
        raise _not_here()

    async def layer(self, room: Room, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None:
        raise _not_here()

    async def record(self, room: Room, on: bool) -> None:
        raise EngineRefused("not_supported", "recording needs LiveKit's egress, which is asked by itself")


def _of(user: str, there: Iterable[ParticipantInfo], device: str = "") -> list[ParticipantInfo]:
    found = [(each, named_leg(each.identity)) for each in there]
    return [each for each, leg in found if leg is not None and leg.user == user and device in ("", leg.device)]


def _not_here() -> EngineRefused:
    return EngineRefused("not_supported", "devices say this to LiveKit themselves, at the ticket's URL")
