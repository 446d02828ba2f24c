"""The command line of the harness: prints the schedule, runs it, prints the tables, writes the result file."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.faults.plants import PLANTS
from tests.faults.report import exit_code, show, summary
from tests.faults.run import Outcome, Plan, Run
from tests.faults.schedule import ALL_KINDS, QUICK_KINDS, QUICK_SPACING_S, SERVERS, SPACING_S


def faults(
    minutes: Annotated[float, typer.Option(help="How long faults strike; starting and reading back come on top")] = 30.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same schedule")] = 1,
    rate: Annotated[float, typer.Option(help="Messages a second, of all devices together")] = 60.0,
    quick: Annotated[bool, typer.Option(help="Only faults that are over within seconds, close together")] = False,
    plant: Annotated[str, typer.Option(help="A bug to put into the processes, to see it found; one of docs/faults.md")] = "",
    only: Annotated[str, typer.Option(help="Only kinds of fault whose name holds this, as in the table: 'kill -9', ': kafka'")] = "",
    result: Annotated[Path, typer.Option(help="Where the result is written as JSON")] = Path("faults.json"),
    home: Annotated[Path | None, typer.Option(help="A new folder for data, logs and the whole history, which are kept then")] = None,
) -> None:
    """Run a Warbler under faults and prove that it kept its promises; exit code 1 if it did not."""
    if plant and plant not in PLANTS:
        raise typer.BadParameter(f"{plant} is none of {', '.join(PLANTS)}")
    kinds = tuple(kind for kind in (QUICK_KINDS if quick else ALL_KINDS) if only in f"{kind[0].value}: {kind[1]}")
    if not kinds:
        raise typer.BadParameter(f"no kind of fault holds {only!r}")
    planted = f"{plant} {PLANTS[plant].module}" if plant else ""
    spacing_s = QUICK_SPACING_S if quick else SPACING_S
    plan = Plan(seed, minutes * 60, kinds, spacing_s, rate, plant=planted, disks=() if quick else SERVERS)
    console = Console(soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="warbler-faults-") as temporary:
        outcome = perform(plan, home or Path(temporary) / "run", console)
        if home is not None:
            (home / "outcome.pickle").write_bytes(pickle.dumps(outcome))
    show(outcome, console)
    result.write_text(json.dumps(summary(outcome), indent=1))
    console.print(f"written to {result}", markup=False)
    raise typer.Exit(exit_code(outcome))


def perform(plan: Plan, home: Path, console: Console) -> Outcome:
    console.print(f"seed {plan.seed}, {plan.seconds:.0f} s, {len(plan.faults)} faults:")
    for fault in plan.faults:
        console.print(f"  {fault}", markup=False, highlight=False)
    return uvloop.run(stoppable(Run(plan, home, lambda line: console.log(line, markup=False, highlight=False))))


async def stoppable(run: Run) -> Outcome:
    """The run, which SIGTERM ends as Ctrl-C does: everything that was started and mounted is put away."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run.go()


def main() -> None:
    typer.run(faults)
