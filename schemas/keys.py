"""Keys of records that are placed by something else than their key. Pure."""

from schemas.records import WatermarkRaised

SEPARATOR = b"\0"


def receipt_key(mark: WatermarkRaised) -> bytes:
    """Of a record in `receipts`, which keeps the last one of each: conversation, user, device and state. Placed by the conversation."""
    return SEPARATOR.join(part.encode() for part in (mark.conversation_id, mark.user, mark.device, mark.state))


def conversation_of_receipt(key: bytes) -> str:
    return key.partition(SEPARATOR)[0].decode("utf-8", "replace")
