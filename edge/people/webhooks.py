"""Webhooks as administrators set them: each change an event in the topic `webhooks`, which is also where they are read from.

Called by `edge.rest.admin.webhooks`. The worker does the rest. There are few webhooks, so the topic is folded anew for each call: no row
can contradict it, and of two changes at once the later in the log holds everywhere.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from edge.clocks import clock_ms
from edge.people.admin_log import new_event_id
from edge.session import TENANT
from log.places import End, place_of
from log.port import Entry, Log
from log.spans import spans_of
from log.web.addresses import IpNetwork
from schemas.codec import decode, decode_webhook_event, encode
from schemas.errors import Undecodable, WarblerError
from schemas.partition import partition_of
from schemas.registry import TOPICS
from schemas.webhooks import (
    WebhookDelivery,
    WebhookEvent,
    WebhookGivenUp,
    WebhookPlace,
    WebhookRedeliveryAsked,
    WebhookRemoved,
    WebhookRewound,
    WebhookSet,
)
from store.sealing import NONCE_BYTES, Sealer
from store.webhook_standings import Kept, WebhookStandings
from store.webhooks import (
    DEAD_LETTERS_TOPIC,
    DELIVERIES_TOPIC,
    NEVER_TOLD,
    SECRET_BYTES,
    SOURCES,
    WEBHOOKS_TOPIC,
    NoSecret,
    Webhook,
    WebhookBook,
    key_of,
    sealed_secret,
    shown_secret,
)

READ_RECORDS = 1_000
TRIES_BACK = 5_000  # of one partition are looked through for the last deliveries of a webhook
T = TypeVar("T", WebhookDelivery, WebhookGivenUp)


class UnknownWebhook(WarblerError):
    """There is none of this id, or no more."""


class TooManyWebhooks(WarblerError):
    """No more can be made."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an administrator says of a webhook. `types`, `conversations`: empty for all."""

    url: str
    about: str
    types: tuple[str, ...]
    conversations: tuple[str, ...]
    enabled: bool


