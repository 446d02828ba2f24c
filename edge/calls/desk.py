"""Calls on this node: commands to their owner and its answers back, rings and what else users hear, and what the signals' relay needs.

Called by `edge.requests` (frames), the feed (records), `edge.sessions` (hello, end), `edge.node` (start); calls the node's publisher, the
finder, the relay and the sessions' sinks. What is told to whom is in `edge.calls.rings`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog

from edge import call_frames as frames
from edge.calls.filling import Asking, Facts, ack_of, answer_of, command_of, refusal
from edge.calls.finding import BadCall, Finder, needs_a_look
from edge.calls.ice import turn_of
from edge.calls.in_order import InOrder
from edge.calls.leaving import sent_away, signed_out
from edge.calls.relay import CALL_SIGNALS, Relay
from edge.calls.rings import greetings, tellings
from edge.clocks import clock_ms
from edge.delivery import left
from edge.errors import BadRequest, detail_of
from edge.metrics import CALL_FRAMES
from edge.reading import understood
from edge.session import TENANT, Now, Session, SharedFrame
from edge.translate import UNAVAILABLE_RETRY_MS
from log.port import Record
from log.whole import whole
from rtc.active import ActiveLegs
from rtc.choose import Engines
from rtc.live import CALL_EVENTS, CALL_STATE, Change, LineGap, LiveLines
from rtc.rules import Rules
from schemas import call_commands as commands
from schemas import events
from schemas.call_events import Event
from schemas.call_records import CallReply, EngineAnnounced
from schemas.call_signals import CallSignal
from schemas.codec import encode
from schemas.errors import WarblerError

if TYPE_CHECKING:
    from edge.node import Node

LOG = structlog.get_logger()
CALL_COMMANDS, CALL_REPLIES, CALL_ENGINES = "call-commands", "call-replies", "call-engines"
FORGET_S = 60.0
Refuse = Callable[[frames.CallRefusal], None]
Appended = Callable[[], None]
Asked = tuple[str, str, str]  # user, device, command id; the first two empty of a command that carries neither


class CallDesk:
    def __init__(self, node: "Node", env: Mapping[str, str]) -> None:
        self.node = node
        self.lines, self.engines = LiveLines(), Engines()
        self.active = ActiveLegs(Rules.from_env(env).invites_window_ms)
        self.finder = Finder(node, self.lines, self.active, self.engines)
        self.relay = Relay(node, self.lines, turn_of(env), lambda record: understood(record, CallSignal))
        self._in_order = InOrder(node.spawn)
        self._asked: dict[Asked, Session] = {}
        self.handlers = {
            CALL_EVENTS: self.on_events,
            CALL_REPLIES: self.on_replies,
            CALL_SIGNALS: self.relay.on_signals,
            CALL_ENGINES: self.on_engines,
        }

    async def start(self) -> None:
        """Takes up the live calls, and tells the feed where they end; after `Feed.locate`. Raises: LogUnavailable."""
        log, now_ms = self.node.log, clock_ms()
        for partition in range(await log.partitions_count(CALL_STATE)):
            async for records in whole(log, CALL_STATE, partition):
                for record in records:
                    if not self.lines.saved(record, now_ms):
                        LOG.warning("a saved line is not understood", partition=record.partition, offset=record.offset)
        for line, call in self.lines.live():
            self.active.know(line.conversation_id, call)
            self.relay.know(line.conversation_id, call.call_id)
        for topic, partition in [place for place in self.node.feed.positions if place[0] == CALL_EVENTS]:
            start = await log.start_offset(topic, partition)
            self.node.feed.positions[topic, partition] = max(start, self.lines.events_next.get(partition, start))

    async def forget_old(self) -> None:
        """For ever: lets go of what counts no more."""
        while True:
            await asyncio.sleep(FORGET_S)
            self.lines.forget(clock_ms())
            self.active.forget(clock_ms())

    # ---- sessions

    def greet(self, session: Session) -> None:
        """The session has been welcomed: it rings, or hears how its user's calls stand."""
        if not session.follow:
            return
        now_ms = clock_ms()
        for line, call in self.lines.of_user(session.user):
            busy = self.active.busy(session.user, line.conversation_id)
            for frame in greetings(line.conversation_id, line.head_seq, call, session.user, busy, now_ms, self.engines.kind):
                CALL_FRAMES.labels(str(frame.__struct_config__.tag)).inc()
                session.sink.write(frame)

    def forget(self, session: Session) -> None:
        """The session ended."""
        for command_id in session.outstanding:
            for asked in ((session.user, session.device, command_id), ("", "", command_id)):
                if self._asked.get(asked) is session:
                    del self._asked[asked]

    def leave(self, session: Session) -> None:
        """The session is ended for good: what its device takes part in, it leaves at once, not when its lease is over."""
        now_ms = clock_ms()
        for line, call in self.lines.of_user(session.user):
            self._say(signed_out(TENANT, line.conversation_id, call, session.user, session.device, session.id, now_ms))

    def on_event(self, event: events.Event) -> None:
        """Who is no member any more is out of the conversation's call too."""
        call = self.lines.call(event.conversation_id)
        for user in left(event) if call is not None else ():
            assert call is not None
            self._say(sent_away(TENANT, event.conversation_id, call, user, event.event_id, clock_ms()))

    def _say(self, command: commands.Command | None) -> None:
        """Nobody waits for the answer; where it is lost, the lease ends the same."""
        if command is not None:
            self.node.publisher.offer(CALL_COMMANDS, command.conversation_id.encode(), encode(CALL_COMMANDS, command))

    # ---- commands

    def ask(self, session: Session, frame: frames.CallCommandFrame, now: Now, refuse: Refuse, appended: Appended) -> None:
        """Publishes the command, or refuses it; its answer comes with the owner's event or reply.

        Commands of a conversation stay in their order: what comes while one of them is being looked up waits behind it.
        """
        member = frame.conversation in session.conversations
        asking = Asking(TENANT, session.user, session.device, now.trace_id, now.ms)

        def publish(facts: Facts) -> None:
            self._publish(session, frame, command_of(frame, asking, facts), refuse, appended)

        async def look_up() -> None:
            try:
                facts = await self.finder.facts(session.user, session.device, member, frame) if needs_a_look(frame) else plain
            except BadCall as bad:
                refuse(refusal(frame, bad.code, bad.fault, str(bad), bad.retry_after_ms))
            except BadRequest as bad:
                refuse(refusal(frame, "unavailable", "nobody", str(bad), bad.retry_after_ms or UNAVAILABLE_RETRY_MS))
            except WarblerError as exc:
                refuse(refusal(frame, "unavailable", "nobody", f"cannot be looked up: {detail_of(exc)}", UNAVAILABLE_RETRY_MS))
            else:
                publish(facts)

        plain = Facts("member" if member else "outsider")
        if needs_a_look(frame) or self._in_order.busy(frame.conversation):
            self._in_order.put(frame.conversation, look_up)
        else:
            publish(plain)

    def _publish(
        self, session: Session, frame: frames.CallCommandFrame, command: commands.Command, refuse: Refuse, appended: Appended
    ) -> None:
        asked = _asked(command)
        self._asked[asked] = session

        def unavailable(detail: str) -> None:
            self._asked.pop(asked, None)
            refuse(refusal(frame, "unavailable", "nobody", detail, UNAVAILABLE_RETRY_MS))

        def failed(_: WarblerError) -> None:
            unavailable("the log cannot be reached; send the command again with the same id")

        value = encode(CALL_COMMANDS, command)
        if not self.node.publisher.offer(CALL_COMMANDS, command.conversation_id.encode(), value, failed, appended):
            unavailable("the log does not keep up")

    # ---- from the log

    def on_events(self, records: Iterable[Record]) -> None:
        for record in records:
            event: Event | None = understood(record, Event) if record.key is not None else None  # else a writer_changed record
            if event is None:
                continue
            asker = self._answer(event.user, event.device, event.command_id, partial(ack_of, event))
            change = self._take(event)
            if change is None:
                continue
            for telling in tellings(change, clock_ms(), self.engines.kind) if self._concerns_us(change) else ():
                self._tell(telling.users, telling.frame, (event.user, telling.not_by) if telling.not_by else None, asker)
            self.relay.on_change(change)

    def _concerns_us(self, change: Change) -> bool:
        """Whether a party has a session here: the frames of the calls of other nodes are not even made."""
        call = change.after or change.before
        return call is not None and any(user in self.node.hub.by_user for user in call.parties)

    def _take(self, event: Event) -> Change | None:
        try:
            change = self.lines.take(event)
        except LineGap as gap:
            LOG.error("a conversation's calls are not known from here on", error=str(gap), seq=event.seq)
            return None
        if change is not None:
            self.active.take(event)
        return change

    def _tell(self, users: Iterable[str], frame: frames.CallFromEdge, by: tuple[str, str] | None, asker: Session | None) -> None:
        """`by`: the device that needs not hear it. Where the session that asked is one of ours, it is that one alone."""
        shared = SharedFrame(frame)
        told = CALL_FRAMES.labels(str(frame.__struct_config__.tag))
        for user in users:
            for session in self.node.hub.of_user(user):
                knows = session is asker if asker is not None else (session.user, session.device) == by
                if session.follow and not (by is not None and knows):
                    session.sink.write_shared(shared)
                    told.inc()

    def on_replies(self, records: Iterable[Record]) -> None:
        for record in records:
            reply: CallReply | None = understood(record, CallReply)
            if reply is not None:
                self._answer(reply.user, reply.device, reply.command_id, partial(answer_of, reply))

    def _answer(self, user: str, device: str, command_id: str, answer: Callable[[], frames.CallFromEdge]) -> Session | None:
        """To the session that asked, if it was here. A command's further events, and what was asked elsewhere, answer nobody."""
        session = self._asked.pop((user, device, command_id), None)
        if session is None or session.id not in self.node.hub.sessions:
            return None
        session.outstanding.discard(command_id)
        session.sink.write(answer())
        return session

    def on_engines(self, records: Iterable[Record]) -> None:
        for record in records:
            said: EngineAnnounced | None = understood(record, EngineAnnounced) if record.value is not None else None
            if said is not None:
                self.engines.take(said)


def _asked(command: commands.Command) -> Asked:
    if isinstance(command, commands.DeviceCommand):
        return command.user, command.device, command.command_id
    return "", "", command.command_id
