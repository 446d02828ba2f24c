"""What an export must know of the audit's trees, as a port: `ops.sealed` has it from the sealer, tests from a tree of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from audit.checkpoint import Origin
from audit.leaf import leaf_bytes, leaf_hash
from audit.note import Note
from audit.tree import Hashes
from log.port import Log
from ops.sealed import NotSealed

TILE_LEAVES = 1 << 10  # between two leaves whose offsets a sealer has kept (audit.tiles)


class Proof(Protocol):
    """`notes`: checkpoints, the last one covers `size` leaves. `hashes`: of its tree, or of one that grew out of it."""

    @property
    def origin(self) -> Origin: ...
    @property
    def size(self) -> int: ...
    @property
    def notes(self) -> Sequence[Note]: ...
    @property
    def hashes(self) -> Hashes: ...


class Seals(Protocol):
    async def place_of(self, topic: str, partition: int, offset: int) -> tuple[int, int]:
        """A leaf at or before the record at `offset`, and that leaf's offset. Raises: NotSealed, ObjectsUnavailable."""
        ...

    async def proof(self, topic: str, partition: int, size: int) -> Proof:
        """Of a tree with `size` leaves or more. Raises: as `place_of`. Blocks: until the sealer has come as far, for some time."""
        ...


async def readable_place(log: Log, seals: Seals, topic: str, partition: int, offset: int) -> tuple[int, int]:
    """As `Seals.place_of`, but of a record that is still in the log.

    Where retention has cut the log, the leaf of what is now its first record is found by its hash. Raises: as `Seals.place_of`, LogError.
    """
    index, at = await seals.place_of(topic, partition, offset)
    first = await log.start_offset(topic, partition)
    if at >= first:
        return index, at
    (record,) = await log.read(topic, partition, first, 1)
    leaf = leaf_hash(leaf_bytes(record.offset, record.timestamp_ms, record.key, record.value, record.headers))
    hashes = (await seals.proof(topic, partition, index + 1)).hashes
    for found in range(index, index + TILE_LEAVES):
        try:
            if hashes.subtree(0, found) == leaf:
                return found, record.offset
        except LookupError:
            break
    raise NotSealed(f"{topic}-{partition}: its first record, at offset {record.offset}, is none that was sealed")
