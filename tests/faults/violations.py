"""How a promise can be broken: one closed list, with the promise each belongs to. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    LOST = "lost"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    UNREPORTED_GAP = "unreported gap"
    DIFFERENT = "different"
    PHANTOM = "phantom"
    SEQ_CHANGED = "seq changed"
    SEEN_BY_STRANGER = "seen by stranger"
    UNANSWERED = "unanswered"
    REFUSED_BUT_DONE = "refused but done"
    RECEIPT_BEYOND = "receipt beyond"
    RECEIPT_BACKWARDS = "receipt backwards"
    RECEIPT_LOST = "receipt lost"
    TABLES_DIFFER = "tables differ"


PROMISES = {
    Kind.LOST: 1,
    Kind.DIFFERENT: 1,
    Kind.TABLES_DIFFER: 1,
    Kind.DUPLICATED: 2,
    Kind.SEQ_CHANGED: 2,
    Kind.PHANTOM: 3,
    Kind.REORDERED: 3,
    Kind.UNREPORTED_GAP: 4,
    Kind.RECEIPT_BEYOND: 4,
    Kind.RECEIPT_BACKWARDS: 4,
    Kind.RECEIPT_LOST: 4,
    Kind.SEEN_BY_STRANGER: 4,
    Kind.UNANSWERED: 8,
    Kind.REFUSED_BUT_DONE: 8,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """`where`: the log, cassandra, a reader or a device. `seq`: 0 where it is about a command or a whole conversation."""

    kind: Kind
    where: str
    conversation: str
    seq: int
    detail: str

    def __str__(self) -> str:
        return f"promise {PROMISES[self.kind]}: {self.kind.value} at {self.where}: {self.conversation}:{self.seq} {self.detail}"
