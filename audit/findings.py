"""What a check can find wrong, each with a name of its own, and what it counted. Pure."""

import enum
from dataclasses import dataclass, field

FINDINGS_LIMIT = 1_000  # beyond it one knows enough


class Wrong(enum.Enum):
    """The names of what is found; the texts are for a person."""

    MANIFEST_MISSING = "the bundle has no manifest"
    MANIFEST_MALFORMED = "the manifest cannot be read"
    MANIFEST_CHANGED = "the manifest is not the one that was signed"
    NOTE_MISSING = "the manifest is not signed"
    NOTE_MALFORMED = "the manifest's signature cannot be read"
    SIGNATURE_BROKEN = "a signature does not fit its text"
    KEY_UNKNOWN = "no key that is trusted has signed it"
    KEY_RETIRED = "a key that had been replaced has signed"
    KEY_ROTATION_UNSIGNED = "a change of keys is not signed by the key before it and the one after it"
    KEY_ROTATION_FORKED = "a key was replaced twice"
    KEY_ROTATION_FOREIGN = "a change of keys is not of a key that is trusted"
    KEY_ROTATION_MALFORMED = "a change of keys cannot be read"
    FILE_MISSING = "a file that the manifest names is missing"
    FILE_ADDED = "a file that the manifest does not name"
    FILE_CHANGED = "a file is not the one that the manifest names"
    FILE_OUTSIDE = "the manifest names a file outside of the bundle"
    RECORDS_MALFORMED = "records cannot be read"
    RECORDS_COUNT = "there are more or fewer records than the manifest says"
    RECORDS_ORDER = "records are not in their order, or twice"
    RECORDS_RANGE = "the records are not those of the range that the manifest says"
    PROOF_MALFORMED = "the proof has too few or too many hashes"
    ROOT_DIFFERS = "the records are not those that were sealed"
    CHECKPOINT_MISSING = "there is no checkpoint"
    CHECKPOINT_MALFORMED = "a checkpoint cannot be read"
    CHECKPOINT_FOREIGN = "a checkpoint is of another log, topic or partition"
    CHECKPOINT_CHAIN = "a checkpoint does not name the one before it"
    CHECKPOINT_SHRINKS = "a checkpoint covers fewer records than the one before it"
    CHECKPOINT_FORKED = "two checkpoints of one size have different roots"
    CHECKPOINT_OFFSETS = "a checkpoint's offsets are not those of the records"
    NOT_WITNESSED = "no witness that is trusted has signed the checkpoint"
    KNOWN_DIFFERS = "the history is not the one that was known before: it was signed again"
    SEQ_GAP = "events of a conversation are missing"
    SEQ_RANGE = "a conversation does not begin or end where the manifest says"
    CONVERSATIONS_COUNT = "there are more or fewer conversations than the manifest says"
    SCHEMA_MISSING = "a schema that the records need is missing"
    VALUE_MALFORMED = "an event cannot be read with its schema"
    SEGMENT_DAMAGED = "a segment of the log is damaged"
    SEGMENT_CUT = "a segment of the log is cut off"
    LOG_TRUNCATED = "the log ends before what was sealed"
    LOG_BEGINS_LATER = "the log's beginning, which was sealed, is missing"


@dataclass(frozen=True, slots=True)
class Finding:
    wrong: Wrong
    where: str
    detail: str = ""

    def __str__(self) -> str:
        name = self.wrong.name.lower().replace("_", "-")
        return f"{name}: {self.where}: {self.wrong.value}" + (f" ({self.detail})" if self.detail else "")


@dataclass(slots=True)
class Report:
    """`notes`: what is not wrong, and worth knowing."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records_count: int = 0
    files_count: int = 0
    checkpoints_count: int = 0
    conversations_count: int = 0
    signers: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.findings

    def found(self, wrong: Wrong, where: str, detail: object = "") -> None:
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(Finding(wrong, where, str(detail)))
