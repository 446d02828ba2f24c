"""How counts and results of pushes are told to administrators."""

from pydantic import BaseModel, Field

from edge.rest.push_models import Result
from store.push_counts import Counts, within_ms


class CountItem(BaseModel):
    channel: str = Field(description="The push channel; empty where none was chosen")
    state: str
    reason: str
    count: int


class LatencyItem(BaseModel):
    """Within how many milliseconds the vendor answered half, and 99 of 100; null: later than 30 s."""

    channel: str
    answers: int
    p50_ms: int | None
    p99_ms: int | None


class PushStats(BaseModel):
    since_ms: int
    states: dict[str, int]
    counts: list[CountItem]
    latencies: list[LatencyItem]


class ResultItem(Result):
    """A result as an administrator sees it. `send_key`: of one send, the same in every try."""

    user: str
    token_id: str
    send_key: str
    vendor_status: int
    vendor_code: str
    latency_ms: int


class PushResults(BaseModel):
    """The newest first."""

    results: list[ResultItem]


def count_items(counts: Counts) -> list[CountItem]:
    return [CountItem(channel=each.channel, state=each.state, reason=each.reason, count=each.count) for each in counts.results]


def latency_items(counts: Counts) -> list[LatencyItem]:
    return [
        LatencyItem(channel=each.channel, answers=sum(each.counts), p50_ms=within_ms(each.counts, 0.5), p99_ms=within_ms(each.counts, 0.99))
        for each in counts.latencies
    ]
