"""Pushes from the server to an audience, and what became of pushes."""

from typing import Annotated, Any, Self

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, model_validator

from edge.clocks import clock_ms
from edge.people.campaigns import CampaignOver, OtherCampaign, new_campaign_id
from edge.people.push_labels import TAGS_LIMIT, BadLabel, labels_of, relabel
from edge.people.push_results import newest
from edge.rest import models
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.admin.push_models import CountItem, PushResults, PushStats, ResultItem, count_items, latency_items
from edge.rest.errors import Problem
from edge.session import TENANT
from schemas.pushes import Audience, PushResult, PushState
from store.campaigns import Campaign, CampaignState
from store.push_count_rows import HOURS_LIMIT
from store.push_counts import HOUR_MS, states_of

router = APIRouter(prefix="/v1/admin")
PAGE_LIMIT = 100
RESULTS_LIMIT = 200
AUDIENCE_LIMIT, AUDIENCE_BYTES_LIMIT = 5_000, 256 * 1024  # the whole campaign is one record
DATA_BYTES_LIMIT = 1_024
TTL_MS_LIMIT = 7 * 86_400_000  # as long as push-requests are kept
AHEAD_MS_LIMIT = 366 * 86_400_000
CampaignPath = Annotated[str, Path(min_length=1, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=128)]


class NewPush(BaseModel):
    campaign: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        description="An id of yours, a UUIDv7: then asking again makes no second one",
    )
    audience: Audience = Field(description="all: users with a token; tags: who has any of them; alias; users")
    audience_of: list[Name] = Field(default=[], max_length=AUDIENCE_LIMIT, description="The tags, aliases or users; empty for all")
    title: str = Field(min_length=1, max_length=200)
    body: str = Field(default="", max_length=2_000)
    data: dict[str, Any] = Field(default={}, description=f"For the app: at most {DATA_BYTES_LIMIT} bytes of JSON")
    send_at_ms: int = Field(default=0, ge=0, lt=2**53, description="From when it is sent; what is past means now")
    ttl_ms: int = Field(default=86_400_000, ge=1_000, le=TTL_MS_LIMIT, description="How long after send_at_ms it may still be sent")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.audience == "all") != (not self.audience_of):
            raise ValueError("audience_of: needed for tags, alias and users, and empty for all")
        if sum(len(each.encode("utf-8", "replace")) for each in self.audience_of) > AUDIENCE_BYTES_LIMIT:
            raise ValueError(f"audience_of: at most {AUDIENCE_BYTES_LIMIT} bytes")
        if len(data_text(self.data).encode()) > DATA_BYTES_LIMIT:
            raise ValueError(f"data: at most {DATA_BYTES_LIMIT} bytes of JSON")
        return self


def data_text(data: dict[str, Any]) -> str:
    """As JSON; "" for nothing. Raises: ValueError for what has no form in JSON: half a character, or what is nested too deep."""
    try:
        return msgspec.json.encode(data).decode() if data else ""
    except (ValueError, OverflowError, RecursionError) as bad:
        raise ValueError(f"data: {bad}") from None


class LabelsGiven(BaseModel):
    tags: list[Name] = Field(default=[], max_length=TAGS_LIMIT)
    alias: str = Field(default="", max_length=128)


class PushItem(BaseModel):
    """Times of what did not happen are 0. `users`: for how many requests were written, once it is finished."""

    campaign: str
    state: CampaignState
    audience: Audience
    audience_of: list[str]
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


class PushDetail(PushItem):
    states: dict[str, int] = Field(description="How many results there are of each state")
    counts: list[CountItem]


class PushPage(BaseModel):
    """The newest first; `next` is the next page's `after`, null at the end."""

    pushes: list[PushItem]
    next: str | None


def item_of(campaign: Campaign, now_ms: int) -> dict[str, Any]:
    fields = msgspec.structs.asdict(campaign)
    data = msgspec.json.decode(campaign.data) if campaign.data else {}
    taken = fields | {"campaign": fields.pop("campaign_id"), "audience_of": list(campaign.audience_of), "data": data}
    return {name: value for name, value in taken.items() if name in PushItem.model_fields} | {"state": campaign.state(now_ms)}


