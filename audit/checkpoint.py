"""A checkpoint: what a sealer signs about one topic-partition at one size of its tree. Pure.

Lines 1 to 3 are those of https://c2sp.org/tlog-checkpoint; ours follow as extension lines `name value`. A *generation* is one tree: a
log that was lost or restored is another log (docs/decisions/0013), so it begins a tree of its own, and its origin says so.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.errors import Malformed
from audit.leaf import HASH_BYTES
from audit.note import MARK, Note, parse_note

NO_PREVIOUS = "-"
_ORIGIN = re.compile(r"^warbler/([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)/(\d{1,6})/(\d{1,6})$")
_NUMBER = re.compile(r"^(0|[1-9]\d{0,18})$")
_EXTENSIONS = ("first", "last", "time", "previous")


@dataclass(frozen=True, slots=True)
class Origin:
    """Which tree. `generation` is 0 for the first log, and one more for each that took its place."""

    cluster: str
    topic: str
    partition: int
    generation: int = 0

    def __str__(self) -> str:
        return f"warbler/{self.cluster}/{self.topic}/{self.partition}/{self.generation}"

    @property
    def place(self) -> str:
        """The name of its files."""
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`first_offset` and `last_offset` are of the whole tree, -1 where it is empty. `previous`: the digest of the checkpoint before."""

    origin: Origin
    size: int
    root: bytes
    first_offset: int
    last_offset: int
    at_ms: int
    previous: bytes | None
    why: str = ""  # of the first one of a generation after the first: what became of the log before

    def text(self) -> str:
        """What is signed."""
        lines = [str(self.origin), str(self.size), base64.b64encode(self.root).decode()]
        lines += [f"first {self.first_offset}", f"last {self.last_offset}", f"time {self.at_ms}"]
        lines.append(f"previous {base64.b64encode(self.previous).decode() if self.previous else NO_PREVIOUS}")
        if self.why:
            lines.append(f"why {self.why}")
        return "\n".join(lines) + "\n"

    def digest(self) -> bytes:
        """By which the next one names this one."""
        return hashlib.sha256(self.text().encode()).digest()


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text. Raises: Malformed, also for one that is written in another way than `text` does."""
    lines = text.split("\n")
    if len(lines) < 3 + len(_EXTENSIONS) + 1 or lines[-1]:
        raise Malformed("no checkpoint: lines are missing")
    said = dict(line.partition(" ")[::2] for line in lines[3:-1])
    try:
        found = Checkpoint(
            parse_origin(lines[0]),
            _number(lines[1]),
            _hash(lines[2]),
            _offset(said["first"]),
            _offset(said["last"]),
            _number(said["time"]),
            None if said["previous"] == NO_PREVIOUS else _hash(said["previous"]),
            said.get("why", ""),
        )
    except KeyError as exc:
        raise Malformed(f"no checkpoint: no line {exc}") from exc
    if found.text() != text:
        raise Malformed("no checkpoint: it says more than one, or says it in another way")
    return found


def parse_origin(written: str) -> Origin:
    """Raises: Malformed."""
    match = _ORIGIN.match(written)
    if match is None:
        raise Malformed(f"no origin of a checkpoint: {written[:120]!r}")
    cluster, topic, partition, generation = match.groups()
    return Origin(cluster, topic, int(partition), int(generation))


def _number(written: str) -> int:
    if not _NUMBER.match(written):
        raise Malformed(f"no number: {written[:40]!r}")
    return int(written)


def _offset(written: str) -> int:
    return -1 if written == "-1" else _number(written)


def _hash(written: str) -> bytes:
    try:
        found = base64.b64decode(written, validate=True)
    except ValueError as exc:
        raise Malformed(f"no hash: {written[:80]!r}") from exc
    if len(found) != HASH_BYTES:
        raise Malformed(f"a hash of {len(found)} bytes")
    return found


def write_notes(notes: Sequence[Note]) -> str:
    """Notes of checkpoints one after another, an empty line between two."""
    return "\n".join(str(note) for note in notes)


def read_notes(data: str) -> Iterator[Note]:
    """The notes of `write_notes`, which have no empty line in their texts. Raises: Malformed."""
    if not data:
        return
    lines: list[str] = []
    signatures = False
    for line in data.split("\n"):
        if not line and signatures:
            yield parse_note("\n".join(lines) + "\n")
            lines, signatures = [], False
            continue
        signatures = signatures or line.startswith(MARK)
        lines.append(line)
    if any(lines):
        raise Malformed("the last note is cut off")
