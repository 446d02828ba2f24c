"""Owners of one partition that crash, sleep and come back, over the in-memory log: the harness of the promises' tests.

Every operation on the log is an await where an owner can be stopped, before or after it took effect. A crashed owner does nothing more. A
sleeping one (SIGSTOP) is woken after its successor took over, and goes on where it was.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from log.errors import Fenced, LogUnavailable
from log.memory import MemoryLog, Moment
from log.port import Entry, Record
from schemas import codec
from schemas.commands import AddMember, Command, CreateConversation, LeaveConversation, RecallMessage, SendMessage
from schemas.events import Event
from schemas.headers import read_command_header
from schemas.records import CommandRefused, CommandRepeated, DeadLetter, Reply
from schemas.values import Content, Member
from streams.conversations.owned import CONVERSATIONS as OWNED
from streams.conversations.partition import COMMANDS_TOPIC, EVENTS_TOPIC, Partition
from streams.conversations.rules import Rules
from streams.owning import port
from streams.owning.lane import Lane, Work
from streams.owning.port import Owned
from streams.owning.stats import OwnerStats
from streams.settings import StreamsSettings

START_MS = 1_700_000_000_000
USERS = ("u-ana", "u-bob", "u-eve")
CONVERSATIONS = ("g-" + "1" * 32, "g-" + "2" * 32)
SETTINGS = StreamsSettings(snapshot_interval_ms=3, checkpoint_interval_ms=2, unpacked_conversations_limit=1, dead_letters_row_limit=100)
RULES = Rules(members_whole_limit=2)  # conversations are saved in parts from their third member on
SETTLE_S = 20.0
LINGER_S = 0.01  # for the snapshots and the checkpoint after the last command


class Clock:
    """Milliseconds that pass with every look, so that snapshots and checkpoints fall between the commands."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


def command_id(number: int) -> str:
    """A UUIDv7 of the simulated time, the same for the same number."""
    raw = (START_MS + number).to_bytes(6, "big") + (0x7000 | (number & 0xFFF)).to_bytes(2, "big") + (0x8 << 60 | number).to_bytes(8, "big")
    return str(uuid.UUID(bytes=raw))


def make_command(kind: str, conversation: int, user: int, number: int) -> Command:
    common = {
        "tenant": "default",
        "conversation_id": CONVERSATIONS[conversation],
        "command_id": command_id(number),
        "user": USERS[user],
        "device": "d-1",
        "trace_id": "t",
        "received_at_ms": 0,
    }
    match kind:
        case "create":
            return CreateConversation(**common, conversation_kind="group", title="t", members=(Member(USERS[1], "admin"),))  # type: ignore[arg-type]
        case "add":
            return AddMember(**common, member=USERS[2])  # type: ignore[arg-type]
        case "leave":
            return LeaveConversation(**common)  # type: ignore[arg-type]
        case "recall":
            return RecallMessage(**common, target_seq=number % 7)  # type: ignore[arg-type]
    return SendMessage(**common, content=Content("text/plain", f"text {number}".encode()))  # type: ignore[arg-type]


def entry_of(command: Command) -> Entry:
    return Entry(command.conversation_id.encode(), codec.encode(COMMANDS_TOPIC, command))


@dataclass
class Fate:
    """What befalls one owner: at which operation (counted from 0, before and after count apart) it stops or loses the log."""

    stops_at: int | None = None
    sleeps: bool = False  # stops like SIGSTOP and is woken later, instead of being killed
    unavailable_at: frozenset[int] = frozenset()


class Owner:
    """One process that owns the partition, from its start to its end."""

    def __init__(self, world: "World", fate: Fate) -> None:
        self.fate = fate
        self.stopped = asyncio.Event()
        self.awake = asyncio.Event()
        self.operations = 0
        self.acked_to = world.committed
        self.lane = Lane(world.log.seen_with(self._fault), world.owned, world.fresh, 0, SETTINGS, world.clock, OwnerStats())
        self.task = asyncio.ensure_future(self.lane.run())

    async def _fault(self, operation: str, moment: Moment) -> None:
        number = self.operations
        self.operations += 1
        if number == self.fate.stops_at:
            self.stopped.set()
        if self.stopped.is_set() and not self.awake.is_set():
            await self.awake.wait()
        if number in self.fate.unavailable_at and operation != "tail":
            raise LogUnavailable("injected")
        await asyncio.sleep(0)

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def wake(self) -> None:
        self.awake.set()


def fresh() -> Partition:
    return Partition(0, 1, RULES, unpacked_limit=SETTINGS.unpacked_conversations_limit, snapshot_interval_ms=SETTINGS.snapshot_interval_ms)


