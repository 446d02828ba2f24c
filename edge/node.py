"""An edge node: what it is made of, its start and end, and its way to the log.

Its sessions are in `edge.sessions`, what their frames come to in `edge.requests`. Called by those, by `edge.rest` (commands over HTTP)
and by `edge.__main__` (start, stop). Calls the log and the store.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from edge import frames
from edge.acks import Acks
from edge.calls.desk import CALL_COMMANDS, CALL_ENGINES, CallDesk
from edge.calls.relay import CALL_SIGNALS
from edge.clocks import clock_ms, mono_ms
from edge.delivery import Delivery
from edge.directory import Directories
from edge.door import Door
from edge.errors import BadRequest
from edge.feed import Feed, Handler
from edge.friends import Friends
from edge.groups import GroupDesk
from edge.hooks.desk import HookDesk
from edge.hooks.settings import HookSettings, load
from edge.hub import Hub
from edge.journeys import Journeys
from edge.metrics import COMMANDS, PUBLISH_MS
from edge.people.admin_log import ADMIN_EVENTS, AdminLog
from edge.people.api_keys import ApiKeys
from edge.people.campaigns import CAMPAIGNS, CampaignDesk
from edge.people.desk import AccountDesk
from edge.people.people import People
from edge.people.profiles import Profiles
from edge.people.push_results import RESULTS
from edge.people.recording import ACCOUNT_EVENTS, publish_account_event
from edge.people.retention import RETENTION_EVENTS, RetentionDesk
from edge.people.tenancy import Tenancy
from edge.people.ways import Ways
from edge.people.ways_settings import WaysSettings
from edge.people.webhooks import WebhookDesk
from edge.presence_desk import PresenceDesk
from edge.privacies import Privacies
from edge.push_desk import PushDesk
from edge.rate import Buckets
from edge.readable import Readable
from edge.reader import Reader
from edge.receipt_desk import ReceiptDesk
from edge.receipts import Watermarks
from edge.recent import Recent
from edge.registry import SessionRegistry
from edge.requests import Requests
from edge.rosters import ROSTERS
from edge.session import TENANT
from edge.sessions import Sessions
from edge.settings import EdgeSettings
from edge.tables import Tables
from edge.tokens import TokenKeys
from edge.translate import UNAVAILABLE_RETRY_MS
from edge.unprojected import decoded_newest
from log.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from log.passages import PASSAGES_TOPIC, Passages, passage_key
from log.port import Log, Record
from log.publisher import Publisher
from log.web.settings import OutboundSettings
from schemas.accounts import PrivacyChanged
from schemas.codec import AnyRecord, encode
from schemas.commands import Command
from schemas.errors import WarblerError
from schemas.keys import receipt_key
from schemas.records import MessageSignalled
from store.accounts import Accounts
from store.privacy import Privacy
from store.timelines import Timelines
from store.webhooks import DEAD_LETTERS_TOPIC as WEBHOOK_LETTERS
from store.webhooks import DELIVERIES_TOPIC, WEBHOOKS_TOPIC

LOGGER = structlog.get_logger()

EVENTS = "conversation-events"
COMMAND_TOPIC = "conversation-commands"
RECEIPTS = "receipts"
PUBLISHED = (
    *(COMMAND_TOPIC, RECEIPTS, "signals", "sessions", ACCOUNT_EVENTS, ADMIN_EVENTS),
    *(ROSTERS, PASSAGES_TOPIC, CAMPAIGNS, RESULTS, DEAD_LETTERS_TOPIC),
    *(WEBHOOKS_TOPIC, DELIVERIES_TOPIC, WEBHOOK_LETTERS),
    *(CALL_COMMANDS, CALL_SIGNALS, RETENTION_EVENTS),
)
FROM_START = frozenset({"sessions", CALL_ENGINES})  # what is compacted
SETTLE_S, SETTLE_POLL_S = 2.0, 0.05
LAG_INTERVAL_S = 2.0


class Node:
    def __init__(
        self,
        settings: EdgeSettings,
        name: str,
        log: Log,
        timelines: Timelines,
        accounts: Accounts,
        key: TokenKeys,
        epoch: str,
        tables: Tables,
        ways: WaysSettings | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.settings, self.name, self.key, self.epoch = settings, name, key, epoch
        self.log, self.timelines, self.accounts, self.tables = log, timelines, accounts, tables
        self.hub = Hub()
        self.recent = Recent(settings.recent_bytes_limit)
        self.registry = SessionRegistry()
        self.delivery = Delivery(self.hub, self.recent, self.registry, self._bury)
        self.publisher = _publisher(settings, log)
        self.reader = Reader(timelines, self.recent, self.reach)
        self.readable = Readable(self)
        self.groups = GroupDesk(timelines, tables.facts, tables.group_rows, tables.public_groups, self.recent, self.reader)
        self.directories = Directories(timelines, self.recent, settings.directory_entries_limit, settings.directory_bytes_limit)
        self.watermarks = Watermarks()
        self.privacies = Privacies(tables.privacy, settings.presence_visibility)
        self.receipts = ReceiptDesk(settings, self.hub, self.reader, tables.receipts, self.recent, self._receipts_settled, self.head_seq)
        self.presence = PresenceDesk(
            self.hub, tables.presences, self.privacies, self.receipts.some_members, settings.presence_watched_limit
        )
        self.friends = Friends(self, self._send)
        hooks = HookSettings.from_env(env or {})
        onward = self.friends.completion.publish
        self.hooks = HookDesk(load(hooks.file, env or {}), hooks, self.spawn, onward) if hooks.file else None
        self._take = onward if self.hooks is None else self.hooks.publish  # without a hook nothing is asked of any command
        self.presence.ties_of = self.friends.ties.of
        self.delivery.observers = (self.receipts.on_event, self.presence.on_event)
        self.admin_log = AdminLog(log, self.publisher.partition)
        self.tenancy = Tenancy(tables.tenancy, self.admin_log, self._bury)
        self.retention = RetentionDesk(log, self.publisher.partition)
        self.api_keys = ApiKeys(tables.tenancy, self.admin_log)
        self.campaigns = CampaignDesk(log, self.publisher.partition, tables.campaigns)
        networks = OutboundSettings.from_env(env or {}).networks
        place = (log, self.publisher.partition, tables.webhooks)
        self.webhooks = WebhookDesk(*place, tables.push.sealer, networks, settings.webhooks_limit)
        self.passages = Passages(name, "fanned_out", EVENTS, settings.passages_interval_ms)
        self.user_buckets = Buckets(settings.user_commands_per_s, settings.user_commands_burst)
        self.address_buckets = Buckets(settings.address_opens_per_s, settings.address_opens_burst)
        self.admin_buckets = Buckets(settings.admin_calls_per_s, settings.admin_calls_burst)
        self.search_buckets = Buckets(settings.searches_per_s, settings.searches_burst)
        self.profiles = Profiles(tables.profiles, self.admin_log, accounts)
        self.people = People(self)
        self.people.erasers += [self.profiles.forget, self.groups.erase, self.friends.forget]
        self.people.erasers.append(lambda user: tables.calls.forget(user, clock_ms()))
        self.push = PushDesk(self, env or {})
        self.ways = Ways(self, ways or WaysSettings(), env or {})
        self.desk = AccountDesk(self)
        self.calls = CallDesk(self, env or {})
        self.delivery.observers += (self.calls.on_event,)
        self.feed = Feed(log, self._handlers(), first=ACCOUNT_EVENTS)  # whoever was revoked gets nothing more
        self.on_fault: Callable[[BaseException], None] = _raise  # `edge.__main__` ends the process instead
        self.feed_lag = 0
        self.draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.sessions = Sessions(self)
        self.requests = Requests(self)
        self.journeys = Journeys(self)
        self.door = Door(settings.admissions_at_once, settings.admissions_waiting_limit)
        self.acks = Acks(self)
        self.delivery.on_redelivery = self.acks.on_redelivery

    def _handlers(self) -> dict[str, Handler]:
        return {
            EVENTS: self._on_events,
            "replies": self.delivery.on_replies,
            RECEIPTS: self.receipts.on_records,
            "signals": self.delivery.on_signals,
            "sessions": self.delivery.on_sessions,
            "presence": self.presence.on_presence,
            ROSTERS: self.friends.rosters.on_records,
            ACCOUNT_EVENTS: self.desk.on_account_events,
            ADMIN_EVENTS: self.tenancy.on_admin_events,
            **self.calls.handlers,
        }

    # ---- life

    async def start(self) -> None:
        """Returns when the feed has reached the log's end as it was, so that every session sees everything from its first moment."""
        await self.publisher.start(PUBLISHED)
        progress = await self.timelines.progress()
        self.recent.advance(progress)
        began_mono_ms, since_ms = mono_ms(), {ACCOUNT_EVENTS: clock_ms() - self.settings.revocation_back_ms}
        self.recent.lost_before.update(await self.feed.locate(progress, EVENTS, FROM_START, since_ms))
        await self.tenancy.load()
        await self.friends.start()
        await self.calls.start()
        for service in (self.publisher.run(), self.feed.run(), self._follow_progress(), self._flush_receipts(), self._watch_lag()):
            self.spawn(service)
        followers = (self.friends.rosters.run(), self.tenancy.follow(), self.calls.forget_old())
        for service in (self.receipts.run(), self._tell_presence(), self._tell_passages(), *followers):
            self.spawn(service)
        for service in (self.sessions.renew_leases(), self.sessions.watch_heartbeats(), self.sessions.watch_outboxes(), self.acks.watch()):
            self.spawn(service)
        while not self.feed.reached:  # noqa: ASYNC110  a wait at start only; an event would burden the hot path
            await asyncio.sleep(0.01)
        self.people.contact.heard(began_mono_ms)
        self.spawn(self.people.watch())

    async def drain(self) -> None:
        """Refuses new sessions, lets the devices move to other nodes, and flushes what was taken. Blocks: EDGE_DRAIN_MS and the flush."""
        self.draining = True
        LOGGER.info("edge is draining", node=self.name, sessions=len(self.hub.sessions))
        await self.sessions.move_away()
        self._publish_receipts()
        if self.hooks is not None:
            await self.hooks.settled()
            await self.hooks.close()
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

    # ---- the log

    def publish(
        self, record: Command | MessageSignalled, refuse: Callable[[frames.Reject], None], appended: Callable[[], None] | None = None
    ) -> None:
        """Hands a command (or an ephemeral message) to the log: `refuse` is called when that fails, else `appended`."""
        COMMANDS.inc()
        self._take(record, refuse, appended)

    def _send(
        self, record: Command | MessageSignalled, refuse: Callable[[frames.Reject], None], appended: Callable[[], None] | None
    ) -> None:
        def unavailable(detail: str) -> None:
            refuse(frames.Reject(record.command_id, record.conversation_id, "unavailable", detail, True, UNAVAILABLE_RETRY_MS))

        def failed(_: WarblerError) -> None:
            unavailable("the log cannot be reached; send the command again with the same id")

        topic = "signals" if isinstance(record, MessageSignalled) else COMMAND_TOPIC
        if not self.publisher.offer(topic, record.conversation_id.encode(), encode(topic, record), failed, appended):
            unavailable("the log does not keep up")

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

    async def reach(self, conversation: str, topic: str = EVENTS) -> None:
        """Returns when the feed has read what is in the conversation's partition of these events now.

        Raises: LogUnavailable; BadRequest("behind") when the feed does not get there in time.
        """
        # events lie in the same partition as commands
        partition = self.publisher.partition(COMMAND_TOPIC if topic == EVENTS else CALL_COMMANDS, conversation.encode())
        try:
            await asyncio.wait_for(self.feed.reach_end(topic, partition), self.settings.rest_timeout_ms / 1000)
        except TimeoutError:
            raise BadRequest("behind", "this node is behind the log", UNAVAILABLE_RETRY_MS) from None

    async def _follow_progress(self) -> None:
        while True:
            await asyncio.sleep(self.settings.progress_interval_ms / 1000)
            try:
                self.recent.advance(await self.timelines.progress())
                await self.friends.follow()
            except WarblerError as exc:  # Cassandra is away: what is remembered only grows, up to its limit
                LOGGER.warning("no progress of the projector to be had", error=str(exc))

    async def _flush_receipts(self) -> None:
        large_due = mono_ms()
        while True:
            await asyncio.sleep(self.settings.receipts_interval_ms / 1000)
            if mono_ms() < large_due:
                self._publish_receipts(self.receipts.fanout.is_large)
            else:
                large_due = mono_ms() + self.settings.receipts_large_interval_ms
                self._publish_receipts()

    def _publish_receipts(self, hold: Callable[[str], bool] = lambda _: False) -> None:
        for mark in self.watermarks.take(hold):
            self.publisher.offer("receipts", receipt_key(mark), encode("receipts", mark), placed_by=mark.conversation_id.encode())

    def _on_events(self, records: Sequence[Record]) -> None:
        self.delivery.on_events(records)
        for partition, offset in {record.partition: record.offset for record in records}.items():
            self.passages.passed(partition, offset + 1)
        self._publish_passages()

    def _publish_passages(self) -> None:
        for passage in self.passages.due(clock_ms()):
            self.publisher.offer(PASSAGES_TOPIC, passage_key(EVENTS, passage.partition), encode(PASSAGES_TOPIC, passage))

    async def _tell_passages(self) -> None:
        while True:
            await asyncio.sleep(self.settings.passages_interval_ms / 1000)
            self._publish_passages()

    async def _tell_presence(self) -> None:
        while True:
            await asyncio.sleep(self.settings.presence_interval_ms / 1000)
            self.presence.tell()

    async def _receipts_settled(self, conversation: str) -> None:
        """Returns when the projector has written the receipts of the conversation's partition that this node's feed has seen."""
        partition = self.publisher.partition(RECEIPTS, conversation.encode())
        goal, deadline = self.feed.positions.get((RECEIPTS, partition), 0), mono_ms() + SETTLE_S * 1000
        # after that the answer is a moment old, and still no lie: a mark that is missing in it was only just made
        while (await self.timelines.progress(RECEIPTS)).get(partition, 0) < goal and mono_ms() < deadline:  # noqa: ASYNC110  it is polled
            await asyncio.sleep(SETTLE_POLL_S)

    async def head_seq(self, conversation: str) -> int:
        """The seq of the conversation's newest event, as far as this node knows. Raises: StoreUnavailable."""
        heads = await self.timelines.heads([conversation])
        newest = decoded_newest(self.recent.of_conversation(conversation))
        return max(heads[conversation].head_seq if conversation in heads else 0, newest.seq if newest is not None else 0)

    async def change_privacy(self, user: str, privacy: Privacy) -> None:
        """Durable, and in the log for every node, when it returns. Raises: StoreUnavailable, LogError."""
        await self.tables.privacy.put(user, privacy)
        change = PrivacyChanged(
            tenant=TENANT,
            user=user,
            receipts=privacy.receipts,
            presence=privacy.presence,
            at_ms=privacy.at_ms,
            strangers=privacy.strangers,
            friend_requests=privacy.friend_requests,
            searchable=privacy.searchable,
        )
        await publish_account_event(self.log, self.publisher, change)

    async def _watch_lag(self) -> None:
        while True:
            try:
                self.feed_lag = await self.feed.lag(EVENTS)
            except WarblerError as exc:
                LOGGER.warning("the feed's lag is not known", error=str(exc))
            await asyncio.sleep(LAG_INTERVAL_S)


def _raise(exc: BaseException) -> None:
    raise exc


def _publisher(settings: EdgeSettings, log: Log) -> Publisher:
    return Publisher(log, settings.produce_interval_ms, settings.publish_bytes_limit, settings.publish_age_limit_ms, PUBLISH_MS.observe)
