"""Pushes from the server to an audience, and what became of pushes: the part of `Admin` that needs the permission push."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from warbler.http import Http, path_of
from warbler.push import PushOutcome, PushState

Audience = Literal["all", "tags", "alias", "users"]
CampaignState = Literal["scheduled", "running", "finished", "cancelled", "expired"]


class Count(Struct, frozen=True):
    """`channel`: the push channel; empty where none was chosen."""

    channel: str
    state: PushState
    reason: str
    count: int


class PushLatency(Struct, frozen=True):
    """Within how many milliseconds half, and 99 of 100 answers came; None: later than 30 s."""

    channel: str
    answers: int
    p50_ms: int | None
    p99_ms: int | None


class PushStats(Struct, frozen=True):
    since_ms: int
    states: dict[str, int]
    counts: tuple[Count, ...]
    latencies: tuple[PushLatency, ...]


class Push(Struct, frozen=True):
    """A push to an audience. Times of what did not happen are 0. `users`: for how many it was asked for, once it is finished."""

    campaign: str
    state: CampaignState
    audience: Audience
    audience_of: tuple[str, ...]
    title: str
    body: str
    data: dict[str, Any]
    made_at_ms: int
    send_at_ms: int
    deadline_ms: int
    by: str
    started_at_ms: int
    finished_at_ms: int
    cancelled_at_ms: int
    cancelled_by: str
    users: int


class PushDetail(Push, frozen=True):
    states: dict[str, int]
    counts: tuple[Count, ...]


class PushPage(Struct, frozen=True):
    pushes: tuple[Push, ...]
    next: str | None = None


class AdminPushOutcome(PushOutcome, frozen=True):
    """As an administrator sees it. `send_key`: of one send, the same in every try."""

    user: str
    token_id: str
    send_key: str
    vendor_status: int
    vendor_code: str
    latency_ms: int


class _Outcomes(Struct, frozen=True):
    results: list[AdminPushOutcome]


class AdminPushes(Http):
    """Raises, from every call, as `Http`."""

    async def send_push(
        self,
        title: str,
        body: str = "",
        *,
        audience: Audience = "all",
        audience_of: Sequence[str] = (),
        data: dict[str, Any] | None = None,
        send_at_ms: int = 0,
        ttl_ms: int = 86_400_000,
        campaign: str | None = None,
    ) -> Push:
        """To everybody with a token, who has one of the tags, an alias, or these users; now, or from `send_at_ms` on.

        `campaign`: an id of yours (`warbler.ids.uuid7`): asked again, it is the same push.
        """
        asked: dict[str, Any] = {"audience": audience, "audience_of": list(audience_of), "title": title, "body": body, "data": data or {}}
        asked |= {"send_at_ms": send_at_ms, "ttl_ms": ttl_ms} | ({} if campaign is None else {"campaign": campaign})
        return await self.call("POST", "/v1/admin/pushes", Push, asked)

    async def pushes(self) -> AsyncIterator[PushPage]:
        """Pages of pushes, the newest first."""
        async for page in self.pages("/v1/admin/pushes", PushPage):
            yield page

    async def push(self, campaign: str) -> PushDetail:
        """How far it is, and what became of it."""
        return await self.call("GET", path_of("admin", "pushes", campaign), PushDetail)

    async def cancel_push(self, campaign: str) -> None:
        """What was not sent yet is not sent."""
        await self.call("DELETE", path_of("admin", "pushes", campaign), type(None))

    async def push_stats(self, hours: int = 24) -> PushStats:
        return await self.call("GET", "/v1/admin/push/stats", PushStats, params={"hours": hours})

    async def push_results(
        self, user: str | None = None, state: PushState | None = None, channel: str | None = None, limit: int = 50
    ) -> list[AdminPushOutcome]:
        """The last ones, the newest first."""
        params = {"user": user, "state": state, "channel": channel, "limit": limit}
        return (await self.call("GET", "/v1/admin/push/results", _Outcomes, params=params)).results

    async def label_for_pushes(self, user: str, tags: Sequence[str] = (), alias: str = "") -> None:
        """What the user is called by for audiences, in the place of what it was."""
        await self.call("PUT", path_of("admin", "users", user, "push-labels"), type(None), {"tags": list(tags), "alias": alias})
