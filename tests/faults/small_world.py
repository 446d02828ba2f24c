"""Warbler in one process without Kafka, Cassandra or sockets: the real owner, two real edges and the real projector over the in-memory log.

Used by `test_plants`: a play of a second in which everything happens that a bug of `tests.faults.plants` needs to show itself, recorded and
judged like a real run. `tests.faults.small_play` is what happens; here is what it happens in.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from edge import frames
from edge.node import Node
from edge.session import Session
from edge.settings import EdgeSettings
from edge.tokens import Grant, TokenKeys
from log.memory import MemoryLog, Moment
from schemas import events
from schemas.codec import decode_event
from store.accounts import Accounts
from store.buckets import bucket_of
from store.timelines import Listed, Recency, Timelines
from store.views import Head, Membership, fold_head, fold_membership
from streams.conversations.owned import CONVERSATIONS
from streams.conversations.partition import COMMANDS_TOPIC
from streams.owning.lane import Lane, Work
from streams.owning.stats import OwnerStats
from streams.timelines import projector, rows
from tests.edge.builders import ListSink
from tests.edge.tables import no_tables
from tests.edge.test_tokens import PEM
from tests.faults.history import DeviceName
from tests.faults.recorder import Recorder
from tests.faults.wire_core import Frame, WireCore
from tests.store.cells import Cells
from tests.streams.simulation import SETTINGS, fresh

KEY = TokenKeys(PEM)
EDGE = EdgeSettings(produce_interval_ms=0, progress_interval_ms=5, receipts_interval_ms=5, sync_events_limit=7)
CHUNK_RECORDS = 4
PATIENCE_S = 1.0  # without a bug everything comes about within some ten milliseconds
LESS_PATIENCE_S = 0.1  # once something did not: it is a bug, and the rest of the play only shows more of it
LEAST_SHARE = 0.1  # of that time this process must have been let run: on a busy machine time passes for nothing
TIME_NEVER_ENDS_MS = 2**52


class Gate:
    """A fault function of the log that lets nothing pass while it is shut, and can break the next operation of a kind."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.only = ""  # the operation it shuts; "" for all
        self.on_before: Callable[[str], None] = lambda operation: None

    def shut(self, only: str = "") -> None:
        self.only = only
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, operation: str, moment: Moment) -> None:
        if moment == "before":
            self.on_before(operation)
        if not self.only or operation == self.only:
            await self._open.wait()
        await asyncio.sleep(0)


class CellTimelines:
    """The reads of `store.timelines` over the cells that the projector wrote."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    def rows_of(self, conversation: str) -> list[events.Event]:
        """Found where a reader looks: each in the bucket of its seq."""
        found = []
        for key in self.cells.keys("events"):
            where, bucket, _, seq = key
            if where == conversation and bucket == bucket_of(seq):
                found.append(decode_event(self.cells.row("events", *key)["value"]))
        return sorted(found, key=lambda event: event.seq)

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.Event]:
        await asyncio.sleep(0)
        return [event for event in self.rows_of(conversation) if event.seq >= from_seq][:limit]

    async def conversations_of(self, user: str) -> list[Listed]:
        places, _ = await self.places(user, sorted({key[0] for key in self.cells.keys("events")}))
        return [Listed(each.conversation_id, each.active, each.changed_seq) for each in places.values()]

    async def places(self, user: str, conversations: Iterable[str]) -> tuple[dict[str, Membership], dict[str, Head]]:
        await asyncio.sleep(0)
        wanted, places = list(conversations), {}
        for conversation in wanted:
            place: Membership | None = None
            head: Head | None = None
            for event in self.rows_of(conversation):
                head = fold_head(head, event)
                place = fold_membership(place, event, user, head)
            if place is not None:
                places[conversation] = place
        return places, await self.heads(wanted)

    async def recencies(self, conversations: Iterable[str]) -> dict[str, Recency]:
        return {each: Recency(head.head_seq, head.at_ms) for each, head in (await self.heads(conversations)).items()}

    async def heads(self, conversations: Iterable[str]) -> dict[str, Head]:
        found: dict[str, Head] = {}
        for conversation in conversations:
            head: Head | None = None
            for event in self.rows_of(conversation):
                head = fold_head(head, event)
            if head is not None:
                found[conversation] = head
        return found

    async def progress(self, topic: str = rows.EVENTS_TOPIC) -> dict[int, int]:
        row = self.cells.row("progress", topic, 0)
        return {0: row["next_offset"]} if row else {}

    def delivered(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for conversation, state, user, device in self.cells.keys("receipts"):
            if state == "delivered":
                up_to_seq = self.cells.row("receipts", conversation, state, user, device)["up_to_seq"]
                found[conversation, user] = max(up_to_seq, found.get((conversation, user), 0))
        return found


class NoAccounts:
    """Nobody is asked for."""


class OwnerProcess:
    """One owner of the only partition, from its start to its kill. `gate`: its way to the log."""

    def __init__(self, world: SmallWorld) -> None:
        self.gate = Gate()
        self._world = world
        log = world.log.seen_with(self.gate)
        self.lane = Lane(log, CONVERSATIONS, fresh, 0, SETTINGS, world.clock_ms, OwnerStats())
        self._tasks = [asyncio.create_task(self.lane.run()), asyncio.create_task(self._feed())]

    async def _feed(self) -> None:
        at = self._world.committed
        while True:
            records = await self._world.log.read(COMMANDS_TOPIC, 0, at, CHUNK_RECORDS)
            if not records:
                await asyncio.sleep(0.001)
                continue
            at = records[-1].offset + 1

            async def ack(next_offset: int = at) -> None:
                self._world.committed = max(self._world.committed, next_offset)

            await self.lane.put(Work(records, ack))

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def ended(self) -> bool:
        return self._tasks[0].done()


@dataclass
class Link:
    """A device's connection to an edge."""

    node: Node
    sink: ListSink
    session: Session | None = None


