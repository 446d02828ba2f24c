"""What one record of the log is to the audit: its leaf, the leaf's hash, and leaves as frames in a file. Pure.

Rule 1: two records that differ in anything a consumer could see have different leaves, because every part says how long it is.
Rule 2: the n-th record of a topic-partition is leaf n, from 0, without holes; offsets may have holes (docs/decisions/0040).
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from audit.errors import Malformed

LEAF_VERSION = 1
HASH_BYTES = 32
RECORDS_MAGIC = b"WRBLREC1"
LEAF_BYTES_LIMIT = 64 << 20  # far above any message.max.bytes; a longer frame is damage, and must not fill the memory

Header = tuple[str, bytes | None]

_FIXED = struct.Struct(">Bqqi")  # version, offset, timestamp_ms, length of the key
_LENGTH = struct.Struct(">i")
_COUNT = struct.Struct(">I")
_FRAME = struct.Struct(">QI")  # index of the leaf, its length
_NULL = _LENGTH.pack(-1)
_NO_HEADERS = _COUNT.pack(0)
_sha256 = hashlib.sha256


class Leaf(NamedTuple):
    """A record without its place: topic and partition are the tree's."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


def leaf_bytes(offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()) -> bytes:
    """The record's parts, each after its length (-1: none), big-endian."""
    start = _FIXED.pack(LEAF_VERSION, offset, timestamp_ms, -1 if key is None else len(key))
    middle = _NULL if value is None else _LENGTH.pack(len(value)) + value
    return b"".join((start, key or b"", middle, _headers(headers) if headers else _NO_HEADERS))


def _headers(headers: Sequence[Header]) -> bytes:
    parts = [_COUNT.pack(len(headers))]
    for name, value in headers:
        encoded = name.encode("utf-8", "surrogateescape")
        parts += (_LENGTH.pack(len(encoded)), encoded, _NULL if value is None else _LENGTH.pack(len(value)), value or b"")
    return b"".join(parts)


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 9162, section 2.1.1: SHA-256 over a zero byte and the leaf."""
    return _sha256(b"\0" + leaf).digest()


def parse_leaf(data: bytes) -> Leaf:
    """The record of a leaf. Raises: Malformed, also if anything is left over."""
    try:
        version, offset, timestamp_ms, key_length = _FIXED.unpack_from(data)
        reader = _Reader(data, _FIXED.size)
        leaf = Leaf(offset, timestamp_ms, reader.take(key_length), reader.part(), tuple(reader.headers()))
    except (struct.error, UnicodeDecodeError) as exc:
        raise Malformed(f"no leaf: {exc}") from exc
    if version != LEAF_VERSION:
        raise Malformed(f"a leaf of version {version}; this program knows {LEAF_VERSION}")
    if reader.at != len(data):
        raise Malformed(f"a leaf with {len(data) - reader.at} bytes too many")
    return leaf


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, length: int) -> bytes | None:
        if length == -1:
            return None
        if length < 0 or self.at + length > len(self.data):
            raise Malformed(f"a leaf's part of {length} bytes where {len(self.data) - self.at} are left")
        self.at += length
        return self.data[self.at - length : self.at]

    def part(self) -> bytes | None:
        (length,) = _LENGTH.unpack_from(self.data, self.at)
        self.at += _LENGTH.size
        return self.take(length)

    def headers(self) -> Iterator[Header]:
        (count,) = _COUNT.unpack_from(self.data, self.at)
        self.at += _COUNT.size
        for _ in range(count):
            name = self.part()
            if name is None:
                raise Malformed("a header without a name")
            yield name.decode("utf-8", "surrogateescape"), self.part()


def frame(index: int, leaf: bytes) -> bytes:
    """A leaf as it lies in a `.rec` file, after the file's magic: index (8 bytes), length (4 bytes), leaf."""
    return _FRAME.pack(index, len(leaf)) + leaf


def frames(leaves: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(frame(index, leaf) for index, leaf in leaves)


def read_frames(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each leaf with its index, from a file that begins with the magic.

    Raises: Malformed for another magic, a frame that is cut off, or a length above LEAF_BYTES_LIMIT.
    """
    if file.read(len(RECORDS_MAGIC)) != RECORDS_MAGIC:
        raise Malformed("no file of records: it does not begin with its magic")
    while head := file.read(_FRAME.size):
        if len(head) < _FRAME.size:
            raise Malformed("the last frame is cut off")
        index, length = _FRAME.unpack(head)
        leaf = file.read(length) if length <= LEAF_BYTES_LIMIT else b""
        if len(leaf) != length:
            raise Malformed(f"leaf {index} is cut off")
        yield index, leaf
