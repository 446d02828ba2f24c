"""What can go wrong between us and the log: whose fault, and whether the same call may succeed later."""

from schemas.errors import WarblerError


class LogError(WarblerError):
    """Root of the log's errors."""


class LogUnavailable(LogError):
    """The log did not answer in time or lost its connection. The outcome is unknown: an entry may or may not be there."""

    retryable = True


class Fenced(LogError):
    """A newer writer took over under the same id: nothing of this one reaches the log any more."""

    def __init__(self, writer_id: str) -> None:
        super().__init__(f"writer {writer_id} was fenced by its successor")
        self.writer_id = writer_id


class EntryTooLong(LogError):
    """The entries do not fit in one record batch of the topic. Nothing was appended."""

    def __init__(self, topic: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes for {topic}, which takes {limit_bytes} in one batch")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class PositionGone(LogError):
    """The asked offset is before the partition's start or after its end: the log was truncated, expired or replaced."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(f"{topic}-{partition} does not hold offset {offset}")
        self.topic = topic
        self.partition = partition
        self.offset = offset


class UnknownTopic(LogError):
    """The topic or the partition does not exist."""

    def __init__(self, topic: str, partition: int | None = None) -> None:
        super().__init__(f"unknown topic {topic}" if partition is None else f"unknown partition {topic}-{partition}")


class TopicMismatch(LogError):
    """A topic exists with another partition count: order and ownership depend on it, so it is never changed silently."""

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(f"topic {topic} has {found} partitions, not {wanted}; the count is chosen once (see docs/glossary.md)")
        self.topic = topic
        self.found = found
        self.wanted = wanted


class TopicRefused(LogError):
    """The cluster refused to create a topic (replication factor, rights, a setting it does not know)."""
