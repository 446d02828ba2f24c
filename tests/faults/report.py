"""What a run comes to, for a person as tables and for a program as a JSON object. `summary` is pure; `show` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.faults.recovery import Recoveries, by_kind, recovery_s
from tests.faults.run import Outcome
from tests.faults.violations import PROMISES, Kind, Violation

VIOLATIONS_SHOWN = 40
EXAMPLES_EACH = 2


def recoveries(outcome: Outcome) -> dict[str, Recoveries]:
    """By kind of fault, of those that were performed."""
    measured = [
        (each.fault.kind, recovery_s(each.path, each.healed_s, outcome.history, outcome.progress, outcome.partitions_count))
        for each in outcome.struck
        if not each.skipped
    ]
    return by_kind(measured)


def examples(violations: Sequence[Violation]) -> list[str]:
    """Some of each kind and place: one lost page would hide everything else."""
    shown: Counter[tuple[Kind, str, str]] = Counter()
    lines: list[str] = []
    for violation in violations:
        place = (violation.kind, violation.where, violation.conversation)
        shown[place] += 1
        if shown[place] <= EXAMPLES_EACH and len(lines) < VIOLATIONS_SHOWN:
            lines.append(str(violation))
    return lines


def summary(outcome: Outcome) -> dict[str, Any]:
    """The result file's content."""
    counted = Counter(violation.kind for violation in outcome.violations)
    done = [each for each in outcome.struck if not each.skipped]
    found = recoveries(outcome)
    return {
        "seed": outcome.plan.seed,
        "plant": outcome.plan.plant,
        "seconds": round(outcome.seconds, 1),
        "settled": outcome.settled,
        "devices": len(outcome.history.tracks),
        "commands": len(outcome.history.commands),
        "acked": outcome.history.acked_count,
        "messages_acked": sum(outcome.history.commands[each].kind == "send_message" for each in outcome.history.acked_ids()),
        "events_shown": sum(len(track.seqs) for tracks in outcome.history.tracks.values() for track in tracks.values()),
        "faults": len(done),
        "kinds": len({each.fault.kind for each in done}),
        "violations": {kind.value: counted.get(kind, 0) for kind in Kind},
        "recovery": {
            kind: {"faults": len(each.times_s) + each.never, "median_s": each.median_s, "worst_s": each.worst_s, "never": each.never}
            for kind, each in found.items()
        },
        "schedule": [{"fault": str(each.fault), "detail": each.detail, "skipped": each.skipped} for each in outcome.struck],
        "counts": dict(sorted(outcome.counts.items())),
        "examples": examples(outcome.violations),
    }


def show(outcome: Outcome, console: Console) -> None:
    result = summary(outcome)
    _show_faults(outcome, result, console)
    console.print(
        f"{result['acked']} messages acked, {result['events_shown']} events shown, {result['faults']} faults of {result['kinds']} kinds"
    )
    verdict = Table("what was broken", "promise", "times")
    for kind in Kind:
        count = result["violations"][kind.value]
        verdict.add_row(kind.value, str(PROMISES[kind]), f"[red]{count}[/red]" if count else "0")
    console.print(verdict)
    for line in result["examples"]:
        console.print(line, style="red", markup=False)
    if len(outcome.violations) > len(result["examples"]):
        console.print(f"… and {len(outcome.violations) - len(result['examples'])} more", style="red")
    if not outcome.settled:
        console.print("some commands were never answered, or some devices never caught up", style="red")
    console.print(", ".join(f"{what}: {count}" for what, count in result["counts"].items()), style="dim")


def _show_faults(outcome: Outcome, result: dict[str, Any], console: Console) -> None:
    table = Table("fault", "times", "recovery: median", "worst", "not seen", title=f"faults, seed {outcome.plan.seed}")
    for kind, each in result["recovery"].items():
        row = (str(each["faults"]), _seconds(each["median_s"]), _seconds(each["worst_s"]), str(each["never"] or ""))
        table.add_row(kind, *row)
    for each in outcome.struck:
        if each.skipped:
            table.add_row(f"[yellow]{each.fault.kind}[/yellow]", "skipped", each.skipped)
    console.print(table)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def exit_code(outcome: Outcome) -> int:
    """0 only when every promise was kept and everything settled."""
    return 1 if outcome.violations or not outcome.settled else 0
