"""Replaying the log: how fast `warbler replay` brings all conversation events that the bench has made so far into a file as NDJSON.

The command's own start is part of the time, as an operator waits for it. Nothing else is asked of the site meanwhile.
"""

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

from bench.bench import Bench, Run
from bench.device import clock_s
from bench.report import Figure

TIMEOUT_S = 300.0


async def run(bench: Bench) -> Run:
    figures: list[Figure] = []
    counts: dict[str, int] = {}
    for order in ("time", "partition"):
        seconds, cpu_s, counts = await _replay(bench, order)
        events = counts["written"]
        figures.append(Figure(f"replay by {order}: rate", "events/s", events / seconds))
        figures.append(Figure(f"replay by {order}: cpu", "us/event", cpu_s * 1e6 / max(1, events)))
    figures.append(Figure("replay: events", "events", counts["written"]))
    figures.append(Figure("replay: read but not written", "events", counts["read"] - counts["written"]))
    return Run(figures, counts)


async def _replay(bench: Bench, order: str) -> tuple[float, float, dict[str, int]]:
    """Wall time, CPU time and counts of one replay of everything. Raises: RuntimeError when the command fails."""
    out, report = bench.site.data / "bench-replay.ndjson", bench.site.data / "bench-replay.json"
    words = ["replay", "--order", order, "--into", f"file:{out}", "--report", str(report), "--no-progress"]
    line = [sys.executable, "-c", "from ops.cli import main; main()", *words]
    before_s, begun_s = _children_cpu_s(), clock_s()
    env = {**os.environ, "WARBLER_KAFKA": bench.site.clusters.kafka}
    child = await asyncio.create_subprocess_exec(*line, env=env, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, said = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    seconds, cpu_s = clock_s() - begun_s, _children_cpu_s() - before_s
    out.unlink(missing_ok=True)
    if child.returncode:
        raise RuntimeError(f"the replay ended with {child.returncode}: {said.decode()[-500:]}")
    return seconds, cpu_s, _counts(report)


def _counts(report: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads(report.read_text())
    report.unlink()
    return counts


def _children_cpu_s() -> float:
    """CPU of all children that have ended: here, of the replay alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
