"""`python -m bench`: starts everything, warms it, runs the workloads with their repeats interleaved, prints tables and writes JSON."""

import argparse
import dataclasses
import gc
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop

from bench.bench import Bench
from bench.device import DeviceLost
from bench.fleet import Refused, run_chance
from bench.machine import describe
from bench.options import LADDER, Options
from bench.pacing import closed_loop, drained
from bench.report import Results, as_json, table
from bench.site import NotLive, Site
from bench.workloads import DISTURBING, WORKLOADS
from bench.workloads.kill import NotOurs
from schemas.errors import WarblerError

WARM_STEP_S = 15.0


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def options_of(arguments: Sequence[str]) -> Options:
    """Raises: SystemExit with the usage for what it does not understand."""
    defaults = Options()
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"which of {', '.join(WORKLOADS)}; default all")
    parser.add_argument("--quick", action="store_true", help="short and small: shows that it runs, measures nothing worth quoting")
    parser.add_argument("--json", dest="json_path", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--repeats", type=int, default=defaults.repeats, help="how often each workload runs, interleaved (%(default)s)")
    parser.add_argument("--warm-s", type=float, default=defaults.warm_s, help="load before the first measurement (%(default)s)")
    parser.add_argument("--codec", choices=("json", "msgpack"), default=defaults.codec)
    parser.add_argument("--data", type=Path, help="data directory; default a new one that is removed afterwards")
    parser.add_argument("--edges", type=int, default=defaults.edges)
    parser.add_argument("--workers", type=int, default=defaults.workers)
    parser.add_argument("--rungs", type=_numbers, default=LADDER, help="rates of the ladder, e.g. 500,1000")
    parser.add_argument("--rung-s", type=float, default=defaults.rung_s)
    given = vars(parser.parse_args(arguments))
    if unknown := [name for name in given["workloads"] if name not in WORKLOADS]:
        parser.error(f"unknown workload {unknown[0]!r}: one of {', '.join(WORKLOADS)}")
    quick = given.pop("quick")
    options = dataclasses.replace(defaults, **{**given, "workloads": tuple(given["workloads"] or WORKLOADS)})
    return options.quick() if quick else options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


async def warm(bench: Bench) -> None:
    """The closed loop, in short steps so that the timelines keep up; the JVMs compile what they will need."""
    pairs = await bench.pairs()
    left_s = bench.options.warm_s
    try:
        while left_s > 0:
            step_s = min(WARM_STEP_S, left_s)
            tally = pairs.tally()
            rate = await closed_loop(tally, pairs.fleet.devices, pairs.send_from, step_s)
            await drained(tally)
            await bench.site.settle()
            left_s -= step_s
            say(f"warming: {rate:.0f} msg/s, {left_s:.0f} s left")
    finally:
        await pairs.close()


# What may go wrong in one run without making the others worthless; anything else is a fault of the bench itself.
FAILURES = (OSError, TimeoutError, RuntimeError, WarblerError, httpx.HTTPError, DeviceLost, Refused, NotLive, NotOurs)


async def measure(bench: Bench, results: Results) -> None:
    """All repeats, interleaved. A run that fails is said and noted, and the others go on."""
    names = bench.options.workloads
    for disturbing in (False, True):
        for repeat in range(bench.options.repeats):
            for name in [name for name in names if (name in DISTURBING) == disturbing]:
                say(f"{name}, run {repeat + 1} of {bench.options.repeats}")
                await _measure_one(bench, results, name)


async def _measure_one(bench: Bench, results: Results, name: str) -> None:
    await bench.site.settle()
    try:
        run = await WORKLOADS[name](bench)
    except FAILURES as exc:
        say(f"  failed: {exc!r}")
        results.failures.append(f"{name}: {exc!r}")
        return
    results.add(name, run.figures, run.details)
    for figure in run.figures:
        say(f"  {figure.name}: {figure.value:.4g} {figure.unit}")


def about(options: Options, site: Site) -> dict[str, Any]:
    ours = ("EDGE_", "STREAMS_", "LOG_", "STORE_", "WARBLER_")
    settings = {name: value for name, value in sorted(os.environ.items()) if name.startswith(ours)}
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(options).items()}
    return {"machine": describe(), "options": asked, "settings": settings, "partitions": site.clusters.partitions}


async def run(options: Options, data: Path) -> Results:
    results, site = Results(), Site(data, options.edges, options.workers)
    try:
        await site.start()
        say(f"running: {', '.join(f'{name} {pid}' for name, pid in site.pids().items())}")
        bench = Bench(site, options, run_chance())
        await warm(bench)
        gc.collect()
        gc.freeze()  # a full collection of the bench itself would look like a slow message
        try:
            await measure(bench, results)
        finally:  # what was measured before something went wrong is not thrown away
            if options.json_path is not None:
                encoded = msgspec.json.encode(as_json(results, about(options, site)))
                options.json_path.write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")
    finally:
        await site.stop()
    return results


def main() -> None:
    options = options_of(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="warbler-bench-") as temporary:
        results = uvloop.run(run(options, options.data or Path(temporary)))
    print("\n" + ", ".join(f"{name} {value}" for name, value in describe().items()))
    for workload in results.figures:
        print(f"\n{workload}\n{table(results, workload)}")
    if results.failures:
        sys.exit("\nfailed: " + "; ".join(results.failures))


if __name__ == "__main__":
    main()
