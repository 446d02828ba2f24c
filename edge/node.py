"""An edge node: its sessions, and the shell that performs what `edge.session` decides.

Called by `edge.connection` (frames), `edge.rest` (commands over HTTP) and `edge.__main__` (start, stop). Calls the log and the store.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

import structlog

from edge import frames
from edge.closing import BAD_TOKEN, GOING_AWAY, HEARTBEAT_LOST, TOKEN_EXPIRED, TOKEN_REVOKED, TOO_MANY_SESSIONS, UNAVAILABLE, CloseCode
from edge.delivery import Delivery
from edge.errors import BadRequest, BadToken, ExpiredToken, SessionEnded
from edge.feed import Feed
from edge.hub import Hub
from edge.metrics import COMMANDS, REJECTS, SESSIONS
from edge.publisher import Publisher
from edge.rate import Bucket
from edge.reader import Reader, message_item, sent_away
from edge.receipts import Watermarks
from edge.recent import Recent
from edge.registry import SessionRegistry
from edge.session import TENANT, End, Nothing, Now, Publish, Read, Receipt, Session, Signal, Sink, Tell, on_frame
from edge.settings import EdgeSettings
from edge.tokens import ADMIN_LOGIN, Grant, TokenKey
from edge.translate import item_of
from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.port import Log, Record
from schemas.codec import AnyRecord, encode
from schemas.commands import Command
from schemas.errors import WarblerError
from schemas.records import SessionClosed, SessionEvent, SessionOpened, SessionRenewed
from store.accounts import Accounts
from store.timelines import Timelines

LOGGER = structlog.get_logger()

EVENTS = "conversation-events"
COMMAND_TOPIC = "conversation-commands"
PUBLISHED = (COMMAND_TOPIC, "receipts", "signals", "sessions", DEAD_LETTERS_TOPIC)
UNAVAILABLE_RETRY_MS = 1_000
RECEIPTS_SESSIONS_LIMIT = 50
LAG_INTERVAL_S = 2.0
CATCH_UPS_AT_ONCE = 2  # two pages of PAGE_BYTES_LIMIT are half of the default outbox


class Node:
    def __init__(
        self, settings: EdgeSettings, name: str, log: Log, timelines: Timelines, accounts: Accounts, key: TokenKey, epoch: str
    ) -> None:
        self.settings, self.name, self.key, self.epoch = settings, name, key, epoch
        self.timelines, self.accounts = timelines, accounts
        self.hub = Hub()
        self.recent = Recent(settings.recent_bytes_limit)
        self.registry = SessionRegistry()
        self.delivery = Delivery(self.hub, self.recent, self.registry, RECEIPTS_SESSIONS_LIMIT, self._bury)
        self.publisher = Publisher(log, settings.produce_interval_ms, settings.publish_bytes_limit)
        self.reader = Reader(timelines, self.recent, self._reach)
        self.watermarks = Watermarks()
        handlers = {
            EVENTS: self.delivery.on_events,
            "replies": self.delivery.on_replies,
            "receipts": self.delivery.on_receipts,
            "signals": self.delivery.on_signals,
            "sessions": self.delivery.on_sessions,
        }
        self.feed = Feed(log, handlers)
        self.on_fault: Callable[[BaseException], None] = _raise  # `edge.__main__` ends the process instead
        self.feed_lag = 0
        self.draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._traces = itertools.count()
        self._trace_base = secrets.token_hex(8)

    # ---- life

    async def start(self) -> None:
        """Returns when the feed has reached the log's end as it was, so that every session sees everything from its first moment."""
        await self.publisher.start(PUBLISHED)
        progress = await self.timelines.progress()
        self.recent.advance(progress)
        self.recent.lost_before.update(await self.feed.locate(progress, EVENTS, frozenset({"sessions"})))
        for service in (self.publisher.run(), self.feed.run(), self._follow_progress(), self._renew_leases(), self._flush_receipts()):
            self.spawn(service)
        for watch in (self._watch_heartbeats(), self._watch_lag()):
            self.spawn(watch)
        while not self.feed.reached:  # noqa: ASYNC110  a wait at start only; an event would burden the hot path
            await asyncio.sleep(0.01)

    async def drain(self) -> None:
        """Tells every device to go elsewhere and flushes what was taken."""
        self.draining = True
        for session in list(self.hub.sessions.values()):
            session.sink.end(GOING_AWAY)
            self.close_session(session, GOING_AWAY)
        self._publish_receipts()
        self.publisher.stop()
        while self.publisher.used_bytes:  # noqa: ASYNC110  a wait at the end only
            await asyncio.sleep(0.01)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of this node; a fault of ours in it ends the process, so that the supervisor sees it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            LOGGER.critical("edge ends", error=repr(exc), exc_info=exc)
            self.on_fault(exc)

    # ---- sessions

    async def welcome(self, hello: frames.Hello, sink: Sink) -> tuple[Session, frames.Welcome]:
        """An open session and its first frame.

        Raises: SessionEnded with the close code that says why not.
        """
        if self.draining:
            raise SessionEnded(GOING_AWAY)
        grant = self._check(hello.token)
        try:
            if await self.is_revoked(grant):
                raise SessionEnded(TOKEN_REVOKED)
            now_ms = clock_ms()
            if self.registry.live(grant.user, now_ms) >= self.settings.sessions_per_user_limit:
                raise SessionEnded(TOO_MANY_SESSIONS)
            directory = await self.reader.directory(grant.user)
        except BadRequest as behind:
            raise SessionEnded(UNAVAILABLE) from behind
        except WarblerError as exc:
            if exc.retryable:
                raise SessionEnded(UNAVAILABLE) from exc
            raise
        # from here to the return nothing is awaited: the hub gets the session together with what the directory says
        session = self._session(grant, hello, sink)
        self.hub.open(session, directory.conversations)
        SESSIONS.set(len(self.hub.sessions))
        self._publish_session(session, SessionOpened(lease_ms=self.settings.session_lease_ms, **self._session_base(session)))
        entries, following = directory.page(None, self.settings.directory_entries_limit)
        return session, frames.Welcome(
            session=session.id,
            node=self.name,
            user=session.user,
            epoch=self.epoch,
            epoch_changed=hello.epoch is not None and hello.epoch != self.epoch,
            now_ms=now_ms,
            heartbeat_ms=self.settings.heartbeat_ms,
            limits=self._limits(),
            directory=entries,
            next=following,
        )

    def catch_up(self, session: Session, hello: frames.Hello, welcome: frames.Welcome) -> None:
        """Starts a sync from each position of the hello that is behind; they run a few at a time."""
        if welcome.epoch_changed:
            return
        wanted = [
            frames.Sync("", conversation, next_seq, self.settings.sync_events_limit)
            for conversation, next_seq in hello.positions.items()
            if conversation in session.conversations and next_seq >= 1
        ]
        session.catching_up.update(sync.conversation for sync in wanted)
        if wanted:
            self.spawn(self._catch_up(session, wanted))

    async def _catch_up(self, session: Session, wanted: list[frames.Sync]) -> None:
        limit = asyncio.Semaphore(CATCH_UPS_AT_ONCE)

        async def one(sync: frames.Sync) -> None:
            async with limit:
                if session.id in self.hub.sessions:
                    await self._answer(session, sync)

        await asyncio.gather(*(one(sync) for sync in wanted))

    def close_session(self, session: Session, close: CloseCode | None = None) -> None:
        """Safe to repeat."""
        if session.id not in self.hub.sessions:
            return
        self.hub.close(session)
        SESSIONS.set(len(self.hub.sessions))
        self.watermarks.forget(session.user, session.device)
        self._publish_session(session, SessionClosed(close_code=1000 if close is None else close.code, **self._session_base(session)))

    async def is_revoked(self, grant: Grant) -> bool:
        """Raises: StoreUnavailable."""
        return grant.login != ADMIN_LOGIN and await self.accounts.is_revoked(grant.login)

    def _check(self, token: str) -> Grant:
        try:
            return self.key.check(token, clock_ms())
        except ExpiredToken:
            raise SessionEnded(TOKEN_EXPIRED) from None
        except BadToken:
            raise SessionEnded(BAD_TOKEN) from None

    def _session(self, grant: Grant, hello: frames.Hello, sink: Sink) -> Session:
        now = mono_ms()
        rate, burst = self.settings.commands_per_s, self.settings.commands_burst
        bucket = None if grant.bulk else Bucket(rate, burst, burst, now)
        return Session("s-" + secrets.token_hex(8), grant.user, hello.device or "device", sink, bucket, now)

    def _session_base(self, session: Session) -> dict[str, Any]:
        base = {"tenant": TENANT, "user": session.user, "device": session.device, "session_id": session.id}
        return {**base, "node": self.name, "at_ms": clock_ms()}

    def _publish_session(self, session: Session, event: SessionEvent) -> None:
        self.publisher.offer("sessions", session.user.encode(), encode("sessions", event))

    def _limits(self) -> frames.Limits:
        s = self.settings
        return frames.Limits(
            frame_bytes=s.frame_bytes_limit,
            text_bytes=s.text_bytes_limit,
            commands_per_s=s.commands_per_s,
            commands_burst=s.commands_burst,
            outstanding_commands=s.outstanding_commands_limit,
            sync_events=s.sync_events_limit,
            history_messages=s.history_messages_limit,
        )

    # ---- frames

    def on_frame(self, session: Session, frame: frames.FromDevice) -> None:
        now = Now(clock_ms(), mono_ms(), f"{self._trace_base}{next(self._traces):08x}")
        effect = on_frame(session, frame, now, self.settings)
        match effect:
            case Publish(command):
                self.publish(command, lambda reject: self._tell_reject(session, reject))
            case Tell(told):
                if isinstance(told, frames.Reject):
                    REJECTS.labels(told.code).inc()
                session.sink.write(told)
            case Read(request):
                session.requests_running += 1
                self.spawn(self._serve(session, request))
            case Signal(record):
                self._offer("signals", record.conversation_id, record)
            case Receipt(record):
                self.watermarks.mark(record)
            case End(close):
                session.sink.end(close)
                self.close_session(session, close)
            case Nothing():
                pass
            case _:
                assert_never(effect)

    def publish(self, command: Command, refuse: Callable[[frames.Reject], None]) -> None:
        """Hands the command to the log; `refuse` is called when that fails."""

        def failed(_: WarblerError) -> None:
            detail = "the log cannot be reached; send the command again with the same id"
            refuse(frames.Reject(command.command_id, command.conversation_id, "unavailable", detail, True, UNAVAILABLE_RETRY_MS))

        COMMANDS.inc()
        value = encode(COMMAND_TOPIC, command)
        if not self.publisher.offer(COMMAND_TOPIC, command.conversation_id.encode(), value, failed):
            detail = "the log does not keep up"
            refuse(frames.Reject(command.command_id, command.conversation_id, "unavailable", detail, True, UNAVAILABLE_RETRY_MS))

    def _tell_reject(self, session: Session, reject: frames.Reject) -> None:
        REJECTS.labels(reject.code).inc()
        session.outstanding.discard(reject.id)
        session.sink.write(reject)

    async def _serve(self, session: Session, request: frames.Sync | frames.History | frames.DirectoryRequest) -> None:
        try:
            await self._answer(session, request)
        finally:
            session.requests_running -= 1

    async def _answer(self, session: Session, request: frames.Sync | frames.History | frames.DirectoryRequest) -> None:
        """Writes the answer in the same turn of the loop in which it was completed, so that live events follow it without a gap."""
        try:
            match request:
                case frames.Sync():
                    await self._answer_sync(session, request)
                case frames.History():
                    limit = min(request.limit, self.settings.history_messages_limit)
                    views, before = await self.reader.history(request.conversation, request.before_seq, limit)
                    if request.conversation not in session.conversations:
                        raise sent_away(request.conversation)
                    items = tuple(message_item(view) for view in views)
                    session.sink.write(frames.HistoryPage(request.request, request.conversation, items, before))
                case frames.DirectoryRequest():
                    directory = await self.reader.directory(session.user)
                    entries, following = directory.page(request.after, self.settings.directory_entries_limit)
                    session.sink.write(frames.DirectoryPage(request.request, entries, following))
                case _:
                    assert_never(request)
        except WarblerError as exc:
            if isinstance(request, frames.Sync):
                session.catching_up.discard(request.conversation)  # live events flow again: the device sees the gap and asks anew
            session.sink.write(failure_of(request.request, exc))

    async def _answer_sync(self, session: Session, request: frames.Sync) -> None:
        limit = min(request.limit, self.settings.sync_events_limit)
        conversation = request.conversation
        page = await self.reader.events_for(
            session.user, lambda: conversation in session.conversations, conversation, request.from_seq, limit
        )
        if not page.more:
            session.catching_up.discard(request.conversation)
            if page.events:
                session.given[request.conversation] = page.next_seq
        items = tuple(item_of(event) for event in page.events)
        session.sink.write(frames.Page(request.request, request.conversation, items, page.next_seq, page.more, page.missing))

    # ---- the log

    def _offer(self, topic: str, conversation: str, record: AnyRecord) -> None:
        # these may be lost: a signal is over in seconds, a watermark is overtaken by the next one
        self.publisher.offer(topic, conversation.encode(), encode(topic, record))

    def _bury(self, record: Record, reason: str) -> None:
        """A dead letter, once: a node that starts reads the sessions anew, and what it finds there was buried when it came."""
        if record.offset < self.feed.goals.get((record.topic, record.partition), 0):
            return
        letter = dead_letter(record, reason, self.name, clock_ms())
        assert letter.key is not None
        assert letter.value is not None
        self.publisher.offer(DEAD_LETTERS_TOPIC, letter.key, letter.value)

    async def _reach(self, conversation: str) -> None:
        """Raises: BadRequest("behind") when the feed does not get there in time."""
        partition = self.publisher.partition(COMMAND_TOPIC, conversation.encode())  # events lie in the same one as commands
        try:
            await asyncio.wait_for(self.feed.reach_end(EVENTS, partition), self.settings.rest_timeout_ms / 1000)
        except TimeoutError:
            raise BadRequest("behind", "this node is behind the log", UNAVAILABLE_RETRY_MS) from None

    async def _follow_progress(self) -> None:
        while True:
            await asyncio.sleep(self.settings.progress_interval_ms / 1000)
            try:
                self.recent.advance(await self.timelines.progress())
            except WarblerError as exc:  # Cassandra is away: what is remembered only grows, up to its limit
                LOGGER.warning("no progress of the projector to be had", error=str(exc))

    async def _flush_receipts(self) -> None:
        while True:
            await asyncio.sleep(self.settings.receipts_interval_ms / 1000)
            self._publish_receipts()

    def _publish_receipts(self) -> None:
        for mark in self.watermarks.take():
            self._offer("receipts", mark.conversation_id, mark)

    async def _watch_lag(self) -> None:
        while True:
            try:
                self.feed_lag = await self.feed.lag(EVENTS)
            except WarblerError as exc:
                LOGGER.warning("the feed's lag is not known", error=str(exc))
            await asyncio.sleep(LAG_INTERVAL_S)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self.settings.session_lease_ms / 3000)
            self.registry.sweep(clock_ms())
            for session in list(self.hub.sessions.values()):
                self._publish_session(session, SessionRenewed(lease_ms=self.settings.session_lease_ms, **self._session_base(session)))

    async def _watch_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_ms / 4000)
            # two intervals: a ping may be in flight while the radio wakes up
            oldest = mono_ms() - 2 * self.settings.heartbeat_ms
            for session in [s for s in self.hub.sessions.values() if s.last_heard_mono_ms < oldest]:
                session.sink.end(HEARTBEAT_LOST)
                self.close_session(session, HEARTBEAT_LOST)


def _raise(exc: BaseException) -> None:
    raise exc


def failure_of(request: str, exc: WarblerError) -> frames.Failure:
    if isinstance(exc, BadRequest):
        return frames.Failure(request, exc.code, exc.detail, exc.retryable, exc.retry_after_ms)
    return frames.Failure(request, "unavailable", str(exc), exc.retryable, UNAVAILABLE_RETRY_MS if exc.retryable else 0)


def clock_ms() -> int:
    return int(time.time() * 1000)


def mono_ms() -> float:
    return time.monotonic() * 1000
