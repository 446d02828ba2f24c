"""One tree while it is sealed: records in, tiles and checkpoints out, and what must be saved to go on after a restart. Pure.

Called by `streams.audit`. Rule: whatever was saved last and whatever has been written since, going on gives the same tree; only the time of
a checkpoint is new.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from audit.checkpoint import Checkpoint, Origin, parse_origin
from audit.errors import Malformed
from audit.leaf import Header, leaf_bytes
from audit.tiles import Edge

STATE_VERSION = 1
NOTES_PER_FILE = 100
_sha256 = hashlib.sha256


class Sealing:
    """`next_offset`: of the record it expects next; `last_leaf`: the hash of the last one, by which a log that was changed is known."""

    def __init__(self, origin: Origin, next_offset: int = 0, why: str = "", previous: bytes | None = None) -> None:
        self.origin = origin
        self.edge = Edge()
        self.next_offset = next_offset
        self.first_offset = self.last_offset = -1
        self.last_leaf = b""
        self.why = why
        self.previous = previous
        self.sealed_size = -1  # of the last checkpoint
        self.checkpoints_count = 0
        self.checkpoints_next = 0  # the offset in audit-checkpoints behind the last one

    @property
    def size(self) -> int:
        return self.edge.size

    def append(self, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None, headers: Iterable[Header]) -> None:
        """The next record; one that was taken already is passed over."""
        if offset < self.next_offset:
            return
        leaf = _sha256(b"\0" + leaf_bytes(offset, timestamp_ms, key, value, tuple(headers))).digest()
        self.edge.append(leaf, offset)
        if self.first_offset < 0:
            self.first_offset = offset
        self.last_offset, self.next_offset, self.last_leaf = offset, offset + 1, leaf

    def is_due(self) -> bool:
        """Whether there is something that no checkpoint covers."""
        return self.size > self.sealed_size and (self.size > 0 or bool(self.why))

    def checkpoint(self, at_ms: int) -> Checkpoint:
        return Checkpoint(self.origin, self.size, self.edge.root(), self.first_offset, self.last_offset, at_ms, self.previous, self.why)

    def sealed(self, checkpoint: Checkpoint, published_offset: int) -> None:
        """The checkpoint is in the log."""
        self.previous, self.sealed_size, self.why = checkpoint.digest(), checkpoint.size, ""
        self.checkpoints_count += 1
        self.checkpoints_next = published_offset + 1

    @property
    def notes_name(self) -> str:
        """The file into which the next checkpoint goes."""
        return notes_name(self.checkpoints_count // NOTES_PER_FILE)

    def state(self) -> bytes:
        said = {
            "version": STATE_VERSION,
            "origin": str(self.origin),
            "size": self.size,
            "tile_offset": self.edge.first_offset,
            "edge": [_text(bytes(level)) for level in self.edge.edge],
            "next_offset": self.next_offset,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "last_leaf": _text(self.last_leaf),
            "why": self.why,
            "previous": _text(self.previous or b""),
            "sealed_size": self.sealed_size,
            "checkpoints_count": self.checkpoints_count,
            "checkpoints_next": self.checkpoints_next,
        }
        body = json.dumps(said).encode()
        return _sha256(body).hexdigest().encode() + b"\n" + body + b"\n"


def notes_name(number: int) -> str:
    return f"checkpoints/{number:09d}.notes"


def read_state(data: bytes) -> Sealing:
    """Raises: Malformed for a state that was cut off, changed, or is of another version."""
    digest, _, body = data.partition(b"\n")
    if _sha256(body.rstrip(b"\n")).hexdigest().encode() != digest:
        raise Malformed("a sealer's state that is damaged")
    said: dict[str, Any] = json.loads(body)
    if said["version"] != STATE_VERSION:
        raise Malformed(f"a sealer's state of version {said['version']}; this program knows {STATE_VERSION}")
    sealing = Sealing(parse_origin(said["origin"]), said["next_offset"], said["why"], _bytes(said["previous"]) or None)
    sealing.edge = Edge(said["size"], said["tile_offset"], [_bytes(level) for level in said["edge"]])
    sealing.first_offset, sealing.last_offset, sealing.last_leaf = said["first_offset"], said["last_offset"], _bytes(said["last_leaf"])
    sealing.sealed_size, sealing.checkpoints_count = said["sealed_size"], said["checkpoints_count"]
    sealing.checkpoints_next = said["checkpoints_next"]
    return sealing


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
