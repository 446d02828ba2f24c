"""A call's media at this device: the shell around `warbler.call_exchange`, with a pair of connections for every generation.

Called by `warbler.media`, which says what it needs.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from warbler import call_frames as cf
from warbler.call_exchange import Broken, Candidate, Close, Describe, Exchange, Open, Step, Tell
from warbler.call_lane import LaneKey
from warbler.call_values import PeerConnection
from warbler.calls import OfCall, Unsubscribe
from warbler.client import Client
from warbler.errors import CallRefused, MediaBroken
from warbler.happenings import Connected, Happening
from warbler.media_file import Player, Recorder
from warbler.media_peer import Pair

log = logging.getLogger("warbler.media")
ANSWERED = frozenset({"accepted", "connected", "reconnecting", "held"})
P2P_FAILURES_LIMIT = 2  # then the caller moves the call to an engine: this way does not carry it


def now_ms() -> int:
    return int(time.monotonic() * 1000)


@dataclass(slots=True)
class Lane:
    """One generation's connections, and what they still have to do."""

    pair: Pair
    ticket: cf.CallTicket
    steps: asyncio.Queue[Describe | Candidate] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None


class MediaCall:
    """`async with MediaCall(client, call, player, recorder) as media:` from the request or the answer on, until the call is over.

    `player` None: nothing is published but silence. `over` is how the call ended for this device.
    """

    def __init__(self, client: Client, call: OfCall, player: Player | None, recorder: Recorder) -> None:
        self.client, self.call, self.conversation = client, call.call, call.conversation
        self.player, self.recorder = player, recorder
        self.exchange = Exchange(call.conversation, call.call)
        self.lanes: dict[LaneKey, Lane] = {}
        self.over: asyncio.Future[cf.CallOver] = asyncio.get_running_loop().create_future()
        self.limits: cf.CallLimits | None = None
        self.speakers: tuple[cf.FrameSpeaker, ...] = ()
        self.p2p_failures = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._undo: list[Unsubscribe] = []

    async def __aenter__(self) -> "MediaCall":
        calls = self.client.calls
        self.client.observers.append(self._on_happening)
        self._undo = [calls.attach(self.call, self._on_frame), lambda: self.client.observers.remove(self._on_happening)]
        shown = calls.live.get(self.call)
        if shown is not None:
            self._on_shown(shown)
        if self.call in calls.over:
            self._on_over(calls.over[self.call])
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for undo in self._undo:
            undo()
        if self._timer is not None:
            self._timer.cancel()
        self._perform(self.exchange.close())
        for task in tuple(self._tasks):
            if task.get_name() != "close":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.recorder.close()

    async def quality(self) -> cf.FrameQuality | None:
        """What this device had of the call, for `hang_up`; None where nothing came in."""
        if not self.lanes:
            return None
        report = await self.lanes[max(self.lanes)].pair.subscribe.getStats()
        streams = [each for each in report.values() if each.type == "inbound-rtp" and each.packetsReceived]
        if not streams:
            return None
        got, lost = sum(each.packetsReceived for each in streams), sum(max(0, each.packetsLost) for each in streams)
        return cf.FrameQuality(lost / (got + lost), 0, 0, 0)

    # ---- what the edge says

    def _on_happening(self, happening: Happening) -> None:
        if isinstance(happening, Connected):
            # Offers that came while there was no session are lost; the old generation carries media until the new one does.
            self._perform(self.exchange.renew(now_ms()))

    def _on_frame(self, frame: cf.CallFromEdge) -> None:
        match frame:
            case cf.CallTicket() | cf.CallDescribed() | cf.CallCandidateCame() | cf.CallSignalRefusal():
                self._perform(self.exchange.take(frame, now_ms()))
            case cf.CallChanged():
                self._on_shown(frame.call)
            case cf.CallOver():
                self._on_over(frame)
            case cf.CallLimits():
                self.limits = frame
            case cf.CallSpeaking():
                self.speakers = frame.speakers
            case _:
                pass

    def _on_shown(self, shown: cf.CallShown) -> None:
        if shown.state in ANSWERED:
            self._perform(self.exchange.answered(now_ms()))

    def _on_over(self, over: cf.CallOver) -> None:
        if not self.over.done():
            self.over.set_result(over)
        self._perform(self.exchange.close())

    # ---- what the exchange wants

    def _perform(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Open(lane=key, ticket=ticket):
                    self._open(key, ticket)
                case Describe(lane=key) | Candidate(lane=key):
                    self.lanes[key].steps.put_nowait(step)
                case Close(lane=key):
                    self._close(key)
                case Tell(frame=frame):
                    self.client.calls.tell(frame)
                case Broken(code=code, detail=detail):
                    self._broken(code, detail)
        self._arm()

    def _open(self, key: LaneKey, ticket: cf.CallTicket) -> None:
        shown = self.client.calls.live.get(self.call)
        video = shown is None or shown.media == "video"
        published = [] if self.player is None else self.player.published(video=video)
        lane = Lane(Pair(ticket, published, lambda pc, up: self._on_state(key, pc, up)), ticket)
        self.lanes[key] = lane
        lane.task = self._spawn(self._run(key, lane), f"lane {key.epoch}.{key.generation}")

    def _close(self, key: LaneKey) -> None:
        lane = self.lanes.pop(key, None)
        if lane is None:
            return
        if lane.task is not None:
            lane.task.cancel()
        self._spawn(lane.pair.close(), "close")

    def _broken(self, code: str, detail: str) -> None:
        if not self.over.done():
            self.over.set_exception(MediaBroken(code, detail))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wake_ms = self.exchange.wake_ms()
        self._timer = None
        if wake_ms is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0, wake_ms - now_ms()) / 1000, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._perform(self.exchange.tick(now_ms()))

    # ---- a generation's connections

    async def _run(self, key: LaneKey, lane: Lane) -> None:
        try:
            sdp, tracks = await lane.pair.offer()
            self._perform(self.exchange.describe(key, "publish", "offer", sdp, tracks))
            while True:
                await self._step(key, lane, await lane.steps.get())
        except (ValueError, RuntimeError, ConnectionError) as error:
            # The other side's description was of no use to aiortc, or came when none was due.
            self._perform(self.exchange.failed(key, now_ms()))
            log.warning("generation %s of call %s: %s", key, self.call, error)

    async def _step(self, key: LaneKey, lane: Lane, step: Describe | Candidate) -> None:
        if isinstance(step, Candidate):
            await lane.pair.candidate(step.pc, step.candidate, step.mid)
        elif step.pc == "publish":
            await lane.pair.answered(step.sdp)
        else:
            answer = await lane.pair.answer(step.sdp)
            self._perform(self.exchange.describe(key, "subscribe", "answer", answer))
            for each in lane.pair.received(self._named(step.tracks)):
                self.recorder.take(each.of, each.track)

    def _named(self, tracks: Sequence[cf.FrameTrack]) -> list[cf.FrameTrack]:
        """Between two without an engine the peer does not say who it is."""
        shown = self.client.calls.live.get(self.call)
        others = [party for party in shown.parties if party.user != self.client.user and party.device] if shown else []
        if len(others) != 1:
            return list(tracks)
        return [track if track.user else replace(track, user=others[0].user, device=others[0].device) for track in tracks]

    def _on_state(self, key: LaneKey, pc: PeerConnection, up: bool) -> None:
        lane = self.lanes.get(key)
        if lane is None:
            return
        p2p = lane.ticket.engine_kind == "p2p"
        if p2p and pc == "subscribe":
            self._spawn(self._report(up), "report")
        if up:
            self._perform(self.exchange.connected(key, pc, now_ms()))
        elif p2p and self._give_up_p2p(key):
            self._spawn(self._to_engine(), "switch")
        else:
            self._perform(self.exchange.failed(key, now_ms()))

    def _give_up_p2p(self, key: LaneKey) -> bool:
        if self.exchange.newest is None or key != self.exchange.newest.key:
            return False
        self.p2p_failures += 1
        shown = self.client.calls.live.get(self.call)
        return self.p2p_failures == P2P_FAILURES_LIMIT and shown is not None and shown.caller == self.client.user

    async def _report(self, up: bool) -> None:
        with contextlib.suppress(CallRefused):  # the call may be over by then
            await self.client.calls.report_media(self, "up" if up else "lost")

    async def _to_engine(self) -> None:
        with contextlib.suppress(CallRefused):
            await self.client.calls.switch(self)
