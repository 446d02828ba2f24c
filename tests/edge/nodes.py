"""A node without Kafka and Cassandra: the log in memory, timelines that are written at once, sessions over lists."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from edge import frames
from edge.node import PUBLISHED, Node
from edge.session import Session
from edge.settings import EdgeSettings
from edge.tokens import Grant, TokenKeys
from log.memory import MemoryLog
from log.port import Log
from schemas import events
from schemas.errors import WarblerError
from store.accounts import Accounts
from store.timelines import Listed, Recency, Timelines
from store.views import Head, Membership, fold_head, fold_membership, placed
from tests.edge.builders import ANA, GROUP, ListSink, record
from tests.edge.tables import no_tables
from tests.edge.test_tokens import PEM

KEY = TokenKeys(PEM)


class Written:
    """Timelines of the one conversation GROUP, as if the projector had written everything in `log`. `fails`: what every read raises."""

    def __init__(self) -> None:
        self.log: list[events.Event] = []
        self.fails: WarblerError | None = None
        self.reads = 0
        self.read_ms = 0.0

    async def _turn(self) -> list[events.Event]:
        self.reads += 1
        await asyncio.sleep(self.read_ms / 1000)
        if self.fails is not None:
            raise self.fails
        return self.log

    async def read_events(self, conversation: str, from_seq: int, limit: int) -> list[events.Event]:
        return [event for event in await self._turn() if event.seq >= from_seq][:limit]

    async def conversations_of(self, user: str) -> list[Listed]:
        places, _ = await self.places(user, [GROUP])
        return [Listed(each.conversation_id, each.active, each.changed_seq) for each in places.values()]

    async def places(self, user: str, conversations: Any) -> tuple[dict[str, Membership], dict[str, Head]]:
        membership: Membership | None = None
        for event in await self._turn() if conversations else ():
            membership = fold_membership(membership, event, user)
        return ({}, {}) if membership is None else ({GROUP: membership}, await self.heads([GROUP]))

    async def recencies(self, conversations: Any) -> dict[str, Recency]:
        return {each: Recency(head.head_seq, head.at_ms) for each, head in (await self.heads(conversations)).items()}

    async def membership(self, user: str, conversation: str) -> Membership | None:
        places, _ = await self.places(user, [conversation] if conversation == GROUP else [])
        return places.get(GROUP)

    async def members(self, conversation: str, after: str | None, limit: int) -> list[Membership]:
        users = sorted({user for event in self.log for user, _, _ in placed(event) if user > (after or "")})[:limit]
        places = [(await self.places(user, [GROUP]))[0].get(GROUP) for user in users]
        return [place for place in places if place is not None]

    async def heads(self, conversations: Any) -> dict[str, Head]:
        head: Head | None = None
        for event in await self._turn() if conversations else ():
            head = fold_head(head, event)
        return {} if head is None else {GROUP: head}

    async def progress(self, topic: str = "conversation-events") -> dict[int, int]:
        return {0: len(self.log)} if topic == "conversation-events" else {}


class NoAccounts:
    """Nobody is asked for."""


class Stage:
    """`node` with its loops running; `faults` are what would have ended the process."""

    def __init__(self, settings: EdgeSettings, log: Log | None = None) -> None:
        self.log = log or MemoryLog()
        self.timelines = Written()
        timelines, accounts = cast(Timelines, self.timelines), cast(Accounts, NoAccounts())
        self.node = Node(settings, "edge-1", self.log, timelines, accounts, KEY, "e1", no_tables())
        self.faults: list[BaseException] = []
        self.node.on_fault = self.faults.append

    def happen(self, *new: events.Event) -> None:
        """The events are in the log: the projector wrote them, and the feed hands them on."""
        start = len(self.timelines.log)
        self.timelines.log += new
        self.node.delivery.on_events([record(event, start + number) for number, event in enumerate(new)])

    def hello(self, user: str = ANA, device: str = "phone", **fields: Any) -> frames.Hello:
        return frames.Hello(KEY.mint(Grant(user, "l", 2**52), 0), device, **fields)

    async def session(self, user: str = ANA, device: str = "phone", **fields: Any) -> tuple[Session, ListSink]:
        sink = ListSink()
        session, _ = await self.node.sessions.welcome(self.hello(user, device, **fields), sink)
        return session, sink

    def say(self, session: Session, frame: frames.FromDevice) -> None:
        self.node.requests.on_frame(session, frame)

    async def published(self, topic: str) -> list[Any]:
        """The records of the topic so far."""
        found = [
            record
            for partition in range(await self.log.partitions_count(topic))
            for record in await self.log.read(topic, partition, 0, 10_000)
        ]
        return [record.value for record in found]


@contextlib.asynccontextmanager
async def running(settings: EdgeSettings, log: Log | None = None) -> AsyncIterator[Stage]:
    stage = Stage(settings, log)
    await stage.node.publisher.start(PUBLISHED)
    await stage.node.start()
    try:
        yield stage
    finally:
        for task in list(stage.node._tasks):
            task.cancel()
        await asyncio.sleep(0)
        assert stage.faults == []


def on_a_node(body: Callable[[Stage], Awaitable[None]], log: Log | None = None, within_s: float = 90, **changed: Any) -> None:
    """Runs `body` on a node with these settings, within a time."""

    async def whole() -> None:
        async with asyncio.timeout(within_s), running(EdgeSettings(**changed), log) as stage:
            await body(stage)

    asyncio.run(whole())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  what is waited for happens in several places
        await asyncio.sleep(0.002)
