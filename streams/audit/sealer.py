"""The sealer of one partition number: a tree for that partition of each sealed topic, and their checkpoints.

Called by `streams.audit.role`. Rule 1: what stands in audit-checkpoints counts, the saved state only spares reading the log again. Rule 2:
a predecessor that still runs is fenced before anything is read of what it wrote, so that checkpoints have one order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import structlog

from audit.checkpoint import Checkpoint, Origin
from audit.note import Note, signed
from audit.sealing import NOTES_PER_FILE, Sealing
from audit.witnessing import Disagreement, believed
from log.port import FencedWriter, Log
from schemas.audits import AlarmKind, CheckpointSigned, SealerChanged
from store.objects import Objects, ObjectsUnavailable, get, put
from streams.audit.keys import RingOf
from streams.audit.places import folder_of, grow_to, save, saved, take, tree_name, why_another
from streams.audit.published import alarm_entry, entry_of, published, signed_entry
from streams.audit.settings import AUDIT_TOPIC, AuditSettings

STORAGE_RETRY_S = 2.0

logger = structlog.get_logger("streams.audit")


@dataclass(slots=True)
class SealStats:
    records: int = 0
    checkpoints: int = 0
    alarms: int = 0
    storage_failures: int = 0


@dataclass(slots=True)
class Tree:
    """A tree at work: its folder of objects, and the text of the file of checkpoints that is not full yet."""

    sealing: Sealing
    folder: str
    notes: str = ""


class Published(NamedTuple):
    offset: int
    note: Note
    checkpoint: Checkpoint


class Sealer:
    def __init__(
        self,
        log: Log,
        objects: Objects,
        ring: RingOf,
        cluster: str,
        number: int,
        settings: AuditSettings,
        stats: SealStats,
        clock_ms: Callable[[], int],
    ) -> None:
        self._log, self._objects, self._ring, self._cluster = log, objects, ring, cluster
        self.number, self._settings, self.stats, self._clock_ms = number, settings, stats, clock_ms
        self._turn = asyncio.Lock()
        self._writer: FencedWriter | None = None
        self.trees: Mapping[str, Tree] = {}

    async def run(self) -> None:
        """Seals for ever. Raises: LogError; Fenced once a successor has begun."""
        self._writer = await self._log.open_writer(f"warbler-seal-{self.number}")
        try:
            name = self._ring().signer.name
            changed = SealerChanged(partition=self.number, by=name, at_ms=self._clock_ms())
            await self._writer.append(AUDIT_TOPIC, self.number, [entry_of(changed, name)])
            self.trees = {topic: await self._opened(topic) for topic in self._settings.topics}
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._consume())
                tasks.create_task(self._tick())
        finally:
            await self._writer.close()

    @property
    def waiting(self) -> int:
        """Records in trees that no checkpoint covers yet."""
        return sum(tree.sealing.size - max(0, tree.sealing.sealed_size) for tree in self.trees.values())

    async def _opened(self, topic: str) -> Tree:
        folder = folder_of(self._cluster, topic, self.number)
        sealing = await saved(self._objects, folder) or Sealing(Origin(self._cluster, topic, self.number))
        end = await self._log.end_offset(AUDIT_TOPIC, self.number)
        since = await self._published_since(sealing.checkpoints_next, topic)
        newest = max((said.checkpoint.origin.generation for said in since), default=0)
        if newest > sealing.origin.generation:  # it was cut short after it had told of another log, before it saved the tree of that
            sealing = await self._begun(since, newest, sealing.previous)
        elif sealing.size and (why := await why_another(self._log, sealing)):
            return await self._another(sealing, folder, why)
        await self._skip_what_is_gone(sealing)
        tree = Tree(sealing, folder, await self._notes(folder, sealing))
        for said in since:
            if said.checkpoint.origin == sealing.origin and not await self._caught_up(tree, said):
                return await self._another(sealing, folder, f"the log no longer gives the root of {said.checkpoint.size} records")
        if not sealing.size:  # a topic in which nothing is said would have everybody's checkpoints read again at each start
            sealing.checkpoints_next = end
            await self._patiently(lambda: save(self._objects, folder, sealing))
        return tree

    async def _published_since(self, start: int, topic: str) -> list[Published]:
        """Our own checkpoints of the topic, oldest first, with those of keys before; what anybody else put there says nothing."""
        found, keys = [], self._ring().verifiers
        async for offset, said in published(self._log, self.number, start):
            if isinstance(said, CheckpointSigned) and said.topic == topic:
                mine = believed(said.note, keys)
                if not isinstance(mine, Disagreement) and replace(mine[1].origin, generation=0) == Origin(
                    self._cluster, topic, self.number
                ):
                    found.append(Published(offset, *mine))
        return found

    async def _begun(self, since: list[Published], generation: int, previous: bytes | None) -> Sealing:
        origin = next(said.checkpoint.origin for said in since if said.checkpoint.origin.generation == generation)
        return Sealing(origin, await self._log.start_offset(origin.topic, self.number), "", previous)

    async def _notes(self, folder: str, sealing: Sealing) -> str:
        if sealing.checkpoints_count % NOTES_PER_FILE == 0:
            return ""  # a file that begins with the next one, whatever a crash left in it
        return (await get(self._objects, tree_name(folder, sealing.origin, sealing.notes_name)) or b"").decode()

    async def _caught_up(self, tree: Tree, said: Published) -> bool:
        """Takes a checkpoint that was published after the state was saved; False if the log does not give its root any more."""
        sealing, checkpoint = tree.sealing, said.checkpoint
        same = await grow_to(self._log, sealing, checkpoint.size) and sealing.size == checkpoint.size
        if not same or sealing.edge.root() != checkpoint.root:
            return False
        await self._noted(tree, said.note)
        sealing.sealed(checkpoint, said.offset)
        return True

    async def _skip_what_is_gone(self, sealing: Sealing) -> None:
        """Records that were deleted before anybody sealed them are missing in the tree; that is told once, and here."""
        start = await self._log.start_offset(sealing.origin.topic, self.number)
        if start > sealing.next_offset:
            if sealing.size:
                await self._alarm(sealing, "missed", f"the records from offset {sealing.next_offset} to {start - 1} are gone")
            sealing.next_offset = start

    async def _another(self, old: Sealing, folder: str, why: str) -> Tree:
        """The log is not the one that was sealed: a tree of its own, which says why."""
        await self._alarm(old, "another_log", why)
        origin = replace(old.origin, generation=old.origin.generation + 1)
        start = await self._log.start_offset(origin.topic, self.number)
        sealing = Sealing(origin, start, why, old.previous)
        sealing.checkpoints_next = await self._log.end_offset(AUDIT_TOPIC, self.number)
        return Tree(sealing, folder)

    async def _alarm(self, sealing: Sealing, kind: AlarmKind, detail: str) -> None:
        assert self._writer is not None
        self.stats.alarms += 1
        logger.error("audit alarm", alarm=kind, origin=str(sealing.origin), detail=detail)
        entry = alarm_entry(sealing.origin, sealing.size, kind, detail, self._ring().signer.name, self._clock_ms())
        await self._writer.append(AUDIT_TOPIC, self.number, [entry])

    async def _consume(self) -> None:
        starts = {(topic, self.number): tree.sealing.next_offset for topic, tree in self.trees.items()}
        async for records in self._log.tail(starts):
            async with self._turn:
                for topic in {record.topic for record in records}:
                    take(self.trees[topic].sealing, [record for record in records if record.topic == topic])
                self.stats.records += len(records)
                await self._seal_due(self._settings.events)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval_ms / 1000)
            async with self._turn:
                await self._seal_due(1)

    async def _seal_due(self, events: int) -> None:
        for tree in self.trees.values():
            sealing = tree.sealing
            if sealing.is_due() and (sealing.why or sealing.size - max(0, sealing.sealed_size) >= events):
                await self._seal(tree)

    async def _seal(self, tree: Tree) -> None:
        assert self._writer is not None
        checkpoint = tree.sealing.checkpoint(self._clock_ms())
        note = signed(checkpoint.text(), [self._ring().signer])
        offset = await self._writer.append(AUDIT_TOPIC, self.number, [signed_entry(checkpoint, note)])
        await self._stored(tree, checkpoint, note, offset)
        self.stats.checkpoints += 1

    async def _stored(self, tree: Tree, checkpoint: Checkpoint, note: Note, offset: int) -> None:
        """Into the storage, which is waited for: the tree goes on growing only when what it needs to be proven is kept."""
        await self._patiently(lambda: self._noted(tree, note))
        tree.sealing.sealed(checkpoint, offset)
        await self._patiently(lambda: save(self._objects, tree.folder, tree.sealing))

    async def _noted(self, tree: Tree, note: Note) -> None:
        written = str(note)
        if not tree.notes.endswith(written):
            tree.notes = "\n".join(filter(None, [tree.notes, written]))
        name = tree.sealing.notes_name
        await put(self._objects, tree_name(tree.folder, tree.sealing.origin, name), tree.notes.encode())
        if (tree.sealing.checkpoints_count + 1) % NOTES_PER_FILE == 0:
            tree.notes = ""

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
                return
            except ObjectsUnavailable as exc:
                self.stats.storage_failures += 1
                logger.warning("waiting for the storage of checkpoints", error=str(exc))
            await asyncio.sleep(STORAGE_RETRY_S)