class WebhookDesk:
    """`partition(topic, key)`: where a key's records lie. `networks`: of our own, that may be posted to."""

    def __init__(
        self,
        log: Log,
        partition: Callable[[str, bytes], int],
        standings: WebhookStandings,
        sealer: Sealer | None,
        networks: tuple[IpNetwork, ...],
        limit: int,
    ) -> None:
        self._log, self._partition, self._standings = log, partition, standings
        self._sealer, self.networks, self._limit = sealer, networks, limit

    # ---- reading

    async def all(self) -> list[Webhook]:
        """Every webhook, the oldest first. Raises: LogUnavailable."""
        book = WebhookBook()
        for number in range(await self._log.partitions_count(WEBHOOKS_TOPIC)):
            await self._fold(book, number)
        return sorted(book.webhooks.values(), key=lambda each: each.webhook_id)

    async def get(self, webhook_id: str) -> Webhook:
        """Raises: UnknownWebhook, LogUnavailable."""
        book = WebhookBook()
        await self._fold(book, self._partition(WEBHOOKS_TOPIC, webhook_id.encode()))
        if webhook_id not in book.webhooks:
            raise UnknownWebhook("there is no such webhook")
        return book.webhooks[webhook_id]

    async def _fold(self, book: WebhookBook, number: int) -> None:
        for record in await self._read(WEBHOOKS_TOPIC, number, await self._log.start_offset(WEBHOOKS_TOPIC, number)):
            try:
                book.apply(record.key or b"", None if record.value is None else decode_webhook_event(record.value))
            except Undecodable:
                continue  # the worker says so

    async def _read(self, topic: str, number: int, start: int) -> list[Any]:
        """Everything from `start` to the end as it is now."""
        at, end, found = start, await self._log.end_offset(topic, number), list[Any]()
        while at < end:
            records = await self._log.read(topic, number, at, READ_RECORDS)
            if not records:
                break
            found += records
            at = records[-1].offset + 1
        return found

    async def standing(self, webhook_id: str) -> Kept | None:
        """Where it stands; None: nothing was begun yet. Raises: StoreUnavailable."""
        return await self._standings.get(webhook_id)

    async def lags(self, standing: dict[str, Any]) -> int:
        """How many records of its topics it has still to look at. Raises: LogUnavailable."""
        lag = 0
        for topic, partition, offset in standing["places"]:
            lag += max(0, await self._log.end_offset(topic, partition) - offset)
        return lag

    async def deliveries(self, webhook_id: str, state: str | None, limit: int) -> list[WebhookDelivery]:
        """The last tries, the newest first. Raises: LogUnavailable."""
        found = await self._newest(DELIVERIES_TOPIC, webhook_id, WebhookDelivery)
        return [each for each in found if state in (None, each.state)][:limit]

    async def dead_letters(self, webhook_id: str, limit: int) -> list[WebhookGivenUp]:
        """What was given up, the newest first. Raises: LogUnavailable."""
        return (await self._newest(DEAD_LETTERS_TOPIC, webhook_id, WebhookGivenUp))[:limit]

    async def _newest(self, topic: str, webhook_id: str, kind: type[T]) -> list[T]:
        number = self._partition(topic, webhook_id.encode())
        start = max(await self._log.start_offset(topic, number), await self._log.end_offset(topic, number) - TRIES_BACK)
        found: list[T] = []
        for record in await self._read(topic, number, start):
            if record.key == webhook_id.encode():
                try:
                    found.append(decode(record.value, kind))
                except Undecodable:
                    continue
        return found[::-1]

    # ---- changing

    async def make(self, wishes: Wishes, by: str) -> tuple[Webhook, str]:
        """A new one, and its secret, which is shown once. Raises: TooManyWebhooks, NoSecret, LogUnavailable."""
        if len(await self.all()) >= self._limit:
            raise TooManyWebhooks(f"there are {self._limit} webhooks already")
        now_ms = clock_ms()
        webhook_id = "wh-" + new_event_id(now_ms).replace("-", "")
        secret, sealed = self._secret(webhook_id)
        event = self._set(webhook_id, wishes, by, 1, (sealed,), now_ms)
        await self._tell(event)
        return Webhook(event), secret

    async def change(self, webhook: Webhook, wishes: Wishes, by: str) -> Webhook:
        """As it shall be from now on; it is enabled anew, and what waited for its time is due. Raises: LogUnavailable."""
        known = webhook.definition
        event = self._set(known.webhook_id, wishes, by, known.version + 1, known.secrets, known.begin_ms)
        await self._tell(event)
        return Webhook(event, rewound=webhook.rewound, redeliveries=webhook.redeliveries)

    async def rotate(self, webhook: Webhook, keep_ms: int, by: str) -> str:
        """A new secret; the one until now is signed with for `keep_ms` beside it. Raises: NoSecret, LogUnavailable."""
        known, now_ms = webhook.definition, clock_ms()
        secret, sealed = self._secret(known.webhook_id)
        old = tuple(msgspec.structs.replace(each, until_ms=now_ms + keep_ms) for each in known.secrets[:1] if keep_ms)
        base = self._base(known.webhook_id, by)
        kept = {name: getattr(known, name) for name in ("url", "about", "types", "conversations", "enabled", "begin_ms")}
        await self._tell(WebhookSet(**base, **kept, version=known.version + 1, secrets=(sealed, *old)))
        return secret

    async def remove(self, webhook: Webhook, by: str) -> None:
        """Nothing more is delivered. Raises: LogUnavailable."""
        await self._tell(WebhookRemoved(**self._base(webhook.webhook_id, by)))

    async def rewind(self, webhook: Webhook, asked: str, by: str) -> list[WebhookPlace]:
        """Delivers again from there on, or skips forward to there.

        Raises: BadPlace, BadRange, RangeGone, UnknownPosition, UnknownTopic, LogUnavailable.
        """
        begin, definition = place_of(asked), webhook.definition
        spans = await spans_of(self._log, topics_of(definition), begin, End())
        places = [WebhookPlace(topic=each.topic, partition=each.partition, offset=each.start_offset) for each in spans]
        await self._tell(WebhookRewound(**self._base(webhook.webhook_id, by), places=tuple(places), asked=asked))
        return places

    async def redeliver(self, webhook: Webhook, place: WebhookPlace, by: str) -> None:
        """One event once more, beside the others. Raises: LogUnavailable."""
        await self._tell(WebhookRedeliveryAsked(**self._base(webhook.webhook_id, by), place=place))

    def _set(self, webhook_id: str, wishes: Wishes, by: str, version: int, sealed: Sequence[Any], begin_ms: int) -> WebhookSet:
        return WebhookSet(
            **self._base(webhook_id, by),
            version=version,
            url=wishes.url,
            about=wishes.about,
            types=wishes.types,
            conversations=wishes.conversations,
            enabled=wishes.enabled,
            secrets=tuple(sealed),
            begin_ms=begin_ms,
        )

    def _base(self, webhook_id: str, by: str) -> dict[str, Any]:
        now_ms = clock_ms()
        return {"event_id": new_event_id(now_ms), "webhook_id": webhook_id, "tenant": TENANT, "at_ms": now_ms, "by": by}

    def _secret(self, webhook_id: str) -> tuple[str, Any]:
        if self._sealer is None:
            raise NoSecret("webhooks need WARBLER_PUSH_KEY, which seals their secrets")
        secret = secrets.token_bytes(SECRET_BYTES)
        return shown_secret(secret), sealed_secret(self._sealer, webhook_id, secret, secrets.token_bytes(NONCE_BYTES))

    async def _tell(self, event: WebhookEvent) -> None:
        number = partition_of(event.webhook_id.encode(), await self._log.partitions_count(WEBHOOKS_TOPIC))
        await self._log.publish(WEBHOOKS_TOPIC, number, [Entry(key_of(event), encode(WEBHOOKS_TOPIC, event), event.at_ms)])


def topics_of(definition: WebhookSet) -> list[str]:
    """Where its events stand."""
    types = set(definition.types)
    return sorted(name for name in SOURCES if not types or types & (TOPICS[name].records.keys() - NEVER_TOLD))
