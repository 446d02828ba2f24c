"""The command line of the harness: prints the schedule, runs it, prints the tables, writes the result file."""

from __future__ import annotations

import pickle
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.faults.run import Outcome, Plan, Run
from tests.faults.schedule import ALL_KINDS, QUICK_KINDS, SERVERS, SPACING_S

QUICK_SPACING_S = 9.0


def faults(
    minutes: Annotated[float, typer.Option(help="How long faults strike; starting and reading back come on top")] = 30.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same schedule")] = 1,
    rate: Annotated[float, typer.Option(help="Messages a second, of all devices together")] = 60.0,
    quick: Annotated[bool, typer.Option(help="Only faults that are over within seconds, close together")] = False,
    home: Annotated[Path | None, typer.Option(help="Folder for data and logs, which must not exist; default: a temporary one")] = None,
) -> None:
    """Run a Warbler under faults and prove that it kept its promises; exit code 1 if it did not."""
    console = Console(soft_wrap=True)
    kinds, spacing_s = (QUICK_KINDS, QUICK_SPACING_S) if quick else (ALL_KINDS, SPACING_S)
    disks = () if quick else SERVERS
    plan = Plan(seed, minutes * 60, kinds, spacing_s, rate, disks=disks)
    with tempfile.TemporaryDirectory(prefix="warbler-faults-") as temporary:
        chosen = home or Path(temporary) / "run"
        outcome = perform(plan, chosen, console)
        (chosen / "outcome.pickle").write_bytes(pickle.dumps(outcome))
    for violation in outcome.violations[:50]:
        console.print(str(violation), style="red", markup=False)
    console.print(f"{outcome.history.acked_count} acked, {len(outcome.violations)} violations, settled: {outcome.settled}")
    console.print(str(outcome.counts))
    sys.exit(1 if outcome.violations or not outcome.settled else 0)


def perform(plan: Plan, home: Path, console: Console) -> Outcome:
    console.print(f"seed {plan.seed}, {plan.seconds:.0f} s, {len(plan.faults)} faults:")
    for fault in plan.faults:
        console.print(f"  {fault}", markup=False, highlight=False)
    return uvloop.run(Run(plan, home, lambda line: console.log(line, markup=False, highlight=False)).go())


def main() -> None:
    typer.run(faults)
