"""Pushes through APNs over one connection: how many a second, what one costs, and what 100,000 that wait hold in memory.

Measured by `bench.push_apns` in a process of its own, against a fake that answers after 50 ms; the cluster has no part in it.
"""

from bench.apart import figures_of
from bench.bench import Bench, Run
from bench.push_apns import LATENCY_MS

LOAD_S, QUICK_LOAD_S = 10.0, 2.0
RUN_LIMIT_S = 300.0


async def run(bench: Bench) -> Run:
    seconds = QUICK_LOAD_S if bench.options.repeats == 1 else LOAD_S
    figures = await figures_of("bench.push_apns", "--seconds", str(seconds), within_s=RUN_LIMIT_S)
    return Run(figures, {"latency_ms": LATENCY_MS, "seconds": seconds})
