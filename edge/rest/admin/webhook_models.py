"""How webhooks are set and shown."""

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from edge.people.webhooks import Wishes
from log.web.addresses import IpNetwork
from log.web.settings import URL_CHARS_LIMIT, check_url
from schemas.webhooks import DeliveryState, WebhookDelivery, WebhookGivenUp
from store.webhook_standings import Kept
from store.webhooks import Webhook, event_types

TYPES_LIMIT, CONVERSATIONS_LIMIT = 100, 1_000
KEEP_MS_LIMIT = 30 * 86_400_000
WebhookState = Literal["live", "paused", "disabled"]


class WebhookWishes(BaseModel):
    """The whole of it, as it shall be."""

    url: str = Field(min_length=1, max_length=URL_CHARS_LIMIT, description="https; an address that only this network can reach is refused")
    about: str = Field(default="", max_length=200)
    types: list[str] = Field(default=[], max_length=TYPES_LIMIT, description="Event types; empty for all")
    conversations: list[str] = Field(default=[], max_length=CONVERSATIONS_LIMIT, description="Empty for all")
    enabled: bool = Field(default=True, description="false: nothing is delivered, and its position stays")

    def read(self, networks: tuple[IpNetwork, ...]) -> Wishes:
        """Raises: BadAddress, ValueError for types that there are not."""
        check_url(self.url, networks)
        if unknown := sorted(set(self.types) - set(event_types())):
            raise ValueError(f"no such event type: {', '.join(unknown[:3])[:200]}")
        return Wishes(self.url, self.about, tuple(dict.fromkeys(self.types)), tuple(dict.fromkeys(self.conversations)), self.enabled)


class WebhookStanding(BaseModel):
    """How it does. Moments; 0: never. `lag`: records of its topics that it has still to look at."""

    lag: int
    behind: int = Field(description="Conversations that wait for a retry, or for their turn")
    failures_row: int
    failing_since_ms: int
    taken_ms: int
    next_try_ms: int


class WebhookItem(BaseModel):
    webhook: str
    state: WebhookState
    url: str
    about: str
    types: list[str]
    conversations: list[str]
    version: int
    changed_at_ms: int
    changed_by: str
    begin_ms: int
    disabled_reason: str
    disabled_at_ms: int
    secrets: int = Field(description="With how many secrets it is signed")


class WebhookDetail(WebhookItem):
    standing: WebhookStanding | None = Field(description="null: nothing was begun yet")


class NewWebhook(WebhookItem):
    secret: str = Field(description="Shown once: whsec_ and base64, as the libraries of Standard Webhooks take it")


class Webhooks(BaseModel):
    webhooks: list[WebhookItem]
    event_types: list[str]


class RotatedSecret(BaseModel):
    secret: str


class RotateSecret(BaseModel):
    keep_ms: int = Field(default=86_400_000, ge=0, le=KEEP_MS_LIMIT, description="How long it is signed with the older one as well")


class Replay(BaseModel):
    begin: str = Field(
        min_length=1, max_length=300, description="start, end, a time, offset:<topic>:<partition>:<n>, seq:<conversation>:<n>"
    )


class ReplayPlace(BaseModel):
    topic: str
    partition: int
    offset: int


class Replayed(BaseModel):
    places: list[ReplayPlace]


class DeliveryItem(BaseModel):
    """One try. `again`: it was replayed or redelivered."""

    delivery: str
    topic: str
    partition: int
    offset: int
    type: str
    conversation: str
    state: DeliveryState
    tries: int
    status: int
    reason: str
    latency_ms: int
    next_ms: int
    at_ms: int
    again: bool


class Deliveries(BaseModel):
    """The newest first."""

    deliveries: list[DeliveryItem]


class DeadLetterItem(BaseModel):
    delivery: str
    topic: str
    partition: int
    offset: int
    type: str
    conversation: str
    tries: int
    status: int
    reason: str
    first_ms: int
    at_ms: int


class DeadLetters(BaseModel):
    dead_letters: list[DeadLetterItem]


def _state(webhook: Webhook) -> WebhookState:
    if not webhook.definition.enabled:
        return "paused"
    return "live" if webhook.disabled is None else "disabled"


def item_of(webhook: Webhook) -> dict[str, Any]:
    """The fields of WebhookItem."""
    definition, disabled = webhook.definition, webhook.disabled
    return {
        "webhook": definition.webhook_id,
        "state": _state(webhook),
        "url": definition.url,
        "about": definition.about,
        "types": list(definition.types),
        "conversations": list(definition.conversations),
        "version": definition.version,
        "changed_at_ms": definition.at_ms,
        "changed_by": definition.by,
        "begin_ms": definition.begin_ms,
        "disabled_reason": disabled.reason if disabled is not None else "",
        "disabled_at_ms": disabled.at_ms if disabled is not None else 0,
        "secrets": len(definition.secrets),
    }


def standing_row(kept: Kept) -> dict[str, Any]:
    """The row as the worker packed it."""
    row: dict[str, Any] = msgspec.json.decode(kept.standing)
    return row


def standing_of(row: dict[str, Any], lag: int) -> WebhookStanding:
    receiver = row["receiver"]
    waits = [not_before for *_, not_before in row["behind"] if not_before]
    next_try_ms = max(min(waits, default=0), receiver["probe_ms"], receiver["hold_until_ms"])
    told = {name: receiver[name] for name in ("failures_row", "failing_since_ms", "taken_ms")}
    return WebhookStanding(lag=lag, behind=len(row["behind"]), next_try_ms=next_try_ms, **told)


def _told(each: WebhookDelivery | WebhookGivenUp) -> dict[str, Any]:
    names = {"delivery_id": "delivery", "event_type": "type", "conversation_id": "conversation"}
    fields = {names.get(name, name): value for name, value in msgspec.structs.asdict(each).items()}
    return {name: value for name, value in fields.items() if name not in ("webhook_id", "tenant")}


def delivery_item(each: WebhookDelivery) -> DeliveryItem:
    return DeliveryItem(**_told(each))


def dead_letter_item(each: WebhookGivenUp) -> DeadLetterItem:
    return DeadLetterItem(**_told(each))
