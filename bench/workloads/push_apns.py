"""Pushes through APNs over one connection: how many a second, what one costs, and what 100,000 that wait hold in memory.

Measured by `bench.push_apns` in a process of its own, against a fake that answers after 50 ms; the cluster has no part in it.
"""

import asyncio
import json
import sys

from bench.bench import Bench, Run
from bench.push_apns import LATENCY_MS, ROOT
from bench.report import Figure

LOAD_S, QUICK_LOAD_S = 10.0, 2.0
RUN_LIMIT_S = 300.0


async def run(bench: Bench) -> Run:
    seconds = QUICK_LOAD_S if bench.options.repeats == 1 else LOAD_S
    command = [sys.executable, "-m", "bench.push_apns", "--json", "--seconds", str(seconds)]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(RUN_LIMIT_S):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    if child.returncode:
        raise RuntimeError(f"bench.push_apns ended with {child.returncode}")
    return Run([Figure(*figure) for figure in json.loads(said)], {"latency_ms": LATENCY_MS, "seconds": seconds})
