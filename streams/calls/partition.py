"""The state of one partition of calls, rebuilt from the log and advanced by commands and by time. Pure: records in, entries out.

What any owner does is in `streams.owning.state`; what a command or a moment comes to is decided by `rtc.call` and `rtc.timers`.
Rule 1: an event of time names the last command that was used before it, so that a successor neither skips the next one nor does it again.
Rule 2: the record of a call stands right after its end, in the same batch.
"""

from collections.abc import Iterator
from typing import Any

from log.limits import batch_bytes_limit, entries_bytes
from log.port import Entry, Record
from rtc.call import decide
from rtc.evolve import evolve, fold
from rtc.record import CallRecord
from rtc.rules import Rules
from rtc.state import MEMORY_MS, Line
from rtc.timers import next_due, passed
from rtc.values import Refusal
from schemas import codec
from schemas.call_commands import Command, DeviceCommand
from schemas.call_events import Event
from schemas.call_records import CallRefused, CallRepeated, CallsCheckpoint
from schemas.errors import Undecodable
from schemas.headers import FINGERPRINT_BYTES, command_header
from streams.calls.alarms import Alarms
from streams.calls.lines import Lines
from streams.calls.recording import folded, recorded
from streams.owning.outcome import Answer, Append, Outcome
from streams.owning.state import PartitionState

COMMANDS_TOPIC = "call-commands"
EVENTS_TOPIC = "call-events"
REPLIES_TOPIC = "call-replies"
EVENTS_BATCH_BYTES = batch_bytes_limit(EVENTS_TOPIC)
# A conversation's owner keeps one of each command; for calls the id alone says that a command comes again.
NO_FINGERPRINT = bytes(FINGERPRINT_BYTES)


class Partition(PartitionState):
    events = Event
    commands = Command
    checkpoint_type = CallsCheckpoint

    def __init__(self, number: int, partitions_count: int, rules: Rules, *, snapshot_interval_ms: int) -> None:
        super().__init__(number, partitions_count, snapshot_interval_ms)
        # A request counts for its horizon, counted from what its device says is now: so long its id must be known, or it rings twice.
        self.lines = Lines(max(MEMORY_MS, rules.clock_ahead_ms + rules.request_horizon_ms))
        self._rules = rules
        self._alarms = Alarms()
        self._moved: set[bytes] = set()  # lines whose next moment is to be found

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, key: bytes) -> bool:
        return key in self.lines

    # Take-over.

    def load_line(self, key: bytes, value: bytes | None) -> str | None:
        if value is None:
            self.lines.drop(key)
            return None
        try:
            line = self.lines.put_packed(key, value)
        except Undecodable as exc:
            self.lines.drop(key)
            self.poisoned.add(key)
            return exc.reason
        self.poisoned.discard(key)
        if line.live is not None:
            self._moved.add(key)
        return None

    def forget_snapshots(self) -> None:
        self.lines = Lines(self.lines.memory_ms)

    def head_seq(self, key: bytes) -> int:
        line = self.lines.get(key)
        return line.head_seq if line is not None else 0

    def evolve(self, key: bytes, event: Any, print_: bytes, events_offset: int) -> None:
        line = self.lines.get(key) or Line(tenant=event.tenant, conversation_id=event.conversation_id)
        self.lines.put(key, evolve(line, event), folded(self.lines.record(key), event))
        self._moved.add(key)

    # Commands.

    def decided(self, record: Record, command: Any, now_ms: int) -> Outcome:
        key = command.conversation_id.encode()
        line = self.lines.get(key) or Line(tenant=command.tenant, conversation_id=command.conversation_id)
        outcome = decide(line, command, record.timestamp_ms, self._rules)
        if isinstance(outcome, tuple) and outcome:
            events, kept = recorded(outcome, self.lines.record(key))
            entries = _entries(events, key, record.offset)
            if entries_bytes(entries) <= EVENTS_BATCH_BYTES:
                self._advance(key, line, events, kept, now_ms)
                return Append(entries)
            outcome = Refusal("invalid", "device", "its events do not fit in one batch")
        at_ms = max(record.timestamp_ms, line.head_at_ms)
        return Answer(_reply(command, outcome, line.head_seq, at_ms), isinstance(outcome, Refusal))

    def _advance(self, key: bytes, line: Line, events: tuple[Event, ...], record: CallRecord | None, now_ms: int) -> None:
        self.changes.note(key, self.events_next, now_ms)
        self.events_next += len(events)
        self.lines.put(key, fold(line, events), record)
        self._moved.add(key)

    # Time.

    @property
    def due_ms(self) -> int | None:
        for key in self._moved:
            line = self.lines.get(key)
            due = next_due(line, self._rules) if line is not None and key not in self.quarantined else None
            self._alarms.put(key, due.at_ms + self._rules.timer_slack_ms if due is not None else None)
        self._moved.clear()
        return self._alarms.next_ms()

    def pass_time(self, now_ms: int) -> Iterator[tuple[Entry, ...]]:
        """Each line's part as one batch."""
        while (at_ms := self.due_ms) is not None and at_ms <= now_ms:
            key = self._alarms.pop(now_ms)
            line = self.lines.get(key) if key is not None else None
            if key is None or line is None:
                continue
            self._moved.add(key)
            events, record = recorded(passed(line, now_ms - self._rules.timer_slack_ms, self._rules), self.lines.record(key))
            self._advance(key, line, events, record, now_ms)
            yield _entries(events, key, max(0, self.commands_next - 1))  # there is a call, so the first command was used

    # Snapshots.

    def pack(self, key: bytes) -> Iterator[Entry]:
        self.changes.take(key)
        return iter((Entry(key, self.lines.pack(key)),))

    def checkpoint(self, commands_next: int, at_ms: int) -> CallsCheckpoint:
        for key in self.lines.forget(at_ms):
            self.changes.note(key, self.events_next, at_ms)
        return CallsCheckpoint(
            partition=self.number, events_next=self.changes.events_next(self.events_next), commands_next=commands_next, at_ms=at_ms
        )


def _entries(events: tuple[Event, ...], key: bytes, commands_offset: int) -> tuple[Entry, ...]:
    headers = (command_header(commands_offset, NO_FINGERPRINT),)
    return tuple(Entry(key, codec.encode(EVENTS_TOPIC, event), None, headers) for event in events)


def _reply(command: Command, outcome: tuple[Event, ...] | Refusal, head_seq: int, at_ms: int) -> Entry:
    device = command if isinstance(command, DeviceCommand) else None
    common = {
        "tenant": command.tenant,
        "conversation_id": command.conversation_id,
        "command_id": command.command_id,
        "user": device.user if device is not None else "",
        "device": device.device if device is not None else "",
        "at_ms": at_ms,
    }
    reply: CallRefused | CallRepeated
    if isinstance(outcome, Refusal):
        reply = CallRefused(
            **common,  # type: ignore[arg-type]
            call_id=outcome.call_id or command.call_id,
            code=outcome.code,
            fault=outcome.fault,
            detail=outcome.detail,
            retry_after_ms=outcome.retry_after_ms,
        )
    else:
        reply = CallRepeated(**common, call_id=command.call_id, head_seq=head_seq)  # type: ignore[arg-type]
    return Entry(command.conversation_id.encode(), codec.encode(REPLIES_TOPIC, reply), at_ms)
