"""Open loop at rising rates: latency from the intended time of sending, CPU of each rate, the highest rate that is held."""

from bench.bench import Bench, Phase, Run, cpu_figures, latency_figures
from bench.pacing import open_loop
from bench.report import Figure
from bench.stats import Rung, climb_on, held_rate

SHOWN_WITH_CPU = (1000, 2500)


async def run(bench: Bench) -> Run:
    pairs = await bench.pairs()
    rungs: list[Rung] = []
    figures: list[Figure] = []
    details: dict[str, object] = {}
    try:
        for rate in bench.options.rungs:
            tally = pairs.tally()
            phase = await bench.phase(tally, lambda tally=tally, rate=rate: open_loop(tally, pairs.send, rate, bench.options.rung_s))  # type: ignore[misc]
            rungs.append(_rung(rate, phase))
            figures += _figures(rate, phase)
            details[str(rate)] = {**phase.details(), "held": rungs[-1].held, "refused": tally.refused, "connections_lost": tally.lost}
            if not climb_on(rungs):
                break
    finally:
        await pairs.close()
    held = [Figure("ladder: held", "msg/s", held_rate(rungs))]
    return Run(held + figures, details)


def _rung(rate: int, phase: Phase) -> Rung:
    outcome = phase.outcome
    return Rung(rate, outcome.e2e_ms.p99, outcome.unacked, outcome.undelivered)


def _figures(rate: int, phase: Phase) -> list[Figure]:
    name = f"{rate}/s"
    return [
        *latency_figures(name, phase.outcome),
        Figure(f"{name}: sent late p99", "ms", phase.outcome.late_ms.p99),
        Figure(f"{name}: unacked", "msg", phase.outcome.unacked),
        Figure(f"{name}: not delivered once", "msg", phase.outcome.undelivered + phase.outcome.doubled),
        Figure(f"{name}: busy with other things", "cores", phase.others_cores),
        *(cpu_figures(name, phase.cpu_us) if rate in SHOWN_WITH_CPU else cpu_figures(name, phase.cpu_us)[:1]),
    ]
