"""How a device says how far it holds a conversation, and how it hears that of others: the only place of the harness that knows. Pure."""

from __future__ import annotations

from typing import Any

from warbler import ReceiptSeen
from warbler.frames import Mark


def wire_mark(conversation: str, up_to_seq: int) -> dict[str, Any]:
    """The frame of a device that speaks the protocol by itself."""
    return {"type": "mark", "state": "delivered", "conversation": conversation, "up_to_seq": up_to_seq}


def sdk_mark(conversation: str, up_to_seq: int) -> Mark:
    """The frame for `Client.mark`."""
    return Mark(conversation, "delivered", up_to_seq)


def wire_receipt(frame: dict[str, Any]) -> tuple[str, str, int] | None:
    """(conversation, user, seq) of a frame that tells of another's delivered mark."""
    if frame["type"] != "receipt" or frame["state"] != "delivered":
        return None
    return (frame["conversation"], frame["user"], frame["up_to_seq"])


def sdk_receipt(happening: object) -> tuple[str, str, int] | None:
    """The same of a happening of the SDK."""
    if not isinstance(happening, ReceiptSeen) or happening.state != "delivered":
        return None
    return (happening.conversation, happening.user, happening.up_to_seq)
