"""What a device's frames come to: performs the effects of `edge.session`, and serves what devices read.

Called by `edge.connection` for every frame; calls `edge.node` (publish), `edge.reader` and the session's sink.
"""

import itertools
import secrets
from typing import TYPE_CHECKING, assert_never

import structlog

from edge import frames
from edge.call_frames import CallRefusal
from edge.clocks import clock_ms, mono_ms
from edge.closing import SLOW
from edge.completion import DIRECT
from edge.errors import BadRequest, SessionEnded
from edge.metrics import PAUSES, REJECTS
from edge.reader import sent_away
from edge.session import (
    Announce,
    AskCall,
    End,
    Nothing,
    Now,
    Publish,
    PublishSignal,
    Read,
    Receipt,
    Request,
    Session,
    Signal,
    SignalCall,
    Tell,
    on_frame,
    takes_unread_back,
)
from edge.translate import failure_of, item_for, message_item
from schemas.errors import WarblerError
from schemas.records import MessageSignalled

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()


class Requests:
    def __init__(self, node: "Node") -> None:
        self.node = node
        self._traces = itertools.count()
        self._trace_base = secrets.token_hex(8)

    def on_frame(self, session: Session, frame: frames.FromDevice) -> None:
        now = Now(clock_ms(), mono_ms(), f"{self._trace_base}{next(self._traces):08x}")
        effect = on_frame(session, frame, now, self.node.settings)
        match effect:
            case Publish(command):
                self._count(session)
                self.node.hub.ask(session, command.conversation_id)
                self.node.publish(command, lambda reject: self._refused(session, reject), lambda: self._uncount(session))
                if (mark := takes_unread_back(session, command, now)) is not None:
                    self.node.watermarks.mark(mark)
            case PublishSignal(signal):
                self._count(session)
                self.node.publish(signal, lambda reject: self._refused(session, reject), lambda: self._signalled(session, signal))
            case Tell(told):
                if isinstance(told, frames.Reject | CallRefusal):
                    REJECTS.labels(told.code).inc()
                session.sink.write(told)
            case Read(request):
                session.requests_running += 1
                self.node.spawn(self._serve(session, request))
            case Signal(record):
                if record.conversation_id.startswith(DIRECT):  # the other may block this user
                    self.node.spawn(self.node.friends.signal(record))
                else:
                    self.node.offer("signals", record.conversation_id, record)
            case Receipt(record):
                self.node.acks.on_mark(session, record)
            case Announce(away, status):
                self.node.sessions.announce(session, away, status)
            case AskCall(asked):
                self._count(session)
                self.node.calls.ask(
                    session, asked, now, lambda refusal: self._call_refused(session, refusal), lambda: self._uncount(session)
                )
            case SignalCall(call_signal):
                self.node.calls.relay.send(session, call_signal, now.ms)
            case End(close):
                session.sink.end(close)
                self.node.sessions.close(session, close)
            case Nothing():
                pass
            case _:
                assert_never(effect)

    def _count(self, session: Session) -> None:
        """One more command of this session is on its way to the log; above the bound its socket is not read."""
        session.publishing += 1
        if session.publishing > self.node.settings.session_publishing_limit and not session.paused:
            session.paused = True
            session.sink.read_on(False)
            PAUSES.inc()

    def _uncount(self, session: Session) -> None:
        session.publishing -= 1
        if session.paused and session.publishing <= self.node.settings.session_publishing_limit // 2:
            session.paused = False
            session.last_heard_mono_ms = mono_ms()  # its pings lay unread
            session.sink.read_on(True)

    def _signalled(self, session: Session, signal: MessageSignalled) -> None:
        self._uncount(session)
        session.outstanding.discard(signal.command_id)
        session.sink.write(frames.Ack(signal.command_id, signal.conversation_id, 0, 0, signal.at_ms))

    def _refused(self, session: Session, reject: frames.Reject) -> None:
        self._uncount(session)
        REJECTS.labels(reject.code).inc()
        session.outstanding.discard(reject.id)
        session.sink.write(reject)

    def _call_refused(self, session: Session, refusal: CallRefusal) -> None:
        self._uncount(session)
        REJECTS.labels(refusal.code).inc()
        session.outstanding.discard(refusal.id)
        session.sink.write(refusal)

    async def _serve(self, session: Session, request: Request) -> None:
        try:
            await self.answer(session, request)
        finally:
            session.requests_running -= 1

    async def answer(self, session: Session, request: Request) -> None:
        """Writes the answer in the same turn of the loop in which it was completed, so that live events follow it without a gap."""
        try:
            async with session.sink.room():
                await self._answer_now(session, request)
        except SessionEnded:  # it reads too slowly and was cut off
            self.node.sessions.close(session, SLOW)
        except WarblerError as exc:
            if isinstance(request, frames.Sync):
                session.catching_up.discard(request.conversation)  # live events flow again: the device sees the gap and asks anew
            if not isinstance(exc, BadRequest):
                LOGGER.warning("a request cannot be served", session=session.id, error=f"{type(exc).__name__}: {exc}")
            session.sink.write(_failure_of(request, exc))

    async def _answer_now(self, session: Session, request: Request) -> None:
        match request:
            case frames.Sync():
                await self._answer_sync(session, request)
            case frames.History():
                limit = min(request.limit, self.node.settings.history_messages_limit)
                views, before = await self.node.readable.history(session.user, request.conversation, request.before_seq, limit)
                if request.conversation not in session.conversations:
                    raise sent_away(request.conversation)
                items = tuple(message_item(view) for view in views)
                session.sink.write(frames.HistoryPage(request.request, request.conversation, items, before))
            case frames.DirectoryRequest():
                own = await self.node.receipts.own_rows(session.user)
                found = await self.node.directories.page(session.user, request.after, session.directory_order, session.conversations)
                session.directory_order = found.rest
                entries = self.node.receipts.laid_over(session.user, own, found.page.entries)
                session.sink.write(frames.DirectoryPage(request.request, entries, found.page.next))
            case frames.Receipts() | frames.WatchReceipts():
                await self.node.receipts.answer(session, request)
            case frames.WatchPresence():
                await self.node.presence.answer(session, request)
            case _:
                assert_never(request)

    async def _answer_sync(self, session: Session, request: frames.Sync) -> None:
        limit = min(request.limit, self.node.settings.sync_events_limit)
        conversation = request.conversation
        page = await self.node.readable.events(
            session.user, lambda: conversation in session.conversations, conversation, request.from_seq, limit
        )
        self.node.hub.know_head(conversation, page.next_seq - 1)
        if not page.more:
            session.catching_up.discard(request.conversation)
            session.given[request.conversation] = page.next_seq
        items = tuple(item_for(session.user, event) for event in page.events)
        session.sink.write(frames.Page(request.request, request.conversation, items, page.next_seq, page.more, page.missing))


def _failure_of(request: Request, exc: WarblerError) -> frames.Failure:
    match request:
        case frames.WatchReceipts():
            return failure_of("", exc)
        case frames.Sync(request=""):  # begun by a position in the hello: the conversation says which one
            return failure_of("", exc, request.conversation)
        case _:
            return failure_of(request.request, exc)
