"""The same load through one, two and four edges: what a message costs when every edge reads every event.

The two of a pair are on different edges as far as there are several, so that each message leaves through another node than it came by.
"""

from bench.bench import Bench, Run, cpu_figures, latency_figures
from bench.fleet import Edge
from bench.pacing import open_loop
from bench.report import Figure


async def run(bench: Bench) -> Run:
    more: list[Edge] = []
    names: list[str] = []
    figures: list[Figure] = []
    details = {}
    try:
        for count in bench.options.edge_counts:
            while len(more) < count - 1:
                names.append(f"edge-more{len(more)}")
                more.append(await bench.site.extra_edge(names[-1]))
            name = f"{count} edges" if count > 1 else "1 edge"
            some, details[name] = await _measure(bench, name, more)
            figures += some
    finally:
        for name in names:
            await bench.site.end(name)
    return Run(figures, details)


async def _measure(bench: Bench, name: str, more: list[Edge]) -> tuple[list[Figure], object]:
    options = bench.options
    pairs = await bench.pairs(more)
    try:
        await bench.site.settle()
        tally = pairs.tally()
        phase = await bench.phase(tally, lambda: open_loop(tally, pairs.send, options.edges_rate_per_s, options.edges_s))
    finally:
        await pairs.close()
    outcome = phase.outcome
    edges_us = sum(used for part, used in phase.cpu_us.items() if part.startswith("edge"))
    figures = [
        *latency_figures(name, outcome),
        *(figure for figure in cpu_figures(name, phase.cpu_us) if figure.name.endswith("all parts")),
        Figure(f"{name}: cpu of the edges", "us/msg", edges_us),
        Figure(f"{name}: not delivered once", "msg", outcome.undelivered + outcome.doubled),
        Figure(f"{name}: busy with other things", "cores", phase.others_cores),
    ]
    return figures, phase.details()
