"""`warbler rebuild`: builds a projection again beside the live one, compares the two, switches, goes back, removes. And `rebuild list`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, assert_never

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from log.kafka import KafkaLog
from log.port import Log
from ops.acts import acting
from ops.errors import OpsError
from ops.reach import log_at, store_at
from ops.rebuild.build import Builder
from ops.rebuild.compare import DIFFERENCES_LIMIT, Compared, Comparing
from ops.rebuild.expiry import RETAINED, take_out_expired
from ops.rebuild.plan import Back, Begin, Drop, GoOn, projection_of, step_of
from ops.rebuild.switching import Switching
from ops.settings import ClusterSettings
from ops.tables import put_table
from ops.topics import located
from ops.verify_rows import text_of
from schemas.errors import WarblerError
from store.cassandra import Store
from store.epochs import current_epoch
from store.following import learn, projected
from store.generations import PROJECTIONS, Standing, table_name
from store.schema import TABLES, ensure_tables
from store.standings import Standings

CONNECT_WAIT_MS = 10_000
EXIT_DIFFERENT, EXIT_FAILED = 1, 2


class Different(OpsError):
    """The two generations are not equal; the pointer stays where it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says. `anyway`: switch although the two differ, because it is the live one that is wrong."""

    verify: bool = False
    switch: bool = False
    rollback: bool = False
    drop_old: bool = False
    anyway: bool = False
    wait_s: float = 60.0


def rebuild(
    name: Annotated[str, typer.Argument(help="Which projection: " + ", ".join(PROJECTIONS) + "; or `list`.")],
    verify: Annotated[bool, typer.Option("--verify", help="Compare it with the live one, row by row, while both go on.")] = False,
    switch: Annotated[bool, typer.Option("--switch", help="Let every process read it; the old one is kept.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the one before, brought up to date.")] = False,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Remove the tables of every generation but the live one.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Switch although they differ: the live one is wrong.")] = False,
    wait_s: Annotated[float, typer.Option(help="How long to wait for processes that have to take up a change.")] = 60.0,
    data: Annotated[Path, typer.Option(help="Data folder of the `warbler up` to work on.")] = Path(".warbler"),
) -> None:
    """Build a projection again from the log, beside the live one, while traffic runs. Exit code 1: the two differ; 2: it failed."""
    console = Console(soft_wrap=True)
    asked = Asked(verify, switch, rollback, drop_old, anyway, wait_s)
    try:
        if rollback + drop_old + (verify or switch) > 1:
            raise typer.BadParameter("--rollback, --drop-old and --verify/--switch are one call each")
        work = show_all(located(data, os.environ), console) if name == "list" else run(located(data, os.environ), name, asked, console)
        asyncio.run(work)
    except Different as exc:
        console.print(str(exc), style="red", markup=False)
        raise typer.Exit(EXIT_DIFFERENT) from exc
    except WarblerError as exc:
        console.print(str(exc), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from exc


async def run(clusters: ClusterSettings, name: str, asked: Asked, console: Console) -> None:
    """Raises: OpsError, LogError, StoreError."""
    projection = projection_of(name)
    log, store = KafkaLog(log_at(clusters.kafka)), await _connected(clusters)
    try:
        await log.start()
        wanted = {field: True for field in ("verify", "switch", "rollback", "drop_old", "anyway") if getattr(asked, field)}
        async with acting(log, "projection.rebuild", "projection", projection, wanted) as found:
            await Rebuilding(log, store, clusters, projection, asked, console).run(found)
    finally:
        await log.close()
        await store.close()


async def _connected(clusters: ClusterSettings) -> Store:
    return await Store.connect(store_at(clusters, CONNECT_WAIT_MS))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Rebuilding:
    """One call of the command."""

    def __init__(self, log: Log, store: Store, clusters: ClusterSettings, projection: str, asked: Asked, console: Console) -> None:
        self._log, self._store, self._clusters, self._asked, self._console = log, store, clusters, asked, console
        self._projection = projection
        self._standings = Standings(store)
        self._switching = Switching(store, projection, asked.wait_s, now_ms)

    async def run(self, found: dict[str, Any]) -> None:
        """`found`: what the event of this act tells of its end."""
        standing = (await self._standings.all())[self._projection]
        epoch = await current_epoch(self._store) or ""
        step = step_of(standing, epoch, rollback=self._asked.rollback, drop_old=self._asked.drop_old)
        match step:
            case Drop(generations):
                found["dropped"] = list(generations)
                for generation in generations:
                    await self._switching.drop(generation)
                    self._say(f"{self._projection}: generation {generation} is gone")
            case Back(generation):
                found["generation"] = generation
                await self._back(standing, generation)
            case GoOn(generation):
                found["generation"] = generation
                found["records"] = await self._build(standing, generation)
            case Begin():
                generation = await self._standings.begin(self._projection, epoch, now_ms())
                found["generation"] = generation
                found["records"] = await self._build(standing, generation)
            case _:
                assert_never(step)

    async def _builder(self, generation: int) -> Builder:
        """Once its tables are there, and every process writes to them what the log alone may not tell in time."""
        tables = {table_name(name, generation): TABLES[name] for name in PROJECTIONS[self._projection].tables}
        await ensure_tables(store_at(self._clusters), self._clusters.replication, tables)
        await learn(self._store)
        await self._switching.known(generation)
        builder = Builder(self._log, self._store, self._projection, generation, now_ms)
        if self._projection == RETAINED:
            await take_out_expired(self._log, builder.store)
        return builder

    async def _build(self, standing: Standing, generation: int) -> int:
        builder = await self._builder(generation)
        begun_s = time.monotonic()
        await self._with_bar(builder)
        took_s = max(time.monotonic() - begun_s, 0.001)
        await self._standings.put_state(self._projection, generation, "ready", now_ms())
        rate = f"{builder.records_count / took_s:,.0f} records a second"
        damaged = f", {builder.damaged.count} of them damaged (in the dead letters)" if builder.damaged.count else ""
        self._say(
            f"{self._projection}: generation {generation} has {builder.records_count} more records in {took_s:.1f} s, {rate}{damaged}"
        )
        if self._asked.verify or self._asked.switch:
            async with builder.following():
                await self._judge(standing, builder)
        return builder.records_count

    async def _judge(self, standing: Standing, builder: Builder) -> None:
        if self._asked.verify:
            compared = await Comparing(self._store, builder.projection, standing.live, builder, self._asked.wait_s).run()
            self._show(compared)
            if not all(each.equal for each in compared) and not (self._asked.switch and self._asked.anyway):
                raise Different(f"{self._projection}: generations {standing.live} and {builder.generation} differ; nothing was switched")
        if self._asked.switch:
            await self._switching.switch(builder, standing.live, self._say)
            self._say(f"{self._projection}: every process reads generation {builder.generation}; {standing.live} is kept for --rollback")

    async def _back(self, standing: Standing, generation: int) -> None:
        builder = await self._builder(generation)
        await self._with_bar(builder)
        async with builder.following():
            await self._switching.switch(builder, standing.live, self._say)
        self._say(f"{self._projection}: every process reads generation {generation} again")

    # ---- telling

    async def _with_bar(self, builder: Builder) -> None:
        lacking = sum(span.end_offset - span.start_offset for span in await builder.spans())
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(f"{self._projection}, generation {builder.generation}", total=lacking)
            await builder.catch_up(lambda count: progress.advance(task, count))

    def _show(self, compared: Sequence[Compared]) -> None:
        table = Table("table", "rows live", "checksum", "rows rebuilt", "checksum", "")
        for each in compared:
            sides = [text for side in (0, 1) for text in (str(each.rows[side]), f"{each.sums[side]:016x}")]
            table.add_row(each.table, *sides, "equal" if each.equal else "[red]different[/red]")
        put_table(self._console, table)
        for each in compared:
            for key in each.differing[:DIFFERENCES_LIMIT]:
                self._console.print(f"{each.table} {text_of(key)}: differs", style="red", markup=False)
            if len(each.differing) > DIFFERENCES_LIMIT:
                self._console.print(f"… and {len(each.differing) - DIFFERENCES_LIMIT} more of {each.table}", style="red")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)


async def show_all(clusters: ClusterSettings, console: Console) -> None:
    """Each generation of each projection: its state, how far it got, and which process reads what. Raises: StoreUnavailable."""
    store = await _connected(clusters)
    try:
        standings, followers = await Standings(store).all(), await Standings(store).followers()
        table = Table("projection", "generation", "state", "progress", "read by")
        for name, standing in standings.items():
            for number in standing.numbers:
                state = "live" if number == standing.live else standing.generations[number].state
                progress = sum((await projected(store, name, number)).values())
                readers = [each.node for each in followers if each.reads.get(name, 1) == number]
                table.add_row(name, str(number), state, str(progress), ", ".join(sorted(readers)))
        put_table(console, table)
    finally:
        await store.close()
