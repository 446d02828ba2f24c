"""What one command comes to: the closed union that the lane performs."""

from dataclasses import dataclass

from log.port import Entry


@dataclass(frozen=True, slots=True)
class Skipped:
    """Used before this owner took over: its events or its answer are in the log."""


@dataclass(frozen=True, slots=True)
class Append:
    """Accepted: these events, as one whole batch (or part of a larger one)."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Refused, repeated or noted: this reply, once the receipt that it tells of is in the log."""

    entry: Entry
    refused: bool
    receipt: Entry | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """Not understood: to the dead letters, with this reason."""

    reason: str


Outcome = Skipped | Append | Answer | Poison
SKIPPED = Skipped()
