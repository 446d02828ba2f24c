"""Whether a bundle is what it says: every file, every record, every signature. Reads the folder and nothing else.

Called by `python -m audit` and `warbler audit verify`. Memory: one record, the checkpoints, and one entry a conversation.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from audit.bundle import ROTATIONS, BundleReader, file_part, files_in, records_path
from audit.chain import Trust, check_chain, check_note
from audit.checkpoint import Checkpoint, parse_origin
from audit.errors import Malformed
from audit.findings import Report, Wrong
from audit.leaf import Leaf, leaf_hash, parse_leaf
from audit.manifest import Manifest, PartPart, is_note_of, parse_manifest
from audit.note import parse_note
from audit.rotation import followed
from audit.seqs import SeqReader, Seqs
from audit.tree import GapFiller


def verify_bundle(folder: Path, trust: Trust) -> Report:
    """Everything that is wrong with a bundle. Raises: OSError where the folder itself cannot be read."""
    report, reader = Report(), BundleReader(folder)
    trust = _trusted(reader, trust, report)
    manifest = _signed_manifest(reader, trust, report)
    if manifest is None:
        return report
    _check_files(folder, manifest, report)
    seqs = _followed(reader, manifest, report)
    for part in manifest.parts:
        _Part(reader, part, trust, report, seqs).check()
    _check_parts_are_all(folder, manifest, report)
    _check_seqs(reader, seqs, report)
    return report


def _trusted(reader: BundleReader, trust: Trust, report: Report) -> Trust:
    """With the keys to which the bundle's changes of keys lead."""
    try:
        return followed(trust, reader.rotations(), ROTATIONS, report)
    except (Malformed, OSError) as exc:
        report.found(Wrong.KEY_ROTATION_MALFORMED, ROTATIONS, exc)
        return trust


def _signed_manifest(reader: BundleReader, trust: Trust, report: Report) -> Manifest | None:
    try:
        data = reader.manifest()
    except OSError as exc:
        report.found(Wrong.MANIFEST_MISSING, "manifest.json", exc)
        return None
    try:
        note = parse_note(reader.note())
        if check_note(note, "manifest.note", trust, report) and not is_note_of(note, data):
            report.found(Wrong.MANIFEST_CHANGED, "manifest.json")
    except OSError as exc:
        report.found(Wrong.NOTE_MISSING, "manifest.note", exc)
    except Malformed as exc:
        report.found(Wrong.NOTE_MALFORMED, "manifest.note", exc)
    try:
        return parse_manifest(data)
    except Malformed as exc:
        report.found(Wrong.MANIFEST_MALFORMED, "manifest.json", exc)
        return None


def _check_files(folder: Path, manifest: Manifest, report: Report) -> None:
    reader, there = BundleReader(folder), set(files_in(folder))
    for named in manifest.files:
        report.files_count += 1
        try:
            path = reader.path(named.path)
        except Malformed as exc:
            report.found(Wrong.FILE_OUTSIDE, named.path, exc)
            continue
        if path.is_symlink() or not path.is_file():
            report.found(Wrong.FILE_MISSING, named.path)
        elif (found := file_part(folder, named.path)) != named:
            report.found(
                Wrong.FILE_CHANGED, named.path, f"{found.bytes} bytes, {named.bytes} are named" if found.bytes != named.bytes else ""
            )
    for path_there in sorted(there - {named.path for named in manifest.files}):
        report.found(Wrong.FILE_ADDED, path_there)


def _check_parts_are_all(folder: Path, manifest: Manifest, report: Report) -> None:
    named = {records_path(part.topic, part.partition) for part in manifest.parts}
    for path in files_in(folder):
        if path.startswith("records/") and path not in named:
            report.found(Wrong.FILE_ADDED, path, "no part of the manifest is about it")


def _followed(reader: BundleReader, manifest: Manifest, report: Report) -> Seqs:
    """Which conversations must be whole: those that the bundle says are."""
    named: set[str] = set()
    try:
        named = {part.conversation for part in reader.conversations()}
    except (Malformed, OSError) as exc:
        report.found(Wrong.CONVERSATIONS_COUNT, "conversations.ndjson", exc)
    if len(named) != manifest.conversations_count:
        detail = f"{len(named)}, the manifest says {manifest.conversations_count}"
        report.found(Wrong.CONVERSATIONS_COUNT, "conversations.ndjson", detail)
    return Seqs(named)


def _check_seqs(reader: BundleReader, seqs: Seqs, report: Report) -> None:
    for conversation, (due, came) in sorted(seqs.holes.items()):
        report.found(Wrong.SEQ_GAP, conversation, f"seq {came} where {due} was due")
    report.conversations_count = len(seqs.followed or ())
    try:
        for part in reader.conversations():
            found = seqs.ranges.get(part.conversation)
            if found != (part.first_seq, part.last_seq):
                told = f"{found[0]} to {found[1]}" if found else "none"
                report.found(Wrong.SEQ_RANGE, part.conversation, f"{told}, named are {part.first_seq} to {part.last_seq}")
    except (Malformed, OSError):
        return  # said by `_followed`