class SmallWorld:
    def __init__(self) -> None:
        self._now = 0
        self._patience_s = PATIENCE_S
        self.log = MemoryLog(1, clock_ms=self.clock_ms)
        self.committed = 0
        self.cells = Cells()
        self.timelines = CellTimelines(self.cells)
        self.recorder = Recorder(self.clock_s)
        self.gates = [Gate(), Gate()]
        self.nodes: list[Node] = []
        self.owners: list[OwnerProcess] = []
        self.devices: dict[DeviceName, WireCore] = {}
        self.links: dict[DeviceName, Link] = {}
        self.project_on = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def clock_ms(self) -> int:
        """Passes with every look, so that nothing depends on the machine's speed."""
        self._now += 1
        return 1_700_000_000_000 + self._now

    def clock_s(self) -> float:
        self._now += 1
        return self._now / 1000

    # ---- life

    async def start(self) -> None:
        for number, gate in enumerate(self.gates, 1):
            timelines, accounts = cast(Timelines, self.timelines), cast(Accounts, NoAccounts())
            node = Node(EDGE, f"edge-{number}", self.log.seen_with(gate), timelines, accounts, KEY, "e1", no_tables())
            await node.start()
            self.nodes.append(node)
        self.owners.append(OwnerProcess(self))
        self.project_on.set()
        self._tasks.append(asyncio.create_task(self._project()))

    async def close(self) -> None:
        for owner in self.owners:
            await owner.kill()
        tasks = [*self._tasks, *(task for node in self.nodes for task in node._tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _project(self) -> None:
        at = {rows.EVENTS_TOPIC: 0, rows.RECEIPTS_TOPIC: 0}
        while True:
            await self.project_on.wait()
            for topic in at:
                records = await self.log.read(topic, 0, at[topic], CHUNK_RECORDS)
                if records:
                    chunk = projector.__dict__["project"](records)  # by its name there, which is the one a plant changes
                    self.cells.run(chunk.writes)
                    self.cells.run(rows.progress_writes(chunk))
                    at[topic] = records[-1].offset + 1
            await asyncio.sleep(0.0005)

    # ---- devices

    def device(self, user: str, device: str = "phone") -> WireCore:
        name = DeviceName(user, device, wire=True)
        return self.devices.setdefault(name, WireCore(name, self.recorder, page_limit=7))

    async def connect(self, core: WireCore, edge: int) -> None:
        token = KEY.mint(Grant(core.name.user, "l", TIME_NEVER_ENDS_MS), 0)
        hello = frames.decode_json(json.dumps(core.hello(token)).encode())
        assert isinstance(hello, frames.Hello)
        link = Link(self.nodes[edge - 1], ListSink())
        link.session, welcome = await link.node.sessions.welcome(hello, link.sink)
        self.links[core.name] = link
        self.say(core, core.on_frame(plain(welcome), self.clock_s()))
        link.node.sessions.catch_up(link.session, hello, welcome)

    def disconnect(self, core: WireCore) -> None:
        link = self.links.pop(core.name)
        assert link.session is not None
        link.node.sessions.close(link.session)
        core.lost()

    def say(self, core: WireCore, out: list[Frame]) -> None:
        link = self.links.get(core.name)
        if link is not None and link.session is not None:
            for frame in out:
                link.node.requests.on_frame(link.session, frames.decode_json(json.dumps(frame).encode()))

    def hear(self) -> None:
        """Every device takes what its edge has written."""
        for name, link in list(self.links.items()):
            core = self.devices[name]
            for frame in link.sink.take():
                self.say(core, core.on_frame(plain(frame), self.clock_s()))

    # ---- time

    async def turn(self, turns: int = 20) -> None:
        """Lets everything go on for a little while."""
        for _ in range(turns):
            await asyncio.sleep(0)
            self.hear()

    async def until(self, holds: Callable[[], bool], limit_s: float | None = None) -> bool:
        """Whether it came about; a planted bug may be why it did not. Retries and syncs are due at once."""
        patience_s = self._patience_s if limit_s is None else limit_s
        end_s, run_s = time.monotonic() + patience_s, time.process_time() + LEAST_SHARE * patience_s
        while time.monotonic() < end_s or time.process_time() < run_s:
            await self.turn()
            if holds():
                return True
            await asyncio.sleep(0.001)
            for core in self.devices.values():
                if any(place.retry_at_s is not None for place in core.places.values()) or core.retries:
                    self.say(core, core.tick(self.clock_s() + 10))
        if limit_s is None:
            self._patience_s = LESS_PATIENCE_S
        return False

    def answered(self) -> bool:
        return not any(core.waiting for core in self.devices.values())

    def shown(self) -> bool:
        """Everybody who is connected is live everywhere, and the projector has written everything."""
        syncing = any(
            place.sync is not None or place.retry_at_s is not None for core in self.devices.values() for place in core.places.values()
        )
        return not syncing and self.projected()

    def receipts_count(self) -> int:
        """How many the edges have published."""
        return len(self.log._rows[rows.RECEIPTS_TOPIC, 0])

    def projected(self) -> bool:
        for topic in (rows.EVENTS_TOPIC, rows.RECEIPTS_TOPIC):
            end = len(self.log._rows[topic, 0])
            row = self.cells.row("progress", topic, 0)
            if end and (not row or row["next_offset"] < end):
                return False
        return True


def plain(frame: frames.FromEdge) -> Frame:
    """As it would arrive over the wire."""
    decoded: Frame = json.loads(frames.encode_json(frame))
    return decoded
