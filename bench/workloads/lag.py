"""How far the timelines are behind the log under load: from an event's time in the log until its row can be read from Cassandra."""

import asyncio

from bench.bench import Bench, Run
from bench.device import Device
from bench.fleet import now_ms
from bench.frames import Ack, FromEdge
from bench.pacing import open_loop
from bench.report import Figure
from bench.stats import summary
from bench.tally import Tally
from store.timelines import Timelines

POLL_S = 0.01
VISIBLE_TIMEOUT_S = 30.0
SAMPLES_PER_S = 5


class Watcher:
    """Passes everything on to the tally, and follows some of the acked messages into Cassandra."""

    def __init__(self, tally: Tally, timelines: Timelines, every: int) -> None:
        self._tally, self._timelines, self._every = tally, timelines, every
        self._acks = 0
        self.tasks: list[asyncio.Task[float]] = []

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        self._tally.on_frame(device, frame, at_s)
        if type(frame) is Ack:
            self._acks += 1
            if self._acks % self._every == 0:
                self.tasks.append(asyncio.get_running_loop().create_task(self._follow(frame)))

    def on_lost(self, device: Device) -> None:
        self._tally.on_lost(device)

    async def _follow(self, ack: Ack) -> float:
        """Milliseconds from the event's time until its row was read. Raises: TimeoutError."""
        for _ in range(int(VISIBLE_TIMEOUT_S / POLL_S)):
            if await self._timelines.read_events(ack.conversation, ack.seq, 1, head_seq=ack.seq):
                return float(now_ms() - ack.at_ms)
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"{ack.conversation} {ack.seq} was not in the timelines within {VISIBLE_TIMEOUT_S} s")


async def run(bench: Bench) -> Run:
    options = bench.options
    pairs = await bench.pairs()
    try:
        tally = pairs.tally()
        watcher = Watcher(tally, bench.site.timelines, max(1, options.lag_rate_per_s // SAMPLES_PER_S))
        pairs.fleet.listen(watcher)
        phase = await bench.phase(tally, lambda: open_loop(tally, pairs.send, options.lag_rate_per_s, options.lag_s))
        lags_ms = await asyncio.gather(*watcher.tasks)
    finally:
        await pairs.close()
    lag = summary(lags_ms)
    figures = [Figure("lag: p50", "ms", lag.p50), Figure("lag: p99", "ms", lag.p99), Figure("lag: max", "ms", lag.max)]
    return Run(figures, {**phase.details(), "samples": len(lags_ms), "poll_ms": POLL_S * 1000})
