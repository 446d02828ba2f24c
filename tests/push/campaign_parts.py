"""What tests of campaigns are made of: events, results, an audience in memory, and a store that keeps the rows of campaigns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.pushes import Audience, CampaignCancelled, CampaignScheduled, PushResult, PushState
from store import cql
from store import cql_push_campaigns as campaigns_cql
from store.pushing import PushLabels

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000


def scheduled(
    name: str = "k-1", audience: Audience = "all", of: tuple[str, ...] = (), at_ms: int = NOW_MS, ttl_ms: int = MINUTE_MS
) -> CampaignScheduled:
    return CampaignScheduled(
        event_id=f"{name}:e",
        campaign_id=name,
        tenant="default",
        at_ms=NOW_MS,
        audience=audience,
        audience_of=of,
        title="Hello",
        body="all of you",
        data="",
        send_at_ms=at_ms,
        deadline_ms=at_ms + ttl_ms,
        by="u-admin",
    )


def cancelled(name: str = "k-1", at_ms: int = NOW_MS + 1) -> CampaignCancelled:
    return CampaignCancelled(event_id=f"{name}:c", campaign_id=name, tenant="default", at_ms=at_ms, by="u-admin")


def result(
    send_key: str, state: PushState = "accepted", reason: str = "", *, channel: str = "fcm", ref: str = "", tries: int = 1, **more: Any
) -> PushResult:
    fields: dict[str, Any] = {
        "push_id": f"p-{send_key}",
        "tenant": "default",
        "user": "u-1",
        "conversation_id": "",
        "from_seq": 0,
        "to_seq": 0,
        "purpose": "campaign" if ref else "message",
        "ref": ref,
        "device": "d-1",
        "channel": channel,
        "token_id": "t-1",
        "send_key": send_key,
        "state": state,
        "reason": reason,
        "vendor_status": 200,
        "vendor_code": "",
        "tries": tries,
        "latency_ms": 40,
        "at_ms": NOW_MS,
    }
    return PushResult(**fields | more)


class People:
    """As `store.push_tables.PushTables` tells who is labelled how. Users with tokens come in the order of a ring."""

    def __init__(self, with_tokens: Sequence[str] = (), labels: Mapping[str, PushLabels] | None = None) -> None:
        self.ring = {user: number * 10 - 50 for number, user in enumerate(with_tokens)}
        self.labelled = dict(labels or {})

    async def users_with_tokens(self, after: int, limit: int) -> list[tuple[str, int]]:
        return [(user, place) for user, place in self.ring.items() if place > after][:limit]

    async def tagged(self, tenant: str, tag: str, bucket: int, after: str, limit: int) -> list[str]:
        return sorted(user for user, each in self.labelled.items() if tag in each.tags and _bucket(user) == bucket and user > after)[:limit]

    async def aliased(self, tenant: str, alias: str, after: str, limit: int) -> list[str]:
        return sorted(user for user, each in self.labelled.items() if each.alias == alias and user > after)[:limit]

    async def labels(self, user: str) -> PushLabels:
        return self.labelled.get(user, PushLabels())


def _bucket(user: str) -> int:
    return sum(user.encode()) % 16


class Rows:
    """The statements about campaigns as Cassandra runs them, on dictionaries. `step` is called before and after each."""

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.campaigns: dict[str, dict[str, Any]] = {}
        self.progress: dict[str, dict[int, int]] = {}
        self.counts: dict[tuple[Any, ...], tuple[str, int]] = {}
        self.step = step

    async def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        self.step()
        answer = self._run(statement, values)
        self.step()
        return answer

    async def execute_each(self, statement: str, values: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [await self.execute(statement, each) for each in values]

    def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        match statement:
            case cql.PROGRESS:
                return list(self.progress.get(values[0], {}).items())
            case cql.PUT_PROGRESS:
                of = self.progress.setdefault(values[0], {})
                of[values[1]] = max(of.get(values[1], 0), values[2])
            case campaigns_cql.PUT_CAMPAIGN:
                self._cell(values[0], definition=values[1])
            case campaigns_cql.CANCEL_CAMPAIGN:
                self._cell(values[3], cancelled_at_ms=values[1], cancelled_by=values[2])
            case campaigns_cql.START_CAMPAIGN:
                self._cell(values[2], started_at_ms=values[1])
            case campaigns_cql.FINISH_CAMPAIGN:
                self._cell(values[3], finished_at_ms=values[1], users=values[2])
            case campaigns_cql.PUT_CAMPAIGN_PLACE:
                self.campaigns.setdefault(values[1], {})["place"] = values[0]
            case campaigns_cql.CAMPAIGN_PLACE:
                return [(self.campaigns.get(values[0], {}).get("place"),)]
            case campaigns_cql.PUT_CAMPAIGN_ID:
                pass
            case cql.EPOCH:
                return [("e-1",)]
            case campaigns_cql.COUNTS_OF_PARTITION:
                row = self.counts.get((values[0], values[1], values[2]))
                return [row] if row is not None else []
            case campaigns_cql.PUT_COUNTS:
                *key, counts, next_offset, timestamp, _ = values
                assert timestamp == next_offset
                if next_offset >= self.counts.get(tuple(key), ("", 0))[1]:
                    self.counts[tuple(key)] = (counts, next_offset)
            case _:
                raise AssertionError(statement)
        return []

    def _cell(self, name: str, **cells: Any) -> None:
        """Whoever wrote a cell first: its timestamp is the larger one."""
        row = self.campaigns.setdefault(name, {})
        for column, value in cells.items():
            row.setdefault(column, value)
