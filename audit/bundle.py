"""The bundle: a folder with records of the log, what proves them, and what a person reads. Its writer and its reader.

Written by `ops.export`; read by `audit.verify`. The layout is in docs/audit.md. A writer that was cut short goes on:
whoever uses it keeps the `Mark` of each file of records and hands it over again; what lies behind it is thrown away.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO

from audit.checkpoint import Origin, read_notes, write_notes
from audit.errors import Malformed
from audit.leaf import RECORDS_MAGIC, frame, read_frames
from audit.manifest import ConversationPart, FilePart, Manifest, PartPart, note_text, parse_conversation
from audit.note import Note, Signer, Verifier, signed

MANIFEST, NOTE, KEY, CONVERSATIONS = "manifest.json", "manifest.note", "key.pub", "conversations.ndjson"
ROTATIONS = "rotations.notes"
UNLISTED = frozenset({MANIFEST, NOTE})  # they cannot name their own hashes; the note signs the manifest's
CHUNK_BYTES = 1 << 20


def records_path(topic: str, partition: int) -> str:
    return f"records/{topic}-{partition}.rec"


def checkpoints_path(topic: str, partition: int) -> str:
    return f"checkpoints/{topic}-{partition}.notes"


def gaps_path(topic: str, partition: int) -> str:
    return f"proofs/{topic}-{partition}.gaps"


def schema_path(schema_id: int) -> str:
    return f"schemas/{schema_id}.avsc"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file of records is written: plain numbers, so that they can be kept anywhere. `bytes` 0 is one not begun."""

    bytes: int = 0
    records_count: int = 0
    first_index: int = -1
    last_index: int = -1
    first_offset: int = -1
    last_offset: int = -1


