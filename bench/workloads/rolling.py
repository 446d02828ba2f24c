"""A rolling restart of every edge, owner and projector, one after the other, under load: is anything lost, and how long was nobody served.

Each process gets SIGTERM and is started again when it is gone; the next one follows once it lives. Devices that are told to move, or lose
their edge, come back to another one. Meant to be run with several of each: `python -m bench rolling --edges 2 --workers 2`.
"""

import asyncio
import itertools

from bench.bench import Bench, Run
from bench.device import clock_s
from bench.fleet import Fleet, make_users, pair_up
from bench.following import Following
from bench.ledger import judge
from bench.pacing import until
from bench.persistent import Account
from bench.report import Figure
from bench.stats import summary
from bench.workloads.kill import read_back

OUR_PARTS = ("edge", "owner", "projector")
AFTER_S = 5.0
SETTLED_TIMEOUT_S = 90.0


class Load:
    """Pairs of devices, one sending to the other in turn. `sent`: command id -> (when, who is to get it)."""

    def __init__(self, bench: Bench, devices: list[Following]) -> None:
        self._bench, self.devices = bench, devices
        self.sent: dict[str, tuple[float, Following]] = {}
        self.stopping = False

    async def run(self, rate_per_s: float) -> None:
        start_s = clock_s()
        for index in itertools.count():
            if self.stopping:
                return
            if (early_s := start_s + index / rate_per_s - clock_s()) > 0:
                await asyncio.sleep(early_s)
            pair = index % (len(self.devices) // 2)
            side = (index // (len(self.devices) // 2)) % 2
            sender, receiver = self.devices[2 * pair + side], self.devices[2 * pair + 1 - side]
            command = self._bench.message(sender.conversation)
            self.sent[command.id] = (clock_s(), receiver)
            sender.send(command)

    def missing(self) -> int:
        """How many messages their receiver does not have yet."""
        return sum(command_id not in receiver.seen for command_id, (_, receiver) in self.sent.items())

    def latencies_ms(self) -> list[float]:
        return [
            (receiver.seen[command_id] - sent_s) * 1000
            for command_id, (sent_s, receiver) in self.sent.items()
            if command_id in receiver.seen
        ]

    def longest_gap_s(self) -> float:
        """Between two deliveries to anybody."""
        times = sorted(at_s for device in self.devices for at_s in device.seen.values())
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


async def run(bench: Bench) -> Run:
    options, site = bench.options, bench.site
    users = await make_users(site.edge, f"{bench.prefix}-rolling-{bench.ids.next_number}", options.rolling_devices // 2 * 2)
    fleet = Fleet(site.edge, bench.codec)
    await fleet.open(users)
    conversations = await pair_up(fleet.devices, bench.ids)
    await fleet.close()
    account = Account()
    devices = [Following(site.edges, bench.codec, user, account) for user in users]
    for number, device in enumerate(devices):
        device.follow(conversations[number // 2], 1)
    load = Load(bench, devices)
    try:
        for first in range(0, len(devices), 50):
            await asyncio.gather(*(device.start(first + turn) for turn, device in enumerate(devices[first : first + 50])))
        loading = asyncio.create_task(load.run(options.rolling_rate_per_s))
        took_s = await _restart_each(bench)
        load.stopping = True
        await loading
        unanswered = not await until(lambda: not any(device.waiting for device in devices), SETTLED_TIMEOUT_S)
        await until(lambda: not load.missing(), SETTLED_TIMEOUT_S)
    finally:
        for device in devices:
            await device.end()
    await site.settle(120)
    verdict = judge(account.acked, await read_back(bench, users, conversations))
    late = summary(load.latencies_ms())
    figures = [
        Figure("rolling: restarted", "processes", len(took_s)),
        Figure("rolling: acked", "msg", verdict.acked),
        Figure("rolling: acked lost", "msg", verdict.acked_lost + verdict.misplaced),
        Figure("rolling: stored twice", "msg", verdict.stored_twice),
        Figure("rolling: not delivered", "msg", load.missing()),
        Figure("rolling: delivered under two seqs", "msg", sum(device.contradicted for device in devices)),
        Figure("rolling: gaps in the timelines", "seqs", verdict.gaps),
        Figure("rolling: never answered", "msg", sum(len(device.waiting) for device in devices) if unanswered else 0),
        Figure("rolling: e2e p50", "ms", late.p50),
        Figure("rolling: e2e p99", "ms", late.p99),
        Figure("rolling: e2e max", "ms", late.max),
        Figure("rolling: nobody got a message for", "s", load.longest_gap_s()),
        Figure("rolling: a process was back after, at most", "s", max(took_s.values(), default=0.0)),
    ]
    seen = {"reconnects": account.reconnects, "refused": account.refused, "pages_refused": account.pages_refused, "devices": len(devices)}
    return Run(figures, {"took_s": took_s, **seen})


async def _restart_each(bench: Bench) -> dict[str, float]:
    await asyncio.sleep(bench.options.rolling_pause_s)
    took_s: dict[str, float] = {}
    for name in sorted(name for name in bench.site.pids() if name.split("-")[0] in OUR_PARTS):
        took_s[name] = await bench.site.restart(name)
        await asyncio.sleep(bench.options.rolling_pause_s)
    await asyncio.sleep(AFTER_S)
    return took_s
