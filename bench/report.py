"""Figures over the repeats, as a table for people and as JSON. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.stats import Spread, spread
from bench.targets import TARGETS, Target


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that one run of a workload gave, e.g. Figure("1000/s: e2e p99", "ms", 11.2)."""

    name: str
    unit: str
    value: float


@dataclass(slots=True)
class Results:
    """Per workload and figure the values of all repeats, in the order in which they first came; `details` go to the JSON only."""

    figures: dict[str, dict[str, list[Figure]]] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, workload: str, figures: Sequence[Figure], details: Mapping[str, Any]) -> None:
        for figure in figures:
            self.figures.setdefault(workload, {}).setdefault(figure.name, []).append(figure)
        self.details.append({"workload": workload, **details})

    def spread_of(self, workload: str, name: str) -> Spread:
        return spread([figure.value for figure in self.figures[workload][name]])


HEADINGS = ("figure", "unit", "median", "min", "max", "runs", "target", "stretch", "")


def table(results: Results, workload: str) -> str:
    """Every figure of a workload: the median of the repeats, their spread, and the target where there is one."""
    rows = [HEADINGS]
    for name, figures in results.figures[workload].items():
        over, target = results.spread_of(workload, name), TARGETS.get(name)
        numbers = (shown(over.median), shown(over.low), shown(over.high), str(over.repeats))
        rows.append((name, figures[0].unit, *numbers, *_limits(target), verdict(target, over)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def verdict(target: Target | None, over: Spread) -> str:
    """Of the median; where nothing at all is allowed, of the worst repeat."""
    if target is None:
        return ""
    return target.verdict(over.high if target.limit == 0 else over.median)


def _limits(target: Target | None) -> tuple[str, str]:
    if target is None:
        return "", ""
    sign = ">= " if target.at_least else "<= "
    return sign + shown(target.limit), "" if target.stretch is None else sign + shown(target.stretch)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    words = {0, 1, len(row) - 1}  # columns of words are flush left, numbers flush right
    padded = enumerate(zip(row, widths, strict=True))
    cells = [cell.ljust(width) if column in words else cell.rjust(width) for column, (cell, width) in padded]
    return "  ".join(cells).rstrip()


def shown(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def as_json(results: Results, about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, ready to be encoded."""
    figures = [
        {
            "workload": workload,
            "name": name,
            "unit": values[0].unit,
            "values": [figure.value for figure in values],
            "median": (over := results.spread_of(workload, name)).median,
            "min": over.low,
            "max": over.high,
            **_target_json(TARGETS.get(name), over),
        }
        for workload, named in results.figures.items()
        for name, values in named.items()
    ]
    return {**about, "figures": figures, "runs": results.details, "failures": results.failures}


def _target_json(target: Target | None, over: Spread) -> dict[str, Any]:
    if target is None:
        return {}
    return {"target": target.limit, "stretch": target.stretch, "verdict": verdict(target, over)}
