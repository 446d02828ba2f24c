"""What became of pushes in the last minutes, and what waits: read from the log. Shown by `warbler push stats`."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from log.port import Log, Record
from ops.reading import records_between
from schemas.codec import decode
from schemas.errors import Undecodable
from schemas.pushes import PushResult, PushState
from store.push_counts import ANSWERED, key_of, settled

RESULTS_TOPIC = "push-results"
WAITING_TOPICS = ("push-requests", "push-retry-10s", "push-retry-1m", "push-retry-10m")
GROUP = "warbler-push"
RECORDS_LIMIT = 50_000  # of a partition
NO_CHANNEL = "-"  # nothing was chosen to be sent
STATES: tuple[PushState, ...] = ("accepted", "received", "rejected", "invalidated", "expired", "withdrawn", "retrying", "suppressed")
REASONS_SHOWN = 6

Committed = Mapping[tuple[str, int], int]


@dataclass(slots=True)
class ChannelStats:
    """Of one push channel: how many results of each state and reason, and how long the vendor took."""

    results: Counter[tuple[PushState, str]] = field(default_factory=Counter)
    latencies_ms: list[int] = field(default_factory=list)

    def of(self, state: PushState) -> int:
        return sum(count for (each, _), count in self.results.items() if each == state)

    def within_ms(self, percent: int) -> int | None:
        """Within how long so many of a hundred answers came; None: there were none."""
        if len(self.latencies_ms) < 2:
            return self.latencies_ms[0] if self.latencies_ms else None
        return round(statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1])


@dataclass(frozen=True, slots=True)
class Waiting:
    """Records of a topic that the outbox has not done with. `oldest_ms`: since when the first of them is there; None: none is."""

    topic: str
    records: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    channels: Mapping[str, ChannelStats]
    waiting: Sequence[Waiting]
    cut: bool  # there were more results than may be looked through


def counted(results: Iterable[PushResult]) -> dict[str, ChannelStats]:
    """By push channel; what was told twice counts once."""
    channels: dict[str, ChannelStats] = {}
    seen: set[str] = set()
    for result in map(settled, results):
        if (key := key_of(result)) in seen:
            continue
        seen.add(key)
        stats = channels.setdefault(result.channel or NO_CHANNEL, ChannelStats())
        stats.results[result.state, result.reason] += 1
        if result.state in ANSWERED and result.channel:
            stats.latencies_ms.append(result.latency_ms)
    return dict(sorted(channels.items()))


async def gathered(log: Log, committed: Committed, since_ms: int) -> Stats:
    """`committed`: what the outbox's group has committed. Raises: LogUnavailable, UnknownTopic."""
    results: list[PushResult] = []
    cut = False
    for number in range(await log.partitions_count(RESULTS_TOPIC)):
        end = await log.end_offset(RESULTS_TOPIC, number)
        since = await log.offset_at(RESULTS_TOPIC, number, since_ms)
        start = max(since, end - RECORDS_LIMIT)
        cut = cut or start > since
        records = [record async for record in records_between(log, RESULTS_TOPIC, number, start, end)]
        results += [result for record in records if (result := result_of(record)) is not None]
    waiting = [await _waiting(log, topic, committed) for topic in WAITING_TOPICS]
    return Stats(counted(results), waiting, cut)


def result_of(record: Record) -> PushResult | None:
    try:
        return decode(record.value, PushResult)
    except Undecodable:
        return None  # it is a dead letter of who counts it


async def _waiting(log: Log, topic: str, committed: Committed) -> Waiting:
    """Where the group has committed nothing yet, nothing of the partition is known to wait."""
    records, oldest = 0, list[int]()
    for number in range(await log.partitions_count(topic)):
        end = await log.end_offset(topic, number)
        at = max(committed.get((topic, number), end), await log.start_offset(topic, number))
        if at < end:
            records += end - at
            oldest += [record.timestamp_ms for record in await log.read(topic, number, at, 1)]
    return Waiting(topic, records, min(oldest, default=None))


def channel_table(stats: Stats, minutes: int) -> Table:
    """A line for each push channel and state: narrow enough for any terminal."""
    table = Table(box=box.SIMPLE, title=f"Pushes of the last {minutes} min", title_justify="left")
    for heading in ("push channel", "state", "count", "reasons", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right" if heading in ("count", "p50 ms", "p99 ms") else "left", no_wrap=heading != "reasons")
    for channel, each in stats.channels.items():
        latencies = [str(within if (within := each.within_ms(percent)) is not None else "") for percent in (50, 99)]
        for number, state in enumerate(state for state in STATES if each.of(state)):
            first = (channel, latencies) if number == 0 else ("", ["", ""])
            table.add_row(first[0], state, str(each.of(state)), reasons_of(each, state), *first[1])
    return table


def reasons_of(stats: ChannelStats, state: PushState) -> str:
    """The most frequent ones, each with its number."""
    reasons = Counter({reason: number for (each, reason), number in stats.results.items() if each == state and reason})
    shown = [f"{reason} {number}" for reason, number in reasons.most_common(REASONS_SHOWN)]
    return ", ".join([*shown, *([f"and {len(reasons) - REASONS_SHOWN} more"] if len(reasons) > REASONS_SHOWN else [])])


def waiting_table(stats: Stats, now_ms: int) -> Table:
    table = Table("topic", "waiting", "oldest s", box=box.SIMPLE, title="What waits to be sent", title_justify="left")
    for each in stats.waiting:
        oldest = "" if each.oldest_ms is None else f"{max(0, now_ms - each.oldest_ms) / 1_000:.1f}"
        table.add_row(each.topic, str(each.records), oldest)
    return table
