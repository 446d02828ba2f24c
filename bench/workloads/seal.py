"""Sealing: events a second on one core, with the records in memory and read from Kafka. Measured by `bench.sealing` in a process apart."""

from bench.apart import figures_of
from bench.bench import Bench, Run

COUNT, QUICK_COUNT = 300_000, 40_000
RUN_LIMIT_S = 600.0


async def run(bench: Bench) -> Run:
    count = QUICK_COUNT if bench.options.repeats == 1 else COUNT
    figures = await figures_of("bench.sealing", "--count", str(count), "--kafka", bench.site.clusters.kafka, within_s=RUN_LIMIT_S)
    return Run(figures, {"count": count})
