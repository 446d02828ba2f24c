"""What a run of the harness recorded: what was asked, what was answered, what each device saw, and the final read-backs. Pure.

Filled by the workload and the read-back, judged by `tests.faults.checker`. Bounded: an event seen by a device costs 25 bytes.
Times are seconds of one monotonic clock of the harness.
"""

from __future__ import annotations

import enum
import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field


def digest_of(kind: str, command_id: str, user: str, body: bytes) -> int:
    """63 bits that stand for one event's meaning, however it was transported."""
    joined = b"\0".join((kind.encode(), command_id.encode(), user.encode(), body))
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, slots=True)
class DeviceName:
    """`wire`: records what the edge wrote, frame by frame; otherwise what the SDK handed to its application."""

    user: str
    device: str
    wire: bool = False

    def __str__(self) -> str:
        return f"{self.user}/{self.device}"


@dataclass(frozen=True, slots=True)
class Command:
    """`digest`: what its first event must mean."""

    id: str
    kind: str
    user: str
    device: str
    conversation: str
    digest: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Acked:
    seq: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Finally: the device does not try again."""

    code: str
    at_s: float


Answer = Acked | Refused


class Sight(enum.IntEnum):
    EVENT = 0
    MISSING = 1  # the device was told that this seq will not come
    REPEATED = 2  # the edge gave it again, on a session where it must not
    BACKWARDS = 3  # the edge gave it after a later one
    START = 4  # from here on the device begins at this seq, because it was told to (by a directory); 0: where its next stay begins


@dataclass(slots=True)
class Track:
    """What one device saw of one conversation, in order of arrival."""

    sights: array[int] = field(default_factory=lambda: array("b"))
    seqs: array[int] = field(default_factory=lambda: array("q"))
    digests: array[int] = field(default_factory=lambda: array("q"))
    times_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, sight: Sight, seq: int, digest: int, at_s: float) -> None:
        self.sights.append(sight)
        self.seqs.append(seq)
        self.digests.append(digest)
        self.times_s.append(at_s)

    def __iter__(self) -> Iterator[tuple[int, int, int, float]]:
        return zip(self.sights, self.seqs, self.digests, self.times_s, strict=True)


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event as the log has it. `joined`, `left`: users whose place it changes."""

    seq: int
    kind: str
    command: str
    user: str
    digest: int
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageRead:
    """All pages of one reader from the beginning. `rows`: (seq, digest). `messages_only`: a history, not events."""

    where: str
    conversation: str
    rows: tuple[tuple[int, int], ...]
    missing: tuple[int, ...] = ()
    messages_only: bool = False


@dataclass(slots=True)
class ReadBack:
    """The end: conversation -> events of the log; rows of the tables; pages; user -> delivered mark per conversation."""

    log: dict[str, list[LogEvent]] = field(default_factory=dict)
    tables: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    pages: list[PageRead] = field(default_factory=list)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    table_differences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """`told`: (conversation, user) -> the highest seq that a device of the user finally said it holds.

    `delivered_seen`: (conversation, user) -> the highest mark that any other device was shown.
    `delivered_samples`: readings of the delivered marks during the run, in order.
    `present`: devices that were there at the end and had time to catch up.
    """

    commands: dict[str, Command] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    tracks: dict[DeviceName, dict[str, Track]] = field(default_factory=dict)
    told: dict[tuple[str, str], int] = field(default_factory=dict)
    delivered_seen: dict[tuple[str, str], int] = field(default_factory=dict)
    delivered_samples: list[dict[tuple[str, str], int]] = field(default_factory=list)
    present: set[DeviceName] = field(default_factory=set)

    def track(self, device: DeviceName, conversation: str) -> Track:
        return self.tracks.setdefault(device, {}).setdefault(conversation, Track())

    def invoke(self, command: Command) -> None:
        self.commands.setdefault(command.id, command)

    def answer(self, command_id: str, answer: Answer) -> None:
        """Keeps only answers that say something new: a device that retries hears the same ack often."""
        known = self.answers.setdefault(command_id, [])
        if not any(isinstance(old, Acked) and isinstance(answer, Acked) and old.seq == answer.seq for old in known):
            known.append(answer)

    def acked_ids(self) -> list[str]:
        return [command for command, answers in self.answers.items() if any(isinstance(answer, Acked) for answer in answers)]

    @property
    def acked_count(self) -> int:
        return len(self.acked_ids())
