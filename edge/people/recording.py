"""What happened to users, into the topic `account-events`, and from there into the rows: event first, then rows.

A process that dies between the two leaves a row that the projector (`streams.accounts`) writes a moment later.
"""

import secrets
from typing import Any

from edge.session import TENANT
from log.port import Entry, Log
from log.publisher import Publisher
from schemas.accounts import AccountEvent
from schemas.codec import encode

ACCOUNT_EVENTS = "account-events"


def new_event_id() -> str:
    return "e-" + secrets.token_hex(12)


def head_of(user: str, at_ms: int) -> dict[str, Any]:
    """What every account event begins with."""
    return {"event_id": new_event_id(), "tenant": TENANT, "user": user, "at_ms": at_ms}


async def publish_account_event(log: Log, publisher: Publisher, event: AccountEvent) -> None:
    """In the log (acks=all) when it returns, in the order of the calls per user. Raises: LogError (it may be there all the same)."""
    partition = publisher.partition(ACCOUNT_EVENTS, event.user.encode())
    await log.publish(ACCOUNT_EVENTS, partition, [Entry(event.user.encode(), encode(ACCOUNT_EVENTS, event))])
