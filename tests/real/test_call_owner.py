"""The owner of calls as processes on the real Kafka: a call's whole life, and a ring's deadline whatever becomes of the workers."""

import asyncio
import signal
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from log.kafka import KafkaLog
from log.port import Entry, Record
from log.settings import LogSettings
from log.topics import ensure_topics
from ops.embedded.stack import Stack
from schemas import call_commands as commands
from schemas import call_events as events
from schemas import codec
from schemas.call_records import CallReply
from schemas.partition import partition_of
from streams.calls.partition import COMMANDS_TOPIC, EVENTS_TOPIC, REPLIES_TOPIC
from tests.real.workers import PARTITIONS, Worker, all_records, dead_letters, opened, uuid7, workers

pytestmark = pytest.mark.real

RING_MS = 30_000  # the least that may be asked for
SLACK_MS = 500
LATE_MS = 6_000  # of a timer that fires on a busy machine; what waits for the end of a session of ten seconds comes later
ASLEEP_BEFORE_S = 4.0


class Seen(NamedTuple):
    event: events.Event
    appended_ms: int  # by the worker's clock


class Line:
    """One conversation's calls, by what the log has of them."""

    def __init__(self, log: KafkaLog, conversation: str) -> None:
        self.log, self.conversation, self.call_id = log, conversation, uuid.uuid4().hex
        self.key = conversation.encode()
        self.partition = partition_of(self.key, PARTITIONS)

    async def say(self, kind: type[commands.Command], who: str = "", **fields: Any) -> str:
        base: dict[str, Any] = {"tenant": "default", "conversation_id": self.conversation, "call_id": self.call_id, "command_id": uuid7()}
        if who:
            base["user"], base["device"] = who.split("/")
        if kind is commands.RequestCall:
            base |= {"call_kind": "one_to_one", "media": "audio", "callees": ("bob",), "engine": "embedded-1", "ring_ms": RING_MS}
        if issubclass(kind, commands.EngineCommand):
            base |= {"engine": "embedded-1", "epoch": 1}
        command = kind(**(base | fields))
        await self.log.publish(COMMANDS_TOPIC, self.partition, [Entry(self.key, codec.encode(COMMANDS_TOPIC, command))])
        return command.command_id

    async def _ours(self, topic: str) -> list[Record]:
        return [record async for record in all_records(self.log, topic) if record.key == self.key]

    async def seen(self) -> list[Seen]:
        return [Seen(codec.decode(each.value, events.Event), each.timestamp_ms) for each in await self._ours(EVENTS_TOPIC)]  # type: ignore[arg-type]

    async def replies(self) -> list[CallReply]:
        return [codec.decode(each.value, CallReply) for each in await self._ours(REPLIES_TOPIC)]  # type: ignore[arg-type]

    async def until(self, kind: type[events.Event], timeout_s: float = 120.0) -> list[Seen]:
        """All events, once the last one is of this kind."""
        deadline = time.monotonic() + timeout_s
        while not (seen := await self.seen()) or not isinstance(seen[-1].event, kind):
            assert time.monotonic() < deadline, f"no {kind.__name__}: {[type(each.event).__name__ for each in seen]}"
            await asyncio.sleep(0.05)
        assert [each.event.seq for each in seen] == list(range(1, len(seen) + 1))
        return seen


def line_in(log: KafkaLog, partition: int) -> Line:
    while True:
        line = Line(log, f"d-{uuid.uuid4().hex}")
        if line.partition == partition:
            return line


async def partitions_of(worker: Worker) -> list[int]:
    return list((await worker.live())["detail"]["calls"]["ready"])


