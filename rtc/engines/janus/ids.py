"""Under which numbers and words our rooms and legs are known to Janus. Pure.

All are made from a secret key, so that the same room is found again after a restart of ours and nobody else can guess its secret. Janus'
numbers may have 53 bits (they are doubles in JSON).
"""

import hashlib
import hmac

import msgspec

from rtc.engines.port import Leg, Room

NUMBER_BITS = 52
OBSERVER = "warbler-observer"


def _digest(key: str, purpose: str, *parts: str) -> bytes:
    return hmac.digest(key.encode(), msgspec.json.encode([purpose, *parts]), hashlib.sha256)


def _number(digest: bytes) -> int:
    """Shape: 1..2^52; 0 means none to Janus."""
    return int.from_bytes(digest[:8], "big") % (1 << NUMBER_BITS) + 1


def room_number(key: str, room: Room) -> int:
    return _number(_digest(key, "room", room.call_id, str(room.epoch)))


def room_secret(key: str, room: Room) -> str:
    """For whom may change the room."""
    return _digest(key, "secret", room.call_id, str(room.epoch)).hex()


def room_pin(key: str, room: Room) -> str:
    """For whom may join."""
    return _digest(key, "pin", room.call_id, str(room.epoch)).hex()


def feed_number(key: str, room: Room, leg: Leg) -> int:
    return _number(_digest(key, "feed", room.call_id, str(room.epoch), leg.user, leg.device, str(leg.generation)))


def description(node: str, room: Room) -> str:
    return msgspec.json.encode(["warbler", node, room.call_id, room.epoch]).decode()


def described_room(text: str, node: str) -> Room | None:
    """The room, if this node made it."""
    try:
        product, owner, call_id, epoch = msgspec.json.decode(text, type=tuple[str, str, str, int])
    except msgspec.DecodeError:
        return None
    return Room(call_id, epoch) if (product, owner) == ("warbler", node) else None
