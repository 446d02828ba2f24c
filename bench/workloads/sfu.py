"""Media engines under load: CPU for what is passed on, and delay. The embedded one beside Janus, where that is installed.

Measured by `bench.sfu` in processes of its own; the cluster has no part in it.
"""

import shutil

from bench.apart import figures_of
from bench.bench import Bench, Run
from rtc.engines.janus.process import PROGRAM

SCENE_S, QUICK_SCENE_S = 10.0, 2.0
QUICK_SUBSCRIBERS = "3"
RUN_LIMIT_S = 400.0


async def run(bench: Bench) -> Run:
    quick = bench.options.repeats == 1
    seconds = QUICK_SCENE_S if quick else SCENE_S
    engines = ["embedded", "janus"] if shutil.which(PROGRAM) else ["embedded"]
    arguments = [part for engine in engines for part in ("--engine", engine)] + (["--subscribers", QUICK_SUBSCRIBERS] if quick else [])
    figures = await figures_of("bench.sfu", "--seconds", str(seconds), *arguments, within_s=RUN_LIMIT_S)
    return Run(figures, {"engines": engines, "seconds": seconds})
