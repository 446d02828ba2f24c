"""Events the feed has seen and the projector may not have written yet: laid over what Cassandra says, nothing is missed.

Rule 1: an event is forgotten only when the projector's progress has passed it and no reader that began before is still at work.
Rule 2: what had to be forgotten for want of room is remembered as a floor; a reader that began below it cannot see everything, and knows.
Pure; filled by `edge.feed`, used by `edge.reader`.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    offset: int
    conversation: str
    value: bytes  # as on the wire; decoded only when somebody asks
    users: tuple[str, ...]  # whose membership this event touches


@dataclass(slots=True)
class Recent:
    bytes_limit: int
    used_bytes: int = 0
    by_partition: dict[int, deque[Seen]] = field(default_factory=dict)
    by_conversation: dict[str, deque[Seen]] = field(default_factory=dict)
    by_user: dict[str, deque[Seen]] = field(default_factory=dict)
    projected: dict[int, int] = field(default_factory=dict)  # partition -> next offset the projector will write
    lost_before: dict[int, int] = field(default_factory=dict)  # partition -> events below this were dropped while somebody needed them
    readers: dict[int, dict[int, int]] = field(default_factory=dict)  # reader -> progress when it began
    reader_next: int = 0

    def add(self, partition: int, offset: int, conversation: str, value: bytes, users: tuple[str, ...] = ()) -> None:
        if offset < self.projected.get(partition, 0) and not self.readers:
            return
        seen = Seen(offset, conversation, value, users)
        self.by_partition.setdefault(partition, deque()).append(seen)
        self.by_conversation.setdefault(conversation, deque()).append(seen)
        for user in users:
            self.by_user.setdefault(user, deque()).append(seen)
        self.used_bytes += len(value)
        while self.used_bytes > self.bytes_limit:
            self._drop_oldest_of_largest()

    def begin(self) -> int:
        """A reader starts: from now on nothing that is unprojected is forgotten until `end`."""
        self.reader_next += 1
        self.readers[self.reader_next] = dict(self.projected)
        return self.reader_next

    def end(self, reader: int) -> None:
        del self.readers[reader]

    def advance(self, progress: Mapping[int, int]) -> None:
        """The projector has written everything below these offsets."""
        for partition, next_offset in progress.items():
            self.projected[partition] = max(next_offset, self.projected.get(partition, 0))
        for partition in list(self.by_partition):
            floor = self._floor(partition)
            queue = self.by_partition[partition]
            while queue and queue[0].offset < floor:
                self._forget(partition)

    def of_conversation(self, conversation: str) -> tuple[bytes, ...]:
        return tuple(seen.value for seen in self.by_conversation.get(conversation, ()))

    def of_user(self, user: str) -> tuple[bytes, ...]:
        """Membership events that touch the user, in log order within each partition."""
        return tuple(seen.value for seen in self.by_user.get(user, ()))

    def sees_everything(self, reader: int) -> bool:
        """Whether the rows it read since `begin` and this together are complete.

        Progress of later does not help: the reader's rows may be older than that.
        """
        began = self.readers[reader]
        return all(lost <= began.get(partition, 0) for partition, lost in self.lost_before.items())

    def _floor(self, partition: int) -> int:
        """Below this offset nobody needs an event any more."""
        return min([self.projected.get(partition, 0), *(began.get(partition, 0) for began in self.readers.values())])

    def _drop_oldest_of_largest(self) -> None:
        partition = max(self.by_partition, key=lambda p: len(self.by_partition[p]))
        seen = self._forget(partition)
        if seen.offset >= self._floor(partition):
            self.lost_before[partition] = seen.offset + 1

    def _forget(self, partition: int) -> Seen:
        seen = self.by_partition[partition].popleft()
        self.used_bytes -= len(seen.value)
        _remove(self.by_conversation, seen.conversation, seen)
        for user in seen.users:
            _remove(self.by_user, user, seen)
        return seen


def _remove(index: dict[str, deque[Seen]], key: str, seen: Seen) -> None:
    # the oldest of a conversation is its first; a user's events come from several partitions, so it may stand further on
    queue = index[key]
    queue.remove(seen)
    if not queue:
        del index[key]
