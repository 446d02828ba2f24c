"""Webhooks: addresses that hear of events, and what became of each delivery. Pure.

Topics `webhooks` (key: the webhook, or `<webhook>/<part>`; compacted, so the last record of each key is what holds), `webhook-deliveries`
and `webhook-dead-letters` (key webhook). Rule: no secret stands in them but sealed, and no content of events at all.
"""

from typing import Literal

from msgspec import Struct

# delivered: the receiver answered 2xx. retrying: it did not, and is asked again at `next_ms`. given_up: a dead letter stands for it.
DeliveryState = Literal["delivered", "retrying", "given_up"]


class WebhookSecret(Struct, frozen=True, kw_only=True):
    """What deliveries are signed with, sealed; `until_ms` 0: for good, else an older one that is still signed with."""

    sealed: bytes
    until_ms: int


class WebhookPlace(Struct, frozen=True, kw_only=True):
    """The next offset of one partition."""

    topic: str
    partition: int
    offset: int


class WebhookEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every event of a webhook carries. `by`: an administrator, a key, an operator, or `webhooks`, the worker itself."""

    event_id: str
    webhook_id: str
    tenant: str
    at_ms: int
    by: str


class WebhookSet(WebhookEventBase, frozen=True, kw_only=True, tag="webhook_set"):
    """The whole of it as it is from now on. `version` counts from 1. `types`, `conversations`: empty for all.

    `begin_ms`: events of before the webhook was made are not its own.
    """

    version: int
    url: str
    about: str
    types: tuple[str, ...]
    conversations: tuple[str, ...]
    enabled: bool
    secrets: tuple[WebhookSecret, ...]  # the newest first
    begin_ms: int


class WebhookRemoved(WebhookEventBase, frozen=True, kw_only=True, tag="webhook_removed"):
    """Nothing more is delivered; its record stays, so that nobody takes it for one that was never there."""


class WebhookDisabled(WebhookEventBase, frozen=True, kw_only=True, tag="webhook_disabled"):
    """The worker gave up on the receiver, for this `version` of the webhook: setting it anew enables it. Its position stays.

    `reason`: gone (the receiver answered 410) or failing (nothing was taken since `since_ms`).
    """

    version: int
    reason: str
    since_ms: int


class WebhookRewound(WebhookEventBase, frozen=True, kw_only=True, tag="webhook_rewound"):
    """It begins anew at these places, backwards or forwards; partitions that are not named stay where they are. `asked`: in words."""

    places: tuple[WebhookPlace, ...]
    asked: str


class WebhookRedeliveryAsked(WebhookEventBase, frozen=True, kw_only=True, tag="webhook_redelivery_asked"):
    """One event once more, beside the order of the others. A tombstone follows when it was tried."""

    place: WebhookPlace


class WebhookDelivery(Struct, frozen=True, kw_only=True, tag_field="kind", tag="webhook_delivery"):
    """One try. At least once. `delivery_id`: the header `webhook-id`, the same in every try of one event.

    `status` 0 and `reason` say why there was no answer. `conversation_id` empty: of no conversation. `again`: replayed or redelivered.
    """

    webhook_id: str
    tenant: str
    delivery_id: str
    topic: str
    partition: int
    offset: int
    event_type: str
    conversation_id: str
    state: DeliveryState
    tries: int
    status: int
    reason: str
    latency_ms: int
    next_ms: int
    at_ms: int
    again: bool


class WebhookGivenUp(Struct, frozen=True, kw_only=True, tag_field="kind", tag="webhook_given_up"):
    """A dead letter: this event was tried to the end of the schedule, others were taken meanwhile. The event itself stays in its topic."""

    webhook_id: str
    tenant: str
    delivery_id: str
    topic: str
    partition: int
    offset: int
    event_type: str
    conversation_id: str
    tries: int
    status: int
    reason: str
    first_ms: int
    at_ms: int


WebhookEvent = WebhookSet | WebhookRemoved | WebhookDisabled | WebhookRewound | WebhookRedeliveryAsked
WebhookRecord = WebhookEvent | WebhookDelivery | WebhookGivenUp
