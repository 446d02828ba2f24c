"""`warbler replay`: the command line of it."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from log.places import FORMS, place_of
from log.port import Log
from log.topics import ensure_other_topic
from ops.errors import OpsError
from ops.reach import log_at
from ops.replay.asked import speed_of, target_of
from ops.replay.matching import Filter
from ops.replay.perform import Asked, Means, as_json, performed
from ops.replay.run import Order
from ops.replay.state import Counts, State
from ops.settings import ClusterSettings
from ops.topics import located_kafka
from ops.with_log import run_with_log

DEFAULT_TOPIC = "conversation-events"
# Each record becomes a tree of small objects that is soon gone; Python's default looks for cycles after every 700 of them, which cost 12 %.
GARBAGE_OBJECTS = 200_000

FROM_HELP = f"Where it begins: {FORMS}."
TO_HELP = "Before what it ends; the same forms. `end` is looked up once, at the beginning."
INTO_HELP = "-, file:PATH, topic:NAME (none of ours; made if missing) or webhook:URL."
SPEED_HELP = "max; 1x as it happened, 60x sixty times faster; 500/s records a second."
PROGRESS_HELP = "A bar on standard error; default: on a terminal."
PRIVATE_HELP = "Let a webhook's address be of this machine or its own network."
RESUME_HELP = "Keeps how far it came; the same command with the same file goes on."
ORDER_HELP = "time: partitions merged by their records' time; partition: one after the other, which is faster."


def replay(
    begin: Annotated[str, typer.Option("--from", help=FROM_HELP)] = "start",
    until: Annotated[str, typer.Option("--to", help=TO_HELP)] = "end",
    topic: Annotated[list[str] | None, typer.Option(help="Which topic; may be given again. Default: conversation-events.")] = None,
    conversation: Annotated[list[str] | None, typer.Option(help="Only of this conversation; may be given again.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="Only what this user did or is named in; may be given again.")] = None,
    record: Annotated[list[str] | None, typer.Option("--type", help="Only this record, e.g. message_sent; may be given again.")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Only of this tenant; may be given again.")] = None,
    into: Annotated[str, typer.Option(help=INTO_HELP)] = "-",
    speed: Annotated[str, typer.Option(help=SPEED_HELP)] = "max",
    order: Annotated[str, typer.Option(help=ORDER_HELP)] = "time",
    progress: Annotated[bool | None, typer.Option("--progress/--no-progress", help=PROGRESS_HELP)] = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help=PRIVATE_HELP)] = False,
    resume: Annotated[Path | None, typer.Option(help=RESUME_HELP)] = None,
    report: Annotated[Path | None, typer.Option(help="Where the counts are written as JSON, besides standard error.")] = None,
    data: Annotated[Path, typer.Option(help="Data folder of the `warbler up` to read; not needed with WARBLER_KAFKA.")] = Path(".warbler"),
) -> None:
    """Read a range of the log once more, exactly, and write what is meant as NDJSON, into another topic or to a webhook.

    Nothing of ours acts on it: no push, no ring, no webhook of a subscription. The counts stand on standard error at the end.
    """
    choices = Filter(*(frozenset(chosen or ()) for chosen in (conversation, user, record, tenant)))
    gc.set_threshold(GARBAGE_OBJECTS)
    shows = sys.stderr.isatty() if progress is None else progress

    async def body(log: Log) -> None:
        topics = tuple(topic or (DEFAULT_TOPIC,))
        asked = Asked(place_of(begin), place_of(until), topics, choices, target_of(into), speed_of(speed), order_of(order))
        with bar(shows) as moved:
            counts = await performed(log, asked, Means(topics_of(data), allow_private), resume, moved)
        tell(counts, Console(stderr=True, soft_wrap=True))
        if report is not None:
            report.write_text(json.dumps(as_json(counts), indent=2) + "\n")

    run_with_log(data, body)


def order_of(text: str) -> Order:
    """Raises: OpsError."""
    for known in get_args(Order):
        if text == known:
            return known  # type: ignore[no-any-return]
    raise OpsError(f"--order {text}: time or partition")


def topics_of(data: Path) -> Callable[[str, int], Awaitable[None]]:
    """What makes a topic for a replay where there is none."""
    clusters = ClusterSettings.from_env(os.environ)

    async def make(name: str, partitions: int) -> None:
        await ensure_other_topic(log_at(located_kafka(data)), name, partitions, clusters.replication, clusters.min_insync)

    return make


@contextmanager
def bar(shows: bool) -> Iterator[Callable[[State], None]]:
    """A bar on standard error that follows the state; without one, nothing."""
    if not shows:
        yield lambda state: None
        return
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[written]} written"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replay", total=None, written=0)

        def moved(state: State) -> None:
            left = sum(part.end_offset - part.next_offset for part in state.parts)
            progress.update(task, completed=state.counts.read, total=state.counts.read + left, written=state.counts.written)

        yield moved


def tell(counts: Counts, console: Console) -> None:
    """The counts in words, and per record."""
    said = f"{counts.read} records read, {counts.matched} meant, {counts.written} written"
    console.print(said + (f", {counts.damaged} of them damaged" if counts.damaged else ""), highlight=False)
    table = Table("record", "count")
    for name, count in sorted(counts.types.items()):
        table.add_row(name, str(count))
    if counts.types:
        console.print(table)
