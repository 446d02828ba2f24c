"""What sealers and witnesses say of the log, and what is wrong with it. Pure.

Topic `audit-checkpoints` (key: origin of the tree; the partition is that of the records). The notes are complete in themselves: the
other fields are for who looks for one. Rule: what a note says counts, never what stands beside it.
"""

from typing import Literal

from msgspec import Struct

# disagrees: a witness has another root. forged: a checkpoint nobody trusted has signed. silent: records are there and nobody seals them.
# another_log: the log ends before, or is not, what was sealed. missed: records were deleted before they were sealed.
AlarmKind = Literal["disagrees", "forged", "silent", "another_log", "missed"]


class CheckpointBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """`note`: the signed note. `last_offset`: of the newest record it covers, −1 for none."""

    origin: str
    topic: str
    partition: int
    size: int
    last_offset: int
    at_ms: int
    note: str


class CheckpointSigned(CheckpointBase, frozen=True, kw_only=True, tag="checkpoint_signed"):
    """By the sealer."""


class CheckpointWitnessed(CheckpointBase, frozen=True, kw_only=True, tag="checkpoint_witnessed"):
    """By a witness that came to the same root by itself: the sealer's note with one more signature."""


class AuditAlarmed(Struct, frozen=True, kw_only=True, tag_field="kind", tag="audit_alarmed"):
    """What `by` found wrong. `alarm`: which kind. `detail`: for a person. `size`: of the tree where it was found."""

    origin: str
    topic: str
    partition: int
    size: int
    alarm: AlarmKind
    detail: str
    by: str
    at_ms: int


class SealerChanged(Struct, frozen=True, kw_only=True, tag_field="kind", tag="sealer_changed"):
    """The control record of a sealer that takes a partition over: from here on its predecessor can append nothing."""

    partition: int
    by: str
    at_ms: int


class KeyRotated(Struct, frozen=True, kw_only=True, tag_field="kind", tag="key_rotated"):
    """From here on `new` signs in the place of `old`; `note` says so, signed by both. In every partition, before what `new` signs."""

    name: str
    old: str
    new: str
    at_ms: int
    note: str


AuditRecord = CheckpointSigned | CheckpointWitnessed | AuditAlarmed | SealerChanged | KeyRotated
