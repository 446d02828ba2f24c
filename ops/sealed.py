"""The sealer's trees as whoever proves something needs them: where a record's leaf is, and a checkpoint with the hashes behind it.

Read from the storage of checkpoints (WARBLER_OBJECTS), which the sealer writes. Used by `warbler audit prove` and by exports.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from audit.checkpoint import Origin, parse_checkpoint, read_notes
from audit.note import Note
from audit.sealing import NOTES_PER_FILE, Sealing, notes_name
from audit.tiles import TiledHashes
from schemas.errors import WarblerError
from store.objects import Objects, get
from streams.audit.places import folder_of, saved, tree_name

NOTES_LIMIT = 1_000  # checkpoints that go into a bundle, the newest ones
WAIT_S = 120.0
LOOK_EVERY_S = 0.5


class NotSealed(WarblerError):
    """The sealer has not come as far as what is to be proven, or never saw this partition."""

    retryable = True


@dataclass(frozen=True, slots=True)
class SealedTree:
    """`notes`: the newest checkpoints, oldest first; the last one covers `size` leaves, and `hashes` are of that tree."""

    origin: Origin
    size: int
    notes: tuple[Note, ...]
    hashes: TiledHashes


class SealedTrees:
    def __init__(self, objects: Objects, cluster: str, wait_s: float = WAIT_S) -> None:
        self._objects, self._cluster, self._wait_s = objects, cluster, wait_s

    async def place_of(self, topic: str, partition: int, offset: int) -> tuple[int, int]:
        """A leaf at or before the record at `offset`, and that leaf's offset. Raises: NotSealed, ObjectsUnavailable."""
        _, hashes = await self._tree(topic, partition, 1)
        try:
            return await asyncio.to_thread(hashes.place_of, offset)
        except LookupError as exc:
            raise NotSealed(f"{topic}-{partition}: {exc}") from exc

    async def proof(self, topic: str, partition: int, size: int) -> SealedTree:
        """Of a tree with `size` leaves or more. Raises: as `place_of`. Blocks: until the sealer has come as far, for `wait_s`."""
        sealing, hashes = await self._tree(topic, partition, size)
        return SealedTree(sealing.origin, sealing.sealed_size, await self._notes(sealing), hashes)

    async def _tree(self, topic: str, partition: int, size: int) -> tuple[Sealing, TiledHashes]:
        folder, until_s = folder_of(self._cluster, topic, partition), time.monotonic() + self._wait_s
        while True:
            sealing = await saved(self._objects, folder)
            if sealing is not None and sealing.sealed_size >= size:
                return sealing, self._hashes(folder, sealing)
            if time.monotonic() >= until_s:
                there = sealing.sealed_size if sealing is not None else 0
                told = f"{topic}-{partition}: {size} records are needed, {max(0, there)} are sealed"
                raise NotSealed(f"{told}; does a worker with the role seal run?")
            await asyncio.sleep(LOOK_EVERY_S)

    def _hashes(self, folder: str, sealing: Sealing) -> TiledHashes:
        return TiledHashes(lambda name: self._objects.get(tree_name(folder, sealing.origin, name)), sealing.edge)

    async def _notes(self, sealing: Sealing) -> tuple[Note, ...]:
        """Up to the checkpoint of the saved tree: a file may be one ahead of it. Raises: NotSealed."""
        folder = folder_of(self._cluster, sealing.origin.topic, sealing.origin.partition)
        last = (sealing.checkpoints_count - 1) // NOTES_PER_FILE
        found: list[Note] = []
        for number in range(max(0, last - NOTES_LIMIT // NOTES_PER_FILE + 1), last + 1):
            data = await get(self._objects, tree_name(folder, sealing.origin, notes_name(number))) or b""
            found += read_notes(data.decode())
        while found and parse_checkpoint(found[-1].text).digest() != sealing.previous:
            found.pop()
        if not found:
            raise NotSealed(f"{folder}: the file of checkpoints is missing or damaged")
        return tuple(found)
