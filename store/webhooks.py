"""What the topic `webhooks` comes to, and how a webhook's secrets are kept. Pure; the nonce is an argument.

Called by the edge, which sets webhooks and shows them, and by the worker, which delivers.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from schemas.errors import WarblerError
from schemas.registry import TOPICS
from schemas.webhooks import (
    WebhookDisabled,
    WebhookEvent,
    WebhookRedeliveryAsked,
    WebhookRemoved,
    WebhookRewound,
    WebhookSecret,
    WebhookSet,
)
from store.sealing import Sealer

WEBHOOKS_TOPIC = "webhooks"
DELIVERIES_TOPIC = "webhook-deliveries"
DEAD_LETTERS_TOPIC = "webhook-dead-letters"
CONVERSATION_EVENTS = "conversation-events"
CALL_EVENTS = "call-events"
ACCOUNT_EVENTS = "account-events"
ADMIN_EVENTS = "admin-events"
SOURCES = frozenset({CONVERSATION_EVENTS, CALL_EVENTS, ACCOUNT_EVENTS, ADMIN_EVENTS})  # what can be subscribed to
NEVER_TOLD = frozenset({"writer_changed"})  # the log's own housekeeping
SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


class NoSecret(WarblerError):
    """What deliveries are signed with cannot be opened here."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """As it is now. `disabled`: the worker gave up on this version of it."""

    definition: WebhookSet
    disabled: WebhookDisabled | None = None
    rewound: WebhookRewound | None = None
    redeliveries: Mapping[str, WebhookRedeliveryAsked] = field(default_factory=dict)  # asked, and not tried yet; by key

    @property
    def webhook_id(self) -> str:
        return self.definition.webhook_id

    @property
    def live(self) -> bool:
        """Whether it is delivered to."""
        return self.definition.enabled and self.disabled is None


def key_of(event: WebhookEvent) -> bytes:
    """The record's key in the topic: one for each part of a webhook, so that one does not displace the other."""
    match event:
        case WebhookSet() | WebhookRemoved():
            return event.webhook_id.encode()
        case WebhookDisabled():
            return f"{event.webhook_id}/disabled".encode()
        case WebhookRewound():
            return f"{event.webhook_id}/rewound".encode()
        case WebhookRedeliveryAsked():
            return f"{event.webhook_id}/redelivery/{event.event_id}".encode()
        case _:
            assert_never(event)


@dataclass(slots=True)
class WebhookBook:
    """Webhooks folded from their topic. Compaction may have taken what came before: each part stands for itself."""

    webhooks: dict[str, Webhook] = field(default_factory=dict)
    _loose: dict[str, dict[str, WebhookEvent]] = field(default_factory=dict)  # parts whose webhook was not read yet

    def apply(self, key: bytes, event: WebhookEvent | None) -> str:
        """The webhook that it was about. `event` None: a tombstone."""
        name, _, part = key.decode(errors="replace").partition("/")
        if event is None:
            self._ended(name, key.decode(errors="replace"))
        elif isinstance(event, WebhookRemoved):
            self.webhooks.pop(name, None)
            self._loose.pop(name, None)
        elif isinstance(event, WebhookSet):
            known = self.webhooks.get(name)
            self.webhooks[name] = Webhook(event) if known is None else replace(known, definition=event, disabled=None)
            for loose in self._loose.pop(name, {}).values():
                self._part(name, loose)
        elif name in self.webhooks:
            self._part(name, event)
        else:
            self._loose.setdefault(name, {})[part] = event
        return name

    def _part(self, name: str, event: WebhookEvent) -> None:
        webhook = self.webhooks[name]
        match event:
            case WebhookDisabled():
                if event.version == webhook.definition.version:
                    self.webhooks[name] = replace(webhook, disabled=event)
            case WebhookRewound():
                self.webhooks[name] = replace(webhook, rewound=event)
            case WebhookRedeliveryAsked():
                asked = {**webhook.redeliveries, key_of(event).decode(): event}
                self.webhooks[name] = replace(webhook, redeliveries=asked)
            case WebhookSet() | WebhookRemoved():
                raise AssertionError("the whole is no part")
            case _:
                assert_never(event)

    def _ended(self, name: str, key: str) -> None:
        self._loose.get(name, {}).pop(key.partition("/")[2], None)
        if (webhook := self.webhooks.get(name)) is not None:
            rest = {each: asked for each, asked in webhook.redeliveries.items() if each != key}
            self.webhooks[name] = replace(webhook, redeliveries=rest)


def event_types() -> list[str]:
    """Everything that can be subscribed to."""
    return sorted({name for topic in SOURCES for name in TOPICS[topic].records} - NEVER_TOLD)


# ---- secrets


def shown_secret(secret: bytes) -> str:
    """As receivers' libraries take it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def sealed_secret(sealer: Sealer, webhook_id: str, secret: bytes, nonce: bytes, until_ms: int = 0) -> WebhookSecret:
    return WebhookSecret(sealed=sealer.seal(secret, _place(webhook_id), nonce), until_ms=until_ms)


def secrets_of(sealer: Sealer | None, definition: WebhookSet, now_ms: int) -> list[bytes]:
    """Those that are signed with now, the newest first. Raises: NoSecret, NotSealedHere."""
    if sealer is None:
        raise NoSecret("secrets of webhooks need WARBLER_PUSH_KEY")
    wanted = [each for each in definition.secrets if not each.until_ms or each.until_ms > now_ms]
    return [sealer.open(each.sealed, _place(definition.webhook_id)) for each in wanted]


def _place(webhook_id: str) -> str:
    return f"webhook {webhook_id}"
