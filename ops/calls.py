"""`warbler calls`: the live calls and the media engines as the log has them, and moving a call to another engine by hand."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from log.port import Entry, Log, Record, TopicPartition
from log.whole import whole
from ops.reading import records_between
from ops.tables import put_table
from ops.with_log import run_with_log
from rtc import reports
from rtc.choose import PEER_TO_PEER, Engines, takes_calls
from rtc.live import CALL_EVENTS, CALL_STATE, LineGap, LiveLines
from rtc.state import Call, Line
from schemas import call_events
from schemas.call_commands import SwitchEngine
from schemas.call_records import CallRefused, CallReply, EngineAnnounced
from schemas.call_signals import EngineKind
from schemas.codec import decode, encode
from schemas.errors import Undecodable, WarblerError
from schemas.partition import partition_of
from schemas.records import WriterChanged

CALL_COMMANDS, CALL_REPLIES, CALL_ENGINES = "call-commands", "call-replies", "call-engines"
ANSWER_S = 15.0
KINDS: tuple[EngineKind, ...] = tuple(kind for kind in get_args(EngineKind) if kind != PEER_TO_PEER)

DataOption = Annotated[Path, typer.Option("--data", help="Data folder of the `warbler up` to look at; not needed with WARBLER_KAFKA.")]
CallArgument = Annotated[str, typer.Argument(help="The call's id, or its beginning, as `list` shows it.")]

app = typer.Typer(help="Live calls and media engines.", no_args_is_help=True)


class NoSuchCall(WarblerError):
    """No live call has this id, or several begin so."""


class NotSwitched(WarblerError):
    """The call stays with the engine that it has, and why."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the log holds now. `now_ms`: when it was read."""

    lines: LiveLines
    engines: Engines
    now_ms: int

    def calls(self) -> list[tuple[Line, Call]]:
        return sorted(self.lines.live(), key=lambda pair: pair[1].requested_at_ms)

    def call(self, begins: str) -> tuple[Line, Call]:
        """Raises: NoSuchCall."""
        found = [(line, call) for line, call in self.lines.live() if call.call_id.startswith(begins)]
        if len(found) != 1:
            raise NoSuchCall(f"{len(found)} live calls have an id that begins with {begins!r}")
        return found[0]


async def read_live(log: Log, now_ms: int) -> Live:
    """The live calls and engines at the log's present end. Raises: LogUnavailable, UnknownTopic."""
    live = Live(LiveLines(), Engines(), now_ms)
    for partition in range(await log.partitions_count(CALL_ENGINES)):
        async for records in whole(log, CALL_ENGINES, partition):
            for said in _decoded(records, EngineAnnounced):
                live.engines.take(said)
    for partition in range(await log.partitions_count(CALL_STATE)):
        async for records in whole(log, CALL_STATE, partition):
            for record in records:
                live.lines.saved(record, now_ms)
    for partition in range(await log.partitions_count(CALL_EVENTS)):
        end = await log.end_offset(CALL_EVENTS, partition)
        start = max(live.lines.events_next.get(partition, 0), await log.start_offset(CALL_EVENTS, partition))
        async for record in records_between(log, CALL_EVENTS, partition, start, end):
            for event in _decoded([record], call_events.Event | WriterChanged):
                _take(live.lines, event)
    return live


def _take(lines: LiveLines, event: call_events.Event | WriterChanged) -> None:
    if isinstance(event, WriterChanged):
        return
    try:
        lines.take(event)
    except LineGap as gap:
        typer.echo(f"cannot be followed: {gap}", err=True)


def _decoded(records: Sequence[Record], expected: Any) -> list[Any]:
    found: list[Any] = []
    for record in records:
        try:
            found.append(decode(record.value, expected))
        except Undecodable:
            continue  # `warbler dead-letters` has those that a consumer met
    return found


async def switch(log: Log, live: Live, begins: str, kind: EngineKind) -> str:
    """Moves the call to an engine of this kind; that engine's name, once the owner of calls has accepted it.

    Raises: NoSuchCall, NotSwitched.
    """
    line, call = live.call(begins)
    chosen = live.engines.choose(kind, KINDS, live.now_ms, call.media, without={call.engine})
    if chosen is None:
        raise NotSwitched(f"no other engine of the kind {kind} takes calls now")
    command = reports.switch(line.tenant, line.conversation_id, call, chosen.engine)
    # By hand it may be tried again after it was refused, so its id is its own.
    await _publish_and_wait(log, replace(command, command_id=str(uuid.uuid4())))
    return chosen.engine