class _Part:
    """The check of one tree's records."""

    def __init__(self, reader: BundleReader, part: PartPart, trust: Trust, report: Report, seqs: Seqs) -> None:
        self.reader, self.part, self.trust, self.report, self.seqs = reader, part, trust, report, seqs
        self.where = records_path(part.topic, part.partition)
        self.values = SeqReader(self._schema)
        self.wrong_values: set[str] = set()

    def check(self) -> None:
        chain = self._chain()
        try:
            self._check_records(chain)
        except (Malformed, OSError) as exc:
            self.report.found(Wrong.RECORDS_MALFORMED, self.where, exc)

    def _chain(self) -> list[Checkpoint]:
        part, where = self.part, f"checkpoints/{self.part.topic}-{self.part.partition}.notes"
        try:
            origin = parse_origin(part.origin)
            notes = self.reader.checkpoints(part.topic, part.partition)
        except (Malformed, OSError) as exc:
            self.report.found(Wrong.CHECKPOINT_MALFORMED, where, exc)
            return []
        if (origin.topic, origin.partition) != (part.topic, part.partition):
            self.report.found(Wrong.CHECKPOINT_FOREIGN, where, f"{origin} for {part.topic}-{part.partition}")
        chain = check_chain(notes, origin, where, self.trust, self.report)
        if chain and chain[-1].size != part.tree_size:
            self.report.found(
                Wrong.RECORDS_RANGE, where, f"the last checkpoint has {chain[-1].size} records, the manifest {part.tree_size}"
            )
            return []
        return chain

    def _check_records(self, chain: list[Checkpoint]) -> None:
        filler = GapFiller(self.part.tree_size, self.reader.gaps(self.part.topic, self.part.partition))
        roots = _Roots(chain, self.where, self.report)
        first: tuple[int, int] | None = None
        last, count = (-1, -1), 0
        for index, data, leaf in self._leaves():
            if index <= last[0] or leaf.offset <= last[1]:
                self.report.found(
                    Wrong.RECORDS_ORDER, self.where, f"leaf {index} at offset {leaf.offset} after leaf {last[0]} at offset {last[1]}"
                )
                break
            first, last, count = first or (index, leaf.offset), (index, leaf.offset), count + 1
            roots.take(filler, index, leaf_hash(data), leaf.offset)
            self._take_seq(leaf)
        self.report.records_count += count
        self._check_range(first or (-1, -1), last, count)
        roots.end(filler)

    def _leaves(self) -> Iterator[tuple[int, bytes, Leaf]]:
        for index, data in self.reader.leaves(self.part.topic, self.part.partition):
            yield index, data, parse_leaf(data)

    def _check_range(self, first: tuple[int, int], last: tuple[int, int], count: int) -> None:
        part = self.part
        if count != part.records_count:
            self.report.found(Wrong.RECORDS_COUNT, self.where, f"{count}, the manifest says {part.records_count}")
        if (*first, *last) != (part.first_index, part.first_offset, part.last_index, part.last_offset):
            self.report.found(Wrong.RECORDS_RANGE, self.where, f"leaves {first[0]} to {last[0]}, offsets {first[1]} to {last[1]}")
        if part.whole and (count != part.tree_size or last[0] != part.tree_size - 1):
            self.report.found(Wrong.RECORDS_RANGE, self.where, f"{count} of {part.tree_size} leaves in a part that says it is whole")

    def _take_seq(self, leaf: Leaf) -> None:
        if not self.seqs.followed or leaf.key is None or leaf.key.decode("utf-8", "replace") not in self.seqs.followed:
            return
        try:
            found = self.values.read(leaf.value)
        except (Malformed, LookupError) as exc:
            wrong = Wrong.SCHEMA_MISSING if isinstance(exc, LookupError) else Wrong.VALUE_MALFORMED
            if str(exc) not in self.wrong_values:
                self.wrong_values.add(str(exc))
                self.report.found(wrong, self.where, f"offset {leaf.offset}: {exc}")
            return
        if found is not None:
            self.seqs.take(*found)

    def _schema(self, schema_id: int) -> dict[str, object]:
        try:
            found = self.reader.schema(schema_id)
        except (OSError, json.JSONDecodeError, UnicodeDecodeError) as exc:
            raise LookupError(f"schema {schema_id}") from exc
        return found if isinstance(found, dict) else {}


class _Roots:
    """The roots of all checkpoints that the records pass, so that what was changed is found between two of them."""

    def __init__(self, chain: list[Checkpoint], where: str, report: Report) -> None:
        self.chain, self.where, self.report = chain, where, report
        self.waiting = [checkpoint for checkpoint in chain if checkpoint.size > 0]
        self.good_size = 0
        self.failed = self.unproven = False

    def take(self, filler: GapFiller, index: int, leaf: bytes, offset: int) -> None:
        """One more leaf. Once the proof has failed nothing more can be said of roots, only of the records themselves."""
        if self.unproven:
            return
        try:
            filler.add(index, leaf)
        except Malformed as exc:
            self._unproven(exc)
            return
        while self.waiting and self.waiting[0].size <= filler.taken:
            checkpoint = self.waiting.pop(0)
            if checkpoint.size == filler.taken and not self.failed:
                self._compare(checkpoint, filler.root_of_taken(), offset)

    def end(self, filler: GapFiller) -> None:
        if self.unproven:
            return
        try:
            root = filler.root()
        except Malformed as exc:
            self._unproven(exc)
            return
        if self.chain and not self.failed:
            self._compare(self.chain[-1], root, None)

    def _unproven(self, why: Malformed) -> None:
        self.unproven = True
        self.report.found(Wrong.PROOF_MALFORMED, self.where, why)

    def _compare(self, checkpoint: Checkpoint, root: bytes, offset: int | None) -> None:
        if root != checkpoint.root:
            self.failed = True
            detail = f"somewhere in leaves {self.good_size} to {checkpoint.size - 1}"
            self.report.found(Wrong.ROOT_DIFFERS, self.where, detail)
        elif offset is not None and offset != checkpoint.last_offset:
            self.report.found(Wrong.CHECKPOINT_OFFSETS, self.where, f"{offset}, the checkpoint says {checkpoint.last_offset}")
        self.good_size = checkpoint.size