class RecordsWriter:
    """Leaves of one topic-partition into its file, in ascending order. Use as a context manager; `mark` after `flush` is safe to keep."""

    def __init__(self, folder: Path, topic: str, partition: int, mark: Mark = Mark()) -> None:
        self.topic, self.partition = topic, partition
        path = folder / records_path(topic, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        if self._file.seek(0, os.SEEK_END) < mark.bytes:
            self._file.close()
            raise Malformed(f"{path} is shorter than what was written")
        self._file.truncate(mark.bytes)
        self._file.seek(mark.bytes)
        self.mark = mark
        if not mark.bytes:
            self._file.write(RECORDS_MAGIC)
            self.mark = Mark(len(RECORDS_MAGIC))

    def add(self, index: int, offset: int, leaf: bytes) -> None:
        """Leaf `index` of the tree, which is the record at `offset`. Raises: Malformed if it is not behind the one before; OSError."""
        mark = self.mark
        if index <= mark.last_index or offset <= mark.last_offset:
            raise Malformed(f"leaf {index} at offset {offset} after leaf {mark.last_index} at offset {mark.last_offset}")
        data = frame(index, leaf)
        self._file.write(data)
        first = mark.records_count == 0
        self.mark = Mark(
            mark.bytes + len(data),
            mark.records_count + 1,
            index if first else mark.first_index,
            index,
            offset if first else mark.first_offset,
            offset,
        )

    def flush(self) -> Mark:
        """How far the file is on the disk. Raises: OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.mark

    def part(self, origin: Origin, tree_size: int) -> PartPart:
        """What the manifest says of this file."""
        mark = self.mark
        whole = mark.records_count == tree_size and mark.last_index == tree_size - 1
        return PartPart(self.topic, self.partition, str(origin), *_numbers(mark), tree_size, whole)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "RecordsWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _numbers(mark: Mark) -> tuple[int, int, int, int, int]:
    return mark.records_count, mark.first_index, mark.last_index, mark.first_offset, mark.last_offset


class BundleWriter:
    """The files of a bundle that are no records. Everything else in the folder, whoever wrote it, is listed in the manifest by `seal`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def records(self, topic: str, partition: int, mark: Mark = Mark()) -> RecordsWriter:
        return RecordsWriter(self.folder, topic, partition, mark)

    def checkpoints(self, topic: str, partition: int, notes: Sequence[Note]) -> None:
        """The partition's checkpoints, oldest first; the last one is that of the proof."""
        self.put(checkpoints_path(topic, partition), write_notes(notes).encode())

    def gaps(self, topic: str, partition: int, hashes: Iterable[bytes]) -> None:
        """The hashes of `audit.tree.gaps` for the leaves that were written; no file where there are none."""
        if not self.put_all(gaps_path(topic, partition), hashes):
            (self.folder / gaps_path(topic, partition)).unlink()

    def conversations(self, conversations: Iterable[ConversationPart]) -> int:
        """Which conversations are there from which seq to which. How many they are, for the manifest."""
        return self.put_all(CONVERSATIONS, (each.line() for each in conversations))

    def schemas(self, sources: Mapping[int, Any]) -> None:
        """The Avro sources of all schema ids that stand in the records."""
        for schema_id, source in sources.items():
            self.put(schema_path(schema_id), json.dumps(source, ensure_ascii=False, indent=2).encode() + b"\n")

    def key(self, key: Verifier) -> None:
        """The public half, for convenience: who checks trusts a key that came another way."""
        self.put(KEY, f"{key}\n".encode())

    def rotations(self, notes: Sequence[Note]) -> None:
        """The changes of keys that led to the one that signs, oldest first; no file where there are none."""
        if notes:
            self.put(ROTATIONS, write_notes(notes).encode())

    def put(self, path: str, data: bytes) -> None:
        """A whole file, at once or not at all. Raises: OSError."""
        self.put_all(path, [data])

    def put_all(self, path: str, pieces: Iterable[bytes]) -> int:
        """The same in pieces. How many they were."""
        count, target = 0, self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        writing = target.with_name(target.name + ".tmp")
        with writing.open("wb") as file:
            for count, piece in enumerate(pieces, 1):  # noqa: B007 - it is what is returned
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        writing.replace(target)
        return count

    def seal(self, manifest: Manifest, signer: Signer, rotations: Sequence[Note] = ()) -> Manifest:
        """Lists all files of the folder with their hashes, and signs. The manifest as written. Raises: OSError."""
        self.key(signer.verifier)
        self.rotations(rotations)
        whole = replace(manifest, files=tuple(file_part(self.folder, path) for path in files_in(self.folder)))
        data = whole.json()
        self.put(MANIFEST, data)
        self.put(NOTE, str(signed(note_text(data), [signer])).encode())
        return whole


def files_in(folder: Path) -> list[str]:
    """Every file of a bundle that its manifest lists, by its path with slashes; also what is a link or no file at all."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path for path in found if path not in UNLISTED)


def file_part(folder: Path, path: str) -> FilePart:
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FilePart(path, size, digest.hexdigest())


class BundleReader:
    """The parts of a bundle as they lie there; `audit.verify` says whether they are right. Raises: OSError, Malformed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, path: str) -> Path:
        """Where a file named by a manifest lies. Raises: Malformed for one that would lie elsewhere."""
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
            raise Malformed(f"a file outside of the bundle: {path!r}")
        return self.folder / path

    def manifest(self) -> bytes:
        return (self.folder / MANIFEST).read_bytes()

    def note(self) -> str:
        return (self.folder / NOTE).read_bytes().decode("utf-8", "replace")

    def leaves(self, topic: str, partition: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of each leaf, streamed."""
        with self.path(records_path(topic, partition)).open("rb") as file:
            yield from read_frames(file)

    def checkpoints(self, topic: str, partition: int) -> list[Note]:
        return list(read_notes(self.path(checkpoints_path(topic, partition)).read_bytes().decode("utf-8", "replace")))

    def rotations(self) -> list[Note]:
        path = self.folder / ROTATIONS
        return list(read_notes(path.read_bytes().decode("utf-8", "replace"))) if path.exists() else []

    def gaps(self, topic: str, partition: int) -> Iterator[bytes]:
        """The hashes of the gaps, streamed; none where there is no such file."""
        path = self.path(gaps_path(topic, partition))
        if path.exists():
            with path.open("rb") as file:
                yield from _hashes(file)

    def conversations(self) -> Iterator[ConversationPart]:
        path = self.folder / CONVERSATIONS
        if path.exists():
            with path.open("rb") as file:
                yield from map(parse_conversation, file)

    def schema(self, schema_id: int) -> Any:
        return json.loads(self.path(schema_path(schema_id)).read_bytes())


def _hashes(file: BinaryIO) -> Iterator[bytes]:
    while found := file.read(32):
        yield found
