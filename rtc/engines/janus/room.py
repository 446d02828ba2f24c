"""One room at Janus: its legs, an observer who hears of everybody, and one task that keeps every subscription as it has to be.

Called by `engine`, which gives it the messages of its handles. What follows from what is decided in `feeds` and `flow`.
Rule 1: only the task changes subscriptions; a leg whose offer waits for its answer is left alone until it came.
Rule 2: a generation that is replaced goes on until nobody needs it: its device's new connections are up, and the others have changed over.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from rtc.engines.janus import requests
from rtc.engines.janus.feeds import Feeds, Plan, after, plan, speakers, tracks
from rtc.engines.janus.flow import heard, looked_at
from rtc.engines.janus.leg import JanusLeg, Who
from rtc.engines.janus.link import JanusRefused, Link
from rtc.engines.janus.messages import Message
from rtc.engines.janus.strain import eased, lost_on_the_way_here, lost_on_the_way_there
from rtc.engines.names import named_leg
from rtc.engines.port import EngineEvent, Limited, MediaSeen, Offered, Room, RoomGone, Speaking
from schemas.call_signals import Speaker, TrackSource

RETRY_S = 0.25
UNLIMITED_KBPS = 4_000  # from where halving begins where nothing else is the limit
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class JanusRoom:
    """`retiring`: connected generations that are replaced, while they are needed."""

    room: Room
    key: str
    link: Link
    control: int  # the handle by which rooms are made and changed
    tell: Callable[[EngineEvent], None]
    observer: int = 0
    legs: dict[Who, JanusLeg] = field(default_factory=dict)
    retiring: dict[Who, JanusLeg] = field(default_factory=dict)
    feeds: Feeds = field(default_factory=Feeds)
    muted: set[str] = field(default_factory=set)
    gone: bool = False
    most_kbps: int = 0  # of one publisher; 0: no limit
    now_ms: int = 0  # when it was last looked at, by a clock that only goes on
    _speakers: tuple[Speaker, ...] = ()
    _loose: list[int] = field(default_factory=list)  # handles of legs that are gone
    _dirty: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Joins as the observer. Raises: EngineUnavailable, JanusRefused."""
        self.observer = await self.link.attach()
        joined = await self.link.ask(self.observer, requests.observe(self.key, self.room))
        self.feeds = after(self.feeds, joined.room_data)

    def all_legs(self) -> list[JanusLeg]:
        """Of every generation."""
        return [*self.legs.values(), *self.retiring.values()]

    def of_user(self, user: str, device: str = "") -> list[JanusLeg]:
        return [leg for leg in self.all_legs() if leg.leg.user == user and device in ("", leg.leg.device)]

    def handles(self) -> Iterator[int]:
        yield self.observer
        for leg in self.all_legs():
            yield from leg.handles

    def put(self, leg: JanusLeg) -> None:
        """Of two generations that were there already, the one whose media flows stays until this one's does."""
        needless = self.legs.get(leg.who)
        if needless is not None and needless.flow.connected:
            older, self.retiring[leg.who] = self.retiring.get(leg.who), needless
            needless = older
        self.legs[leg.who] = leg
        if needless is not None:
            self._loose.extend(needless.handles)

    # ---- what Janus says

    def take(self, message: Message) -> None:
        """A message of one of the room's handles that answers nothing."""
        if message.sender == self.observer:
            self._observed(message)
            return
        for leg in self.all_legs():
            if message.sender == leg.publisher:
                self._of_publisher(leg, message)
                return
            if message.sender == leg.subscriber:
                self._of_subscriber(leg, message)
                return

    def _observed(self, message: Message) -> None:
        data = message.room_data
        if data.videoroom == "destroyed" or message.janus in ("detached", "hangup"):
            self._vanish()
            return
        self.feeds = after(self.feeds, data)
        self._say_speakers()
        self.touch()

    def _say_speakers(self) -> None:
        if (now := speakers(self.feeds, self.muted)) != self._speakers:
            self._speakers = now
            self.tell(Speaking(self.room, now))

    def _vanish(self) -> None:
        if not self.gone:
            self.gone = True
            self.tell(RoomGone(self.room))

    def _of_publisher(self, leg: JanusLeg, message: Message) -> None:
        if message.janus in ("hangup", "detached") or message.room_data.leaving == "ok":
            self._end(leg, message.reason)
        elif message.janus == "webrtcup":
            leg.flow = leg.flow._replace(connected=True)
            self.touch()
        elif message.janus == "media":
            leg.flow = heard(leg.flow, message.mid, message.receiving)
        elif message.janus == "slowlink" and not message.uplink:
            leg.strain = lost_on_the_way_here(leg.strain, self.now_ms, self.most_kbps or UNLIMITED_KBPS)

    def _end(self, leg: JanusLeg, reason: str) -> None:
        """A generation that ends before its media flowed leaves what it should have replaced in its place."""
        log.info("a leg has ended at janus", call=self.room.call_id, user=leg.leg.user, generation=leg.leg.generation, reason=reason)
        self._loose.extend(leg.handles)
        if self.retiring.get(leg.who) is leg:
            del self.retiring[leg.who]
        elif (older := self.retiring.pop(leg.who, None)) is not None:
            self.legs[leg.who] = older
        else:
            self.legs.pop(leg.who, None)
            self.tell(MediaSeen(self.room, leg.leg, "gone"))
        self.touch()

    def look(self, now_ms: int, lost_ms: int) -> None:
        """Says whose media came or stopped, and who should send less. To be called after every message and once in a while."""
        self.now_ms = now_ms
        for leg in self.retiring.values():
            leg.flow = looked_at(leg.flow, leg.tracks, now_ms, lost_ms)
        for leg in self.legs.values():
            leg.strain = eased(leg.strain, now_ms, self.most_kbps or UNLIMITED_KBPS)
            if (leg.strain.cap_kbps, leg.strain.audio_only) != (leg.told.cap_kbps, leg.told.audio_only):
                self.touch()
            before = leg.flow.said
            leg.flow = looked_at(leg.flow, leg.tracks, now_ms, lost_ms)
            if leg.flow.said != before and leg.flow.said:
                self.tell(MediaSeen(self.room, leg.leg, leg.flow.said))

    def _of_subscriber(self, leg: JanusLeg, message: Message) -> None:
        if message.janus in ("hangup", "detached"):
            leg.deaf = True
            self.touch()
        elif message.janus == "webrtcup":
            leg.hears = True
            self.touch()
        elif message.janus == "slowlink":
            if message.uplink:
                leg.strain = lost_on_the_way_there(leg.strain, self.now_ms)
        else:
            self.offer(leg, message)

    def offer(self, leg: JanusLeg, message: Message) -> None:
        """Takes what Janus says of a subscription, asked or not, and passes its offer on."""
        if message.room_data.streams:
            leg.streams = message.room_data.streams
        if message.jsep is not None and message.jsep.type == "offer":
            leg.offered = True
            self.tell(Offered(self.room, leg.leg, message.jsep.sdp, tracks(leg.streams, self._muted_tracks())))

    def _muted_tracks(self) -> frozenset[tuple[str, str, TrackSource]]:
        return frozenset((leg.leg.user, leg.leg.device, track.source) for leg in self.legs.values() for track in leg.tracks if track.muted)

    # ---- what is kept as it has to be

    def touch(self) -> None:
        self._dirty.set()

    async def keep(self) -> None:
        """Never returns; ends by cancelling, or with EngineUnavailable when the link is lost."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            while self._loose:
                await self.link.detach(self._loose.pop())
            for leg in list(self.legs.values()):
                await self._keep_leg(leg)
            for leg in list(self.retiring.values()):
                if not self._needs(leg):
                    await self.drop(leg)

    def _needs(self, retiring: JanusLeg) -> bool:
        """Whether its own device or somebody else still has nothing in its place."""
        return not self._is_up(retiring.who) or any(self._gets(leg, retiring.feed) for leg in self.all_legs())

    def _is_up(self, who: Who) -> bool:
        leg = self.legs.get(who)
        return leg is None or (leg.flow.connected and (leg.hears or leg.deaf or not leg.subscriber))

    def _gets(self, leg: JanusLeg, feed: int) -> bool:
        """Whether the leg needs the feed of its subscription."""
        needed = not self._is_up(leg.who) if self.retiring.get(leg.who) is leg else not leg.deaf
        return needed and any(stream.active and stream.feed_id == feed for stream in leg.streams)

    async def _keep_leg(self, leg: JanusLeg) -> None:
        try:
            async with leg.lock:
                await self._subscribe(leg)
                await self._limit(leg)
                await self._layer(leg)
        except JanusRefused as refused:
            # a feed that went in between: the next event of the observer says so, or else we look again soon
            log.info("janus refused a subscription", call=self.room.call_id, user=leg.leg.user, code=refused.code, reason=refused.reason)
            asyncio.get_running_loop().call_later(RETRY_S, self.touch)

    async def _subscribe(self, leg: JanusLeg) -> None:
        change = plan(self.feeds, leg.leg.user, leg.streams)
        if leg.offered or leg.deaf or self.legs.get(leg.who) is not leg or change == Plan():
            return
        if leg.subscriber:
            self.offer(leg, await self.link.ask(leg.subscriber, requests.change(change)))
            return
        handle = await self.link.attach()
        try:
            attached = await self.link.ask(handle, requests.subscribe(self.key, self.room, change))
        except JanusRefused:
            await self.link.detach(handle)
            raise
        leg.subscriber = handle
        self.offer(leg, attached)

    async def _limit(self, leg: JanusLeg) -> None:
        """Tells Janus and the device what is new of the leg's way."""
        if (leg.strain.cap_kbps, leg.strain.audio_only) == (leg.told.cap_kbps, leg.told.audio_only):
            return
        if leg.strain.cap_kbps != leg.told.cap_kbps:
            await self.link.ask(leg.publisher, requests.cap(leg.strain.cap_kbps or self.most_kbps))
        leg.told = leg.strain
        self.tell(Limited(self.room, leg.leg, leg.strain.cap_kbps, 0, leg.strain.audio_only))

    async def _layer(self, leg: JanusLeg) -> None:
        """Tells Janus the layers that are wished for and not told yet."""
        for track in tracks(leg.streams, frozenset()):
            wanted = leg.layers.get((track.user, track.source))
            if leg.strain.audio_only and track.source in ("camera", "screen"):
                wanted = "off"
            elif wanted is None and leg.layered.get(track) == "off":
                wanted = "high"  # it was off for its way's sake alone
            if wanted is not None and leg.layered.get(track) != wanted:
                await self.link.ask(leg.subscriber, requests.layer(track.mid, wanted))
                leg.layered[track] = wanted

    async def mute(self, user: str, muted: bool) -> None:
        """Of all devices of the user, also of those that come later. Raises: EngineUnavailable."""
        if muted:
            self.muted.add(user)
        else:
            self.muted.discard(user)
        for leg in self.of_user(user):
            await self.moderate(leg, muted)
        self._say_speakers()

    async def moderate(self, leg: JanusLeg, muted: bool) -> None:
        """Passes the leg's audio on, or not. Raises: EngineUnavailable."""
        for mid in leg.audio_mids:
            try:
                await self.link.ask(self.control, requests.of_room(self.key, self.room, "moderate", id=leg.feed, mid=mid, mute=muted))
            except JanusRefused as refused:
                log.info("janus did not mute", call=self.room.call_id, user=leg.leg.user, reason=refused.reason)

    async def drop(self, leg: JanusLeg) -> None:
        """Ends both its connections; safe to repeat. Raises: EngineUnavailable."""
        for there in (self.legs, self.retiring):
            if there.get(leg.who) is leg:
                del there[leg.who]
        for handle in leg.handles:
            await self.link.detach(handle)

    async def sweep(self) -> None:
        """Removes who is in the room by an earlier process of ours. Raises: EngineUnavailable, JanusRefused."""
        listed = await self.link.ask(self.control, requests.of_room(self.key, self.room, "listparticipants"))
        for ghost in listed.room_data.participants:
            if named_leg(ghost.display) is not None and ghost.id not in {leg.feed for leg in self.all_legs()}:
                await self.link.ask(self.control, requests.of_room(self.key, self.room, "kick", id=ghost.id))
