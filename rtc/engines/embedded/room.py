"""One room: who is in it, what is published, and who is offered what. All of it in the loop, nothing awaited but the closing."""

import asyncio
from collections.abc import Callable

from rtc.engines.embedded import rtcp
from rtc.engines.embedded.incoming import OWN_SSRC, Incoming
from rtc.engines.embedded.publishing import Refused
from rtc.engines.embedded.reception import Reception
from rtc.engines.embedded.recorder import Recorder
from rtc.engines.embedded.rtp import Packet
from rtc.engines.embedded.session import Session
from rtc.engines.embedded.slots import SourceKey
from rtc.engines.embedded.source import Source
from rtc.engines.embedded.speaking import Speech
from rtc.engines.embedded.surroundings import Tools
from rtc.engines.port import EngineEvent, Leg, MediaSeen, Offered, Room
from schemas.call_signals import Layer, Track, TrackSource

OFFER_AFTER_S = 0.02  # who joins brings several tracks, and others join at the same time: one offer for all

Who = tuple[str, str]


class LiveRoom:
    """The sessions of one room. `retiring`: connected generations that are replaced, until a new one is connected."""

    def __init__(self, tools: Tools, room: Room, emit: Callable[[EngineEvent], None]) -> None:
        self._tools, self.room, self.emit = tools, room, emit
        self.sessions: dict[Who, Session] = {}
        self.sources: dict[SourceKey, Source] = {}
        self.speech = Speech()
        self.muted: set[str] = set()
        self.recorder: Recorder | None = None
        self._retiring: dict[Who, Session] = {}
        self._offering: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def publish(self, leg: Leg, sdp: str, tracks: tuple[Track, ...]) -> str:
        """Raises: Refused."""
        who = (leg.user, leg.device)
        current = self.sessions.get(who)
        if current is not None and leg.generation < current.leg.generation:
            raise Refused("unknown_leg", f"generation {current.leg.generation} is there")
        if current is not None and leg.generation == current.leg.generation:
            answer = current.accept_offer(sdp, tracks)
        else:
            answer = self._replace(who, current, leg, sdp, tracks)
        self.refresh()
        return answer

    def _replace(self, who: Who, current: Session | None, leg: Leg, sdp: str, tracks: tuple[Track, ...]) -> str:
        if current is None and len(self.sessions) >= self._tools.settings.participants_limit:
            raise Refused("too_many", f"the room has {self._tools.settings.participants_limit} participants")
        session = Session(self._tools, self, leg)
        try:
            answer = session.accept_offer(sdp, tracks)
        except Refused:
            self.close_session(session)
            raise
        needless = current
        if current is not None and current.publish.state == "connected":
            needless = self._retiring.get(who)
            self._retiring[who] = current
        self.sessions[who] = session
        if needless is not None:
            self.close_session(needless)
        return answer

    def session(self, leg: Leg) -> Session:
        """Raises: Refused where this generation of the leg is not there."""
        found = self.sessions.get((leg.user, leg.device))
        if found is None or found.leg.generation != leg.generation:
            raise Refused("unknown_leg", "not in the room")
        return found

    def label(self, leg: Leg, tracks: tuple[Track, ...]) -> None:
        self.session(leg).label(tracks)
        self.refresh()

    def choose(self, leg: Leg, publisher: str, source: TrackSource, layer: Layer) -> None:
        self.session(leg).subscription.choose(publisher, source, layer)

    def answer(self, leg: Leg, sdp: str) -> None:
        """Raises: Refused."""
        self.session(leg).subscription.accept(sdp)
        self._offer_soon()

    def mute(self, user: str, muted: bool) -> None:
        (self.muted.add if muted else self.muted.discard)(user)
        self._apply_muted()

    def _apply_muted(self) -> None:
        for key, source in self.sources.items():
            muted = key.user in self.muted and not source.is_video
            if muted and not source.muted:
                self.speech.forget(key.user)
                for feed in source.feeds:
                    feed.continuity.pause()
            source.muted = muted

    async def record(self, recorder: Recorder | None) -> None:
        """Begins, or ends; what was recorded is whole when this returns."""
        before, self.recorder = self.recorder, recorder
        self._apply_recorder()
        if before is not None:
            await before.close()

    def _apply_recorder(self) -> None:
        for key, source in self.sources.items():
            source.recorder = self.recorder.track(key, source.codec) if self.recorder is not None else None
            source.lacks_key = False

    def refresh(self) -> None:
        """Sources as the sessions publish now; who is gone is passed on no more, and all hear of it by an offer."""
        sources: dict[SourceKey, Source] = {}
        for session in self.sessions.values():
            for incoming in session.reader.incoming.values():
                key = session.key_of(incoming)
                kept = sources.get(key) or self.sources.get(key)
                fits = kept is not None and kept.codec == incoming.form.codec
                source = kept if kept is not None and fits else Source(key, incoming.form.codec, self._tools.settings.keyframe_interval_ms)
                sources[key] = incoming.source = source
        for user in {key.user for key in self.sources} - {key.user for key in sources}:
            self.speech.forget(user)
        self.sources = sources
        self._apply_muted()
        self._apply_recorder()
        self._offer_soon()

    def _offer_soon(self) -> None:
        if self._offering is None:
            self._offering = asyncio.get_running_loop().call_later(OFFER_AFTER_S, self._offer)

    def _offer(self) -> None:
        self._offering = None
        for session in self.sessions.values():
            sdp = session.next_offer()
            if sdp:
                self.emit(Offered(self.room, session.leg, sdp, self._tracks_of(session)))
            else:
                session.subscription.refill()

    def _tracks_of(self, session: Session) -> tuple[Track, ...]:
        """Of the offer that is under way."""
        slots = [slot for slot in session.subscription.offered or () if slot.active]
        return tuple(Track(slot.mid, slot.key.source, slot.key.user, slot.key.device, self._is_muted(slot.key)) for slot in slots)

    def _is_muted(self, key: SourceKey) -> bool:
        publisher = self.sessions.get((key.user, key.device))
        return publisher is not None and publisher.is_muted(key.source)

    # ---- what sessions say

    def came(self, session: Session, incoming: Incoming, packet: Packet, reception: Reception) -> None:
        source = incoming.source
        if source is None or not self._is_heard(session):
            return
        now_ms = self._tools.now_ms()
        first = reception is not source.reception
        source.take(packet, reception, self._tools.socket.outlet, now_ms)
        if source.is_video and (first or source.lacks_key):
            self.keyframe_wanted(source)
        if packet.level >= 0 and not source.muted and source.key.source == "microphone":
            self.speech.heard(source.key.user, packet.level, now_ms)

    def _is_heard(self, session: Session) -> bool:
        """A replaced generation is heard until the new one says something."""
        current = self.sessions.get((session.leg.user, session.leg.device))
        return session is current or (current is not None and not current.carries)

    def keyframe_wanted(self, source: Source) -> None:
        if source.gate.want(self._tools.now_ms()):
            self.ask_keyframe(source)

    def ask_keyframe(self, source: Source) -> None:
        session = self.sessions.get((source.key.user, source.key.device))
        if session is not None and source.reception is not None:
            session.publish.send_rtcp(rtcp.keyframe_wanted(OWN_SSRC, source.reception.ssrc))

    def connected(self, session: Session) -> None:
        if session.publish.state == "connected":
            self._retire((session.leg.user, session.leg.device))

    def parted(self, session: Session) -> None:
        """Its connection was closed from the other side, or never came. What it was to replace and carries still is in its place again."""
        who = (session.leg.user, session.leg.device)
        if self.sessions.get(who) is not session:
            return
        older = self._retiring.get(who)
        if older is None or older.publish.state != "connected":
            self.leave(session, told=True)
            return
        self.sessions[who] = self._retiring.pop(who)
        self.close_session(session)
        self.refresh()

    def leave(self, session: Session, told: bool) -> None:
        """`told`: whether to report that it is gone."""
        who = (session.leg.user, session.leg.device)
        del self.sessions[who]
        self._retire(who)
        self.close_session(session)
        self.refresh()
        if told:
            self.emit(MediaSeen(self.room, session.leg, "gone"))

    def kick(self, user: str, device: str) -> None:
        session = self.sessions.get((user, device))
        if session is not None:
            self.leave(session, told=False)

    def _retire(self, who: Who) -> None:
        old = self._retiring.pop(who, None)
        if old is not None:
            self.close_session(old)

    def close_session(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        await self.record(None)
        if self._offering is not None:
            self._offering.cancel()
        for session in (*self.sessions.values(), *self._retiring.values()):
            self.close_session(session)
        self.sessions, self._retiring, self.sources = {}, {}, {}
        await asyncio.gather(*self._closing, return_exceptions=True)
