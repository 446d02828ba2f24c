"""The command `warbler export`: options, the progress bar, what was written. A shell around run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from audit.manifest import Manifest
from log.cluster import cluster_id
from log.kafka import KafkaLog
from ops.acts import acting, operator
from ops.export.entries import NO_DOMAIN
from ops.export.forms import FORMATS, NDJSON
from ops.export.run import Asked, Exporter, Names, Progress
from ops.keys import ensure_keys
from ops.reach import log_at, store_at
from ops.sealed import SealedTrees
from ops.settings import ClusterSettings
from ops.tables import put_table
from ops.topics import located
from schemas.errors import WarblerError
from store.cassandra import Store
from store.objects import address_of, open_objects
from store.profiles import ProfileTables
from streams.audit.keys import ring_of
from streams.audit.settings import KEY_VARIABLE, AuditSettings

T = TypeVar("T")
SAY_EVERY_S = 5.0
CONNECT_WAIT_MS = 20_000
PLACE_HELP = "A time (2026-11-26, 2026-11-26T12:00:00+01:00, milliseconds), offset:<topic>:<partition>:<n>, seq:<conversation>:<n>"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def export(
    out: Annotated[Path, typer.Option(help="Folder of the bundle; the same command goes on with one that was cut short")],
    conversation: Annotated[list[str] | None, typer.Option(help="A conversation; may be given again")] = None,
    user: Annotated[list[str] | None, typer.Option(help="A user's account, and all conversations it ever was in")] = None,
    matter: Annotated[str, typer.Option(help="What a legal matter is about (`warbler hold list`)")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All conversations, calls, accounts, and acts of administrators")] = False,
    begin: Annotated[str, typer.Option("--from", help=f"{PLACE_HELP}, or start")] = "start",
    until: Annotated[str, typer.Option("--to", help="The first that is not in it: as --from, or end")] = "end",
    formats: Annotated[str, typer.Option("--format", help=f"Some of {','.join(FORMATS)}")] = NDJSON,
    mail_domain: Annotated[str, typer.Option(help="Domain of the addresses made for users, who have none here")] = NO_DOMAIN,
    names: Annotated[bool, typer.Option(help="Take users' display names from Cassandra, as they are now")] = True,
    wait_s: Annotated[float, typer.Option(min=0, help="How long to wait for the audit's sealer")] = 60.0,
    data: Annotated[Path, typer.Option(help="Data folder of the `warbler up` to export from")] = Path(".warbler"),
) -> None:
    """Write what the log has about conversations, users or a matter into a folder, in several formats, signed and proven."""
    console = Console()
    asked = Asked(
        conversations=tuple(sorted(set(conversation or ()))),
        users=tuple(sorted(set(user or ()))),
        matter=matter,
        everything=everything,
        begin=begin,
        until=until,
        formats=formats_of(formats),
        domain=mail_domain,
    )
    if not (asked.conversations or asked.users or asked.matter or asked.everything):
        raise typer.BadParameter("say what to export: --conversation, --user, --matter or --all")
    try:
        manifest = run_loop(work(console, asked, out.absolute(), located(data, os.environ), data, names, wait_s))
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where it was")
        raise typer.Exit(130) from None
    except (WarblerError, ValueError) as failed:
        console.print(f"[bold red]export:[/bold red] {failed}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    show(console, manifest, out)


def formats_of(written: str) -> tuple[str, ...]:
    """In our own order. Raises: typer.BadParameter."""
    wanted = {name.strip() for name in written.split(",") if name.strip()}
    unknown = sorted(wanted - set(FORMATS))
    if unknown or not wanted:
        raise typer.BadParameter(f"{', '.join(unknown) or 'nothing'} is no format; there are {', '.join(FORMATS)}")
    return tuple(name for name in FORMATS if name in wanted)


def run_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def work(console: Console, asked: Asked, out: Path, clusters: ClusterSettings, data: Path, names: bool, wait_s: float) -> Manifest:
    """Raises: WarblerError, ValueError for a setting."""
    settings = log_at(clusters.kafka)
    log = KafkaLog(settings)
    env = {KEY_VARIABLE: str(ensure_keys(data).audit_key), **os.environ}
    await log.start()
    try:
        async with contextlib.AsyncExitStack() as stack:
            cluster = await cluster_id(settings)
            seals = SealedTrees(open_objects(address_of(env, data)), cluster, wait_s)
            exporter = Exporter(
                log=log,
                seals=seals,
                ring=ring_of(env, KEY_VARIABLE, AuditSettings.from_env(env).name),
                cluster=cluster,
                maker=operator(),
                clock_ms=lambda: time.time_ns() // 1_000_000,
                names=await _names(stack, clusters) if names else None,
                boot=_boot(),
            )
            detail = {"formats": list(asked.formats), "from": asked.begin, "to": asked.until}
            async with acting(log, "export", *target_of(asked), detail) as found:
                manifest = await watched(console, exporter.progress, exporter.run(asked, out))
                found |= {name: manifest.counts[name] for name in ("records", "conversations")}
                return manifest
    finally:
        await log.close()


def target_of(asked: Asked) -> tuple[str, str]:
    """Kind and id of what an act of the operator names."""
    if asked.matter:
        return "matter", asked.matter
    if asked.everything:
        return "tenant", "default"
    if asked.users:
        return "user", " ".join((*asked.users, *asked.conversations))
    return "conversation", " ".join(asked.conversations)


async def _names(stack: contextlib.AsyncExitStack, clusters: ClusterSettings) -> Names:
    """Raises: StoreUnavailable."""
    store = await Store.connect(store_at(clusters, CONNECT_WAIT_MS))
    stack.push_async_callback(store.close)
    tables = ProfileTables(store)

    async def names(users: Sequence[str]) -> Mapping[str, str]:
        return {user: profile.display_name for user, profile in (await tables.get(users)).items()}

    return names


def _boot() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""  # where the machine does not say it, files of before a crash of it are believed


async def watched(console: Console, progress: Progress, coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs it under a bar with the remaining time; where nobody looks (a pipe), a line every few seconds."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        row, step, said_s = bar.add_task(progress.step, total=None), "", time.monotonic()
        running = asyncio.ensure_future(coroutine)
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=0.25)
                if progress.step != step:
                    step = progress.step
                    bar.reset(row, description=step, total=progress.total)
                bar.update(row, completed=progress.done, total=progress.total)
                if not console.is_terminal and time.monotonic() - said_s >= SAY_EVERY_S:
                    said_s = time.monotonic()
                    console.print(f"{step}: {progress.done}" + (f" of {progress.total}" if progress.total else ""), highlight=False)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
        return running.result()


def show(console: Console, manifest: Manifest, out: Path) -> None:
    table = Table("topic", "no.", "records", "offsets", "whole", box=None)
    for part in manifest.parts:
        offsets = f"{part.first_offset} to {part.last_offset}"
        table.add_row(part.topic, str(part.partition), str(part.records_count), offsets, "yes" if part.whole else "no")
    put_table(console, table)
    counts, size = manifest.counts, sum(file.bytes for file in manifest.files)
    console.print(
        f"{counts['records']} records, {counts['events']} events of {counts['conversations']} conversations, "
        f"{len(manifest.files)} files with {size / 1e6:.1f} MB in {out}",
        highlight=False,
        soft_wrap=True,
    )
    if counts["damaged"] or counts["holes"]:
        console.print(f"[red]{counts['damaged']} records could not be decoded, {counts['holes']} holes in seqs[/red]", highlight=False)
    console.print(
        f"check it with: warbler audit verify {out} --key FILE (the sealer's line of `warbler audit keys`)", highlight=False, soft_wrap=True
    )
