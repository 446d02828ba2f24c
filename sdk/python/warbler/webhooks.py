"""Webhooks: addresses that hear of events, and what became of deliveries. The part of `Admin` that needs webhooks.read and webhooks.manage.

A receiver checks `webhook-signature` with any library of Standard Webhooks and the secret that `make_webhook` shows.
"""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from warbler.http import Http, path_of

WebhookState = Literal["live", "paused", "disabled"]
DeliveryState = Literal["delivered", "retrying", "given_up"]


class WebhookStanding(Struct, frozen=True):
    """How it does. Moments; 0: never. `lag`: records of its topics to look at; `behind`: conversations that wait."""

    lag: int
    behind: int
    failures_row: int
    failing_since_ms: int
    taken_ms: int
    next_try_ms: int


class Webhook(Struct, frozen=True):
    """`types`, `conversations`: empty for all. `secrets`: with how many it is signed."""

    webhook: str
    state: WebhookState
    url: str
    about: str
    types: tuple[str, ...]
    conversations: tuple[str, ...]
    version: int
    changed_at_ms: int
    changed_by: str
    begin_ms: int
    disabled_reason: str
    disabled_at_ms: int
    secrets: int


class NewWebhook(Webhook, frozen=True):
    """`secret`: shown once."""

    secret: str


class WebhookDetail(Webhook, frozen=True):
    standing: WebhookStanding | None = None


class Webhooks(Struct, frozen=True):
    """`event_types`: what can be subscribed to."""

    webhooks: tuple[Webhook, ...]
    event_types: tuple[str, ...]


class WebhookPlace(Struct, frozen=True):
    topic: str
    partition: int
    offset: int


class WebhookDelivery(Struct, frozen=True):
    """One try. `status` 0: no answer came, and `reason` says why. `again`: it was replayed or redelivered."""

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


class WebhookDeadLetter(Struct, frozen=True):
    """An event that was given up."""

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


class _Secret(Struct, frozen=True):
    secret: str


class _Places(Struct, frozen=True):
    places: list[WebhookPlace]


class _Deliveries(Struct, frozen=True):
    deliveries: list[WebhookDelivery]


class _DeadLetters(Struct, frozen=True):
    dead_letters: list[WebhookDeadLetter]


class AdminWebhooks(Http):
    """Raises, from every call, as `Http`."""

    async def make_webhook(self, url: str, types: Sequence[str] = (), conversations: Sequence[str] = (), about: str = "") -> NewWebhook:
        """Tells an address of events from now on. Nothing named: of all."""
        return await self.call("POST", "/v1/admin/webhooks", NewWebhook, _wishes(url, types, conversations, about, enabled=True))

    async def webhooks(self) -> Webhooks:
        return await self.call("GET", "/v1/admin/webhooks", Webhooks)

    async def webhook(self, webhook: str) -> WebhookDetail:
        return await self.call("GET", path_of("admin", "webhooks", webhook), WebhookDetail)

    async def change_webhook(
        self,
        webhook: str,
        url: str,
        types: Sequence[str] = (),
        conversations: Sequence[str] = (),
        about: str = "",
        *,
        enabled: bool = True,
    ) -> Webhook:
        """In the place of what it was; it goes on where it stood, and what waits is tried at once. `enabled` False: it pauses."""
        wishes = _wishes(url, types, conversations, about, enabled=enabled)
        return await self.call("PUT", path_of("admin", "webhooks", webhook), Webhook, wishes)

    async def remove_webhook(self, webhook: str) -> None:
        await self.call("DELETE", path_of("admin", "webhooks", webhook), type(None))

    async def rotate_webhook_secret(self, webhook: str, keep_ms: int = 86_400_000) -> str:
        """A new secret; for `keep_ms` it is signed with the older one as well."""
        return (await self.call("POST", path_of("admin", "webhooks", webhook, "secret"), _Secret, {"keep_ms": keep_ms})).secret

    async def replay_webhook(self, webhook: str, begin: str) -> list[WebhookPlace]:
        """Begins anew there: `start`, `end`, a time, `offset:<topic>:<partition>:<n>` or `seq:<conversation>:<n>`."""
        return (await self.call("POST", path_of("admin", "webhooks", webhook, "replay"), _Places, {"begin": begin})).places

    async def webhook_deliveries(self, webhook: str, state: DeliveryState | None = None, limit: int = 50) -> list[WebhookDelivery]:
        """The last tries, the newest first."""
        params = {"state": state, "limit": limit}
        return (await self.call("GET", path_of("admin", "webhooks", webhook, "deliveries"), _Deliveries, params=params)).deliveries

    async def webhook_dead_letters(self, webhook: str, limit: int = 50) -> list[WebhookDeadLetter]:
        """What was given up, the newest first."""
        path = path_of("admin", "webhooks", webhook, "dead-letters")
        return (await self.call("GET", path, _DeadLetters, params={"limit": limit})).dead_letters

    async def redeliver_to_webhook(self, webhook: str, topic: str, partition: int, offset: int) -> None:
        """The event that stands there once more, beside the order of the others."""
        place = {"topic": topic, "partition": partition, "offset": offset}
        await self.call("POST", path_of("admin", "webhooks", webhook, "redeliver"), type(None), place)


def _wishes(url: str, types: Sequence[str], conversations: Sequence[str], about: str, *, enabled: bool) -> dict[str, Any]:
    return {"url": url, "types": list(types), "conversations": list(conversations), "about": about, "enabled": enabled}
