"""Which conversations have to be snapshotted, and what the checkpoint may say meanwhile. Pure.

Rule 1: `events_next` of a checkpoint is the first offset of the oldest change that no durable snapshot holds.
Rule 2: a changed conversation waits `interval_ms`, so that a busy one is written once per interval and not once per message.
"""

from collections import OrderedDict


class Changes:
    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._waiting: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # key -> (events offset, time) of its oldest unsaved change
        self._saving: dict[bytes, int] = {}
        self._pinned: int | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._saving)

    def note(self, key: bytes, events_offset: int, now_ms: int) -> None:
        """The conversation changed by the event at this offset (or a later one)."""
        if key not in self._waiting:
            self._waiting[key] = (events_offset, now_ms)

    def pin(self, events_offset: int) -> None:
        """What stands at this offset must be folded at every take-over, for ever: the checkpoint never passes it."""
        self._pinned = events_offset if self._pinned is None else min(self._pinned, events_offset)

    def due(self, now_ms: int) -> bytes | None:
        """The conversation that waits longest, if it has waited long enough."""
        for key, (_, since_ms) in self._waiting.items():
            return key if now_ms - since_ms >= self._interval_ms else None
        return None

    def oldest(self) -> bytes | None:
        return next(iter(self._waiting), None)

    def take(self, key: bytes) -> None:
        """The conversation is being saved; later changes of it wait anew."""
        offset, _ = self._waiting.pop(key)
        self._saving.setdefault(key, offset)

    def saved(self, keys: list[bytes]) -> None:
        for key in keys:
            self._saving.pop(key, None)

    def events_next(self, head: int) -> int:
        """Everything before this offset is in durable snapshots; `head` when nothing waits."""
        oldest = [offset for offset, _ in list(self._waiting.values())[:1]]
        oldest += self._saving.values()
        if self._pinned is not None:
            oldest.append(self._pinned)
        return min(oldest, default=head)
