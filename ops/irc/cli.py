"""The command `warbler import irc`: options, the progress bar, the verdict. A shell around run and verify."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from warbler import ClientError

from log.kafka import KafkaLog
from ops import statefile
from ops.errors import BadSetting
from ops.irc.compare import Verdict
from ops.irc.errors import BadInput
from ops.irc.files import Log, read_logs
from ops.irc.plan import plan_of
from ops.irc.run import Importer, Job, Options
from ops.irc.state import StateFile
from ops.irc.verify import verify_log, verify_timelines
from ops.reach import log_at
from schemas.errors import WarblerError

app = typer.Typer(add_completion=False)
T = TypeVar("T")
STRANGE_SHOWN = 20
SAY_EVERY_S = 5.0


@app.command()
def irc(
    files: Annotated[list[Path], typer.Argument(help="IRC logs, or .tar.xz archives of them")],
    rate: Annotated[float | None, typer.Option(min=0.01, help="At most so many lines a second")] = None,
    realtime: Annotated[float | None, typer.Option(min=0.01, help="In the time of the logs, so many times as fast")] = None,
    url: Annotated[str | None, typer.Option(help="Server; default: the one that `warbler up` runs here")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Afterwards read everything back and compare it with the files")] = False,
    sessions: Annotated[int, typer.Option(min=2, max=5000, help="Most sessions open at a time")] = 1000,
    state: Annotated[Path | None, typer.Option(help="What makes the import resumable; default: a file in the data folder")] = None,
    admin_key_file: Annotated[Path | None, typer.Option(help="Default: that of `warbler up`, or $WARBLER_ADMIN_KEY")] = None,
    namespace: Annotated[str, typer.Option(help="Users are named NAMESPACE.nick")] = "irc",
    data: Annotated[Path | None, typer.Option(help="Folder of all data; default $WARBLER_DATA, else .warbler")] = None,
) -> None:
    """Import IRC logs: each file a group, each nick a user with a session of its own, each line an event. Run it again to go on."""
    console = Console()
    if rate and realtime:
        raise typer.BadParameter("--rate and --realtime exclude each other")
    try:
        logs = read_logs(files)
        place = Place(data, url, admin_key_file)
        options = Options(place.urls, place.admin_key, namespace, sessions, rate, realtime)
        importer, jobs = prepared(console, logs, place, state, options)
        verdicts = run_loop(work(console, importer, jobs, place.kafka if verify else None, verify))
    except BadInput as bad:
        console.print(f"[bold red]cannot import:[/bold red] {bad}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where it was")
        raise typer.Exit(130) from None
    except (WarblerError, ClientError) as failed:
        console.print(f"[bold red]import:[/bold red] {failed}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if importer.progress.refused or not all(verdict.good for verdict in verdicts):
        raise typer.Exit(1)


def run_loop(coroutine: Coroutine[Any, Any, list[Verdict]]) -> list[Verdict]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


class Place:
    """Where the server is: options first, then environment, then what `warbler up` wrote down."""

    def __init__(self, data: Path | None, url: str | None, admin_key_file: Path | None) -> None:
        self.home = (data or Path(os.environ.get("WARBLER_DATA") or ".warbler")).absolute()
        try:
            running = statefile.read(self.home)
        except statefile.NotRunning:
            running = None
        if url is None and running is None:
            raise BadSetting(f"nothing runs on {self.home}; start it with `warbler up`, or name a server with --url")
        edges = [each.live_url.removesuffix("/live") for each in running.processes if each.name.startswith("edge-")] if running else []
        self.url = url or (running.page if running else "")
        self.urls = (url,) if url else tuple(edges) or (self.url,)
        self.kafka = os.environ.get("WARBLER_KAFKA") or (running.kafka if running else "")
        key_file = admin_key_file or os.environ.get("WARBLER_ADMIN_KEY") or (running.admin_key if running else None)
        if not key_file:
            raise BadSetting("users are made by an administrator: name the key with --admin-key-file or WARBLER_ADMIN_KEY")
        try:
            self.admin_key = Path(key_file).read_text().strip()
        except OSError as error:
            raise BadSetting(f"{key_file}: {error.strerror}") from None


def prepared(console: Console, logs: list[Log], place: Place, state: Path | None, options: Options) -> tuple[Importer, list[Job]]:
    report_strange(console, logs)
    digests = "".join(sorted(log.digest for log in logs)) + place.url
    path = state or place.home / "imports" / f"irc-{hashlib.sha256(digests.encode()).hexdigest()[:12]}.json"
    ids = StateFile.load(path)
    jobs = [Job(log, plan_of(log.lines), ids.file(log.name, log.digest)) for log in logs]
    importer = Importer(options, ids, lambda text: console.print(f"[yellow]{text}[/yellow]", highlight=False))
    importer.progress.total = sum(len(job.plan.steps) for job in jobs)
    return importer, jobs


def report_strange(console: Console, logs: list[Log]) -> None:
    strange = [(log.name, number, line) for log in logs for number, line in log.strange]
    for name, number, line in strange[:STRANGE_SHOWN]:
        console.print(f"{name}:{number}: left out, no line of an IRC log ({line.why})", highlight=False, markup=False)
    if len(strange) > STRANGE_SHOWN:
        console.print(f"... and {len(strange) - STRANGE_SHOWN} more; {len(strange)} lines are left out")


async def work(console: Console, importer: Importer, jobs: list[Job], kafka: str | None, verify: bool) -> list[Verdict]:
    """Raises: ImportFailed, ClientError, LogError."""
    progress = importer.progress
    await watched(console, "users", importer.prepare([job.plan for job in jobs]), lambda: (progress.users_made, progress.users_total))
    began_s = time.monotonic()
    await watched(console, "lines", importer.run(jobs), lambda: (progress.found + progress.sent, progress.total))
    took_s = max(0.001, time.monotonic() - began_s)
    for refused in progress.refused[:STRANGE_SHOWN]:
        console.print(f"[red]refused[/red] {refused}", highlight=False)
    console.print(
        f"{progress.sent} lines of {len(jobs)} files imported in {took_s:.1f} s ({progress.found} were there before, "
        f"{len(progress.refused)} refused): {progress.messages} messages, [bold]{progress.messages / took_s:.0f} messages/s[/bold]",
        highlight=False,
    )
    return await verified(console, importer, jobs, kafka) if verify else []


async def verified(console: Console, importer: Importer, jobs: list[Job], kafka: str | None) -> list[Verdict]:
    if not kafka:
        raise BadSetting("--verify compares with the log too: set WARBLER_KAFKA")
    counts = {"timelines": 0, "log": 0}

    def tick(source: str, count: int) -> None:
        counts[source] += count

    history, events = await watched(console, "timelines", verify_timelines(importer, jobs, tick), lambda: (counts["timelines"], len(jobs)))
    log = KafkaLog(log_at(kafka))
    await log.start()
    try:
        from_log = await watched(console, "log", verify_log(importer, jobs, log, tick), lambda: (counts["log"], None))
    finally:
        await log.close()
    verdicts = {"history pages": history, "events (sync pages)": events, "log (Kafka)": from_log}
    print_verdicts(console, verdicts)
    return list(verdicts.values())


def print_verdicts(console: Console, verdicts: dict[str, Verdict]) -> None:
    table = Table("read back from", "lines", "lost", "duplicated", "out of order", "differing", "foreign", "gaps", "extra")
    for source, v in verdicts.items():
        numbers = (v.lines, v.lost, v.duplicated, v.out_of_order, v.differing, v.foreign, v.gaps, v.extra)
        table.add_row(source, *map(str, numbers), style="green" if v.good else "red")
    console.print(table)
    for source, v in verdicts.items():
        for detail in v.details:
            console.print(f"{source}: {detail}", highlight=False, markup=False)


class RateColumn(ProgressColumn):
    """Steps a second, as rich estimates it."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


async def watched(console: Console, name: str, coroutine: Coroutine[Any, Any, T], count: Callable[[], tuple[int, int | None]]) -> T:
    """Runs it under a bar with rate and remaining time; where nobody looks (a pipe), a line every few seconds."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=not console.is_terminal, disable=not console.is_terminal) as bar:
        row = bar.add_task(name, total=None)
        running = asyncio.ensure_future(coroutine)
        said_s, began_s, first = time.monotonic(), time.monotonic(), None
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=0.25)
                done, total = count()
                first = done if first is None else first
                bar.update(row, completed=done, total=total)
                if not console.is_terminal and time.monotonic() - said_s >= SAY_EVERY_S:
                    said_s = time.monotonic()
                    rate = (done - first) / max(0.001, said_s - began_s)
                    left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
                    console.print(f"{name}: {done}" + (f" of {total}" if total else "") + f", {rate:.0f}/s{left}", highlight=False)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
        return running.result()
