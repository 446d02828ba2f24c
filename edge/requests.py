"""What a device's frames come to: performs the effects of `edge.session`, and serves what devices read.

Called by `edge.connection` for every frame; calls `edge.node` (publish), `edge.reader` and the session's sink.
"""

import itertools
import secrets
from typing import TYPE_CHECKING, assert_never

from edge import frames
from edge.clocks import clock_ms, mono_ms
from edge.errors import BadRequest
from edge.metrics import PAUSES, REJECTS
from edge.reader import message_item
from edge.session import End, Nothing, Now, Publish, PublishSignal, Read, Receipt, Session, Signal, Tell, on_frame
from edge.translate import item_of
from schemas.errors import WarblerError
from schemas.records import MessageSignalled

if TYPE_CHECKING:
    from edge.node import Node

UNAVAILABLE_RETRY_MS = 1_000


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
                self.node.publish(command, lambda reject: self._refused(session, reject), lambda: self._uncount(session))
            case PublishSignal(signal):
                self._count(session)
                self.node.publish(signal, lambda reject: self._refused(session, reject), lambda: self._signalled(session, signal))
            case Tell(told):
                if isinstance(told, frames.Reject):
                    REJECTS.labels(told.code).inc()
                session.sink.write(told)
            case Read(request):
                session.requests_running += 1
                self.node.spawn(self._serve(session, request))
            case Signal(record):
                self.node.offer("signals", record.conversation_id, record)
            case Receipt(record):
                self.node.acks.on_mark(session, record)
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

    async def _serve(self, session: Session, request: frames.Sync | frames.History | frames.DirectoryRequest) -> None:
        try:
            await self.answer(session, request)
        finally:
            session.requests_running -= 1

    async def answer(self, session: Session, request: frames.Sync | frames.History | frames.DirectoryRequest) -> None:
        """Writes the answer in the same turn of the loop in which it was completed, so that live events follow it without a gap."""
        try:
            match request:
                case frames.Sync():
                    await self._answer_sync(session, request)
                case frames.History():
                    limit = min(request.limit, self.node.settings.history_messages_limit)
                    views, before = await self.node.reader.history(request.conversation, request.before_seq, limit)
                    items = tuple(message_item(view) for view in views)
                    session.sink.write(frames.HistoryPage(request.request, request.conversation, items, before))
                case frames.DirectoryRequest():
                    directory = await self.node.reader.directory(session.user)
                    entries, following = directory.page(request.after, self.node.settings.directory_entries_limit)
                    session.sink.write(frames.DirectoryPage(request.request, entries, following))
                case _:
                    assert_never(request)
        except WarblerError as exc:
            if isinstance(request, frames.Sync):
                session.catching_up.discard(request.conversation)  # live events flow again: the device sees the gap and asks anew
            session.sink.write(failure_of(request.request, exc))

    async def _answer_sync(self, session: Session, request: frames.Sync) -> None:
        limit = min(request.limit, self.node.settings.sync_events_limit)
        page = await self.node.reader.events(request.conversation, request.from_seq, limit)
        self.node.hub.know_head(request.conversation, page.next_seq - 1)
        if not page.more:
            session.catching_up.discard(request.conversation)
            if page.events:
                session.given[request.conversation] = page.next_seq
        items = tuple(item_of(event) for event in page.events)
        session.sink.write(frames.Page(request.request, request.conversation, items, page.next_seq, page.more, page.missing))


def failure_of(request: str, exc: WarblerError) -> frames.Failure:
    if isinstance(exc, BadRequest):
        return frames.Failure(request, exc.code, exc.detail, exc.retryable, exc.retry_after_ms)
    return frames.Failure(request, "unavailable", str(exc), exc.retryable, UNAVAILABLE_RETRY_MS if exc.retryable else 0)
