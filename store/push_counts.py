"""What became of pushes, counted: a fold of push-results. Pure.

Rows hold what one partition of the topic comes to, by hour and by campaign, and the offset up to which they count; so a crash between two
rows makes none of them wrong. A result that is told again (a request is handled again after a crash) counts once: `key_of` is the same.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schemas.pushes import PushResult

HOUR_MS: Final = 3_600_000
LATENCY_BOUNDS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
ENTRIES_LIMIT: Final = 500  # vendors' words are not ours: what would be one more is counted under OTHER
OTHER: Final = "other"
ANSWERED: Final = frozenset({"accepted", "rejected", "invalidated"})


class Counted(Struct, frozen=True, array_like=True):
    """How many results of one push channel ("": none was chosen), state and reason there were."""

    channel: str
    state: str
    reason: str
    count: int


class Latency(Struct, frozen=True, array_like=True):
    """How many answers of a vendor came within each of LATENCY_BOUNDS_MS and not the one before; the last: later than all."""

    channel: str
    counts: tuple[int, ...]


class Counts(Struct, frozen=True):
    results: tuple[Counted, ...] = ()
    latencies: tuple[Latency, ...] = ()


class Tally:
    """Counts that grow."""

    def __init__(self, counts: Counts = Counts()) -> None:  # noqa: B008  it is frozen
        self._results = {(each.channel, each.state, each.reason): each.count for each in counts.results}
        self._latencies = {each.channel: list(each.counts) for each in counts.latencies}

    def add(self, result: PushResult) -> None:
        key = (result.channel, result.state, result.reason)
        if key not in self._results and len(self._results) >= ENTRIES_LIMIT:
            key = (result.channel, result.state, OTHER)
        self._results[key] = self._results.get(key, 0) + 1
        if result.state in ANSWERED and result.channel:
            counts = self._latencies.setdefault(result.channel, [0] * (len(LATENCY_BOUNDS_MS) + 1))
            counts[_bound_of(result.latency_ms)] += 1

    def add_all(self, counts: Counts) -> None:
        for each in counts.results:
            key = (each.channel, each.state, each.reason)
            self._results[key] = self._results.get(key, 0) + each.count
        for latency in counts.latencies:
            sums = self._latencies.setdefault(latency.channel, [0] * (len(LATENCY_BOUNDS_MS) + 1))
            for index, count in enumerate(latency.counts):
                sums[index] += count

    @property
    def counts(self) -> Counts:
        results = tuple(Counted(*key, count) for key, count in sorted(self._results.items()))
        return Counts(results, tuple(Latency(channel, tuple(counts)) for channel, counts in sorted(self._latencies.items())))


def summed(parts: Iterable[Counts]) -> Counts:
    tally = Tally()
    for part in parts:
        tally.add_all(part)
    return tally.counts


def _bound_of(latency_ms: int) -> int:
    return next((index for index, bound in enumerate(LATENCY_BOUNDS_MS) if latency_ms <= bound), len(LATENCY_BOUNDS_MS))


def within_ms(counts: tuple[int, ...], share: float) -> int | None:
    """The bound within which that share of the answers came; None: without answers, or later than the last bound."""
    wanted, seen = share * sum(counts), 0
    for bound, count in zip(LATENCY_BOUNDS_MS, counts, strict=False):
        seen += count
        if seen and seen >= wanted:
            return bound
    return None


def states_of(counts: Counts) -> Mapping[str, int]:
    states: dict[str, int] = {}
    for each in counts.results:
        states[each.state] = states.get(each.state, 0) + each.count
    return states


def hour_scope(hour: int) -> str:
    return f"hour:{hour}"


def is_hour(scope: str) -> bool:
    return scope.startswith("hour:")


def campaign_scope(campaign: str) -> str:
    return f"campaign:{campaign}"


def scopes_of(result: PushResult) -> tuple[str, ...]:
    hour = hour_scope(result.at_ms // HOUR_MS)
    return (hour, campaign_scope(result.ref)) if result.purpose == "campaign" else (hour,)


def settled(result: PushResult) -> PushResult:
    """The result as it counts: that a device was alerted of a campaign already says that its push was accepted.

    Else a result that was lost with a worker, after the vendor took the push, would be missing for ever.
    """
    if result.purpose == "campaign" and (result.state, result.reason) == ("suppressed", "repeated"):
        return replace(result, state="accepted", reason="")
    return result


def key_of(result: PushResult) -> str:
    """What two results have in common that tell the same: every try that was put off counts, and whatever ends it counts once.

    A device is alerted of a campaign once, through whichever of its push channels.
    """
    if result.purpose == "campaign" and result.state == "accepted":
        return f"{result.push_id}:{result.device}:accepted"
    what = result.send_key or f"{result.push_id}:{result.device}:{result.channel}"
    return f"{what}:{result.state}:{result.tries}" if result.state == "retrying" else f"{what}:{result.state}"


class Window:
    """The keys of the last `size` offsets of a partition. The same records give the same window, wherever a successor begins."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._last: OrderedDict[str, int] = OrderedDict()

    def is_repeat(self, key: str, offset: int) -> bool:
        """Whether the key was there before, in the window that ends here; and it is there now."""
        while self._last and next(iter(self._last.values())) < offset - self._size:
            self._last.popitem(last=False)
        repeat = key in self._last
        self._last[key] = offset
        self._last.move_to_end(key)
        return repeat


def counts_text(counts: Counts) -> str:
    return msgspec.json.encode(counts).decode()


def read_counts(text: str) -> Counts:
    return msgspec.json.decode(text, type=Counts)
