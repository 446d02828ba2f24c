"""An owner of calls with one partition, its log as lists and its clock by hand; and the commands that tests say to it."""

from __future__ import annotations

import copy
from typing import Any

from log.port import Entry, Record
from rtc.rules import Rules
from schemas import call_commands as commands
from schemas import codec
from schemas.call_events import Event
from schemas.call_records import CallReply
from schemas.ids import uuid7
from streams.calls.partition import COMMANDS_TOPIC, EVENTS_TOPIC, Partition
from streams.owning.outcome import Answer, Append, Outcome, Poison
from streams.owning.port import CHECKPOINT_KEY

START_MS = 1_700_000_000_000
RULES = Rules()
TALK, ROOM = "d-" + "1" * 32, "g-" + "2" * 32
ANA, ANA2, BOB, BOB2, EVE, XEN = "ana/1", "ana/2", "bob/1", "bob/2", "eve/1", "xen/1"
ENGINE = "embedded-1"


def command_id(number: int, at_ms: int = START_MS) -> str:
    return uuid7(at_ms, number)


def make_call_command(kind: type[commands.Command], who: str, number: int, at_ms: int = START_MS, **fields: Any) -> commands.Command:
    """Shape: `who` is "user/device"; empty for an engine's command."""
    base: dict[str, Any] = {"tenant": "default", "conversation_id": TALK, "call_id": "c1", "command_id": command_id(number, at_ms)}
    if who:
        base["user"], base["device"] = who.split("/")
    if kind is commands.RequestCall:
        base |= {"call_kind": "one_to_one", "media": "audio", "callees": ("bob",), "engine": ENGINE}
    if issubclass(kind, commands.EngineCommand):
        base |= {"engine": ENGINE, "epoch": 1}
    return kind(**(base | fields))


def call_entry(command: commands.Command) -> Entry:
    return Entry(command.conversation_id.encode(), codec.encode(COMMANDS_TOPIC, command))


def fresh_calls_of_one(rules: Rules = RULES, snapshot_interval_ms: int = 10) -> Partition:
    return Partition(0, 1, rules, snapshot_interval_ms=snapshot_interval_ms)


class Desk:
    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.clock_ms = START_MS
        self.partition = fresh_calls_of_one(rules)
        self.commands: list[Record] = []
        self.events: list[Record] = []
        self.answers: list[CallReply] = []
        self.poison: list[str] = []

    def say(self, kind: type[commands.Command], who: str = "", **fields: Any) -> Any:
        """The events that the command came to, or its answer, or why it is poison."""
        return self.hear(make_call_command(kind, who, len(self.commands), self.clock_ms, **fields))

    def hear(self, command: commands.Command, key: bytes | None = None) -> Any:
        entry = call_entry(command)
        return self.take(key or entry.key, entry.value)

    def take(self, key: bytes | None, value: bytes | None) -> Any:
        record = Record(COMMANDS_TOPIC, 0, len(self.commands), self.clock_ms, key, value)
        self.commands.append(record)
        return self.kept(self.partition.handle(record, self.clock_ms))

    def kept(self, outcome: Outcome) -> Any:
        match outcome:
            case Append(entries=entries):
                return self.append(entries)
            case Answer(entry=entry):
                answer: CallReply = codec.decode(entry.value, CallReply)  # type: ignore[arg-type]
                self.answers.append(answer)
                return answer
            case Poison(reason=reason):
                self.poison.append(reason)
                return reason
        return outcome

    def append(self, entries: tuple[Entry, ...]) -> list[Event]:
        made = [Record(EVENTS_TOPIC, 0, len(self.events) + i, self.clock_ms, *e[:2], e.headers) for i, e in enumerate(entries)]
        self.events += made
        assert self.partition.events_next == len(self.events)
        return decoded(made)

    def wait(self, ms: int) -> list[Event]:
        """Time goes on, and what it brought."""
        self.clock_ms += ms
        return [event for entries in self.partition.pass_time(self.clock_ms) for event in self.append(entries)]

    @property
    def log(self) -> list[Event]:
        return decoded(self.events)

    def log_of(self, conversation: str) -> list[Event]:
        return [event for event in self.log if event.conversation_id == conversation]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.log]

    def successor(self, state: list[Record] = [], upto: int | None = None) -> Partition:  # noqa: B006 - is not changed
        """Who takes over from what is in the log."""
        partition = fresh_calls_of_one(self.rules)
        for record in state:
            assert partition.load(record) is None
        start = partition.fold_start()
        for record in self.events[start:upto]:
            assert partition.fold(record, self.clock_ms) is None
        partition.events_next = max(partition.events_next, start)
        return partition

    def saved(self) -> list[Record]:
        """What call-state holds when everything that waits has been saved, and a checkpoint after it."""
        partition = copy.deepcopy(self.partition)
        entries: list[Entry] = []
        while (key := partition.changes.oldest()) is not None:
            entries += partition.pack(key)
            partition.changes.saved([key])
        checkpoint = partition.checkpoint(partition.commands_next, self.clock_ms)
        entries.append(Entry(CHECKPOINT_KEY, codec.encode("call-state", checkpoint)))
        return [Record("call-state", 0, number, self.clock_ms, *entry[:2]) for number, entry in enumerate(entries)]


def decoded(records: list[Record]) -> list[Event]:
    return [codec.decode(record.value, Event) for record in records]  # type: ignore[arg-type]