@dataclass
class World:
    log: MemoryLog
    clock: Clock
    chunk_sizes: Sequence[int] = (3, 1, 2)
    committed: int = 0  # the group's offset; only the current owner's acks move it
    owners: list[Owner] = field(default_factory=list)  # all there have been
    sleepers: list[Owner] = field(default_factory=list)
    endings: list[BaseException | None] = field(default_factory=list)
    owned: Owned = OWNED
    fresh: Callable[[], port.Partition] = fresh

    async def live(self, fate: Fate) -> Owner:
        """One owner from start until all commands are settled, or until its fate."""
        owner = Owner(self, fate)
        self.owners.append(owner)
        records = await self.log.read(self.owned.commands, 0, self.committed, 10_000)
        end = records[-1].offset + 1 if records else self.committed
        feeding = asyncio.ensure_future(self._feed(owner, records))
        async with asyncio.timeout(SETTLE_S):
            while not owner.stopped.is_set() and not owner.task.done() and (owner.acked_to < end or not owner.lane.ready):  # noqa: ASYNC110
                await asyncio.sleep(0)
            if not owner.stopped.is_set() and not owner.task.done():
                await asyncio.sleep(LINGER_S)
        feeding.cancel()
        self.committed = max(self.committed, owner.acked_to)
        if owner.stopped.is_set() and fate.sleeps:
            self.sleepers.append(owner)
        else:
            await owner.kill()
            self.endings.append(_failure(owner))
        return owner

    async def _feed(self, owner: Owner, records: list[Record]) -> None:
        at, turn = 0, 0
        while at < len(records):
            size = self.chunk_sizes[turn % len(self.chunk_sizes)]
            chunk = records[at : at + size]

            async def ack(next_offset: int = chunk[-1].offset + 1) -> None:
                owner.acked_to = max(owner.acked_to, next_offset)

            await owner.lane.put(Work(chunk, ack))
            at, turn = at + size, turn + 1

    async def wake_sleepers(self) -> None:
        """Wake every sleeper and let it do what it wants; most find that they are fenced."""
        for sleeper in self.sleepers:
            sleeper.wake()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.wait([sleeper.task])
            await sleeper.kill()
            self.endings.append(_failure(sleeper))
        self.sleepers.clear()


def _failure(owner: Owner) -> BaseException | None:
    if owner.task.cancelled():
        return None
    error = owner.task.exception()
    if error is not None and not isinstance(error, Fenced):
        raise error  # nothing but a successor may end an owner
    return error


@dataclass
class Seen:
    """What the log says at the end, decoded."""

    events: list[tuple[int, Event]]  # with the offset of the command in its header
    replies: list[Reply]
    dead: list[DeadLetter]
    commands: list[Record]


async def read_all(log: MemoryLog) -> Seen:
    events = []
    for record in await log.read(EVENTS_TOPIC, 0, 0, 100_000):
        if record.key is not None:
            header = read_command_header(record.headers)
            assert header is not None
            event: Event = codec.decode(record.value, Event)  # type: ignore[arg-type]
            events.append((header[0], event))
    replies: list[Reply] = [codec.decode(row.value, Reply) for row in await log.read("replies", 0, 0, 100_000)]  # type: ignore[arg-type]
    dead = [codec.decode(row.value, DeadLetter) for row in await log.read("dead-letters", 0, 0, 100_000)]
    return Seen(events, replies, dead, await log.read(COMMANDS_TOPIC, 0, 0, 100_000))


def check_promises(seen: Seen) -> None:
    """Promises 1 to 3, from nothing but the log."""
    seqs: dict[str, int] = {}
    at_ms: dict[str, int] = {}
    used: dict[tuple[str, str], int] = {}  # (conversation, command id) -> the commands offset that was accepted
    firsts: dict[tuple[str, str], Event] = {}
    for offset, event in seen.events:
        conversation = event.conversation_id
        assert event.seq == seqs.get(conversation, 0) + 1, "one dense order"
        assert event.at_ms >= at_ms.get(conversation, 0), "time does not run backwards"
        seqs[conversation], at_ms[conversation] = event.seq, event.at_ms
        key = (conversation, event.command_id)
        assert used.setdefault(key, offset) == offset, "a command is accepted once"
        firsts.setdefault(key, event)
    offsets = [offset for offset, _ in seen.events]
    assert offsets == sorted(offsets), "commands are used in their order"
    answered = {(reply.conversation_id, reply.command_id) for reply in seen.replies}
    buried = {(letter.topic, letter.offset) for letter in seen.dead}
    for reply in seen.replies:
        if isinstance(reply, CommandRepeated):
            first = firsts[reply.conversation_id, reply.command_id]  # what was acked is kept
            assert (first.seq, first.ordinal, first.at_ms) == (reply.seq, reply.ordinal, reply.accepted_at_ms)
    for record in seen.commands:
        try:
            command: Command = codec.decode(record.value, Command)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it must be buried
            assert (COMMANDS_TOPIC, record.offset) in buried
            continue
        key = (command.conversation_id, command.command_id)
        assert record.offset in offsets or key in answered, "every command is answered"


def refusals(seen: Seen) -> list[CommandRefused]:
    return [reply for reply in seen.replies if isinstance(reply, CommandRefused)]
