"""The fields of requests in HPACK, as a vendor with a small table wants them. Pure.

What is the same in every request is put into the peer's table once and is one byte from then on; what differs is written out and never
put there, so nothing is ever evicted and every index stays what it was. Source: RFC 7541; Apple, "Sending notification requests to APNs",
which asks for exactly this.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TABLE_BYTES = 4_096  # a table's size where the peer says nothing
ENTRY_BYTES = 32  # counted for each entry beside its name and value (RFC 7541, 4.1)
STATIC_SIZE = 61
_STATIC_PAIRS = {(b":method", b"POST"): 3, (b":scheme", b"https"): 7}
_STATIC_NAMES = {b":authority": 1, b":method": 2, b":path": 4, b":scheme": 6, b"authorization": 23, b"content-type": 31, b"user-agent": 58}


@dataclass(frozen=True, slots=True)
class Field:
    """`kept`: few values, so the whole pair is worth a place in the table. Names in lower case; those with a colon come first."""

    name: bytes
    value: bytes
    kept: bool = False


class FieldEncoder:
    """One connection's; blocks must be sent in the order in which they were made."""

    def __init__(self) -> None:
        self._size_limit, self._size = TABLE_BYTES, 0
        self._entries: dict[tuple[bytes, bytes], int] = {}  # pair -> how many were put in before it
        self._names: dict[bytes, int] = {}
        self._pairs: dict[tuple[bytes, bytes], bytes] = {}  # as they are written now; a new entry changes the indexes
        self._heads: dict[bytes, bytes] = {}
        self._announce = b""

    def resize(self, table_bytes: int) -> None:
        """The peer said how large its table may be: both begin with an empty one again. It happens once, before the first request."""
        self._size_limit, self._size = min(table_bytes, TABLE_BYTES), 0
        self._entries.clear()
        self._names.clear()
        self._forget()
        # To zero first, which empties the peer's table as well (RFC 7541, 4.2 and 4.3).
        self._announce = _integer(0, 5, 0x20) + _integer(self._size_limit, 5, 0x20)

    def encode(self, fields: Iterable[Field]) -> bytes:
        parts = [self._announce] if self._announce else []
        self._announce = b""
        for field in fields:
            if field.kept:
                parts.append(self._pairs.get((field.name, field.value)) or self._pair(field.name, field.value))
            else:
                head = self._heads.get(field.name)
                parts.append(self._first(field.name, field.value) if head is None else head + _text(field.value))
        return b"".join(parts)

    def _pair(self, name: bytes, value: bytes) -> bytes:
        found = _STATIC_PAIRS.get((name, value))
        if found is None:
            if (position := self._entries.get((name, value))) is None:
                return self._insert(name, value) or self._name(name) + _text(value)
            found = self._index(position)
        return self._pairs.setdefault((name, value), _integer(found, 7, 0x80))

    def _first(self, name: bytes, value: bytes) -> bytes:
        """The first time an own name is put into the table, with its value; from then on only the name is used."""
        if name not in _STATIC_NAMES and name not in self._names and (written := self._insert(name, value)):
            return written
        return self._heads.setdefault(name, self._name(name)) + _text(value)

    def _name(self, name: bytes) -> bytes:
        """The start of a field that is not put into the table."""
        if name in _STATIC_NAMES:
            return _integer(_STATIC_NAMES[name], 4, 0)
        return _integer(self._index(self._names[name]), 4, 0) if name in self._names else b"\x00" + _text(name)

    def _insert(self, name: bytes, value: bytes) -> bytes:
        """A field that is put into the table; nothing if something would have to leave it."""
        size = len(name) + len(value) + ENTRY_BYTES
        if self._size + size > self._size_limit:
            return b""
        head = _integer(self._index_of_name(name), 6, 0x40) if self._index_of_name(name) else b"\x40" + _text(name)
        self._entries[name, value] = len(self._entries)
        self._names.setdefault(name, self._entries[name, value])
        self._size += size
        self._forget()
        return head + _text(value)

    def _index_of_name(self, name: bytes) -> int:
        return _STATIC_NAMES.get(name) or (self._index(self._names[name]) if name in self._names else 0)

    def _forget(self) -> None:
        self._pairs.clear()
        self._heads.clear()

    def _index(self, position: int) -> int:
        return STATIC_SIZE + len(self._entries) - position


def _integer(value: int, prefix_bits: int, flags: int) -> bytes:
    """Source: RFC 7541, 5.1."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((flags | value,))
    parts, value = bytearray((flags | limit,)), value - limit
    while value >= 128:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _text(value: bytes) -> bytes:
    """As it is: Huffman's code would save a fifth of the bytes for ten times the work (RFC 7541, 5.2)."""
    size = len(value)
    return bytes((size,)) + value if size < 127 else _integer(size, 7, 0) + value
