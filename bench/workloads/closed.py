"""Closed loop: every user of the pairs has one message outstanding. The most the machine does, and what a message costs then."""

from bench.bench import Bench, Run, cpu_figures, latency_figures
from bench.pacing import closed_loop
from bench.report import Figure

NAME = "closed loop"


async def run(bench: Bench) -> Run:
    pairs = await bench.pairs()
    rates: list[float] = []
    try:
        tally = pairs.tally()

        async def work() -> None:
            rates.append(await closed_loop(tally, pairs.fleet.devices, pairs.send_from, bench.options.closed_s))

        phase = await bench.phase(tally, work)
    finally:
        await pairs.close()
    outcome = phase.outcome
    figures = [
        Figure(f"{NAME}: rate", "msg/s", rates[0]),
        *latency_figures(NAME, outcome),
        Figure(f"{NAME}: unacked", "msg", outcome.unacked),
        Figure(f"{NAME}: not delivered once", "msg", outcome.undelivered + outcome.doubled),
        *cpu_figures(NAME, phase.cpu_us),
        Figure(f"{NAME}: timelines behind afterwards", "s", phase.settled_s),
        Figure(f"{NAME}: busy with other things", "cores", phase.others_cores),
    ]
    return Run(figures, {**phase.details(), "refused": tally.refused, "connections_lost": tally.lost})
