"""The witness of one partition number: reads the records itself, and signs a sealer's checkpoint only if it comes to the same root.

Called by `streams.audit.role`, in a process of its own, with a state and a key of its own. What it cannot agree with becomes an alarm,
once, until it agrees again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from audit.checkpoint import Checkpoint, Origin, read_notes, write_notes
from audit.errors import BadSignature, Malformed
from audit.note import Note, Verifier, cosigned, parse_note
from audit.rotation import signed_rotation
from audit.sealing import Sealing
from audit.witnessing import Disagreement, agrees, believed, continues
from log.port import Log, Record
from schemas.audits import AlarmKind, CheckpointSigned, KeyRotated
from store.objects import Objects, ObjectsUnavailable, get, put
from streams.audit.keys import RingOf
from streams.audit.places import folder_of, grow_to, save, saved
from streams.audit.published import alarm_entry, read_audit, witnessed_entry
from streams.audit.settings import AUDIT_TOPIC, AuditSettings

logger = structlog.get_logger("streams.audit")


@dataclass(slots=True)
class WitnessStats:
    agreed: int = 0
    alarms: int = 0
    disagreeing: set[str] = field(default_factory=set)  # origins about which an alarm stands


class Witness:
    def __init__(
        self,
        log: Log,
        objects: Objects,
        ring: RingOf,
        sealers: Sequence[Verifier],
        cluster: str,
        number: int,
        settings: AuditSettings,
        stats: WitnessStats,
        clock_ms: Callable[[], int],
    ) -> None:
        self._log, self._objects, self._ring, self._sealers = log, objects, ring, list(sealers)
        self._name = ring().signer.name
        self._changes: list[Note] = []  # of the sealer's keys, that the log has told
        self._cluster, self.number, self._settings, self.stats, self._clock_ms = cluster, number, settings, stats, clock_ms
        self._trees: dict[str, Sealing] = {}
        self._behind_since: dict[str, tuple[int, int]] = {}  # by topic: the last offset sealed, and since when no further one is
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Witnesses for ever. Raises: LogError."""
        for topic in self._settings.topics:
            tree = await saved(self._objects, self._folder(topic))
            self._trees[topic] = tree or Sealing(Origin(self._cluster, topic, self.number))
        for note in read_notes((await get(self._objects, self._changes_name) or b"").decode()):
            self._follow(note)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._consume(await self._start()))
            tasks.create_task(self._tick())

    def _folder(self, topic: str) -> str:
        return f"witness/{self._name}/{folder_of(self._cluster, topic, self.number)}"

    @property
    def _position_name(self) -> str:
        return f"witness/{self._name}/audit/{self._cluster}/position-{self.number}"

    @property
    def _changes_name(self) -> str:
        return f"witness/{self._name}/audit/{self._cluster}/rotations-{self.number}.notes"

    async def _start(self) -> int:
        """Where to read on; the beginning of what is there, where the position is none of this log."""
        said = await get(self._objects, self._position_name) or b"0"
        start = await self._log.start_offset(AUDIT_TOPIC, self.number)
        end = await self._log.end_offset(AUDIT_TOPIC, self.number)
        position = int(said) if said.isdigit() else start
        return position if start <= position <= end else start

    async def _consume(self, start: int) -> None:
        async for records in self._log.tail({(AUDIT_TOPIC, self.number): start}):
            async with self._turn:
                for record in records:
                    await self._heard(record)
            try:
                if self._changes:  # before the position behind them
                    await put(self._objects, self._changes_name, write_notes(self._changes).encode())
                await put(self._objects, self._position_name, str(records[-1].offset + 1).encode())
            except ObjectsUnavailable as exc:  # after a restart these are read again, and each tree knows what it has
                logger.warning("the position was not saved", error=str(exc))

    async def _heard(self, record: Record) -> None:
        said = read_audit(record)
        if isinstance(said, KeyRotated):
            await self._told_of_a_key(said)
        if not isinstance(said, CheckpointSigned) or said.topic not in self._trees:
            return
        tree = self._trees[said.topic]
        if record.offset < tree.checkpoints_next:
            return
        found = believed(said.note, self._sealers)
        if isinstance(found, Disagreement):
            await self._alarm(tree, "forged", found.detail)
            return
        note, checkpoint = found
        if (checkpoint.origin.topic, checkpoint.origin.partition, checkpoint.origin.cluster) != (said.topic, self.number, self._cluster):
            await self._alarm(tree, "forged", f"it stands where {said.topic} of this cluster should: {checkpoint.origin}")
            return
        tree = await self._of_generation(tree, checkpoint)
        wrong = continues(tree, checkpoint)
        if wrong is None:
            await self._grown(tree, checkpoint)
            wrong = agrees(tree, checkpoint)
        if wrong is None:
            await self._log.publish(AUDIT_TOPIC, self.number, [witnessed_entry(checkpoint, cosigned(note, self._ring().signer))])
            self.stats.agreed += 1
            self.stats.disagreeing.discard(said.topic + str(self.number))
        else:
            await self._alarm(tree, "disagrees", wrong.detail)
        tree.sealed(checkpoint, record.offset)
        await self._saved(tree)

    async def _told_of_a_key(self, said: KeyRotated) -> None:
        """Believes the new key of a sealer if one that is believed has signed for it; such a claim that is none is an alarm."""
        if said.name not in {key.name for key in self._sealers}:
            return
        try:
            self._follow(parse_note(said.note))
        except (Malformed, BadSignature) as exc:
            await self._alarm(next(iter(self._trees.values())), "forged", f"a change of keys: {exc}")

    def _follow(self, note: Note) -> None:
        """Raises: Malformed, BadSignature."""
        rotation = signed_rotation(note)
        if rotation.old not in self._sealers:
            raise BadSignature(f"nobody who is believed has signed it: {rotation.old}")
        if rotation.new not in self._sealers:
            self._sealers.append(rotation.new)
        if note not in self._changes:
            self._changes.append(note)

    async def _of_generation(self, tree: Sealing, checkpoint: Checkpoint) -> Sealing:
        """The tree the checkpoint is about: a new one where the sealer says that the log is another one."""
        if checkpoint.origin == tree.origin:
            return tree
        if tree.size:
            await self._alarm(
                tree, "another_log", checkpoint.why or f"a tree of generation {checkpoint.origin.generation} without a reason"
            )
        start = await self._log.start_offset(checkpoint.origin.topic, self.number)
        fresh = self._trees[checkpoint.origin.topic] = Sealing(checkpoint.origin, start)
        return fresh

    async def _grown(self, tree: Sealing, checkpoint: Checkpoint) -> None:
        start = await self._log.start_offset(tree.origin.topic, self.number)
        if not tree.size or start > tree.next_offset:
            tree.next_offset = max(start, tree.next_offset)
        await grow_to(self._log, tree, checkpoint.size)

    async def _saved(self, tree: Sealing) -> None:
        try:
            await save(self._objects, self._folder(tree.origin.topic), tree)
        except ObjectsUnavailable as exc:  # after a restart the records are read again
            logger.warning("the witness's tree was not saved", error=str(exc))

    async def _alarm(self, tree: Sealing, kind: AlarmKind, detail: str) -> None:
        about = tree.origin.topic + str(self.number)
        if about in self.stats.disagreeing:
            return
        self.stats.disagreeing.add(about)
        self.stats.alarms += 1
        logger.error("audit alarm", alarm=kind, origin=str(tree.origin), detail=detail)
        entry = alarm_entry(tree.origin, tree.size, kind, detail, self._name, self._clock_ms())
        await self._log.publish(AUDIT_TOPIC, self.number, [entry])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval_ms / 1000)
            for topic, tree in self._trees.items():
                end = await self._log.end_offset(topic, self.number)
                async with self._turn:
                    await self._look_for_silence(topic, tree, end)

    async def _look_for_silence(self, topic: str, tree: Sealing, end: int) -> None:
        now_ms = self._clock_ms()
        if end <= tree.last_offset + 1:
            self._behind_since.pop(topic, None)
            return
        last_offset, since_ms = self._behind_since.get(topic, (tree.last_offset, now_ms))
        if last_offset != tree.last_offset:  # somebody seals: while records keep coming there are always some that wait for it
            since_ms = now_ms
        self._behind_since[topic] = (tree.last_offset, since_ms)
        if now_ms - since_ms >= self._settings.silence_ms:
            detail = f"records up to offset {end - 1} are there, and none after {tree.last_offset} is sealed"
            await self._alarm(tree, "silent", detail)
