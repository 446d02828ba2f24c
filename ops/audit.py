"""`warbler audit`: how far the log is sealed, whether a copy of it is what was sealed, and which keys say so."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from audit import command
from audit.command import GOOD, UNUSABLE, WRONG
from audit.errors import Malformed
from audit.findings import Report
from audit.ring import Ring
from log.cluster import cluster_id
from log.kafka import KafkaLog
from log.port import Log
from ops import proving
from ops.acts import DONE, acting, told
from ops.keys import ensure_keys, rotate_audit_key
from ops.programs import public_half
from ops.reach import log_at
from ops.sealed import SealedTrees
from ops.tables import put_table
from ops.topics import located_kafka
from ops.with_log import run_with_log
from schemas.audits import AuditAlarmed, CheckpointSigned, CheckpointWitnessed
from schemas.errors import WarblerError
from store.objects import address_of, open_objects
from streams.audit.keys import ring_of
from streams.audit.published import published, rotated_entry
from streams.audit.settings import AUDIT_TOPIC, KEY_VARIABLE, AuditSettings

TAIL_RECORDS = 2_000
ALARMS_SHOWN = 20
EXIT_ALARM = 1

app = typer.Typer(help="How far the log is sealed, and whether a copy of it is what was sealed.", no_args_is_help=True)
Data = Annotated[Path, typer.Option(help="Data folder of the `warbler up` to look at; not needed with WARBLER_KAFKA.")]


@app.callback()
def audit() -> None:
    """How far the log is sealed, and whether a copy of it is what was sealed."""


@dataclass(slots=True)
class PlaceLine:
    """One topic-partition: what is there, and what its newest checkpoints cover."""

    topic: str
    partition: int
    end: int
    signed: CheckpointSigned | None = None
    witnessed: CheckpointWitnessed | None = None

    @property
    def behind(self) -> int:
        """Records that no checkpoint covers, as far as offsets tell."""
        return self.end - (self.signed.last_offset + 1 if self.signed else 0)


@dataclass(slots=True)
class Standing:
    lines: list[PlaceLine] = field(default_factory=list)
    alarms: list[AuditAlarmed] = field(default_factory=list)  # newest last


async def standing(log: Log, env: Mapping[str, str]) -> Standing:
    """What the newest records of audit-checkpoints say. Raises: LogError, ValueError."""
    found = Standing()
    for number in range(await log.partitions_count(AUDIT_TOPIC)):
        lines = {topic: PlaceLine(topic, number, await log.end_offset(topic, number)) for topic in AuditSettings.from_env(env).topics}
        end, start = await log.end_offset(AUDIT_TOPIC, number), await log.start_offset(AUDIT_TOPIC, number)
        await _look_back(log, number, max(start, end - TAIL_RECORDS), lines, found.alarms)
        if any(line.end and line.signed is None for line in lines.values()) and end - start > TAIL_RECORDS:
            await _look_back(log, number, start, lines, [])
        found.lines += lines.values()
    found.alarms.sort(key=lambda alarm: alarm.at_ms)
    return found


async def _look_back(log: Log, number: int, start: int, lines: Mapping[str, PlaceLine], alarms: list[AuditAlarmed]) -> None:
    async for _, record in published(log, number, start):
        match record:
            case CheckpointSigned() if record.topic in lines:
                lines[record.topic].signed = record
            case CheckpointWitnessed() if record.topic in lines:
                lines[record.topic].witnessed = record
            case AuditAlarmed():
                alarms.append(record)
            case _:
                pass


def line_of(found: Standing) -> str:
    """One line for `warbler status`."""
    behind, witnessed = sum(line.behind for line in found.lines), sum(line.witnessed is not None for line in found.lines)
    said = f"Audit: {behind} records not sealed yet, {witnessed} of {len(found.lines)} trees witnessed"
    if not found.alarms:
        return f"{said}, no alarm"
    last = found.alarms[-1]
    return f"{said}, [red]{len(found.alarms)} alarms[/red]; the last one {moment(last.at_ms)}: {last.alarm} {last.origin} {last.detail}"


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


@app.command()
def status(data: Data = Path(".warbler")) -> None:
    """How far each topic-partition is sealed and witnessed, and every recent alarm. Exit code 1: there is one."""
    console = Console(soft_wrap=True)
    found = Standing()

    async def body(log: Log) -> None:
        nonlocal found
        found = await standing(log, os.environ)

    run_with_log(data, body)
    show(found, console)
    if found.alarms:
        raise typer.Exit(EXIT_ALARM)


def show(found: Standing, console: Console) -> None:
    table = Table("topic", "no.", "end", "sealed records", "up to offset", "behind", "sealed at", "witnessed records", box=box.SIMPLE)
    for line in found.lines:
        signed, witnessed = line.signed, line.witnessed
        told = (str(signed.size), str(signed.last_offset), moment(signed.at_ms)) if signed else ("-", "-", "-")
        row = (
            line.topic,
            str(line.partition),
            str(line.end),
            *told[:2],
            str(line.behind),
            told[2],
            str(witnessed.size) if witnessed else "-",
        )
        table.add_row(*row)
    put_table(console, table)
    for alarm in found.alarms[-ALARMS_SHOWN:]:
        told_by = f"{moment(alarm.at_ms)} {alarm.alarm}: {alarm.origin} at {alarm.size} records: {alarm.detail} (by {alarm.by})"
        console.print(told_by, style="red", markup=False)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A bundle's folder, or a log directory copied from a broker.")],
    key: Annotated[
        list[str] | None, typer.Option(help="A public key that is trusted, or a file of such; default: those of --data.")
    ] = None,
    witness: Annotated[list[str] | None, typer.Option(help="One of these keys must have signed too.")] = None,
    known: Annotated[list[Path] | None, typer.Option(help="A file of checkpoints that were seen before.")] = None,
    checkpoints: Annotated[list[Path] | None, typer.Option(help="For a log directory: checkpoints that were kept elsewhere.")] = None,
    data: Data = Path(".warbler"),
) -> None:
    """Check a bundle or a log directory, without any server. Exit code 0: nothing is wrong; 1: something is; 2: it cannot be checked."""
    keys = key or [str(path) for path in sorted((data / "secrets").glob("audit-key*.pub"))]
    if not keys:
        typer.echo("no key to trust: name one with --key", err=True)
        raise typer.Exit(UNUSABLE)
    try:
        report = command.verify(path, keys, witness or (), known or (), checkpoints or ())
    except (Malformed, OSError, UnicodeDecodeError) as exc:
        typer.echo(f"cannot check: {exc}", err=True)
        raise typer.Exit(UNUSABLE) from exc
    command.tell(report, typer.echo)
    _tell_act(data, path, report)
    raise typer.Exit(GOOD if report.good else WRONG)


def _tell_act(data: Path, path: Path, report: Report) -> None:
    """An operator's act, where there is a log to tell it to; a check needs none."""
    try:
        kafka = located_kafka(data)
    except WarblerError:
        return
    found = sorted({finding.wrong.name.lower() for finding in report.findings})

    async def tell() -> None:
        log = KafkaLog(log_at(kafka))
        await log.start()
        try:
            await told(log, "audit.verify", "bundle", path.name, DONE, {"findings": found, "records": report.records_count})
        finally:
            await log.close()

    try:
        asyncio.run(tell())
    except WarblerError as exc:
        typer.echo(f"the check was not told to the log: {exc}", err=True)


