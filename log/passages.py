"""When a process says how far it has handled a topic: at once after a silence, then at most once in an interval. Pure; time is an argument.

Said in the topic `passages` by edges and projectors; a message's journey (`edge.journey`) is told from it. What was passed is
passed, so only the newest offset of a partition counts.
"""

from typing import Literal

from schemas.records import LogPassed

PASSAGES_TOPIC = "passages"


class Passages:
    def __init__(self, process: str, stage: Literal["fanned_out", "projected"], topic: str, interval_ms: int) -> None:
        self._process, self._topic, self._interval_ms = process, topic, interval_ms
        self._stage: Literal["fanned_out", "projected"] = stage
        self._next: dict[int, int] = {}  # partition -> what is to be said
        self._said_ms: dict[int, int] = {}

    def passed(self, partition: int, next_offset: int) -> None:
        """Every record of the partition before `next_offset` is handled."""
        self._next[partition] = next_offset

    def due(self, now_ms: int) -> list[LogPassed]:
        """What is to be said now."""
        due = [each for each in self._next if now_ms - self._said_ms.get(each, 0) >= self._interval_ms]
        for partition in due:
            self._said_ms[partition] = now_ms
        return [
            LogPassed(
                process=self._process,
                stage=self._stage,
                topic=self._topic,
                partition=partition,
                next_offset=self._next.pop(partition),
                at_ms=now_ms,
            )
            for partition in due
        ]


def passage_key(topic: str, partition: int) -> bytes:
    """The key of the partition's passages: they lie in one partition, in the order in which they were said."""
    return f"{topic}-{partition}".encode()
