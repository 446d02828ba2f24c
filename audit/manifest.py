"""What a bundle says of itself: one JSON text, whose hash is signed in a note beside it. Pure.

The note's text is the line `warbler.bundle/v1` and the SHA-256 of `manifest.json` in base64. So the manifest is plain JSON to every reader.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from audit.errors import Malformed
from audit.note import Note

FORMAT = "warbler-bundle/1"
NOTE_HEAD = "warbler.bundle/v1"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartPart:
    """What is in the bundle of one tree: `records_count` leaves of a partition whose checkpoint has `tree_size` of them.

    `whole`: all leaves of the tree are there, from 0 on.
    """

    topic: str
    partition: int
    origin: str
    records_count: int
    first_index: int
    last_index: int
    first_offset: int
    last_offset: int
    tree_size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class FilePart:
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ConversationPart:
    """One line of `conversations.ndjson`: the bundle has all events of the conversation from `first_seq` to `last_seq`, none is missing."""

    conversation: str
    first_seq: int
    last_seq: int

    def line(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"


def parse_conversation(line: bytes) -> ConversationPart:
    """Raises: Malformed."""
    try:
        return _made(ConversationPart, json.loads(line))
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"a line of conversations that is no JSON: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Manifest:
    """`asked` is how the selection was made, for a reader; `counts` any further numbers that the maker vouches for."""

    made_at_ms: int
    maker: str
    cluster: str
    asked: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    parts: tuple[PartPart, ...] = ()
    conversations_count: int = 0
    files: tuple[FilePart, ...] = ()
    format: str = FORMAT

    def json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode() + b"\n"


def note_text(manifest: bytes) -> str:
    """What is signed for a manifest of these bytes."""
    return f"{NOTE_HEAD}\n{base64.b64encode(hashlib.sha256(manifest).digest()).decode()}\n"


def is_note_of(note: Note, manifest: bytes) -> bool:
    return note.text == note_text(manifest)


def parse_manifest(data: bytes) -> Manifest:
    """Raises: Malformed."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"manifest.json is no JSON: {exc}") from exc
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise Malformed(f"manifest.json is of no format that this program knows ({FORMAT})")
    parts = tuple(_made(PartPart, part) for part in _list(said, "parts"))
    files = tuple(_made(FilePart, part) for part in _list(said, "files"))
    return _made(Manifest, said | {"parts": parts, "files": files})


def _list(said: dict[str, Any], name: str) -> list[Any]:
    found = said.get(name, [])
    if not isinstance(found, list):
        raise Malformed(f"manifest.json: {name} is no list")
    return found


_PLAIN: dict[str, type] = {"int": int, "str": str, "bool": bool}


def _made(kind: type[T], said: Any) -> T:
    """An instance of one of the classes above, whose plain fields have their types."""
    if not isinstance(said, dict):
        raise Malformed(f"manifest.json: {said!r:.80} is no {kind.__name__}")
    known = {each.name: each.type for each in fields(kind)}  # type: ignore[arg-type]  # they are dataclasses
    for name, value in said.items():
        wanted = known.get(name, "")
        plain = _PLAIN.get(getattr(wanted, "__name__", str(wanted)))
        if not wanted or (plain is not None and type(value) is not plain):
            raise Malformed(f"manifest.json: {name} of a {kind.__name__} is {value!r:.80}")
    try:
        return kind(**said)
    except TypeError as exc:
        raise Malformed(f"manifest.json: {exc}") from exc
