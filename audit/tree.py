"""The Merkle tree of RFC 6962 and RFC 9162: grown leaf by leaf in O(log n) of memory, and the proofs about it. Pure.

A *subtree* (level, index) is the perfect one over the leaves index << level up to (index + 1) << level. Its hash is fixed once its
leaves are there, so those hashes can be kept, and every proof is made of them: `Hashes` is whoever keeps them (audit.tiles, or `Tree`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from audit.errors import Malformed
from audit.leaf import HASH_BYTES, leaf_hash

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()

Subtree = tuple[int, int]  # level, index


class Hashes(Protocol):
    def subtree(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree that is whole. Raises: LookupError if it is not there."""
        ...


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162, section 2.1.1: SHA-256 over a one byte and both children."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree: the hashes of its perfect subtrees, largest first, which is all that its growth and its root need."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in self.peaks):
            raise Malformed(f"{len(self.peaks)} hashes are no frontier of a tree of {size} leaves")

    def append(self, leaf: bytes) -> None:
        """One more leaf, by its hash."""
        carried, size, peaks = leaf, self.size, self.peaks
        while size & 1:
            carried = _sha256(b"\x01" + peaks.pop() + carried).digest()
            size >>= 1
        peaks.append(carried)
        self.size += 1

    def append_subtree(self, level: int, subtree: bytes) -> None:
        """The next 1 << level leaves at once. Raises: Malformed where such a subtree cannot stand."""
        if self.size & ((1 << level) - 1):
            raise Malformed(f"no subtree of level {level} stands at leaf {self.size}")
        carried, size = subtree, self.size >> level
        while size & 1:
            carried = node_hash(self.peaks.pop(), carried)
            size >>= 1
        self.peaks.append(carried)
        self.size += 1 << level

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = node_hash(peak, root)
        return root

    def copy(self) -> "Frontier":
        return Frontier(self.size, self.peaks)


def subtrees(start: int, end: int) -> Iterator[Subtree]:
    """The largest perfect subtrees that cover the leaves start..end-1, from left to right. Shape: at most 2 log2 n."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def gaps(indexes: Iterable[int], size: int) -> Iterator[Subtree]:
    """What must be known besides the leaves of these ascending indexes to tell the root of a tree of `size` leaves, left to right."""
    next_index = 0
    for index in indexes:
        yield from subtrees(next_index, index)
        next_index = index + 1
    yield from subtrees(next_index, size)


class GapFiller:
    """The root from some leaves in ascending order and the hashes of the gaps between them: a proof that all of them are in the tree.

    Memory: one frontier. The hashes are taken in the order of `gaps`.
    """

    def __init__(self, size: int, hashes: Iterator[bytes]) -> None:
        self.size = size
        self._hashes = hashes
        self._frontier = Frontier()

    def add(self, index: int, leaf: bytes) -> None:
        """The hash of leaf `index`. Raises: Malformed for an index that is not ascending or not in the tree, or too few hashes."""
        if not self._frontier.size <= index < self.size:
            raise Malformed(f"leaf {index} after {self._frontier.size} leaves of {self.size}")
        self._fill(index)
        self._frontier.append(leaf)

    @property
    def taken(self) -> int:
        """Up to which leaf the tree is known by now."""
        return self._frontier.size

    def root_of_taken(self) -> bytes:
        return self._frontier.root()

    def root(self) -> bytes:
        """The root of the whole tree. Raises: Malformed if there are too few or too many hashes."""
        self._fill(self.size)
        if next(self._hashes, None) is not None:
            raise Malformed("more hashes than the proof needs")
        return self._frontier.root()

    def _fill(self, end: int) -> None:
        for level, _ in subtrees(self._frontier.size, end):
            found = next(self._hashes, b"")
            if len(found) != HASH_BYTES:
                raise Malformed("fewer hashes than the proof needs")
            self._frontier.append_subtree(level, found)


def range_root(hashes: Hashes, start: int, end: int) -> bytes:
    """The hash over the leaves start..end-1, as RFC 9162's MTH. `start` must be one where such a subtree can stand, or it is no node."""
    frontier = Frontier()
    for level, index in subtrees(start, end):
        found = hashes.subtree(level, index)
        frontier.append_subtree(level, found)
    return frontier.root()


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """RFC 9162, section 2.1.3.1: the audit path of one leaf, from the leaf up. Raises: LookupError where the leaf is not in the tree."""
    if not 0 <= index < size:
        raise LookupError(f"leaf {index} is not in a tree of {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(hashes, middle, end))
            end = middle
        else:
            path.append(range_root(hashes, start, middle))
            start = middle
    return path[::-1]


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a path proves for a leaf's hash (RFC 9162, section 2.1.3.2). Raises: Malformed for a path of another length."""
    if not 0 <= index < size:
        raise Malformed(f"leaf {index} is not in a tree of {size}")
    number, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Malformed("a path that is too long")
        if number & 1 or number == last:
            root = node_hash(sibling, root)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise Malformed("a path that is too short")
    return root


def consistency_proof(hashes: Hashes, old_size: int, size: int) -> list[bytes]:
    """RFC 9162, section 2.1.4.1: the first `old_size` leaves are those of the older tree. Empty: nothing to prove."""
    if not 0 <= old_size <= size:
        raise LookupError(f"a tree of {old_size} leaves is no older one of {size}")
    if old_size in (0, size):
        return []
    path, start, end, whole = [], 0, size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(range_root(hashes, middle, end))
            end = middle
        else:
            path.append(range_root(hashes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_root(hashes, start, end))
    return path[::-1]


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `old_root` is the beginning of that of `root` (RFC 9162, section 2.1.4.2)."""
    if old_size in (0, size):
        return not path and (old_size == 0 or old_root == root)
    if old_size > size or not path:
        return False
    proof = [old_root, *path] if old_size.bit_count() == 1 else list(path)
    number, last = old_size - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    older = newer = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and older == old_root and newer == root


class Tree:
    """All hashes of a tree in memory: 64 bytes a leaf. For tests, for small trees, and where no tiles were kept."""

    def __init__(self) -> None:
        self.levels: list[bytearray] = [bytearray()]

    @property
    def size(self) -> int:
        return len(self.levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> None:
        level, carried = 0, leaf
        while True:
            if level == len(self.levels):
                self.levels.append(bytearray())
            row = self.levels[level]
            row += carried
            if len(row) // HASH_BYTES & 1:
                return
            carried = node_hash(bytes(row[-2 * HASH_BYTES : -HASH_BYTES]), bytes(row[-HASH_BYTES:]))
            level += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Many leaves, by their bytes."""
        for leaf in leaves:
            self.append(leaf_hash(leaf))

    def subtree(self, level: int, index: int) -> bytes:
        at = index * HASH_BYTES
        if level >= len(self.levels) or index < 0 or at >= len(self.levels[level]):
            raise LookupError(f"no subtree {index} of level {level} in a tree of {self.size} leaves")
        return bytes(self.levels[level][at : at + HASH_BYTES])

    def frontier(self, size: int) -> Frontier:
        """The right edge of the tree when it had that many leaves."""
        return Frontier(size, [self.subtree(level, index) for level, index in subtrees(0, size)])

    def root(self, size: int) -> bytes:
        return self.frontier(size).root()