async def _publish_and_wait(log: Log, command: SwitchEngine) -> None:
    key = command.conversation_id.encode()
    starts: dict[TopicPartition, int] = {}
    for topic in (CALL_EVENTS, CALL_REPLIES):
        place = (topic, partition_of(key, await log.partitions_count(topic)))
        starts[place] = await log.end_offset(*place)
    partition = partition_of(key, await log.partitions_count(CALL_COMMANDS))
    await log.publish(CALL_COMMANDS, partition, [Entry(key, encode(CALL_COMMANDS, command))])
    try:
        async with asyncio.timeout(ANSWER_S):
            async for records in log.tail(starts):
                for answer in _decoded(records, call_events.Event | CallReply | WriterChanged):
                    if getattr(answer, "command_id", None) != command.command_id:
                        continue
                    if isinstance(answer, CallRefused):
                        raise NotSwitched(f"{answer.code}: {answer.detail}")
                    return
    except TimeoutError:
        raise NotSwitched(f"the owner of calls has not answered within {ANSWER_S:.0f} s") from None


# ---- for people


@app.command("list")
def list_calls(data: DataOption = Path(".warbler")) -> None:
    """The live calls, the oldest first."""

    async def body(log: Log) -> None:
        live = await read_live(log, _now_ms())
        table = Table("call", "conversation", "kind", "state", "in it", "rung", "engine", "epoch", "for")
        for line, call in live.calls():
            table.add_row(
                call.call_id,
                escape(line.conversation_id),
                f"{call.kind} {call.media}",
                call.state,
                str(len(call.participants)),
                str(len(call.ringing)),
                _engine_shown(call, live),
                str(call.epoch),
                f"{(live.now_ms - call.requested_at_ms) // 1000} s",
            )
        put_table(Console(soft_wrap=True), table)
        typer.echo(f"{len(live.calls())} live calls")

    run_with_log(data, body)


def _engine_shown(call: Call, live: Live) -> str:
    dead = call.engine != PEER_TO_PEER and not live.engines.lives(call.engine, live.now_ms)
    return f"[red]{escape(call.engine)} (dead)[/red]" if dead else escape(call.engine)


@app.command("show")
def show_call(call: CallArgument, data: DataOption = Path(".warbler")) -> None:
    """One live call and everybody's part of it."""

    async def body(log: Log) -> None:
        live = await read_live(log, _now_ms())
        line, found = live.call(call)
        typer.echo(f"call {found.call_id} of conversation {line.conversation_id}: {found.kind}, {found.media}, {found.state}")
        typer.echo(f"caller {found.caller}, engine {found.engine}, epoch {found.epoch}, event {line.head_seq}")
        table = Table("user", "state", "device", "media", "lease for", "")
        for party in found.parties.values():
            marks = [name for name in ("held", "muted", "hand_raised") if getattr(party, name)]
            lease = f"{(party.lease_until_ms - live.now_ms) // 1000} s" if party.in_call else ""
            flow = party.flow if party.in_call else ""
            table.add_row(escape(party.user), party.state, escape(party.device), flow, lease, " ".join(marks))
        put_table(Console(soft_wrap=True), table)

    run_with_log(data, body)


@app.command("switch")
def switch_call(
    call: CallArgument,
    engine: Annotated[str, typer.Option(help=f"The kind of engine: {', '.join(KINDS)}.")],
    data: DataOption = Path(".warbler"),
) -> None:
    """Move a live call to another engine; its devices make the new connections before they break the old ones."""

    async def body(log: Log) -> None:
        kind = next((known for known in KINDS if known == engine), None)
        if kind is None:
            raise NotSwitched(f"--engine {engine}: {', '.join(KINDS)}")
        typer.echo(f"moves to {await switch(log, await read_live(log, _now_ms()), call, kind)}")

    run_with_log(data, body)


@app.command("engines")
def list_engines(data: DataOption = Path(".warbler")) -> None:
    """The media engines that ever said that they live, and what they carry."""

    async def body(log: Log) -> None:
        live = await read_live(log, _now_ms())
        table = Table("engine", "kind", "rooms", "participants", "can", "says")
        for said in live.engines.all():
            ago_s = (live.now_ms - said.at_ms) // 1000
            state = "takes calls" if takes_calls(said, live.now_ms) else "drains" if said.draining else "full"
            state = state if live.engines.lives(said.engine, live.now_ms) else f"[red]dead, heard {ago_s} s ago[/red]"
            carried = f"{said.participants} of {said.participants_limit}"
            table.add_row(escape(said.engine), said.engine_kind, str(said.rooms), carried, " ".join(said.capabilities), state)
        put_table(Console(soft_wrap=True), table)

    run_with_log(data, body)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
