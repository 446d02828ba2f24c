"""Users, edges and devices played by hand against real workers: what they write into the log, and what the inbox makes of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from log.kafka import KafkaLog
from log.port import Entry
from schemas import codec
from schemas.commands import AddMember, CreateConversation, LeaveConversation, SendMessage
from schemas.notices import InboxSaved, PushCancelled, PushRequested
from schemas.partition import partition_of
from schemas.records import PresenceChanged, PresenceSet, RedeliveryAsked, SessionClosed, SessionOpened, SessionRenewed, WatermarkRaised
from schemas.values import Content, Member, WatermarkState
from store.cassandra import Store
from store.presence import PresenceRow, Presences
from tests.real.workers import PARTITIONS, Talk, Worker, all_records, uuid7

SETTLE_MS, TIMEOUT_MS, SAVE_MS = 700, 2_000, 500
READY_S = 180.0
TEXT = Content("text/plain", b"hello")

T = TypeVar("T")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def inbox_worker(kafka: str, cassandra: str, keyspace: str, folder: Path, name: str, **settings: str) -> Worker:
    """A worker of all roles but the owner's, with short waits."""
    folder.mkdir(exist_ok=True)
    waits = {"PRESENCE_SETTLE_MS": SETTLE_MS, "DELIVERY_TIMEOUT_MS": TIMEOUT_MS, "INBOX_SAVE_MS": SAVE_MS, "NOTIFIER_FETCH_WAIT_MS": 100}
    env = {f"STREAMS_{variable}": str(value) for variable, value in waits.items()}
    env |= {"STREAMS_ROLES": "timelines,notifier,inbox", "WARBLER_CASSANDRA": cassandra, "WARBLER_KEYSPACE": keyspace, **settings}
    return Worker(kafka, folder, name, **env)


def has_all(answer: dict[str, Any]) -> bool:
    return len(answer["detail"].get("inbox", {}).get("ready", ())) == PARTITIONS


class Person:
    """A user with one session at a time, as an edge would tell of it."""

    def __init__(self, log: KafkaLog, name: str = "") -> None:
        self.log = log
        self.name = name or f"u-{uuid.uuid4().hex}"
        self.session = ""

    def _place(self) -> dict[str, Any]:
        return {"tenant": "default", "user": self.name, "device": "d-1", "session_id": self.session, "node": "edge-1", "at_ms": now_ms()}

    async def _tell(self, event: SessionOpened | SessionRenewed | SessionClosed | PresenceSet) -> None:
        key = self.name.encode()
        await self.log.publish("sessions", partition_of(key, PARTITIONS), [Entry(key, codec.encode("sessions", event))])

    async def comes(self, lease_ms: int = 60_000) -> None:
        self.session = f"s-{uuid.uuid4().hex}"
        await self._tell(SessionOpened(**self._place(), lease_ms=lease_ms))

    async def renews(self, lease_ms: int = 60_000) -> None:
        await self._tell(SessionRenewed(**self._place(), lease_ms=lease_ms))

    async def goes(self) -> None:
        await self._tell(SessionClosed(**self._place(), close_code=1000))

    async def shows(self, away: bool, status: str | None = None) -> None:
        await self._tell(PresenceSet(**self._place(), away=away, status=status))

    async def got(self, conversation: str, up_to_seq: int, state: WatermarkState = "delivered") -> None:
        mark = WatermarkRaised(
            tenant="default",
            conversation_id=conversation,
            user=self.name,
            device="d-1",
            state=state,
            up_to_seq=up_to_seq,
            at_ms=now_ms(),
        )
        key = b"\0".join((conversation.encode(), self.name.encode(), b"d-1", state.encode()))
        place = partition_of(conversation.encode(), PARTITIONS)
        await self.log.publish("receipts", place, [Entry(key, codec.encode("receipts", mark))])


class Group:
    """A group conversation with these members; the first one made it. `seq`: of its newest event, if every command was accepted."""

    def __init__(self, log: KafkaLog) -> None:
        self.talk = Talk(log, 1)
        self.id = self.talk.conversations[0]
        self.seq = 0

    def _common(self, user: str) -> dict[str, Any]:
        place = {"tenant": "default", "conversation_id": self.id, "command_id": uuid7(), "user": user, "device": "d-9"}
        return {**place, "trace_id": "", "received_at_ms": 0}

    async def _command(self, command: Any) -> int:
        self.seq += 1
        await self.talk.publish([command])
        return self.seq

    async def create(self, *users: str) -> None:
        members = tuple(Member(user) for user in users[1:])
        await self._command(CreateConversation(**self._common(users[0]), conversation_kind="group", title="t", members=members))

    async def say(self, user: str) -> int:
        return await self._command(SendMessage(**self._common(user), content=TEXT))

    async def add(self, by: str, member: str) -> int:
        return await self._command(AddMember(**self._common(by), member=member))

    async def leave(self, user: str) -> int:
        return await self._command(LeaveConversation(**self._common(user)))


async def of_user(log: KafkaLog, topic: str, record_type: type[T], user: str) -> list[T]:
    """The user's records of a topic, oldest first."""
    found = [record async for record in _decoded(log, topic)]
    return [each for each in found if isinstance(each, record_type) and getattr(each, "user", "") == user]


async def _decoded(log: KafkaLog, topic: str) -> AsyncIterator[Any]:
    async for record in all_records(log, topic):
        if record.value is not None:
            yield codec.decode(record.value, codec.AnyRecord)  # type: ignore[arg-type]


async def presences(log: KafkaLog, user: str) -> list[PresenceChanged]:
    return await of_user(log, "presence", PresenceChanged, user)


async def pushes(log: KafkaLog, user: str) -> list[PushRequested]:
    """What was asked for, each push id once, as a sender of pushes would see it."""
    found = await of_user(log, "push-requests", PushRequested, user)
    return list({each.push_id: each for each in found}.values())


async def cancelled(log: KafkaLog, user: str) -> list[PushCancelled]:
    return await of_user(log, "push-requests", PushCancelled, user)


async def redeliveries(log: KafkaLog, user: str) -> list[RedeliveryAsked]:
    return await of_user(log, "signals", RedeliveryAsked, user)


async def saved(log: KafkaLog, user: str) -> list[InboxSaved | None]:
    """Every saved state of the user, None where nothing was pending."""
    records = [record async for record in all_records(log, "inbox-state") if record.key == user.encode()]
    return [None if record.value is None else codec.decode(record.value, InboxSaved) for record in records]


async def row_of(store: Store, user: str) -> PresenceRow | None:
    return (await Presences(store).get([user])).get(user)


async def until(look: Callable[[], Any], holds: Callable[[Any], bool], what: str, timeout_s: float = READY_S) -> Any:
    """What `look` finds once it fulfils the condition."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = await look()
        if holds(found):
            return found
        assert time.monotonic() < deadline, f"not {what} within {timeout_s} s: {found}"
        await asyncio.sleep(0.1)
