"""Calls of a live session: `client.calls`. Commands, rings and how calls stand; media is another matter (`warbler.media`).

Made by `Client`. A shell around `warbler.call_book`: it answers rings with "delivered" and renews leases by itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from warbler import call_frames as cf
from warbler.call_book import CallBook
from warbler.call_values import CallKind, CallMedia, Layer, TrackSource
from warbler.errors import CallIsOver

RENEW_EVERY_S = 25.0  # below a third of the server's usual lease
CONFIRM_WITHIN_S = 10.0  # after a hello; the edge tells in the first moment, if its fold of the log is up to date
RING_MS = 60_000
AskedEngine = Literal["", "embedded", "janus", "livekit", "p2p"]
SwitchKind = Literal["", "embedded", "janus", "livekit"]
Unsubscribe = Callable[[], None]
T = TypeVar("T")
HELD_CALLS_LIMIT = 64
HELD_FRAMES_LIMIT = 128
OF_MEDIA = (cf.CallTicket, cf.CallDescribed, cf.CallCandidateCame, cf.CallTracksChanged, cf.CallLimits, cf.CallSignalRefusal)


class OfCall(Protocol):
    """What names a call: a ring, an ack, a call as it is shown."""

    @property
    def conversation(self) -> str: ...

    @property
    def call(self) -> str: ...


class CallPort(Protocol):
    """The session that calls are spoken over; the client is one."""

    @property
    def user(self) -> str: ...

    @property
    def device(self) -> str: ...

    def submit_call(self, frame: cf.CallCommandFrames) -> "asyncio.Future[cf.CallAck]": ...

    def tell_call(self, frame: cf.CallSignalFrames) -> None: ...

    def new_id(self) -> str: ...

    def server_ms(self) -> int: ...


class Calls:
    """Raises, from every command: CallRefused with the server's code and whose doing it is; SignedOut, Closed when the client ended.

    Commands return when the log has them; each returns the ack, whose `call` is the call it came to: after a glare the other's.
    """

    def __init__(self, port: CallPort) -> None:
        self._port = port
        self._book = CallBook()
        self._watchers: list[Callable[[cf.CallFromEdge], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._confirming: asyncio.TimerHandle | None = None
        self._attached: dict[str, list[Callable[[cf.CallFromEdge], None]]] = {}
        self._held: dict[str, list[cf.CallFromEdge]] = {}  # of media, for calls that nobody has attached to yet
        self.deliver = True  # whether a ring is answered with "delivered" by itself

    # ---- what is known

    @property
    def rings(self) -> Mapping[str, cf.CallRing]:
        """Calls that ring here now, by call id."""
        return self._book.rings

    @property
    def live(self) -> Mapping[str, cf.CallShown]:
        """Calls this user takes part in, or has asked for, as they stand."""
        return self._book.live

    @property
    def over(self) -> Mapping[str, cf.CallOver]:
        """The last calls that ended here. Of one that ended while there was no session, `reason` and `left` are None."""
        return self._book.over

    def watch(self, tell: Callable[[cf.CallFromEdge], None]) -> Unsubscribe:
        """Calls `tell` at once with every frame about calls. Not to be blocked."""
        self._watchers.append(tell)
        return lambda: self._watchers.remove(tell)

    def on_ring(self, tell: Callable[[cf.CallRing], None]) -> Unsubscribe:
        """Calls `tell` with every ring, and at once with those that ring already."""
        for ring in tuple(self.rings.values()):
            tell(ring)
        return self.watch(lambda frame: tell(frame) if isinstance(frame, cf.CallRing) else None)

    def attach(self, call: str, tell: Callable[[cf.CallFromEdge], None]) -> Unsubscribe:
        """Calls `tell` with every frame about this call, and at once with what came for its media before: the ticket is faster than
        the application."""
        here = self._attached.setdefault(call, [])
        here.append(tell)
        for frame in self._held.pop(call, ()):
            tell(frame)

        def undo() -> None:
            here.remove(tell)
            if not here:
                self._attached.pop(call, None)

        return undo

    async def next_ring(self) -> cf.CallRing:
        """The ring that is there, or the next that comes."""
        waiting: asyncio.Future[cf.CallRing] = asyncio.get_running_loop().create_future()
        undo = self.on_ring(lambda ring: None if waiting.done() else waiting.set_result(ring))
        try:
            return await waiting
        finally:
            undo()

    async def until(self, call: OfCall, *states: cf.ShownState) -> cf.CallShown:
        """How the call stands once it is in one of these states. Raises: CallIsOver when it ends first."""

        def reached() -> cf.CallShown | None:
            shown = self.live.get(call.call)
            if shown is not None:
                return shown if shown.state in states else None
            if call.call in self.over:
                raise CallIsOver(self.over[call.call])
            return None

        return await self._when(reached)

    async def ended(self, call: OfCall) -> cf.CallOver:
        """How the call ended, or this user's part of it, once it has."""
        return await self._when(lambda: self.over.get(call.call))

    async def stopped(self, call: OfCall) -> None:
        """Returns once the call does not ring here any more, for whatever reason."""
        await self._when(lambda: None if call.call in self.rings else True)

    async def _when(self, look: Callable[[], T | None]) -> T:
        changed = asyncio.Event()
        undo = self.watch(lambda _: changed.set())
        try:
            while (found := look()) is None:
                changed.clear()
                await changed.wait()
            return found
        finally:
            undo()

    # ---- before an answer

    def request_nowait(
        self,
        conversation: str,
        callees: Sequence[str] = (),
        *,
        call_kind: CallKind = "one_to_one",
        media: CallMedia = "audio",
        ring_ms: int = RING_MS,
        engine: AskedEngine = "",
        offer_hash: str = "",
    ) -> "asyncio.Future[cf.CallAck]":
        frame = cf.CallRequest(
            id=self._port.new_id(),
            conversation=conversation,
            call=self._port.new_id(),
            call_kind=call_kind,
            media=media,
            callees=tuple(callees),
            ring_ms=ring_ms,
            engine=engine,
            offer_hash=offer_hash,
        )
        return self._port.submit_call(frame)

    async def request(
        self,
        conversation: str,
        callees: Sequence[str] = (),
        *,
        call_kind: CallKind = "one_to_one",
        media: CallMedia = "audio",
        ring_ms: int = RING_MS,
        engine: AskedEngine = "",
    ) -> cf.CallAck:
        """Rings `callees`, or everybody in the conversation. Units: `ring_ms` 30,000 to 120,000."""
        placed = self.request_nowait(conversation, callees, call_kind=call_kind, media=media, ring_ms=ring_ms, engine=engine)
        return await placed

    async def ringing(self, call: OfCall) -> cf.CallAck:
        """Says that this device shows the ring."""
        return await self._say(cf.CallRinging, call)

    async def accept(self, call: OfCall) -> cf.CallAck:
        return await self._say(cf.CallAccept, call)

    async def reject(self, call: OfCall) -> cf.CallAck:
        return await self._say(cf.CallReject, call)

    async def busy(self, call: OfCall) -> cf.CallAck:
        return await self._say(cf.CallBusy, call)

    # ---- during it

    async def hang_up(self, call: OfCall, *, for_all: bool = False, quality: cf.FrameQuality | None = None) -> cf.CallAck:
        """Ends a call between two; leaves a group's, or ends it `for_all`."""
        return await self._say(cf.CallHangUp, call, for_all=for_all, quality=quality)

    async def join(self, call: OfCall) -> cf.CallAck:
        """Into a group's call; or with this device into a call that the user is in."""
        return await self._say(cf.CallJoin, call)

    async def leave(self, call: OfCall, *, quality: cf.FrameQuality | None = None) -> cf.CallAck:
        return await self._say(cf.CallLeave, call, quality=quality)

    async def invite(self, call: OfCall, callees: Sequence[str], *, ring_ms: int = RING_MS) -> cf.CallAck:
        return await self._say(cf.CallInvite, call, callees=tuple(callees), ring_ms=ring_ms)

    async def transfer(self, call: OfCall, target: str, *, ring_ms: int = RING_MS) -> cf.CallAck:
        """`target` takes this user's place once it has accepted."""
        return await self._say(cf.CallTransfer, call, target=target, ring_ms=ring_ms)

    async def kick(self, call: OfCall, target: str) -> cf.CallAck:
        return await self._say(cf.CallKick, call, target=target)

    async def mute(self, call: OfCall, target: str, muted: bool = True) -> cf.CallAck:
        """By a moderator, of somebody else."""
        return await self._say(cf.CallMute, call, target=target, muted=muted)

    async def hand(self, call: OfCall, raised: bool = True) -> cf.CallAck:
        return await self._say(cf.CallHand, call, raised=raised)

    async def upgrade(self, call: OfCall) -> cf.CallAck:
        """From audio to video."""
        return await self._say(cf.CallUpgrade, call)

    async def hold(self, call: OfCall) -> cf.CallAck:
        return await self._say(cf.CallHold, call)

    async def resume(self, call: OfCall) -> cf.CallAck:
        return await self._say(cf.CallResume, call)

    async def switch(self, call: OfCall, engine: SwitchKind = "") -> cf.CallAck:
        """To another engine: by a moderator, or by either of two that speak without one."""
        return await self._say(cf.CallSwitch, call, engine=engine)

    async def report_media(self, call: OfCall, flow: Literal["up", "lost"]) -> cf.CallAck:
        """Of a call without an engine: whether the other's media comes in. `warbler.media` says it by itself."""
        return await self._say(cf.CallMediaFlow, call, flow=flow)

    def _say(self, kind: type[cf.CallCommandFrames], call: OfCall, **fields: object) -> "asyncio.Future[cf.CallAck]":
        frame = kind(id="", conversation=call.conversation, call=call.call, **fields)  # type: ignore[arg-type]
        return self._port.submit_call(frame)

    # ---- signals, which may be lost

    def tell(self, frame: cf.CallSignalFrames) -> None:
        self._port.tell_call(frame)

    def set_tracks(self, call: OfCall, tracks: Sequence[cf.FrameTrack], epoch: int = 1) -> None:
        """Tells everybody what this device's tracks are now: a muted one, a screen."""
        self.tell(cf.CallTracks(conversation=call.conversation, call=call.call, epoch=epoch, tracks=tuple(tracks)))

    def set_layer(self, call: OfCall, publisher: str, source: TrackSource, layer: Layer, epoch: int = 1) -> None:
        """How much of somebody's track this device wants to get."""
        frame = cf.CallLayer(conversation=call.conversation, call=call.call, epoch=epoch, publisher=publisher, source=source, layer=layer)
        self.tell(frame)

    # ---- what the client brings

    def connected(self) -> None:
        """A new session: the edge tells again what rings and what is live."""
        self._book.connected()
        if self._confirming is not None:
            self._confirming.cancel()
        self._confirming = asyncio.get_running_loop().call_later(CONFIRM_WITHIN_S, self._on_confirmed)

    def _on_confirmed(self) -> None:
        self._confirming = None
        for end in self._book.unconfirmed_over(self._port.server_ms()):
            self._hand_on(end)

    def take(self, frame: cf.CallFromEdge) -> None:
        if self._book.take(frame):
            self._on_news(frame)
            self._arm()

    def _on_news(self, frame: cf.CallFromEdge) -> None:
        if isinstance(frame, cf.CallRing) and self.deliver:
            _forget(self._say(cf.CallDelivered, frame))
        self._hand_on(frame)

    def _hand_on(self, frame: cf.CallFromEdge) -> None:
        for tell in tuple(self._watchers):
            tell(frame)
        call = frame.call.call if isinstance(frame, cf.CallChanged) else frame.call
        for tell in tuple(self._attached.get(call, ())):
            tell(frame)
        if isinstance(frame, cf.CallOver):
            self._held.pop(call, None)
        elif call not in self._attached and isinstance(frame, OF_MEDIA):
            self._hold(call, frame)

    def _hold(self, call: str, frame: cf.CallFromEdge) -> None:
        held = self._held.setdefault(call, [])
        if len(held) < HELD_FRAMES_LIMIT:
            held.append(frame)
        while len(self._held) > HELD_CALLS_LIMIT:
            del self._held[next(iter(self._held))]

    def _arm(self) -> None:
        if self._timer is None and self._book.live:
            self._timer = asyncio.get_running_loop().call_later(RENEW_EVERY_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for shown in self._book.to_renew(self._port.user, self._port.device):
            _forget(self._say(cf.CallRenew, shown))
        self._arm()

    def close(self) -> None:
        for timer in (self._timer, self._confirming):
            if timer is not None:
                timer.cancel()
        self._timer = self._confirming = None


def _forget(answer: "asyncio.Future[cf.CallAck]") -> None:
    """The ring may be over by then, or the client closed: nobody waits for this answer."""
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())
