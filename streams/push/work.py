"""What a lane holds: chunks of records and how far each is done. Pure."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from log.port import Record


@dataclass(slots=True)
class Work:
    """A chunk of one topic, how to say that it is done, and how many of its records are not."""

    topic: str
    records: Sequence[Record]
    ack: Callable[[], Awaitable[Any]]
    left: int

    @classmethod
    def of(cls, topic: str, records: Sequence[Record], ack: Callable[[], Awaitable[Any]]) -> "Work":
        return cls(topic, records, ack, len(records))


class Item(NamedTuple):
    """One record of a chunk. `since_ms`: when it was first looked at and its messages were not there yet, 0: never.

    `send_key`, `due_ms`: of a retry record. `stale`: nothing is to be done, another record stands for it.
    """

    record: Record
    work: Work
    since_ms: int = 0
    send_key: bytes = b""
    due_ms: int = 0
    stale: bool = False

    @property
    def user(self) -> bytes:
        return self.record.key or b""


class Newest:
    """Of each send that waits, the record with the latest time; the others are left-overs of a crash, and say nothing new.

    After one, a send that failed again stands in the log twice: as the record that was not acked, and as the one that came of it. Were both
    to be tried, each crash could double them.
    """

    def __init__(self) -> None:
        self._due_ms: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._due_ms)

    def takes(self, item: Item) -> bool:
        """Whether the record is newer than all of its send that wait."""
        if self._due_ms.get(item.send_key, -1) >= item.due_ms:
            return False
        self._due_ms[item.send_key] = item.due_ms
        return True

    def is_newest(self, item: Item) -> bool:
        return self._due_ms.get(item.send_key, item.due_ms) == item.due_ms

    def settled(self, item: Item) -> None:
        if self._due_ms.get(item.send_key) == item.due_ms:
            del self._due_ms[item.send_key]
