"""How a device says how far it holds a conversation, and how it hears that of others: the only place of the harness that knows. Pure."""

from __future__ import annotations

from typing import Any

from warbler import DeliveredSeen
from warbler.frames import MarkDelivered


def wire_mark(conversation: str, up_to_seq: int) -> dict[str, Any]:
    """The frame of a device that speaks the protocol by itself."""
    return {"type": "mark_delivered", "conversation": conversation, "up_to_seq": up_to_seq}


def sdk_mark(conversation: str, up_to_seq: int) -> MarkDelivered:
    """The frame for `Client.tell`."""
    return MarkDelivered(conversation, up_to_seq)


def wire_receipt(frame: dict[str, Any]) -> tuple[str, str, int] | None:
    """(conversation, user, seq) of a frame that tells of another's delivered mark."""
    return (frame["conversation"], frame["user"], frame["up_to_seq"]) if frame["type"] == "delivered" else None


def sdk_receipt(happening: object) -> tuple[str, str, int] | None:
    """The same of a happening of the SDK."""
    return (happening.conversation, happening.user, happening.up_to_seq) if isinstance(happening, DeliveredSeen) else None
