"""`warbler verify`: what is stored is compared with the log, which is the truth."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from log.kafka import KafkaLog
from ops.reach import log_at, store_at
from ops.settings import ClusterSettings
from ops.tables import put_table
from ops.topics import located
from ops.verify_accounts import AccountsReport, AccountsVerifier
from ops.verify_calls import CallsReport, CallsVerifier
from ops.verify_compare import DIFFERENCES_LIMIT, Report, Say, Verifier
from ops.verify_rosters import RosterReport, RosterVerifier
from schemas.errors import WarblerError
from store.cassandra import Store

EXIT_DIFFERENT, EXIT_UNSURE = 1, 2

app = typer.Typer(help="Compare what is stored with the log.", no_args_is_help=True)


@app.callback()
def verify() -> None:
    """Compare what is stored with the log."""


DATA_HELP = "Data folder of the `warbler up` to look at; not needed with WARBLER_KAFKA and WARBLER_CASSANDRA."


@app.command()
def timelines(
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
    wait_s: Annotated[float, typer.Option(help="How long to wait for a projector that is behind.")] = 30.0,
) -> None:
    """Fold the whole log and compare every row of the timeline tables with it. Exit code 1: a row differs; 2: could not tell."""
    console = Console(soft_wrap=True)
    try:
        report = asyncio.run(verify_timelines(located(data, os.environ), wait_s, console.print))
    except WarblerError as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(EXIT_UNSURE) from exc
    show(report, console)
    if report.differences_count:
        raise typer.Exit(EXIT_DIFFERENT)
    if report.unsure:
        raise typer.Exit(EXIT_UNSURE)


@app.command()
def rosters(
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
    wait_s: Annotated[float, typer.Option(help="How long to wait for a projector that is behind.")] = 30.0,
) -> None:
    """Fold the topic rosters, and friends and blocks of conversations, and compare their tables. Exit codes as of timelines."""
    console = Console(soft_wrap=True)
    try:
        report = asyncio.run(verify_rosters(located(data, os.environ), wait_s, console.print))
    except WarblerError as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(EXIT_UNSURE) from exc
    for line in (*report.differences, *report.unsure):
        console.print(line, style="red", markup=False)
    if report.differences_count:
        raise typer.Exit(EXIT_DIFFERENT)
    if report.unsure:
        raise typer.Exit(EXIT_UNSURE)
    rows = ", ".join(f"{count} {table}" for table, count in report.rows.items())
    console.print(f"the tables are equal to the log: {rows}", style="green")


async def verify_rosters(clusters: ClusterSettings, wait_s: float, say: Say) -> RosterReport:
    """Raises: LogError, StoreUnavailable."""
    log = KafkaLog(log_at(clusters.kafka))
    store = await Store.connect(store_at(clusters, int(wait_s * 1000) or 1))
    try:
        await log.start()
        return await RosterVerifier(log, store, wait_s, say).run()
    finally:
        await log.close()
        await store.close()


async def verify_timelines(clusters: ClusterSettings, wait_s: float, say: Say) -> Report:
    """The comparison of these clusters. Raises: LogError, StoreUnavailable."""
    log = KafkaLog(log_at(clusters.kafka))
    store = await Store.connect(store_at(clusters, int(wait_s * 1000) or 1))
    try:
        await log.start()
        return await Verifier(log, store, wait_s, say).run()
    finally:
        await log.close()
        await store.close()


@app.command()
def accounts(
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
    wait_s: Annotated[float, typer.Option(help="How long to wait for a projector that is behind.")] = 30.0,
) -> None:
    """Fold account-events and admin-events and compare the rows with them. Exit code 1: a row differs; 2: could not tell."""
    console = Console(soft_wrap=True)
    try:
        report = asyncio.run(verify_accounts(located(data, os.environ), wait_s))
    except WarblerError as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(EXIT_UNSURE) from exc
    show_accounts(report, console)
    if report.differences_count:
        raise typer.Exit(EXIT_DIFFERENT)
    if report.unsure:
        raise typer.Exit(EXIT_UNSURE)


async def verify_accounts(clusters: ClusterSettings, wait_s: float) -> AccountsReport:
    """The comparison of these clusters. Raises: LogError, StoreUnavailable."""
    log = KafkaLog(log_at(clusters.kafka))
    store = await Store.connect(store_at(clusters, int(wait_s * 1000) or 1))
    try:
        await log.start()
        return await AccountsVerifier(log, store, wait_s, lambda: time.time_ns() // 1_000_000).run()
    finally:
        await log.close()
        await store.close()


@app.command()
def calls(
    data: Annotated[Path, typer.Option(help=DATA_HELP)] = Path(".warbler"),
    wait_s: Annotated[float, typer.Option(help="How long to wait for a projector that is behind.")] = 30.0,
) -> None:
    """Fold call-events and compare every call's record and every row with it. Exit code 1: something differs; 2: could not tell."""
    console = Console(soft_wrap=True)
    try:
        report = asyncio.run(verify_calls(located(data, os.environ), wait_s))
    except WarblerError as exc:
        console.print(f"[red]{exc}[/red]")
        raise typer.Exit(EXIT_UNSURE) from exc
    for line in (*report.differences, *report.unsure):
        console.print(line, style="red", markup=False)
    if report.differences_count:
        raise typer.Exit(EXIT_DIFFERENT)
    if report.unsure:
        raise typer.Exit(EXIT_UNSURE)
    rows = ", ".join(f"{there} {table}" for table, (_, there) in report.counts.items())
    console.print(f"{report.records_count} records of calls are equal to their events, and the tables to them: {rows}", style="green")


