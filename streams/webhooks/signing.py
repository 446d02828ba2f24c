"""A delivery's headers: its id, its time, its signatures (`log.web.signing`). Pure."""

import hashlib
from collections.abc import Sequence

from log.web.signing import signed_headers


def delivery_id_of(webhook_id: str, topic: str, event_id: str, partition: int, offset: int) -> str:
    """The same in every try, replay and restart. An event without an id of its own is known by where it stands."""
    told = event_id or f"{partition}:{offset}"
    return "msg_" + hashlib.sha256(f"{webhook_id}\n{topic}\n{told}".encode()).hexdigest()[:32]


def headers_of(
    webhook_id: str, delivery_id: str, at_s: int, body: bytes, secrets: Sequence[bytes], tries: int, again: bool
) -> dict[str, str]:
    """`tries`: earlier ones of this event. `again`: the receiver may have had it long ago, because it is replayed."""
    headers = signed_headers(secrets, delivery_id, at_s, body) | {"warbler-webhook": webhook_id, "warbler-try": str(tries + 1)}
    return headers | ({"warbler-replay": "1"} if again else {})
