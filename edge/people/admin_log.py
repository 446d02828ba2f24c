"""To the log what administrators did. Called by `edge.people.tenancy` (facts) and `edge.rest.admin` (every call)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.clocks import clock_ms
from edge.people.permits import Actor
from edge.session import TENANT
from log.port import Entry, Log
from schemas.accounts import AccountEvent, AdminEvent
from schemas.codec import encode
from schemas.ids import UUID7_RANDOM_BITS, uuid7

ADMIN_EVENTS = "admin-events"
ACCOUNT_EVENTS = "account-events"


def new_event_id(now_ms: int) -> str:
    return uuid7(now_ms, secrets.randbits(UUID7_RANDOM_BITS))


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, and from where."""

    actor: Actor
    from_address: str

    def base(self) -> dict[str, Any]:
        """What every admin event of this moment carries."""
        now_ms = clock_ms()
        told = {"actor": self.actor.id, "actor_kind": self.actor.kind, "from_address": self.from_address}
        return {"event_id": new_event_id(now_ms), "tenant": TENANT, "at_ms": now_ms, **told}


class AdminLog:
    """`partition(topic, key)`: where a key's records lie."""

    def __init__(self, log: Log, partition: Callable[[str, bytes], int]) -> None:
        self._log, self._partition = log, partition

    async def tell(self, event: AdminEvent) -> None:
        """In the log (acks=all) when it returns. Raises: LogUnavailable (outcome unknown)."""
        await self._publish(ADMIN_EVENTS, event.actor, encode(ADMIN_EVENTS, event))

    async def tell_of_user(self, event: AccountEvent) -> None:
        """As `tell`, to the user's own facts."""
        await self._publish(ACCOUNT_EVENTS, event.user, encode(ACCOUNT_EVENTS, event))

    async def _publish(self, topic: str, key: str, value: bytes) -> None:
        await self._log.publish(topic, self._partition(topic, key.encode()), [Entry(key.encode(), value)])
