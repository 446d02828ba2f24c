"""Ids: UUIDv7 command ids, and the id of a direct conversation. Pure.

Called by the edge (ids of new conversations), by the owner (age of a command) and by importers.
"""

import base64
import hashlib
import re
import uuid

UUID7_RANDOM_BITS = 74
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def direct_conversation_id(a: str, b: str) -> str:
    """The id of the only direct conversation of two users, in whichever order they are given."""
    digest = hashlib.sha256("\0".join(sorted((a, b))).encode()).digest()
    return "d-" + base64.b32encode(digest).decode().lower()[:26]


def uuid7(ms: int, random_bits: int) -> str:
    """The canonical text of a UUIDv7. Shape: the low 74 bits of `random_bits` are used. Source: RFC 9562 5.7."""
    value = ((ms & ((1 << 48) - 1)) << 80) | (7 << 76) | ((random_bits >> 62 & 0xFFF) << 64) | (2 << 62) | (random_bits & ((1 << 62) - 1))
    return str(uuid.UUID(int=value))


def uuid7_bytes(text: str) -> bytes:
    """The 16 bytes of a UUIDv7; they sort by its time. Raises: ValueError unless it is one, in canonical lower-case text."""
    if _UUID7.fullmatch(text) is None:
        raise ValueError(f"{text[:64]!r} is not a UUIDv7 in its canonical form")
    return bytes.fromhex(text.replace("-", ""))


def uuid7_ms(text: str) -> int:
    """When the id was made. Raises: as `uuid7_bytes`."""
    return ms_of(uuid7_bytes(text))


def ms_of(uuid_bytes: bytes) -> int:
    """When the UUIDv7 of these 16 bytes was made."""
    return int.from_bytes(uuid_bytes[:6], "big")
