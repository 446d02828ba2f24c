"""Promise 4 at any order of steps: feed, projector, progress, damage, live events, syncs and reconnects of a device.

Method: the real node (its session, recent, merge, reader, delivery, hub) over fake timelines whose answers are taken from the projector's
state at a moment the test chooses, so every interleaving of a read with the feed and with progress is reachable.
"""

import asyncio
from collections.abc import Collection
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge import frames
from edge.node import PUBLISHED, Node
from edge.reader import Reader
from edge.session import Session, Sink
from edge.settings import EdgeSettings
from edge.tokens import Grant, TokenKeys
from edge.wire import RELEASE_S
from log.memory import MemoryLog
from log.port import Record
from schemas import events
from store.accounts import Accounts
from store.timelines import Listed, Recency, Timelines
from store.views import Head, Membership, fold_head, fold_membership
from tests.edge.builders import ANA, BEN, GROUP, ListSink, created, record, sent, topic_record
from tests.edge.slow_socket import SlowSocket
from tests.edge.tables import no_tables
from tests.edge.test_tokens import PEM

PHONE = "phone"
OUTBOX_BYTES_LIMIT = 3_500  # about ten events
RECENT_BYTES_LIMIT = 3_000  # about thirty events: pressure is reached in some runs
KEY = TokenKeys(PEM)


