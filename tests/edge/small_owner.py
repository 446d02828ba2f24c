"""An owner of calls over the log in memory, as small as can be: the real decisions, one task, no fence and no saving."""

import asyncio
from typing import Any

import msgspec

from log.port import Entry, Log
from rtc.call import decide, fold
from rtc.live import CALL_EVENTS, CALL_STATE
from rtc.rules import Rules
from rtc.state import Line
from rtc.timers import passed
from rtc.values import Refusal
from schemas.call_commands import Command
from schemas.call_events import Event
from schemas.call_records import CallLineSaved, CallRefused, CallRepeated, CallsCheckpoint, EngineAnnounced
from schemas.codec import decode, encode
from schemas.partition import partition_of

COMMANDS, REPLIES, ENGINES = "call-commands", "call-replies", "call-engines"
COMMAND: Any = Command


class SmallOwner:
    def __init__(self, log: Log, rules: Rules | None = None) -> None:
        self.log, self.rules = log, rules or Rules()
        self.lines: dict[str, Line] = {}
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.listening = asyncio.Event()  # a test may let commands wait in the log
        self.listening.set()

    async def run(self) -> None:
        partitions = range(await self.log.partitions_count(COMMANDS))
        async for records in self.log.tail({(COMMANDS, partition): 0 for partition in partitions}):
            for record in records:
                await self.listening.wait()
                await self._hear(decode(record.value, COMMAND), record.timestamp_ms)

    async def _hear(self, command: Command, at_ms: int) -> None:
        self.commands.append(command)
        line = self.line(command.conversation_id)
        outcome = decide(line, command, at_ms, self.rules)
        if isinstance(outcome, Refusal) or not outcome:
            await self._reply(command, outcome if isinstance(outcome, Refusal) else None, at_ms)
        else:
            await self._append(command.conversation_id, outcome)

    def line(self, conversation: str) -> Line:
        return self.lines.get(conversation) or Line(tenant="default", conversation_id=conversation)

    async def _reply(self, command: Command, refusal: Refusal | None, at_ms: int) -> None:
        base: dict[str, Any] = {name: getattr(command, name) for name in ("tenant", "conversation_id", "command_id")}
        base |= {"user": getattr(command, "user", ""), "device": getattr(command, "device", ""), "at_ms": at_ms}
        reply: CallRefused | CallRepeated = CallRepeated(call_id=command.call_id, head_seq=0, **base)
        if refusal is not None:
            fields = {name: getattr(refusal, name) for name in ("code", "fault", "detail", "retry_after_ms")}
            reply = CallRefused(call_id=refusal.call_id or command.call_id, **base, **fields)
        await self._put(REPLIES, command.conversation_id, encode(REPLIES, reply))

    async def _append(self, conversation: str, events: tuple[Event, ...]) -> None:
        self.lines[conversation] = fold(self.line(conversation), events)
        self.events += events
        for event in events:
            await self._put(CALL_EVENTS, conversation, encode(CALL_EVENTS, event))

    async def wait(self, conversation: str, ms: int) -> None:
        """The timers of so much later fire now."""
        line = self.line(conversation)
        await self._append(conversation, passed(line, line.head_at_ms + ms, self.rules))

    async def save(self, conversation: str) -> None:
        """The line as it is, and a checkpoint behind the partition's events; nobody needs those before it."""
        line, key = self.line(conversation), conversation.encode()
        fields: dict[str, Any] = {"tenant": line.tenant, "conversation_id": conversation, "head_seq": line.head_seq}
        saved = CallLineSaved(live=line.live is not None, line=msgspec.msgpack.encode(line), record=b"", **fields)
        await self._put(CALL_STATE, conversation, encode(CALL_STATE, saved))
        partition = partition_of(key, await self.log.partitions_count(CALL_EVENTS))
        end = await self.log.end_offset(CALL_EVENTS, partition)
        checkpoint = CallsCheckpoint(partition=partition, commands_next=0, events_next=end, at_ms=0)
        await self.log.publish(CALL_STATE, partition, [Entry(b"#checkpoint", encode(CALL_STATE, checkpoint))])

    async def _put(self, topic: str, key: str, value: bytes) -> None:
        partition = partition_of(key.encode(), await self.log.partitions_count(topic))
        await self.log.publish(topic, partition, [Entry(key.encode(), value)])

    async def announce(self, engine: str, now_ms: int, **changed: Any) -> None:
        fields: dict[str, Any] = {
            "engine_kind": engine.partition("-")[0],
            "capabilities": ("video",),
            "rooms": 0,
            "participants": 0,
            "participants_limit": 100,
            "draining": False,
        }
        said = EngineAnnounced(engine=engine, at_ms=now_ms, until_ms=now_ms + 60_000, **(fields | changed))
        await self._put(ENGINES, engine, encode(ENGINES, said))

    async def settled(self, count: int) -> None:
        """Returns when so many commands were heard."""
        while len(self.commands) < count:  # noqa: ASYNC110  a wait in tests only
            await asyncio.sleep(0.002)
