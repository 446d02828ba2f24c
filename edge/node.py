"""An edge node: what it is made of, its start and end, and its way to the log.

Its sessions are in `edge.sessions`, what their frames come to in `edge.requests`. Called by those, by `edge.rest` (commands over HTTP)
and by `edge.__main__` (start, stop). Calls the log and the store.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from edge import frames
from edge.clocks import clock_ms
from edge.closing import GOING_AWAY
from edge.delivery import Delivery
from edge.errors import BadRequest
from edge.feed import Feed
from edge.hub import Hub
from edge.metrics import COMMANDS
from edge.publisher import Publisher
from edge.reader import Reader
from edge.receipts import Watermarks, key_of
from edge.recent import Recent
from edge.registry import SessionRegistry
from edge.requests import UNAVAILABLE_RETRY_MS, Requests
from edge.sessions import Sessions
from edge.settings import EdgeSettings
from edge.tokens import ADMIN_LOGIN, Grant, TokenKey
from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.port import Log, Record
from schemas.codec import AnyRecord, encode
from schemas.commands import Command
from schemas.errors import WarblerError
from store.accounts import Accounts
from store.timelines import Timelines

LOGGER = structlog.get_logger()

EVENTS = "conversation-events"
COMMAND_TOPIC = "conversation-commands"
PUBLISHED = (COMMAND_TOPIC, "receipts", "signals", "sessions", DEAD_LETTERS_TOPIC)
RECEIPTS_SESSIONS_LIMIT = 50
LAG_INTERVAL_S = 2.0


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
        self.sessions = Sessions(self)
        self.requests = Requests(self)

    # ---- life

    async def start(self) -> None:
        """Returns when the feed has reached the log's end as it was, so that every session sees everything from its first moment."""
        await self.publisher.start(PUBLISHED)
        progress = await self.timelines.progress()
        self.recent.advance(progress)
        self.recent.lost_before.update(await self.feed.locate(progress, EVENTS, frozenset({"sessions"})))
        for service in (self.publisher.run(), self.feed.run(), self._follow_progress(), self._flush_receipts(), self._watch_lag()):
            self.spawn(service)
        for service in (self.sessions.renew_leases(), self.sessions.watch_heartbeats()):
            self.spawn(service)
        while not self.feed.reached:  # noqa: ASYNC110  a wait at start only; an event would burden the hot path
            await asyncio.sleep(0.01)

    async def drain(self) -> None:
        """Tells every device to go elsewhere and flushes what was taken."""
        self.draining = True
        for session in list(self.hub.sessions.values()):
            session.sink.end(GOING_AWAY)
            self.sessions.close(session, GOING_AWAY)
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

    async def is_revoked(self, grant: Grant) -> bool:
        """Raises: StoreUnavailable."""
        return grant.login != ADMIN_LOGIN and await self.accounts.is_revoked(grant.login)

    # ---- the log

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

    def offer(self, topic: str, conversation: str, record: AnyRecord) -> None:
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
            self.publisher.offer("receipts", key_of(mark), encode("receipts", mark), placed_by=mark.conversation_id.encode())

    async def _watch_lag(self) -> None:
        while True:
            try:
                self.feed_lag = await self.feed.lag(EVENTS)
            except WarblerError as exc:
                LOGGER.warning("the feed's lag is not known", error=str(exc))
            await asyncio.sleep(LAG_INTERVAL_S)

def _raise(exc: BaseException) -> None:
    raise exc