@app.command()
def prove(
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    seq: Annotated[int, typer.Argument(help="The event's number in it.", min=1)],
    out: Annotated[Path, typer.Option(help="Folder for the proof: a bundle that `warbler audit verify` checks.")],
    data: Data = Path(".warbler"),
) -> None:
    """Prove that one event stands in the log, without showing any other."""

    async def body(log: Log) -> None:
        kafka = log_at(located_kafka(data))
        ring = ring_of({KEY_VARIABLE: str(ensure_keys(data).audit_key)}, KEY_VARIABLE, AuditSettings.from_env(os.environ).name)
        cluster = await cluster_id(kafka)
        trees = SealedTrees(open_objects(address_of(os.environ, data)), cluster)
        async with acting(log, "audit.prove", "conversation", conversation, {"seq": seq}):
            found = await proving.prove(log, trees, ring, cluster, conversation, seq, out)
        place = f"{found.record.topic}-{found.record.partition} offset {found.record.offset}"
        typer.echo(f"{conversation} seq {seq} is leaf {found.index} of {found.tree_size} in {place}; its proof is in {out}")

    run_with_log(data, body)


@app.command("rotate-key")
def rotate_key(
    witness: Annotated[bool, typer.Option("--witness", help="The key of the witness, not that of the sealer.")] = False,
    data: Data = Path(".warbler"),
) -> None:
    """Make a new key that signs from now on; the old one signs for it, in the log and in every bundle. Nothing has to be started again."""
    made, names = ensure_keys(data), AuditSettings.from_env(os.environ)
    path, name = (made.witness_key, names.witness_name) if witness else (made.audit_key, names.name)

    async def body(log: Log) -> None:
        ring = await rotated(log, path, name, time.time_ns() // 1_000_000)
        typer.echo(f"from now on {ring.signer.verifier} signs; give auditors what `warbler audit keys` prints")

    run_with_log(data, body)


async def rotated(log: Log, path: Path, name: str, now_ms: int) -> Ring:
    """The ring after the change: told to every partition of audit-checkpoints first, and signed with only then.

    Raises: LogError, Malformed, OSError; the same call goes on with the same key after any of them.
    """
    async with acting(log, "audit.rotate_key", "audit_key", name) as found:
        ring, put = rotate_audit_key(path, name, now_ms)
        change = ring.changes[-1]
        found |= {"old": str(change.old), "new": str(change.new)}
        for number in range(await log.partitions_count(AUDIT_TOPIC)):
            await log.publish(AUDIT_TOPIC, number, [rotated_entry(ring.rotations[-1])])
        put()
    return ring


@app.command()
def keys(data: Data = Path(".warbler")) -> None:
    """The public keys of sealer and witness, each after those before it: what an auditor needs besides a bundle, and should get apart."""
    made = ensure_keys(data)
    for path in (public_half(made.audit_key), public_half(made.witness_key)):
        if path.exists():
            typer.echo(path.read_text().strip())
