"""How counts and results of pushes are told to administrators."""

from typing import Any

import msgspec
from pydantic import BaseModel, Field

from schemas.notices import PushPurpose
from schemas.pushes import PushResult, PushState
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


class ResultItem(BaseModel):
    """`send_key`: of one send, the same in every try. `reason`: why it was not sent, or what the vendor's answer comes to."""

    push_id: str
    user: str
    conversation_id: str
    from_seq: int
    to_seq: int
    purpose: PushPurpose
    ref: str
    device: str
    channel: str
    token_id: str
    send_key: str
    state: PushState
    reason: str
    vendor_status: int
    vendor_code: str
    tries: int
    latency_ms: int
    at_ms: int


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


def result_item(result: PushResult) -> ResultItem:
    fields: dict[str, Any] = msgspec.structs.asdict(result)
    return ResultItem(**{name: fields[name] for name in ResultItem.model_fields})
