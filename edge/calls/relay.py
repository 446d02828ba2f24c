"""Signals between the devices of this node and whoever is on the other side: an engine's driver, or the other device. Called by the desk.

Rule 1: a signal that seems to be of no call here waits until this node has read what is in the log now, then counts as what it is: a
ticket may come before the event that it follows from. Rule 2: what a device sends stays in its order.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog

from edge import call_frames as frames
from edge.calls.early import Early
from edge.calls.in_order import InOrder
from edge.calls.signals import PEER_TO_PEER, BadSignal, Leg, checked, frame_of, record_of
from edge.clocks import clock_ms
from edge.session import TENANT, Session, SharedFrame
from log.port import Record
from rtc.live import CALL_EVENTS, Change, LiveLines
from rtc.state import Call
from rtc.turn import Turn
from schemas import call_events as events
from schemas import call_signals as signals
from schemas.codec import encode
from schemas.errors import WarblerError

if TYPE_CHECKING:
    from edge.node import Node

LOG = structlog.get_logger()
CALL_SIGNALS = "call-signals"
FIRST_GENERATION = 1


class Relay:
    """`decode(record)` gives the signal, or None for what cannot be read."""

    def __init__(self, node: "Node", lines: LiveLines, turn: Turn, decode: Callable[[Record], signals.CallSignal | None]) -> None:
        self._node, self._lines, self._turn, self._decode = node, lines, turn, decode
        self._behind = InOrder(node.spawn)
        self._calls: dict[str, str] = {}  # live calls: their conversations
        self._early = Early()

    def know(self, conversation: str, call_id: str) -> None:
        self._calls[call_id] = conversation

    # ---- from devices

    def send(self, session: Session, frame: frames.CallSignalFrames, at_ms: int) -> None:
        """Into the log, or refused."""
        key = (session.id, frame.call)
        call = self._lines.call(frame.conversation, frame.call)
        bad = checked(call, _leg(session), frame)
        if self._behind.busy(key) or (bad is not None and bad.later):
            self._behind.put(key, lambda: self._after_a_look(session, frame, at_ms))
        else:
            self._passed(session, frame, call, bad, at_ms)

    async def _after_a_look(self, session: Session, frame: frames.CallSignalFrames, at_ms: int) -> None:
        try:
            await self._node.reach(frame.conversation, CALL_EVENTS)
        except WarblerError as exc:
            self._refuse(session, frame, BadSignal("engine_unavailable", str(exc)))
            return
        call = self._lines.call(frame.conversation, frame.call)
        self._passed(session, frame, call, checked(call, _leg(session), frame), at_ms)

    def _passed(self, session: Session, frame: frames.CallSignalFrames, call: Call | None, bad: BadSignal | None, at_ms: int) -> None:
        if bad is not None or call is None:
            self._refuse(session, frame, bad or BadSignal("unknown_call", "there is no such call going on"))
        elif call.engine == PEER_TO_PEER and isinstance(frame, frames.CallTicketWanted):
            self._give_ticket(frame.conversation, call, session.user, session.device, max(FIRST_GENERATION, frame.generation))
        else:
            self._publish(session, frame, record_of(call, _leg(session), frame, at_ms))

    def _publish(self, session: Session, frame: frames.CallSignalFrames, record: signals.CallSignal) -> None:
        def failed(_: WarblerError | None = None) -> None:
            self._refuse(session, frame, BadSignal("engine_unavailable", "the log cannot be reached; send it again"))

        if not self._node.publisher.offer(CALL_SIGNALS, frame.call.encode(), encode(CALL_SIGNALS, record), failed):
            failed()

    def _refuse(self, session: Session, frame: frames.CallSignalFrames, bad: BadSignal) -> None:
        seq = frame.seq if isinstance(frame, frames.CallDescription | frames.CallCandidate) else 0
        session.sink.write(frames.CallSignalRefusal(frame.conversation, frame.call, frame.epoch, seq, bad.code, bad.detail))

    # ---- to devices

    def on_signals(self, records: Iterable[Record]) -> None:
        for record in records:
            if not self._concerns_us(record):
                continue
            signal = self._decode(record)
            if signal is None or signal.direction == "to_engine":
                continue
            if signal.direction == "to_peer" and not self._has_peers(signal):
                self._early.keep(signal)
            else:
                self._tell(signal)

    def _has_peers(self, signal: signals.CallSignal) -> bool:
        call = self._lines.call(signal.conversation_id, signal.call_id)
        return call is not None and len(call.participants) > 1

    def _concerns_us(self, record: Record) -> bool:
        """By the key alone, so that what is for other nodes is not decoded. A call that is not known here yet may be anybody's."""
        conversation = self._calls.get((record.key or b"").decode("utf-8", "replace"))
        call = self._lines.call(conversation) if conversation is not None else None
        return call is None or any(user in self._node.hub.by_user for user in call.parties)

    def _tell(self, signal: signals.CallSignal) -> None:
        frame = frame_of(signal)
        if frame is None:
            return
        shared = SharedFrame(frame)
        for session in self._receivers(signal):
            if session.follow:
                session.sink.write_shared(shared)

    def _receivers(self, signal: signals.CallSignal) -> list[Session]:
        hub = self._node.hub
        if signal.direction == "to_device":
            return hub.of_device(signal.user, signal.device)
        call = self._lines.call(signal.conversation_id, signal.call_id)
        if call is None:
            return []
        if signal.direction == "to_peer":
            others = [party for party in call.participants if party.user != signal.user]
            return [session for party in others for session in hub.of_device(party.user, party.device)]
        sessions = [session for party in call.participants for session in hub.of_user(party.user)]
        return [session for session in sessions if not signal.device or (session.user, session.device) != (signal.user, signal.device)]

    # ---- without an engine

    def on_change(self, change: Change) -> None:
        """Keeps what calls there are; gives those who came into a call without an engine what an engine's driver would give them."""
        event, call = change.event, change.after
        if call is None:
            self._calls.pop(event.call_id, None)
            self._early.take(event.call_id)
            return
        self._calls[call.call_id] = event.conversation_id
        if call.engine != PEER_TO_PEER:
            return
        match event:
            case events.CallRequested() | events.CallAccepted() | events.ParticipantJoined():
                self._give_ticket(event.conversation_id, call, event.user, event.device, FIRST_GENERATION)
                if len(call.participants) > 1:
                    for signal in self._early.take(call.call_id):
                        self._tell(signal)
            case events.EngineSwitched():
                for party in call.participants:
                    self._give_ticket(event.conversation_id, call, party.user, party.device, FIRST_GENERATION)
            case _:
                pass

    def _give_ticket(self, conversation: str, call: Call, user: str, device: str, generation: int) -> None:
        """Straight to the sessions here: every node gives its own what they need."""
        sessions = self._node.hub.of_device(user, device)
        if not sessions:
            return
        now_ms = clock_ms()
        given = signals.TicketGiven(
            tenant=TENANT,
            conversation_id=conversation,
            call_id=call.call_id,
            user=user,
            device=device,
            engine=call.engine,
            epoch=call.epoch,
            generation=generation,
            direction="to_device",
            seq=0,
            at_ms=now_ms,
            engine_kind="p2p",
            url="",
            ticket="",
            ice_servers=self._turn.ice_servers(call.call_id, user, now_ms),
            until_ms=now_ms + self._turn.ttl_ms,
        )
        frame = frame_of(given)
        for session in sessions:
            if frame is not None and session.follow:
                session.sink.write(frame)


def _leg(session: Session) -> Leg:
    return Leg(TENANT, session.user, session.device)