async def verify_calls(clusters: ClusterSettings, wait_s: float) -> CallsReport:
    """The comparison of these clusters. Raises: LogError, StoreUnavailable."""
    log = KafkaLog(log_at(clusters.kafka))
    store = await Store.connect(store_at(clusters, int(wait_s * 1000) or 1))
    try:
        await log.start()
        return await CallsVerifier(log, store, wait_s).run()
    finally:
        await log.close()
        await store.close()


def show_accounts(report: AccountsReport, console: Console) -> None:
    table = Table("table", "rows by the log", "rows in Cassandra")
    for name, (by_log, in_table) in report.counts.items():
        table.add_row(name, str(by_log), str(in_table))
    put_table(console, table)
    console.print(f"{report.records_count} records folded, {report.damaged_count} of them damaged (in the dead letters)")
    for line in report.differences:
        console.print(line, style="red", markup=False)
    if report.differences_count > len(report.differences):
        console.print(f"… and {report.differences_count - len(report.differences)} more", style="red")
    for line in report.unsure:
        console.print(line, style="yellow", markup=False)
    if not report.differences_count and not report.unsure:
        console.print("the accounts are equal to the log", style="green")


def show(report: Report, console: Console) -> None:
    table = Table("table", "rows by the log", "checksum of the log", "rows in Cassandra", "checksum of Cassandra", "")
    for name, tally in report.tallies.items():
        equal = (tally.log_rows, tally.log_sum) == (tally.table_rows, tally.table_sum)
        sums = (str(tally.log_rows), f"{tally.log_sum:016x}", str(tally.table_rows), f"{tally.table_sum:016x}")
        table.add_row(name, *sums, "equal" if equal else "[red]different[/red]")
    put_table(console, table)
    console.print(f"{report.records_count} records folded, {report.damaged_count} of them damaged (in the dead letters)")
    for line in report.differences:
        console.print(line, style="red", markup=False)
    if report.differences_count > DIFFERENCES_LIMIT:
        console.print(f"… and {report.differences_count - DIFFERENCES_LIMIT} more", style="red")
    for line in report.unsure:
        console.print(line, style="yellow", markup=False)
    if not report.differences_count and not report.unsure:
        console.print("the timelines are equal to the log", style="green")
