"""The append-only log as a port: publish, append fenced, read from an offset, tail.

`log.kafka.KafkaLog` and `log.memory.MemoryLog` implement it; one suite, `tests/log/contract.py`, tests these sentences against both.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

Header = tuple[str, bytes]
TopicPartition = tuple[str, int]


class Record(NamedTuple):
    """One record as it stands in the log. A named tuple, because hundreds of thousands are made per second when a partition is folded."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int  # the broker's on a LogAppendTime topic, else the writer's
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


class Entry(NamedTuple):
    """One record to be appended. At least one of key and value is not None; `timestamp_ms` None means now."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None = None
    headers: tuple[Header, ...] = ()


class Span(NamedTuple):
    """Offsets of one partition, half-open: from `start_offset` to before `end_offset`."""

    topic: str
    partition: int
    start_offset: int
    end_offset: int


class Scan(Protocol):
    """A reading of some spans over one connection; see `Log.scan`."""

    async def take(self, topic: str, partition: int) -> list[Record]:
        """The next records of this span, oldest first; empty, and from then on always, when it was read to its end.

        Raises: PositionGone if retention has taken away what comes next; LogUnavailable. Blocks: on the broker; one caller at a time.
        """
        ...

    async def aclose(self) -> None: ...


class FencedWriter(Protocol):
    """The only writer of some partitions, as long as nobody opens the same id again."""

    writer_id: str

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        """The first offset of the entries, which are in the log as one whole batch.

        Shape: appends to one partition land in the order of their calls, also when several are in flight; offsets are dense.
        Raises: Fenced once a successor has appended there; EntryTooLong (nothing sent); LogUnavailable (outcome unknown). After a
            Fenced or a LogUnavailable every later append of this writer fails too: the log holds a prefix of what was handed over.
        Delivery: all entries once, or none.
        Blocks: on the broker; cancelling does not take the entries back.
        """
        ...

    async def close(self) -> None: ...


class Log(Protocol):
    async def start(self) -> None:
        """Connect. Raises: LogUnavailable when no broker answers."""
        ...

    async def close(self) -> None: ...

    async def partitions_count(self, topic: str) -> int:
        """How many partitions the topic has. Raises: UnknownTopic, LogUnavailable."""
        ...

    async def publish(self, topic: str, partition: int, entries: Sequence[Entry]) -> int:
        """The first offset of the entries, which are committed (acks=all).

        Shape: entries of one call keep their order, calls land in their order; a call larger than a batch is split into whole batches.
        Raises: EntryTooLong for one entry above the topic's limit (nothing sent); UnknownTopic; LogUnavailable (outcome unknown: a later
            try may append the entries again).
        Delivery: every call is answered, at the latest after the publish time-out.
        """
        ...

    async def open_writer(self, writer_id: str) -> FencedWriter:
        """A writer with a new epoch: with its first append to a partition every predecessor of the same id is fenced there.

        Raises: LogUnavailable.
        """
        ...

    async def read(self, topic: str, partition: int, start_offset: int, limit: int) -> list[Record]:
        """Records from `start_offset` on, oldest first.

        Shape: 0..limit items, offsets ascending (not dense: compaction, control batches); empty means caught up with the end.
        Raises: PositionGone if the offset is before the start or after the end; UnknownTopic; LogUnavailable.
        """
        ...

    async def start_offset(self, topic: str, partition: int) -> int: ...

    async def end_offset(self, topic: str, partition: int) -> int:
        """The offset the next record will get. Raises: UnknownTopic, LogUnavailable."""
        ...

    async def offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """The offset of the first record with that time or a later one; the end offset if there is none.

        Shape: where writers' clocks disagree, the first in offset order; so whoever looks for one record starts a little earlier.
        Raises: UnknownTopic, LogUnavailable.
        """
        ...

    def tail(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[list[Record]]:
        """Everything from the given offsets on, for ever, as it is appended.

        Shape: non-empty lists; one list may hold several partitions; offsets ascending within a partition; each record once.
        Raises: PositionGone; LogUnavailable when it cannot connect at first. A broker that goes away later is waited for.
        Blocks: until there is something; close the iterator (`aclose`) to free its connection.
        """
        ...

    async def scan(self, spans: Sequence[Span]) -> Scan:
        """A reading of these spans, each of another partition, with large fetches; what is not taken waits in bounded memory.

        Raises: PositionGone if a span begins before its partition's start or ends after its end; UnknownTopic; LogUnavailable.
        """
        ...
