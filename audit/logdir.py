"""Whether a Kafka log directory holds what was sealed: its records against the checkpoints, of the same copy or kept elsewhere.

Called by `python -m audit` and `warbler audit verify`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from audit.chain import Trust, check_chain
from audit.checkpoint import Checkpoint, parse_checkpoint, read_notes
from audit.errors import Malformed
from audit.findings import Report, Wrong
from audit.leaf import Leaf, leaf_bytes, leaf_hash
from audit.note import Note, parse_note
from audit.rotation import followed, is_rotation
from audit.segments import Place, SegmentCut, partitions_in, read_segments
from audit.tree import Frontier
from schemas.audits import CheckpointSigned, CheckpointWitnessed, KeyRotated
from schemas.codec import decode
from schemas.errors import Undecodable

AUDIT_TOPIC = "audit-checkpoints"


def verify_log(folder: Path, trust: Trust, kept: Sequence[Path] = ()) -> Report:
    """Everything that is wrong with the records of a log directory that are sealed.

    `kept`: files of checkpoints, or folders of them, that were kept elsewhere. Raises: OSError.
    """
    report, places, changes = Report(), partitions_in(folder), list[Note]()
    notes = _notes_of_log(places, changes, report)
    for place, found in _notes_of_files(kept, changes, report).items():
        notes[place] += found
    trust = followed(trust, changes, AUDIT_TOPIC, report)
    for place in sorted({*notes, *(place for place in places if place[0] != AUDIT_TOPIC and not notes)}):
        _check_place(place, places.get(place), notes.get(place, []), trust, report)
    unsealed = sorted(place for place in places if place not in notes and place[0] != AUDIT_TOPIC)
    if notes and unsealed:
        report.notes.append(f"never sealed: {', '.join(f'{topic}-{number}' for topic, number in unsealed)}")
    return report


def _notes_of_log(places: Mapping[Place, Path], changes: list[Note], report: Report) -> dict[Place, list[Note]]:
    """Per topic-partition its notes; the witness's, which have one signature more, in the place of the sealer's.

    Changes of keys go into `changes`.
    """
    found: dict[Place, list[Note]] = defaultdict(list)
    for (topic, number), path in places.items():
        if topic != AUDIT_TOPIC:
            continue
        for leaf in _leaves(path, f"{topic}-{number}", report):
            _add_note(leaf, found, changes, f"{topic}-{number}", report)
    return found


def _add_note(leaf: Leaf, found: dict[Place, list[Note]], changes: list[Note], where: str, report: Report) -> None:
    try:
        record = decode(leaf.value, CheckpointSigned | CheckpointWitnessed | KeyRotated)  # type: ignore[arg-type]  # a union, as decoders take it
    except Undecodable:
        return  # an alarm, or a sealer's control record
    try:
        note = parse_note(record.note)
    except Malformed as exc:
        malformed = Wrong.KEY_ROTATION_MALFORMED if isinstance(record, KeyRotated) else Wrong.CHECKPOINT_MALFORMED
        report.found(malformed, where, exc)
        return
    if isinstance(record, KeyRotated):
        changes.append(note)
        return
    notes = found[record.topic, record.partition]
    same = next((number for number in range(len(notes) - 1, -1, -1) if notes[number].text == note.text), None)
    if same is None:
        notes.append(note)
    elif len(note.signatures) > len(notes[same].signatures):
        notes[same] = note


def _notes_of_files(kept: Sequence[Path], changes: list[Note], report: Report) -> dict[Place, list[Note]]:
    found: dict[Place, list[Note]] = defaultdict(list)
    for path in kept:
        for file in sorted(path.rglob("*.notes")) if path.is_dir() else [path]:
            try:
                for note in read_notes(file.read_text()):
                    if is_rotation(note):
                        changes.append(note)
                        continue
                    origin = parse_checkpoint(note.text).origin
                    found[origin.topic, origin.partition].append(note)
            except (Malformed, UnicodeDecodeError) as exc:
                report.found(Wrong.CHECKPOINT_MALFORMED, str(file), exc)
    return found


def _leaves(path: Path, where: str, report: Report) -> list[Leaf]:
    found = []
    try:
        for leaf in read_segments(path):
            found.append(leaf)  # noqa: PERF402 - what was read before the damage counts
    except SegmentCut as exc:
        report.found(Wrong.SEGMENT_CUT, where, exc)
    except Malformed as exc:
        report.found(Wrong.SEGMENT_DAMAGED, where, exc)
    return found


def _check_place(place: Place, path: Path | None, notes: Sequence[Note], trust: Trust, report: Report) -> None:
    where = f"{place[0]}-{place[1]}"
    chain = check_chain(_in_order(notes), None, where, trust, report)
    if not chain:
        return
    if path is None:
        report.found(Wrong.LOG_TRUNCATED, where, f"no segments of {chain[-1].size} records that were sealed")
        return
    _Growing(chain, where, report).check(path)


def _in_order(notes: Sequence[Note]) -> list[Note]:
    """Of kept files and of the log, each checkpoint once; a chain is known by its sizes."""
    unique = {note.text: note for note in sorted(notes, key=lambda note: len(note.signatures))}
    return sorted(unique.values(), key=_place_in_chain)


def _place_in_chain(note: Note) -> tuple[int, int, int]:
    try:
        checkpoint = parse_checkpoint(note.text)
    except Malformed:
        return (0, 0, 0)  # said by the check of the chain
    return checkpoint.origin.generation, checkpoint.size, checkpoint.at_ms


class _Growing:
    """The tree grown anew from the segments, compared at each checkpoint."""

    def __init__(self, chain: Sequence[Checkpoint], where: str, report: Report) -> None:
        self.chain, self.where, self.report = chain, where, report
        self.waiting = [checkpoint for checkpoint in chain if checkpoint.size]
        self.frontier = Frontier()
        self.good_size, self.last_offset = 0, -1

    def check(self, path: Path) -> None:
        try:
            for leaf in read_segments(path):
                if not self._take(leaf):
                    return
        except SegmentCut as exc:
            self.report.found(Wrong.SEGMENT_CUT, self.where, exc)
        except Malformed as exc:
            self.report.found(Wrong.SEGMENT_DAMAGED, self.where, exc)
            return
        self._end()

    def _take(self, leaf: Leaf) -> bool:
        """Whether to go on."""
        if not self.frontier.size and self.chain[-1].size and leaf.offset > self.chain[-1].first_offset:
            detail = f"it begins at offset {leaf.offset}, sealed was from {self.chain[-1].first_offset} on"
            self.report.found(Wrong.LOG_BEGINS_LATER, self.where, detail)
            return False
        if leaf.offset <= self.last_offset:
            self.report.found(Wrong.RECORDS_ORDER, self.where, f"offset {leaf.offset} after {self.last_offset}")
            return False
        self.frontier.append(leaf_hash(leaf_bytes(*leaf)))
        self.last_offset = leaf.offset
        self.report.records_count += 1
        return self._compare(leaf.offset)

    def _compare(self, offset: int) -> bool:
        while self.waiting and self.waiting[0].size == self.frontier.size:
            checkpoint = self.waiting.pop(0)
            if checkpoint.root != self.frontier.root():
                detail = f"somewhere in leaves {self.good_size} to {checkpoint.size - 1}, up to offset {checkpoint.last_offset}"
                self.report.found(Wrong.ROOT_DIFFERS, self.where, detail)
                return False
            if checkpoint.last_offset != offset:
                self.report.found(Wrong.CHECKPOINT_OFFSETS, self.where, f"{offset}, the checkpoint says {checkpoint.last_offset}")
            self.good_size = checkpoint.size
        return True

    def _end(self) -> None:
        if self.waiting:
            detail = f"{self.frontier.size} records up to offset {self.last_offset}, sealed were {self.chain[-1].size}"
            self.report.found(Wrong.LOG_TRUNCATED, self.where, detail)
        elif self.frontier.size > self.good_size:
            self.report.notes.append(
                f"{self.where}: {self.frontier.size - self.good_size} records after the last checkpoint are not sealed yet"
            )