@router.post("/pushes", status_code=201)
async def make_push(body: NewPush, admin: Admin) -> PushItem:
    """Sends to an audience, now or later. Answered when it is in the log: from then on it is sent whatever process dies."""
    now_ms = clock_ms()
    name = body.campaign or new_campaign_id(now_ms)

    async def work() -> PushItem:
        if body.send_at_ms > now_ms + AHEAD_MS_LIMIT:
            raise Problem(422, "invalid", "send_at_ms: at most a year ahead")
        text = (body.title, body.body, data_text(body.data))
        try:
            made = await admin.node.campaigns.schedule(
                name, body.audience, tuple(body.audience_of), text, body.send_at_ms, body.ttl_ms, admin.actor.id
            )
        except OtherCampaign as other:
            raise Problem(409, "other_campaign", str(other)) from None
        return PushItem(**item_of(made, now_ms))

    detail = {"audience": body.audience, "named": len(body.audience_of), "send_at_ms": body.send_at_ms}
    return await admin.perform(Act("pushes.make", "push", "push", name, detail, changes=True), work)


@router.get("/pushes")
async def list_pushes(
    admin: Admin,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
) -> PushPage:
    async def work() -> PushPage:
        now_ms = clock_ms()
        found = await admin.node.campaigns.tables.page(TENANT, after, limit)
        items = [PushItem(**item_of(each, now_ms)) for each in found]
        return PushPage(pushes=items, next=items[-1].campaign if len(items) == limit else None)

    return await admin.perform(Act("pushes.list", "push"), work)


@router.get("/pushes/{campaign}")
async def get_push(campaign: CampaignPath, admin: Admin) -> PushDetail:
    """How far it is. The counts follow the results within some seconds, and are exact."""

    async def work() -> PushDetail:
        found = await _known(admin, campaign)
        counts = await admin.node.tables.push_counts(admin.node.epoch).of_campaign(campaign)
        return PushDetail(**item_of(found, clock_ms()), states=dict(states_of(counts)), counts=count_items(counts))

    return await admin.perform(Act("pushes.get", "push", "push", campaign), work)


@router.delete("/pushes/{campaign}", status_code=204)
async def cancel_push(campaign: CampaignPath, admin: Admin) -> None:
    """What was not sent yet is not sent, but for what a worker is sending within this second."""

    async def work() -> None:
        try:
            await admin.node.campaigns.cancel(await _known(admin, campaign), admin.actor.id)
        except CampaignOver as over:
            raise Problem(409, "push_over", str(over)) from None

    await admin.perform(Act("pushes.cancel", "push", "push", campaign, changes=True), work)


# ---- what became of pushes


@router.get("/push/stats")
async def push_stats(admin: Admin, hours: Annotated[int, Query(ge=1, le=HOURS_LIMIT)] = 24) -> PushStats:
    """Of the hour that is running and those before it: how many pushes came to what, by push channel, state and reason."""

    async def work() -> PushStats:
        now_ms = clock_ms()
        counts = await admin.node.tables.push_counts(admin.node.epoch).of_hours(now_ms, hours)
        since_ms = (now_ms // HOUR_MS - hours + 1) * HOUR_MS
        return PushStats(since_ms=since_ms, states=dict(states_of(counts)), counts=count_items(counts), latencies=latency_items(counts))

    return await admin.perform(Act("pushes.stats", "push"), work)


@router.get("/push/results")
async def push_results(
    admin: Admin,
    user: Annotated[str, Query(max_length=128)] = "",
    state: PushState | None = None,
    channel: Annotated[str, Query(max_length=32, description="A push channel")] = "",
    limit: Annotated[int, Query(ge=1, le=RESULTS_LIMIT)] = 50,
) -> PushResults:
    """The last ones, from the end of the log: what was sent, what was not and why, what the device said it received."""

    def wanted(result: PushResult) -> bool:
        return state in (None, result.state) and channel in ("", result.channel)

    async def work() -> PushResults:
        return PushResults(results=[ResultItem.of(each) for each in await newest(admin.node.log, user, wanted, limit)])

    return await admin.perform(Act("pushes.results", "push", "user" if user else "", user), work)


# ---- labels


@router.put("/users/{user}/push-labels", status_code=204)
async def label_user(user: models.UserPath, body: LabelsGiven, admin: Admin) -> None:
    """What the user is called by for audiences, in the place of what it was. Its own data: the log hears only that it changed."""

    async def work() -> None:
        try:
            labels = labels_of(body.tags, body.alias)
        except BadLabel as bad:
            raise Problem(422, "bad_label", str(bad)) from None
        await relabel(admin.node, user, labels, admin.actor.id)

    act = Act("users.label", "push", "user", user, {"tags": len(body.tags)}, changes=True)
    await admin.perform(act, work, lambda: admin.on_user(user))


async def _known(admin: Administrator, campaign: str) -> Campaign:
    found = await admin.node.campaigns.tables.get(campaign)
    if found is None:
        raise Problem(404, "unknown_push", "there is no such push")
    return found
