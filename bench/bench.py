"""What all workloads share: the site, the message text, the pairs of users, and how one phase of load is measured."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.device import Device, clock_s
from bench.fleet import Edge, Fleet, User, make_users, now_ms, pair_up
from bench.frames import CODECS, Codec
from bench.ids import Ids
from bench.machine import cpu_us_each, others_cores
from bench.options import Options
from bench.pacing import drained
from bench.report import Figure
from bench.site import Site
from bench.tally import Outcome, Tally
from edge import frames


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a workload gave."""

    figures: list[Figure]
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of load. CPU is counted until the timelines hold everything, so that no part's work is left out."""

    outcome: Outcome
    seconds: float
    settled_s: float
    settled: bool
    cpu_us: dict[str, float]  # per message sent, by process; `parts` is all but the driver
    rss_mb: dict[str, float]
    others_cores: float  # kept busy by what is not ours: the quieter, the more the figures are worth

    def details(self) -> dict[str, Any]:
        return asdict(self)


class Bench:
    def __init__(self, site: Site, options: Options, chance: int) -> None:
        self.site, self.options = site, options
        self.codec: Codec = CODECS[options.codec]
        self.ids = Ids(chance)
        self.prefix = f"b{chance:06x}"
        self.content = frames.DeviceContent(text="x" * options.text_bytes)
        self._pair_users: list[User] = []

    async def pairs(self, more: Sequence[Edge] = ()) -> "Pairs":
        """All users of the pairs online, with `more` edges the two of a pair on different ones; close the result."""
        if not self._pair_users:
            self._pair_users = await make_users(self.site.edge, f"{self.prefix}-pair", 2 * self.options.pairs)
        fleet = Fleet(self.site.edge, self.codec, more)
        await fleet.open(self._pair_users)
        return Pairs(self, fleet, await pair_up(fleet.devices, self.ids))

    def message(self, conversation: str) -> frames.SendMessage:
        return frames.SendMessage(id=self.ids.make(now_ms()), conversation=conversation, content=self.content)

    async def phase(self, tally: Tally, work: Callable[[], Awaitable[Any]]) -> Phase:
        """Runs `work`, waits for what it sent, then for the timelines, and says what it cost."""
        before, begun_s = self.site.usage(), clock_s()
        await work()
        await drained(tally)
        loaded_s = clock_s()
        settled = await self.site.settle()
        after, outcome = self.site.usage(), tally.outcome()
        return Phase(
            outcome=outcome,
            seconds=loaded_s - begun_s,
            settled_s=clock_s() - loaded_s,
            settled=settled,
            cpu_us=cpu_us_each(before, after, outcome.sent),
            rss_mb={name: used / 2**20 for name, used in after.rss_bytes.items()},
            others_cores=others_cores(before, after, clock_s() - begun_s),
        )


class Pairs:
    """Device 2n and 2n + 1 share the conversation n; the senders take turns."""

    def __init__(self, bench: Bench, fleet: Fleet, conversations: list[str]) -> None:
        self.bench, self.fleet, self.conversations = bench, fleet, conversations
        self._conversation_of = {id(device): conversations[number // 2] for number, device in enumerate(fleet.devices)}

    def tally(self) -> Tally:
        """Counts what is sent from now on."""
        tally = Tally(self.bench.ids.next_number, deliveries_per_message=1)
        self.fleet.listen(tally)
        return tally

    def send(self, index: int) -> None:
        turn, pair = divmod(index, len(self.conversations))
        self.fleet.devices[2 * pair + turn % 2].send(self.bench.message(self.conversations[pair]))

    def send_from(self, device: Device) -> None:
        device.send(self.bench.message(self._conversation_of[id(device)]))

    async def close(self) -> None:
        await self.fleet.close()


def latency_figures(name: str, outcome: Outcome) -> list[Figure]:
    return [
        Figure(f"{name}: e2e p50", "ms", outcome.e2e_ms.p50),
        Figure(f"{name}: e2e p99", "ms", outcome.e2e_ms.p99),
        Figure(f"{name}: e2e max", "ms", outcome.e2e_ms.max),
        Figure(f"{name}: ack p50", "ms", outcome.ack_ms.p50),
        Figure(f"{name}: ack p99", "ms", outcome.ack_ms.p99),
    ]


def cpu_figures(name: str, cpu_us: dict[str, float]) -> list[Figure]:
    """Of all parts together, then of each process."""
    parts = [Figure(f"{name}: cpu of all parts", "us/msg", cpu_us["parts"])]
    return parts + [Figure(f"{name}: cpu {part}", "us/msg", used) for part, used in cpu_us.items() if part != "parts"]
