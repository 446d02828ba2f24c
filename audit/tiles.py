"""The hashes of a growing tree as tiles of 1,024: full ones never change, so they can lie in any object storage. Pure.

A tile of level 0 holds hashes of leaves, before them the offset of its first record (8 bytes); one of level n the roots of 1,024 tiles of
level n − 1. What is not full yet is the *edge*: all that the tree needs to grow, and to tell its root.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from audit.errors import Malformed
from audit.leaf import HASH_BYTES
from audit.tree import Frontier, subtrees

TILE_BITS = 10
TILE_HASHES = 1 << TILE_BITS
TILE_BYTES = TILE_HASHES * HASH_BYTES
OFFSET_BYTES = 8
CACHED_TILES = 64
_sha256 = hashlib.sha256


class Tile(NamedTuple):
    level: int
    number: int
    data: bytes

    @property
    def name(self) -> str:
        return tile_name(self.level, self.number)


def tile_name(level: int, number: int) -> str:
    return f"tiles/{level}/{number:09d}"


def folded(hashes: bytes) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > HASH_BYTES:
        hashes = b"".join([_sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])
    return hashes


class Edge:
    """A growing tree. `full` are the tiles that became full and that nobody has taken out yet."""

    __slots__ = ("edge", "first_offset", "full", "size")

    def __init__(self, size: int = 0, first_offset: int = -1, edge: list[bytes] | None = None) -> None:
        self.size = size
        self.first_offset = first_offset  # of the tile of level 0 that is not full
        self.edge = [bytearray(level) for level in edge or [b""]]
        self.full: list[Tile] = []
        self._check()

    def _check(self) -> None:
        for level, hashes in enumerate(self.edge):
            if len(hashes) != (self.size >> TILE_BITS * level) % TILE_HASHES * HASH_BYTES:
                raise Malformed(f"an edge of {len(hashes)} bytes at level {level} is none of a tree of {self.size} leaves")
        if self.size >> TILE_BITS * len(self.edge):
            raise Malformed(f"an edge of {len(self.edge)} levels is none of a tree of {self.size} leaves")

    def append(self, leaf: bytes, offset: int) -> None:
        """One more leaf, by its hash."""
        row = self.edge[0]
        if not row:
            self.first_offset = offset
        row += leaf
        self.size += 1
        if len(row) == TILE_BYTES:
            self._full()

    def _full(self) -> None:
        level, size = 0, self.size
        while not size % TILE_HASHES:
            size >>= TILE_BITS
            data = bytes(self.edge[level])
            head = self.first_offset.to_bytes(OFFSET_BYTES, "big") if level == 0 else b""
            self.full.append(Tile(level, size - 1, head + data))
            self.edge[level].clear()
            level += 1
            if level == len(self.edge):
                self.edge.append(bytearray())
            self.edge[level] += folded(data)

    def frontier(self) -> Frontier:
        peaks: list[bytes] = []
        for level in range(len(self.edge) - 1, -1, -1):
            hashes = bytes(self.edge[level])
            for bits, index in subtrees(0, len(hashes) // HASH_BYTES):
                start = index << bits
                peaks.append(folded(hashes[start * HASH_BYTES : (start + (1 << bits)) * HASH_BYTES]))
        return Frontier(self.size, peaks)

    def root(self) -> bytes:
        return self.frontier().root()


class TiledHashes:
    """`audit.tree.Hashes` from stored tiles and an edge. `get`: the bytes of a name, None where there are none."""

    def __init__(self, get: Callable[[str], bytes | None], edge: Edge) -> None:
        self.edge = edge
        self._get = get
        self._cached: OrderedDict[str, bytes] = OrderedDict()

    def subtree(self, level: int, index: int) -> bytes:
        tile_level, bits = divmod(level, TILE_BITS)
        tile, at = divmod(index << bits, TILE_HASHES)
        hashes = self._hashes(tile_level, tile)[at * HASH_BYTES : (at + (1 << bits)) * HASH_BYTES]
        if len(hashes) != HASH_BYTES << bits:
            raise LookupError(f"no subtree {index} of level {level} in a tree of {self.edge.size} leaves")
        return folded(hashes)

    def place_of(self, offset: int) -> tuple[int, int]:
        """A leaf at or before the record at `offset`, and its offset: from there one counts. Raises: LookupError for an empty tree."""
        low, high = 0, self.edge.size >> TILE_BITS  # tiles of level 0; the last one may be the edge
        if not self.edge.edge[0]:
            high -= 1
        if high < 0:
            raise LookupError("the tree is empty")
        while low < high:
            middle = (low + high + 1) // 2
            if self._first_offset(middle) <= offset:
                low = middle
            else:
                high = middle - 1
        return low << TILE_BITS, self._first_offset(low)

    def _first_offset(self, tile: int) -> int:
        if tile == self.edge.size >> TILE_BITS:
            return self.edge.first_offset
        return int.from_bytes(self._stored(0, tile)[:OFFSET_BYTES], "big")

    def _hashes(self, level: int, tile: int) -> bytes:
        if level >= len(self.edge.edge):
            return b""
        if tile == self.edge.size >> TILE_BITS * (level + 1):
            return bytes(self.edge.edge[level])
        return self._stored(level, tile)[0 if level else OFFSET_BYTES :]

    def _stored(self, level: int, tile: int) -> bytes:
        name = tile_name(level, tile)
        found = self._cached.get(name)
        if found is None:
            found = self._get(name)
            if found is None or len(found) != TILE_BYTES + (0 if level else OFFSET_BYTES):
                raise LookupError(f"{name} is {'missing' if found is None else 'damaged'}")
            self._cached[name] = found
            if len(self._cached) > CACHED_TILES:
                self._cached.popitem(last=False)
        return found