async def whole_call(log: KafkaLog, partition: int) -> None:
    """Requested, rung, answered, connected, hung up; with what is refused, repeated and not understood on its way."""
    line = line_in(log, partition)
    request = await line.say(commands.RequestCall, "ana/1")
    await line.say(commands.ReportRinging, "bob/1")
    await log.publish(COMMANDS_TOPIC, partition, [Entry(line.key, b"nonsense")])
    late = await line.say(commands.AcceptCall, "xen/1")
    await line.say(commands.AcceptCall, "bob/1")
    await line.say(commands.RequestCall, "ana/1", command_id=request)
    await line.say(commands.ReportEngineMedia, user="bob", device="1", flow="up")
    await line.say(commands.HangUp, "ana/1")
    seen = await line.until(events.CallRecorded)
    kinds = [type(each.event).__name__ for each in seen]
    assert kinds == ["CallRequested", "RingStarted", "CallAccepted", "MediaChanged", "ParticipantLeft", "CallEnded", "CallRecorded"]
    assert isinstance(seen[-1].event, events.CallRecorded)
    assert seen[-1].event.reason == "hung_up"
    found = {(reply.command_id, type(reply).__name__, getattr(reply, "code", "")) for reply in await line.replies()}
    assert found == {(late, "CallRefused", "not_invited"), (request, "CallRepeated", "")}
    assert [letter.key for letter in await dead_letters(log) if letter.topic == COMMANDS_TOPIC] == [line.key]


async def rings(line: Line) -> int:
    """It rings; by when it has to be over."""
    await line.say(commands.RequestCall, "ana/1")
    await line.say(commands.ReportRinging, "bob/1")
    seen = await line.until(events.RingStarted)
    assert isinstance(seen[0].event, events.CallRequested)
    return seen[0].event.ring_deadline_ms


async def missed(line: Line, deadline_ms: int) -> int:
    """The ring is over at its deadline and at no other moment; how much later the log had it."""
    seen = await line.until(events.CallRecorded)
    timed_out, ended, recorded = seen[2:]
    assert isinstance(timed_out.event, events.RingTimedOut)
    assert isinstance(recorded.event, events.CallRecorded)
    assert {each.event.at_ms for each in (timed_out, ended, recorded)} == {deadline_ms}
    assert (recorded.event.reason, recorded.event.ring_ms) == ("missed", RING_MS)
    return timed_out.appended_ms - deadline_ms


def test_a_call_lives_in_the_log_and_rings_end_at_their_deadline_through_kill_and_take_over(stack: Stack, tmp_path: Path) -> None:
    """Two workers. One is killed while it rings and restarted; the other sleeps over its ring's deadline, and wakes as a zombie."""
    asyncio.run(ensure_topics(LogSettings(stack.kafka), PARTITIONS))

    async def body() -> None:
        killed, sleeper = (Worker(stack.kafka, tmp_path, name, STREAMS_ROLES="calls") for name in ("killed", "sleeper"))
        with workers(killed, sleeper):
            killed.start()
            sleeper.start()
            await asyncio.gather(killed.until_ready(PARTITIONS // 2), sleeper.until_ready(PARTITIONS // 2))
            async with opened(stack.kafka) as log:
                kept, lost = [line_in(log, (await partitions_of(each))[0]) for each in (killed, sleeper)]
                kept_ms, lost_ms = await asyncio.gather(rings(kept), rings(lost))
                killed.send(signal.SIGKILL)
                killed.wait()
                killed.start()
                await killed.until_ready(PARTITIONS // 2)
                await whole_call(log, kept.partition)
                await asyncio.sleep(lost_ms / 1000 - time.time() - ASLEEP_BEFORE_S)
                sleeper.send(signal.SIGSTOP)
                assert SLACK_MS <= await missed(kept, kept_ms) <= SLACK_MS + LATE_MS
                assert await missed(lost, lost_ms) > SLACK_MS, "once the session of who slept was over"
                sleeper.send(signal.SIGCONT)
                await killed.until_ready()
                before = await lost.seen()
                await asyncio.gather(*(whole_call_without_errors(log, partition) for partition in range(PARTITIONS)))
                assert await lost.seen() == before, "the zombie wrote after all"
                assert (
                    "warbler_calls_timers_total 1.0" in await killed.metrics() or "warbler_calls_timers_total 2.0" in await killed.metrics()
                )
                assert "Fenced" in sleeper.output or (await sleeper.live()).get("ok") is not None
            assert killed.stop() == 0

    asyncio.run(body())


async def whole_call_without_errors(log: KafkaLog, partition: int) -> None:
    line = line_in(log, partition)
    await line.say(commands.RequestCall, "ana/1")
    await line.say(commands.HangUp, "ana/1")
    seen = await line.until(events.CallRecorded)
    assert len(seen) == 4
