"""How counts and results of pushes are told to administrators."""

from pydantic import BaseModel, Field

from store.push_counts import Counts


class CountItem(BaseModel):
    channel: str = Field(description="The push channel; empty where none was chosen")
    state: str
    reason: str
    count: int


def count_items(counts: Counts) -> list[CountItem]:
    return [CountItem(channel=each.channel, state=each.state, reason=each.reason, count=each.count) for each in counts.results]
