"""Snapshots and checkpoints, written beside the commands and never in their way. Shell around `saving`; one per taken-over partition.

Rule 1: nothing is saved before every event it contains is in the log, so that no snapshot knows of what never happened.
Rule 2: each record says where it is due. A log that is replaced beneath us takes it too, at another place, and a successor sees that.
"""

import asyncio
from collections.abc import Callable, Iterator

from log.errors import LogUnavailable
from log.port import Entry, FencedWriter
from schemas import codec
from streams.owning.port import CHECKPOINT_KEY, Partition, with_due
from streams.owning.stats import OwnerStats
from streams.owning.waiting import wait_all

SAVE_BATCH_BYTES = 64 * 1024  # small, because a state append and an events append share the writer's connection

Appends = list["asyncio.Future[int]"]


class Saver:
    def __init__(
        self,
        partition: Partition,
        state_topic: str,
        state_next: int,
        checkpoint_interval_ms: int,
        now_ms: int,
        stats: OwnerStats,
        on_done: Callable[[], None],
    ) -> None:
        self._partition = partition
        self._state_topic = state_topic
        self.state_next = state_next  # the offset that the next record is due at
        self._interval_ms = checkpoint_interval_ms
        self._stats = stats
        self._on_done = on_done
        self._packing: tuple[bytes, Iterator[Entry]] | None = None  # what a save has begun with
        self._written: tuple[int, int] = (-1, -1)
        self._saving: asyncio.Task[None] | None = None
        self.due_ms = now_ms + checkpoint_interval_ms

    @property
    def busy(self) -> bool:
        return self._saving is not None

    def check(self) -> None:
        """Raises the failure of the last save, if it failed."""
        if self._saving is not None and self._saving.done():
            saving, self._saving = self._saving, None
            saving.result()

    def step(self, writer: FencedWriter, now_ms: int, commands_settled: int, appends: Appends) -> None:
        """Start saving what is due, unless a save is under way. `appends`: the events that are not in the log yet."""
        if self._saving is not None:
            return
        entries = self._checkpoint(now_ms, commands_settled)
        keys = self._packed(entries, now_ms)
        if entries:
            self._saving = asyncio.get_running_loop().create_task(self._save(writer, keys, entries, list(appends)))
            self._saving.add_done_callback(lambda done: self._on_done())

    def _packed(self, entries: list[Entry], now_ms: int) -> list[bytes]:
        """Add a batch of what is due to the entries; the conversations that are saved whole with it. A large one takes several batches."""
        keys: list[bytes] = []
        size_bytes = 0
        while size_bytes < SAVE_BATCH_BYTES:
            if self._packing is None:
                key = self._partition.changes.due(now_ms)
                if key is None:
                    break
                self._packing = (key, self._partition.pack(key))
            key, records = self._packing
            for entry in records:
                entries.append(entry)
                size_bytes += len(entry.value or b"")
                if size_bytes >= SAVE_BATCH_BYTES and entry.key != key:
                    return keys
            keys.append(key)
            self._packing = None
        return keys

    def _checkpoint(self, now_ms: int, commands_settled: int) -> list[Entry]:
        """The checkpoint, if it is due and says anything new."""
        if now_ms < self.due_ms:
            return []
        self.due_ms = now_ms + self._interval_ms
        checkpoint = self._partition.checkpoint(commands_settled, now_ms)
        place = (checkpoint.events_next, checkpoint.commands_next)
        if place == self._written:
            return []
        self._written = place
        return [Entry(CHECKPOINT_KEY, codec.encode(self._state_topic, checkpoint), now_ms)]

    async def _save(self, writer: FencedWriter, keys: list[bytes], entries: list[Entry], before: Appends) -> None:
        await wait_all(before)
        offset = await writer.append(self._state_topic, self._partition.number, with_due(entries, self.state_next))
        if offset != self.state_next:
            raise LogUnavailable(f"offset {offset} is not {self.state_next}: the log was replaced, or somebody else appended")
        self.state_next += len(entries)
        self._partition.changes.saved(keys)
        self._stats.snapshots += len(keys)

    async def idle(self) -> None:
        """Wait for the save that is under way. Raises its failure."""
        if self._saving is not None:
            await asyncio.wait([self._saving])
            self.check()

    def cancel(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
