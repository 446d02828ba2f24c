"""The checks by which a leg shows that an address is its own, and the answers: all of ICE that a lite agent needs. Pure.

Source: RFC 8489 (STUN), RFC 8445 2.5 and 7.3 (ICE lite).
"""

import hmac
import zlib
from ipaddress import IPv6Address, ip_address
from struct import pack, unpack_from

from msgspec import Struct

COOKIE = 0x2112A442
HEADER_BYTES = 20
REQUEST, RESPONSE = 0x0001, 0x0101
USERNAME, INTEGRITY, USE_CANDIDATE, FINGERPRINT, XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0025, 0x8028, 0x0020
FINGERPRINT_XOR = 0x5354554E
REQUEST_BYTES_LIMIT = 548
ATTRIBUTES_LIMIT = 20


class Check(Struct, frozen=True):
    """A request that is whole, though nobody knows yet whose. `signed`: the bytes that its integrity covers."""

    transaction: bytes
    ufrag: str
    nominates: bool
    signed: bytes
    integrity: bytes

    def is_by(self, password: str) -> bool:
        return hmac.compare_digest(hmac.digest(password.encode(), self.signed, "sha1"), self.integrity)


def read(data: bytes) -> Check | None:
    """Nothing for what is no binding request with a user name and an integrity."""
    if not HEADER_BYTES <= len(data) <= REQUEST_BYTES_LIMIT:
        return None
    kind, size, cookie = unpack_from("!HHI", data)
    if kind != REQUEST or cookie != COOKIE or size != len(data) - HEADER_BYTES:
        return None
    ufrag, nominates, at = "", False, HEADER_BYTES
    for _ in range(ATTRIBUTES_LIMIT):
        if at + 4 > len(data):
            return None
        name, length = unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + length]
        if name == USERNAME:
            ufrag = value.decode("ascii", "replace").partition(":")[0]
        elif name == USE_CANDIDATE:
            nominates = True
        elif name == INTEGRITY and ufrag and len(value) == 20:
            # The length in the header is, for this attribute's sake, that of a message which ends with it (RFC 8489 14.5).
            signed = data[:2] + pack("!H", at + 4) + data[4:at]
            return Check(data[8:20], ufrag, nominates, signed, value)
        at += 4 + length + -length % 4
    return None


def answer(check: Check, address: tuple[str, int], password: str) -> bytes:
    body = _attribute(XOR_MAPPED_ADDRESS, _xored(address, check.transaction))
    head = pack("!HHI", RESPONSE, len(body) + 24, COOKIE) + check.transaction
    body += _attribute(INTEGRITY, hmac.digest(password.encode(), head + body, "sha1"))
    head = pack("!HHI", RESPONSE, len(body) + 8, COOKIE) + check.transaction
    return head + body + _attribute(FINGERPRINT, pack("!I", zlib.crc32(head + body) ^ FINGERPRINT_XOR))


def _attribute(name: int, value: bytes) -> bytes:
    return pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)


def _xored(address: tuple[str, int], transaction: bytes) -> bytes:
    host = ip_address(address[0])
    mask = pack("!I", COOKIE) + transaction
    family = 2 if isinstance(host, IPv6Address) else 1
    return pack("!BBH", 0, family, address[1] ^ COOKIE >> 16) + bytes(a ^ b for a, b in zip(host.packed, mask, strict=False))