class Projected:
    """The timelines as far as the projector came. Every read waits for its turn, which the test gives."""

    def __init__(self) -> None:
        self.log: list[events.Event | None] = []  # by offset; None: a damaged record
        self.written = 0
        self.ahead: set[int] = set()  # offsets of the chunk under way whose rows are there already, in any order
        self.turns: list[asyncio.Event] = []

    async def _turn(self) -> list[events.Event]:
        turn = asyncio.Event()
        self.turns.append(turn)
        await turn.wait()
        return [event for offset, event in enumerate(self.log) if event is not None and (offset < self.written or offset in self.ahead)]

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.Event]:
        return [event for event in await self._turn() if event.seq >= from_seq][:limit]

    async def conversations_of(self, user: str) -> list[Listed]:
        membership: Membership | None = None
        for event in await self._turn():
            membership = fold_membership(membership, event, user)
        return [] if membership is None else [Listed(GROUP, membership.active, membership.changed_seq)]

    async def recencies(self, conversations: Collection[str]) -> dict[str, Recency]:
        return {each: Recency(head.head_seq, head.at_ms) for each, head in (await self.heads(conversations)).items()}

    async def places(self, user: str, conversations: Collection[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
        if not conversations:
            return {}, {}
        membership: Membership | None = None
        head: Head | None = None
        for event in await self._turn():
            membership, head = fold_membership(membership, event, user), fold_head(head, event)
        if membership is None or head is None:
            return {}, {}
        return {GROUP: membership}, {GROUP: head}

    async def heads(self, conversations: Collection[str]) -> dict[str, Head]:
        if not conversations:
            return {}
        head: Head | None = None
        for event in await self._turn():
            head = fold_head(head, event)
        return {} if head is None else {GROUP: head}

    async def progress(self) -> dict[int, int]:
        return {0: self.written}


class NoAccounts:
    """Nobody is asked for."""


class Device:
    """The client's side of the gap rule; keeps what it was told, and complains about what must not happen."""

    def __init__(self) -> None:
        self.next_seq = 1
        self.held: list[int] = []
        self.said_missing: set[int] = set()
        self.syncing = False  # a page is on its way or to be asked for
        self.behind = False  # knows of a gap; must sync
        self.asked = 0

    def take(self, seqs: list[int], missing: tuple[int, ...] = ()) -> None:
        self.said_missing |= set(missing)
        for seq in seqs:
            assert seq not in self.held
            skipped = set(range(self.next_seq, seq))
            assert skipped <= self.said_missing, "a silent gap"
            self.held.append(seq)
            self.next_seq = seq + 1

    def on_page(self, page: frames.Page) -> None:
        assert self.syncing
        self.take([item.seq for item in page.events if item.seq >= self.next_seq], page.missing)
        self.next_seq = max(self.next_seq, page.next_seq)
        self.behind = False
        self.syncing = page.more

    def on_events(self, frame: frames.Events) -> None:
        assert not self.syncing, "a live event while the conversation catches up"
        for item in frame.events:
            self._on_live(item.seq)

    def on_ack(self, ack: frames.Ack) -> None:
        """Of its own command; while it catches up, or where a page was ahead of the feed, the page holds the event."""
        if not self.syncing and ack.seq >= self.next_seq:
            self._on_live(ack.seq)

    def on_resync(self, frame: frames.Resync) -> None:
        raise AssertionError("a device that reads at once is told to sync")

    def _on_live(self, seq: int) -> None:
        assert self.behind or seq >= self.next_seq, "an event that the device was given before"
        if seq > self.next_seq:
            self.behind = True  # said by the dense seq: the device asks
        elif seq == self.next_seq:
            self.take([seq])


class SlowDevice(Device):
    """What it reads was written a while ago: before its sync, or before a page that holds the same."""

    def on_page(self, page: frames.Page) -> None:
        self.syncing = True  # two may lie in the outbox
        super().on_page(page)

    def on_events(self, frame: frames.Events) -> None:
        for item in frame.events:
            self._on_live(item.seq)

    def on_resync(self, frame: frames.Resync) -> None:
        self.behind = True

    def _on_live(self, seq: int) -> None:
        if seq >= self.next_seq:
            super()._on_live(seq)


class SyncMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.timelines = Projected()
        settings = EdgeSettings(recent_bytes_limit=RECENT_BYTES_LIMIT, sync_events_limit=7, requests_per_session_limit=2)
        timelines, accounts = cast(Timelines, self.timelines), cast(Accounts, NoAccounts())
        self.node = Node(settings, "edge-1", MemoryLog(), timelines, accounts, KEY, "e1", no_tables())
        self.node.people.contact.heard(float("inf"))
        self.node.reader = Reader(timelines, self.node.recent, self.reach)
        self.faults: list[BaseException] = []
        self.node.on_fault = self.faults.append
        self.device = Device()
        self.sink: Sink = ListSink()
        self.session: Session | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.head = 0
        self.fed = 0
        self.run(self.node.publisher.start(PUBLISHED))
        self.append(events=[created(members=(ANA, BEN), user=BEN)])

    def run(self, work: Any) -> None:
        self.loop.run_until_complete(work)

    async def reach(self, _: str) -> None:
        end = len(self.timelines.log)
        while self.fed < end:  # noqa: ASYNC110  the machine turns the loop by hand
            await asyncio.sleep(0)

    def settle(self) -> None:
        """Everything that can go on without a turn of the timelines goes on; then the device reads what it was sent."""

        async def some_turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.run(some_turns())
        assert not self.faults
        for frame in self.arrived():
            match frame:
                case frames.Page():
                    self.device.on_page(frame)
                case frames.Events():
                    self.device.on_events(frame)
                case frames.Ack():
                    self.device.on_ack(frame)
                case frames.Failure():
                    assert frame.code == "behind"
                    assert frame.retryable
                    self.device.syncing, self.device.behind = False, True
                case frames.Pong():
                    pass
                case frames.Resync():
                    self.device.on_resync(frame)
                case _:
                    raise AssertionError(frame)

    def new_sink(self) -> Sink:
        return ListSink()

    def arrived(self) -> list[frames.FromEdge]:
        assert isinstance(self.sink, ListSink)
        return self.sink.take()

    def append(self, events: list[events.Event | None]) -> None:
        self.timelines.log += events
        self.head += len(events)

    def record(self, offset: int) -> Record:
        event = self.timelines.log[offset]
        return record(event, offset) if event is not None else topic_record("conversation-events", b"\0damaged")._replace(offset=offset)

    # ---- the log and its readers

    @rule(count=st.integers(1, 6), by_the_device=st.booleans(), damaged=st.sampled_from([False] * 9 + [True]))
    def commit(self, count: int, by_the_device: bool, damaged: bool) -> None:
        who: dict[str, Any] = {"user": ANA, "device": PHONE} if by_the_device else {"user": BEN, "device": "laptop"}
        new: list[events.Event | None] = [sent(self.head + 1 + n, **who) for n in range(count)]
        if damaged:
            new[0] = None
        self.append(new)

    @rule(count=st.integers(1, 8))
    def feed(self, count: int) -> None:
        until = min(len(self.timelines.log), self.fed + count)
        self.node.delivery.on_events([self.record(offset) for offset in range(self.fed, until)])
        self.fed = until
        self.settle()

    @rule(count=st.integers(1, 8))
    def project(self, count: int) -> None:
        """May run ahead of the feed."""
        self.timelines.written = min(len(self.timelines.log), self.timelines.written + count)

    @rule(beyond=st.integers(0, 8))
    def project_out_of_order(self, beyond: int) -> None:
        """One row of a chunk before its predecessors'; progress is written after all of them."""
        offset = self.timelines.written + beyond
        if offset < len(self.timelines.log):
            self.timelines.ahead.add(offset)

    @rule()
    def hear_of_progress(self) -> None:
        self.node.recent.advance({0: self.timelines.written})

    @precondition(lambda self: self.timelines.turns)
    @rule(data=st.data())
    def answer_a_read(self, data: st.DataObject) -> None:
        turns = self.timelines.turns
        turns.pop(data.draw(st.integers(0, len(turns) - 1))).set()
        self.settle()

    # ---- the device

    @precondition(lambda self: self.session is None and self.connecting is None and self.fed > 0)
    @rule()
    def connect(self) -> None:
        token = KEY.mint(Grant(ANA, "l", 2**52), 0)
        hello = frames.Hello(token, PHONE, epoch="e1", positions={GROUP: self.device.next_seq})
        sink = self.sink = self.new_sink()

        async def welcome() -> None:
            session, first = await self.node.sessions.welcome(hello, sink)
            assert [entry.conversation for entry in first.directory] == [GROUP]
            self.session = session
            self.device.syncing = True
            self.node.sessions.catch_up(session, hello, first)

        self.connecting = self.loop.create_task(welcome())
        self.connecting.add_done_callback(self._connected)
        self.settle()

    def _connected(self, task: "asyncio.Task[None]") -> None:
        self.connecting = None
        if not task.cancelled():
            task.exception()  # "behind": the device comes back later

    @precondition(lambda self: self.session is not None)
    @rule()
    def disconnect(self) -> None:
        assert self.session is not None
        self.node.sessions.close(self.session)
        self.session, self.sink = None, self.new_sink()
        self.device.syncing = False

    @precondition(lambda self: self.session is not None and self.session.requests_running == 0 and not self.timelines.turns)
    @rule(limit=st.integers(1, 9))
    def sync(self, limit: int) -> None:
        """The next page, or a repair, or for no reason at all; one at a time."""
        assert self.session is not None
        self.device.syncing = True
        self.device.asked += 1
        self.run(self._say(self.session, frames.Sync(f"r{self.device.asked}", GROUP, self.device.next_seq, limit)))
        self.settle()

    async def _say(self, session: Session, frame: frames.FromDevice) -> None:
        self.node.requests.on_frame(session, frame)

    @invariant()
    def nothing_is_held_twice_or_out_of_order(self) -> None:
        assert self.device.held == sorted(set(self.device.held))

    def teardown(self) -> None:
        """Whatever happened: when all is written and read, the device that asks has everything."""
        try:
            self._finish()
        finally:
            self.run(self.loop.shutdown_asyncgens())
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.run(asyncio.sleep(0))
            self.loop.close()

    def _finish(self) -> None:
        self.feed(len(self.timelines.log))
        self.project(len(self.timelines.log))
        self.hear_of_progress()
        self._answer_all()
        for _ in range(400):
            self.read_everything()
            if self.session is None and self.connecting is None:
                self.connect()
            elif self.session is not None and (self.device.syncing or self.device.behind):
                self.sync(5)
            elif self.session is None or self.session.requests_running == 0:
                break  # else an answer has waited for room: the device took an older page, which was still lying there, for it
            self._answer_all()
        damaged = {offset + 1 for offset, event in enumerate(self.timelines.log) if event is None}
        readable = [seq for seq in range(1, self.head + 1) if seq not in damaged]
        assert self.device.held == readable
        assert self.device.said_missing <= damaged

    def read_everything(self) -> None:
        """What was written arrives."""

    def _answer_all(self) -> None:
        while self.timelines.turns:
            self.timelines.turns.pop(0).set()
            self.settle()


class SlowMachine(SyncMachine):
    """The same with a device that reads now and then: its outbox climbs the ladder, drops, tells, and is cut off."""

    def __init__(self) -> None:
        self.socket: SlowSocket | None = None
        super().__init__()
        self.device = SlowDevice()
        self.project(1)
        self.feed(1)
        self.connect()
        self._answer_all()

    def new_sink(self) -> Sink:
        self.socket = SlowSocket(self.loop, OUTBOX_BYTES_LIMIT)
        return self.socket.sink

    def arrived(self) -> list[frames.FromEdge]:
        return [] if self.socket is None else self.socket.take()

    def settle(self) -> None:
        super().settle()
        if self.socket is not None and self.socket.transport.aborted and self.session is not None:
            self.disconnect()  # it was cut off

    @precondition(lambda self: self.session is not None)
    @rule(count=st.integers(1, 600))
    def read_some(self, count: int) -> None:
        assert self.socket is not None
        self.socket.read(count)
        self.settle()

    @precondition(lambda self: self.session is not None)
    @rule(count=st.integers(1, 6))
    def much_happens(self, count: int) -> None:
        self.append([sent(self.head + 1 + number) for number in range(count)])
        self.feed(len(self.timelines.log))

    @precondition(lambda self: self.session is not None)
    @rule(length=st.integers(1, 60))
    def hear_something_else(self, length: int) -> None:
        """It fills the outbox."""
        assert self.session is not None
        self.session.sink.write(frames.Pong("x" * length, 1))
        self.settle()

    def read_everything(self) -> None:
        for _ in range(20):
            if self.socket is None or self.socket.sink.backlog_bytes() == 0:
                break
            self.socket.read(1 << 20)
            self.settle()
            self.run(asyncio.sleep(RELEASE_S * 1.5 if self.socket.sink.backlog_bytes() else 0))
        self.settle()


TestSync = SyncMachine.TestCase
TestSync.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestSlow = SlowMachine.TestCase
TestSlow.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_a_device_that_stopped_reading_is_told_what_it_lacks_when_nothing_follows() -> None:
    """No later event would show the gap: only `resync` can."""
    machine = SlowMachine()
    machine.read_everything()
    for _ in range(10):
        machine.much_happens(6)
    machine.read_everything()
    assert machine.device.next_seq < machine.head
    assert machine.device.behind, "not told"
    machine.teardown()
