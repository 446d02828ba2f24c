"""A log with some conversations in it, and replays of it, for the tests of `ops.replay`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from log.memory import MemoryLog
from log.places import End, Place, Start
from log.port import Entry
from ops.replay.asked import AtOnce, IntoFile, Speed, Target
from ops.replay.matching import Filter
from ops.replay.perform import Asked, Means, performed
from ops.replay.run import Order
from ops.replay.state import Counts, State
from schemas.codec import encode
from schemas.events import MemberAdded, MessageSent
from schemas.partition import partition_of
from schemas.records import WriterChanged
from schemas.values import Content

EVENTS = "conversation-events"
T0_MS = 1_790_000_000_000
CONVERSATIONS = ("g-1", "g-2", "g-3", "g-4", "g-5")


def base(conversation: str, seq: int, user: str) -> dict[str, Any]:
    place = {"event_id": f"{conversation}:{seq}", "tenant": "default", "conversation_id": conversation, "seq": seq, "ordinal": seq}
    return {**place, "at_ms": T0_MS + seq, "user": user, "device": "d", "command_id": "c", "trace_id": ""}


async def filled(log: MemoryLog, events: int = 40) -> None:
    """Messages by u-0, u-1, u-2 in turn in five conversations, 1 s apart; every tenth event adds u-9. First comes a control record."""
    named: dict[str, Any] = {field.name: "w" if field.type is str else 0 for field in msgspec.structs.fields(WriterChanged)}
    control = WriterChanged(**named)
    await log.publish(EVENTS, 0, [Entry(None, encode(EVENTS, control), T0_MS)])
    for number in range(events):
        conversation, user = CONVERSATIONS[number % 5], f"u-{number % 3}"
        about = base(conversation, number // 5 + 1, user)
        event = (
            MemberAdded(**about, member="u-9", role="member")
            if number % 10 == 9
            else MessageSent(**about, content=Content("text/plain", f"message {number}".encode()))
        )
        entry = Entry(conversation.encode(), encode(EVENTS, event), T0_MS + 1000 * number)
        await log.publish(EVENTS, partition_of(conversation.encode(), 4), [entry])


def asked(into: Target, **chosen: Any) -> Asked:
    """`chosen`: begin, until, topics, speed, order, and the names of a filter."""
    begin: Place = chosen.pop("begin", Start())
    until: Place = chosen.pop("until", End())
    speed: Speed = chosen.pop("speed", AtOnce())
    order: Order = chosen.pop("order", "time")
    topics = chosen.pop("topics", (EVENTS,))
    choices = Filter(**{name: frozenset(values) for name, values in chosen.items()})
    return Asked(begin, until, topics, choices, into, speed, order)


async def replayed(log: MemoryLog, wanted: Asked, resume: Path | None = None, progress: Callable[[State], None] = lambda _: None) -> Counts:
    async def make(name: str, partitions: int) -> None:
        log.others.setdefault(name, partitions)

    return await performed(log, wanted, Means(make, private=True), resume, progress)


async def lines(log: MemoryLog, path: Path, **options: Any) -> list[dict[str, Any]]:
    """What a replay into a new file gives."""
    await replayed(log, asked(IntoFile(str(path)), **options))
    return rows_in(path)


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def run(body: Callable[[MemoryLog], Awaitable[None]]) -> None:
    async def whole() -> None:
        log = MemoryLog()
        async with asyncio.timeout(60):
            await body(log)

    asyncio.run(whole())
