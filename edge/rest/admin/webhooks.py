"""Webhooks: addresses that hear of events, what became of deliveries, and deliveries once more."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from edge.people.webhooks import TooManyWebhooks, UnknownWebhook, Wishes
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.admin.webhook_models import (
    DeadLetters,
    Deliveries,
    NewWebhook,
    Replay,
    Replayed,
    ReplayPlace,
    RotatedSecret,
    RotateSecret,
    WebhookDetail,
    WebhookItem,
    Webhooks,
    WebhookWishes,
    dead_letter_item,
    delivery_item,
    item_of,
    standing_of,
    standing_row,
)
from edge.rest.errors import Problem
from log.errors import UnknownTopic
from log.places import BadPlace, BadRange
from log.spans import RangeGone, UnknownPosition
from log.web.settings import BadAddress
from schemas.webhooks import DeliveryState, WebhookPlace
from store.webhooks import NoSecret, Webhook, event_types

router = APIRouter(prefix="/v1/admin")
WebhookPath = Annotated[str, Path(min_length=1, max_length=64)]
DeliveryPath = Annotated[str, Path(min_length=1, max_length=64)]
LIMIT = 200


@router.post("/webhooks", status_code=201)
async def make_webhook(body: WebhookWishes, admin: Admin) -> NewWebhook:
    """Tells an address of events from now on, signed with a secret that is shown once."""

    async def work() -> NewWebhook:
        wishes = _read(admin, body)
        try:
            made, secret = await admin.node.webhooks.make(wishes, admin.actor.id)
        except TooManyWebhooks as many:
            raise Problem(409, "too_many", str(many)) from None
        except NoSecret as none:
            raise Problem(503, "no_secret", str(none)) from None
        return NewWebhook(**item_of(made), secret=secret)

    return await admin.perform(Act("webhooks.make", "webhooks.manage", "webhook", "", _told(body), changes=True), work)


@router.get("/webhooks")
async def list_webhooks(admin: Admin) -> Webhooks:
    """All of them, and what can be subscribed to."""

    async def work() -> Webhooks:
        items = [WebhookItem(**item_of(each)) for each in await admin.node.webhooks.all()]
        return Webhooks(webhooks=items, event_types=event_types())

    return await admin.perform(Act("webhooks.list", "webhooks.read"), work)


@router.get("/webhooks/{webhook}")
async def get_webhook(webhook: WebhookPath, admin: Admin) -> WebhookDetail:
    """With where it stands."""

    async def work() -> WebhookDetail:
        found, kept = await _known(admin, webhook), await admin.node.webhooks.standing(webhook)
        if kept is None or kept.epoch != admin.node.epoch:
            return WebhookDetail(**item_of(found), standing=None)
        row = standing_row(kept)
        return WebhookDetail(**item_of(found), standing=standing_of(row, await admin.node.webhooks.lags(row)))

    return await admin.perform(Act("webhooks.get", "webhooks.read", "webhook", webhook), work)


@router.put("/webhooks/{webhook}")
async def change_webhook(webhook: WebhookPath, body: WebhookWishes, admin: Admin) -> WebhookItem:
    """In the place of what it was. One that was disabled is enabled again, and goes on where it stood; what waits is tried at once."""

    async def work() -> WebhookItem:
        wishes = _read(admin, body)
        changed = await admin.node.webhooks.change(await _known(admin, webhook), wishes, admin.actor.id)
        return WebhookItem(**item_of(changed))

    return await admin.perform(Act("webhooks.change", "webhooks.manage", "webhook", webhook, _told(body), changes=True), work)


@router.delete("/webhooks/{webhook}", status_code=204)
async def remove_webhook(webhook: WebhookPath, admin: Admin) -> None:
    async def work() -> None:
        await admin.node.webhooks.remove(await _known(admin, webhook), admin.actor.id)

    await admin.perform(Act("webhooks.remove", "webhooks.manage", "webhook", webhook, changes=True), work)


@router.post("/webhooks/{webhook}/secret")
async def rotate_webhook_secret(webhook: WebhookPath, body: RotateSecret, admin: Admin) -> RotatedSecret:
    """A new secret, shown once. For a while deliveries are signed with both, so that the receiver can change in peace."""

    async def work() -> RotatedSecret:
        try:
            secret = await admin.node.webhooks.rotate(await _known(admin, webhook), body.keep_ms, admin.actor.id)
        except NoSecret as none:
            raise Problem(503, "no_secret", str(none)) from None
        return RotatedSecret(secret=secret)

    act = Act("webhooks.rotate", "webhooks.manage", "webhook", webhook, {"keep_ms": body.keep_ms}, changes=True)
    return await admin.perform(act, work)


@router.post("/webhooks/{webhook}/replay", status_code=202)
async def replay_webhook(webhook: WebhookPath, body: Replay, admin: Admin) -> Replayed:
    """Begins anew at this place, in order, with the same delivery ids as before and `warbler-replay: 1`; or skips forward to it."""

    async def work() -> Replayed:
        try:
            places = await admin.node.webhooks.rewind(await _known(admin, webhook), body.begin, admin.actor.id)
        except (BadPlace, BadRange, UnknownTopic) as bad:
            raise Problem(422, "bad_place", str(bad)) from None
        except UnknownPosition as unknown:
            raise Problem(404, "unknown_position", str(unknown)) from None
        except RangeGone as gone:
            raise Problem(409, "range_gone", str(gone)) from None
        return Replayed(places=[ReplayPlace(topic=each.topic, partition=each.partition, offset=each.offset) for each in places])

    act = Act("webhooks.replay", "webhooks.manage", "webhook", webhook, {"begin": body.begin}, changes=True)
    return await admin.perform(act, work)


@router.get("/webhooks/{webhook}/deliveries")
async def webhook_deliveries(
    webhook: WebhookPath,
    admin: Admin,
    state: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT)] = 50,
) -> Deliveries:
    """The last tries, from the end of the log."""

    async def work() -> Deliveries:
        await _known(admin, webhook)
        found = await admin.node.webhooks.deliveries(webhook, state, limit)
        return Deliveries(deliveries=[delivery_item(each) for each in found])

    return await admin.perform(Act("webhooks.deliveries", "webhooks.read", "webhook", webhook), work)


@router.get("/webhooks/{webhook}/dead-letters")
async def webhook_dead_letters(webhook: WebhookPath, admin: Admin, limit: Annotated[int, Query(ge=1, le=LIMIT)] = 50) -> DeadLetters:
    """Events that were given up. Each can be delivered once more."""

    async def work() -> DeadLetters:
        await _known(admin, webhook)
        return DeadLetters(dead_letters=[dead_letter_item(each) for each in await admin.node.webhooks.dead_letters(webhook, limit)])

    return await admin.perform(Act("webhooks.dead_letters", "webhooks.read", "webhook", webhook), work)


@router.post("/webhooks/{webhook}/redeliver", status_code=202)
async def redeliver_to_webhook(webhook: WebhookPath, body: ReplayPlace, admin: Admin) -> None:
    """The event that stands there once more, beside the order of the others, with its own delivery id."""

    async def work() -> None:
        place = WebhookPlace(topic=body.topic, partition=body.partition, offset=body.offset)
        await admin.node.webhooks.redeliver(await _known(admin, webhook), place, admin.actor.id)

    place = f"{body.topic}:{body.partition}:{body.offset}"
    await admin.perform(Act("webhooks.redeliver", "webhooks.manage", "webhook", webhook, {"place": place}, changes=True), work)


def _read(admin: Administrator, body: WebhookWishes) -> Wishes:
    """Raises: Problem 422."""
    try:
        return body.read(admin.node.webhooks.networks)
    except BadAddress as bad:
        raise Problem(422, "bad_address", str(bad)) from None
    except ValueError as bad:
        raise Problem(422, "invalid", str(bad)) from None


def _told(body: WebhookWishes) -> dict[str, int | bool]:
    """What the log hears: not the address, which may hold a secret of the receiver's."""
    return {"types": len(body.types), "conversations": len(body.conversations), "enabled": body.enabled}


async def _known(admin: Administrator, webhook: str) -> Webhook:
    try:
        return await admin.node.webhooks.get(webhook)
    except UnknownWebhook as unknown:
        raise Problem(404, "unknown_webhook", str(unknown)) from None
