"""The mutation suite: each kind of tampering is found, and named as what it is; what nobody touched passes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.bundle import BundleWriter, file_part, files_in
from audit.chain import Trust
from audit.checkpoint import Checkpoint, Origin, parse_checkpoint, read_notes, write_notes
from audit.command import GOOD, UNUSABLE, WRONG, run
from audit.findings import Wrong
from audit.leaf import RECORDS_MAGIC, Leaf, frames, leaf_bytes, read_frames
from audit.logdir import verify_log
from audit.manifest import Manifest, note_text, parse_manifest
from audit.note import cosigned, signed
from audit.verify import verify_bundle
from tests.audit.world import (
    CHECKPOINT_SIZES,
    NUMBER,
    ORIGIN,
    SEALER,
    START_MS,
    THIEF,
    TOPIC,
    TRUST,
    WITNESS,
    Made,
    batch,
    bundle,
    checkpoints,
    event,
    log_directory,
    notes,
    records,
)

RECORDS, NOTES, GAPS = f"records/{TOPIC}-{NUMBER}.rec", f"checkpoints/{TOPIC}-{NUMBER}.notes", f"proofs/{TOPIC}-{NUMBER}.gaps"
Tampering = Callable[[Path], object]


def rewrite(folder: Path, change: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]]) -> None:
    path = folder / RECORDS
    with path.open("rb") as file:
        leaves = list(read_frames(file))
    path.write_bytes(RECORDS_MAGIC + frames(change(leaves)))


def renote(folder: Path, change: Callable[[list], list]) -> None:  # type: ignore[type-arg]
    path = folder / NOTES
    path.write_text(write_notes(change(list(read_notes(path.read_text())))))


def remanifest(folder: Path, change: Callable[[Manifest], Manifest], by: object = SEALER) -> None:
    """By whoever holds the key: the manifest fits its files again, and is signed."""
    manifest = parse_manifest((folder / "manifest.json").read_bytes())
    files = tuple(file_part(folder, path) for path in files_in(folder))
    data = change(replace(manifest, files=files)).json()
    (folder / "manifest.json").write_bytes(data)
    (folder / "manifest.note").write_text(str(signed(note_text(data), [by])))  # type: ignore[list-item]


def same(manifest: Manifest) -> Manifest:
    return manifest


def flipped(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(bytes(data))


def forged(leaf: bytes, number: int = 7) -> bytes:
    return leaf.replace(f"hello {number}".encode(), f"hallo {number}".encode())


def resigned(folder: Path) -> None:
    """Another record, another history: all of it signed again, consistently, with another key of the same name."""
    leaves = records()
    leaves[7] = leaves[7]._replace(value=event(6))
    shutil.rmtree(folder)
    bundle(folder, Made(tuple(leaves), by=THIEF, notes=tuple(notes(leaves, THIEF))))


def by_key_holder(change: Tampering) -> Tampering:
    """The files are changed and the manifest is made to fit: only the checkpoints still tell."""

    def tamper(folder: Path) -> None:
        change(folder)
        remanifest(folder, same)

    return tamper


def dropped_and_recounted(folder: Path) -> None:
    rewrite(folder, lambda leaves: leaves[:-1])
    remanifest(folder, lambda m: replace(m, parts=(replace(m.parts[0], records_count=39, last_index=38, last_offset=39),)))


def renumbered(folder: Path) -> None:
    """One record is taken out and the others close up."""
    rewrite(folder, lambda leaves: [(index - (index > 7), leaf) for index, leaf in leaves if index != 7])
    remanifest(folder, lambda m: replace(m, parts=(replace(m.parts[0], records_count=39, last_index=38),)))


# what is done to a bundle of all 40 records: the name of what must be found, among others perhaps
WHOLE: dict[str, tuple[Tampering, Wrong]] = {
    "a flipped bit in a record": (lambda f: flipped(f / RECORDS, 900), Wrong.FILE_CHANGED),
    "a flipped bit in a record, by who can sign manifests": (
        by_key_holder(lambda f: rewrite(f, lambda leaves: [(i, forged(leaf)) for i, leaf in leaves])),
        Wrong.ROOT_DIFFERS,
    ),
    "a record is taken out": (lambda f: rewrite(f, lambda leaves: leaves[:7] + leaves[8:]), Wrong.RECORDS_COUNT),
    "a record is taken out and the others close up": (renumbered, Wrong.PROOF_MALFORMED),
    "the last record is taken out, recounted and signed": (dropped_and_recounted, Wrong.RECORDS_RANGE),
    "the last records are cut off": (lambda f: rewrite(f, lambda leaves: leaves[:30]), Wrong.RECORDS_COUNT),
    "a record is there twice": (lambda f: rewrite(f, lambda leaves: [*leaves[:8], leaves[7], *leaves[8:]]), Wrong.RECORDS_ORDER),
    "a record is put in": (
        lambda f: rewrite(f, lambda leaves: [*leaves, (40, leaf_bytes(41, 1, b"g-0", event(40)))]),
        Wrong.RECORDS_COUNT,
    ),
    "two records change places": (
        lambda f: rewrite(f, lambda leaves: [*leaves[:7], leaves[8], leaves[7], *leaves[9:]]),
        Wrong.RECORDS_ORDER,
    ),
    "two records change places and numbers": (
        by_key_holder(lambda f: rewrite(f, lambda leaves: [*leaves[:7], (7, leaves[8][1]), (8, leaves[7][1]), *leaves[9:]])),
        Wrong.RECORDS_ORDER,
    ),
    "a record's time is changed": (
        by_key_holder(
            lambda f: rewrite(f, lambda leaves: [*leaves[:7], (7, leaf_bytes(*records()[7]._replace(timestamp_ms=1))), *leaves[8:]])
        ),
        Wrong.ROOT_DIFFERS,
    ),
    "a record's header is taken away": (
        by_key_holder(lambda f: rewrite(f, lambda leaves: [*leaves[:7], (7, leaf_bytes(*records()[7]._replace(headers=()))), *leaves[8:]])),
        Wrong.ROOT_DIFFERS,
    ),
    "a record gets another key": (
        by_key_holder(lambda f: rewrite(f, lambda leaves: [*leaves[:7], (7, leaf_bytes(*records()[7]._replace(key=b"g-0"))), *leaves[8:]])),
        Wrong.ROOT_DIFFERS,
    ),
    "a frame is cut off": (lambda f: (f / RECORDS).write_bytes((f / RECORDS).read_bytes()[:-3]), Wrong.RECORDS_MALFORMED),
    "the file of records is emptied": (lambda f: (f / RECORDS).write_bytes(b""), Wrong.RECORDS_MALFORMED),
    "the file of records is gone": (lambda f: (f / RECORDS).unlink(), Wrong.FILE_MISSING),
    "a checkpoint's root is changed": (
        by_key_holder(lambda f: renote(f, lambda ns: [replace(ns[0], text=ns[0].text.replace("first 0", "first 1")), *ns[1:]])),
        Wrong.SIGNATURE_BROKEN,
    ),
    "a checkpoint's signature is broken": (by_key_holder(lambda f: broken_signature(f / NOTES)), Wrong.SIGNATURE_BROKEN),
    "a checkpoint is of a stranger": (
        by_key_holder(lambda f: renote(f, lambda ns: [*ns[:-1], signed(ns[-1].text, [THIEF])])),
        Wrong.KEY_UNKNOWN,
    ),
    "a checkpoint is taken out": (by_key_holder(lambda f: renote(f, lambda ns: [ns[0], ns[2]])), Wrong.CHECKPOINT_CHAIN),
    "checkpoints change places": (by_key_holder(lambda f: renote(f, lambda ns: [ns[1], ns[0], ns[2]])), Wrong.CHECKPOINT_SHRINKS),
    "the last checkpoint is taken away": (by_key_holder(lambda f: renote(f, lambda ns: ns[:2])), Wrong.RECORDS_RANGE),
    "all checkpoints are taken away": (by_key_holder(lambda f: (f / NOTES).write_text("")), Wrong.CHECKPOINT_MISSING),
    "the file of checkpoints is no text of notes": (by_key_holder(lambda f: (f / NOTES).write_text("x")), Wrong.CHECKPOINT_MALFORMED),
    "a checkpoint of another topic": (by_key_holder(lambda f: foreign_checkpoint(f)), Wrong.CHECKPOINT_FOREIGN),
    "two checkpoints of one size": (by_key_holder(lambda f: forked(f)), Wrong.CHECKPOINT_FORKED),
    "a checkpoint with other offsets": (by_key_holder(lambda f: other_offsets(f)), Wrong.CHECKPOINT_OFFSETS),
    "a history that was signed again with another key": (resigned, Wrong.KEY_UNKNOWN),
    "a manifest that says less": (lambda f: edit_manifest(f, b'"records_count": 40', b'"records_count": 39'), Wrong.MANIFEST_CHANGED),
    "a manifest of somebody else": (lambda f: remanifest(f, same, THIEF), Wrong.KEY_UNKNOWN),
    "a manifest that is no JSON": (lambda f: edit_manifest(f, b"{", b"<"), Wrong.MANIFEST_MALFORMED),
    "a manifest of a later format": (lambda f: edit_manifest(f, b"warbler-bundle/1", b"warbler-bundle/9"), Wrong.MANIFEST_MALFORMED),
    "the manifest is gone": (lambda f: (f / "manifest.json").unlink(), Wrong.MANIFEST_MISSING),
    "the manifest's signature is gone": (lambda f: (f / "manifest.note").unlink(), Wrong.NOTE_MISSING),
    "the manifest's signature is no note": (lambda f: (f / "manifest.note").write_text("x"), Wrong.NOTE_MALFORMED),
    "the manifest's signature is broken": (lambda f: broken_signature(f / "manifest.note"), Wrong.SIGNATURE_BROKEN),
    "a readable file is changed": (lambda f: (f / "readable/all.csv").write_bytes(b"hallo\n"), Wrong.FILE_CHANGED),
    "a readable file is gone": (lambda f: (f / "readable/all.csv").unlink(), Wrong.FILE_MISSING),
    "a readable file is a link": (lambda f: link(f / "readable/all.csv"), Wrong.FILE_MISSING),
    "a file is put in": (lambda f: (f / "readable/more.csv").write_bytes(b""), Wrong.FILE_ADDED),
    "a file of records that no part is about": (
        by_key_holder(lambda f: (f / "records/call-events-0.rec").write_bytes(RECORDS_MAGIC)),
        Wrong.FILE_ADDED,
    ),
    "a manifest that leads out of the bundle": (lambda f: remanifest(f, outside), Wrong.FILE_OUTSIDE),
    "a conversation is not listed any more": (by_key_holder(lambda f: conversations_of(f, 1)), Wrong.CONVERSATIONS_COUNT),
    "a conversation is said to be longer": (by_key_holder(lambda f: conversations_of(f, 2, b"20", b"21")), Wrong.SEQ_RANGE),
    "schemas that are none": (by_key_holder(lambda f: odd_schemas(f)), Wrong.VALUE_MALFORMED),
    "a schema is gone": (by_key_holder(lambda f: shutil.rmtree(f / "schemas")), Wrong.SCHEMA_MISSING),
}


def odd_schemas(folder: Path) -> None:
    for number, path in enumerate(sorted((folder / "schemas").iterdir())):
        path.write_text(
            ['{"fields": 7}', '{"fields": [7]}', '{"type": "nonsense", "fields": [{"name": "conversation_id"}, {"name": "seq"}]}'][
                number % 3
            ]
        )


def broken_signature(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.rindex("— ".encode()) + len("— warbler-sealer ".encode()) + 30
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    path.write_bytes(bytes(data))


def edit_manifest(folder: Path, old: bytes, new: bytes) -> None:
    path = folder / "manifest.json"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def link(path: Path) -> None:
    there = path.read_bytes()
    path.unlink()
    other = path.parent.parent.parent / "elsewhere.csv"
    other.write_bytes(there)
    path.symlink_to(other)


def outside(manifest: Manifest) -> Manifest:
    return replace(manifest, files=(*manifest.files, replace(manifest.files[0], path="../elsewhere")))


def conversations_of(folder: Path, count: int, old: bytes = b"", new: bytes = b"") -> None:
    path = folder / "conversations.ndjson"
    path.write_bytes(b"".join(path.read_bytes().replace(old, new).splitlines(keepends=True)[:count]))


def foreign_checkpoint(folder: Path) -> None:
    other = replace(checkpoints(records())[0], origin=Origin("cluster", "admin-events", 0))
    renote(folder, lambda ns: [signed(other.text(), [SEALER]), *ns])


def forked(folder: Path) -> None:
    (first, *_) = checkpoints(records())
    other = replace(first, root=bytes(32), previous=first.digest())
    renote(folder, lambda ns: [ns[0], signed(other.text(), [SEALER]), *ns[1:]])


def other_offsets(folder: Path) -> None:
    (first, *_) = checkpoints(records())
    renote(folder, lambda ns: [signed(replace(first, last_offset=11).text(), [SEALER]), *ns[1:]])


def found_in(folder: Path, trust: Trust = TRUST) -> set[Wrong]:
    return {finding.wrong for finding in verify_bundle(folder, trust).findings}


def test_a_bundle_that_nobody_touched_passes(tmp_path: Path) -> None:
    report = verify_bundle(bundle(tmp_path), TRUST)
    assert report.findings == []
    assert (report.records_count, report.checkpoints_count, report.conversations_count) == (40, 3, 2)
    assert report.signers == [str(SEALER.verifier)]


def test_a_bundle_of_one_conversation_passes_and_proves_it_without_the_others(tmp_path: Path) -> None:
    report = verify_bundle(bundle(tmp_path, Made(only="g-1")), TRUST)
    assert report.findings == []
    assert (report.records_count, report.conversations_count) == (20, 1)
    assert b"g-0" not in (tmp_path / RECORDS).read_bytes()


@pytest.mark.parametrize("kind", WHOLE)
def test_tampering_with_a_bundle_is_found_and_named(tmp_path: Path, kind: str) -> None:
    tamper, wrong = WHOLE[kind]
    folder = bundle(tmp_path / "bundle")
    tamper(folder)
    assert wrong in found_in(folder)


# what is done to a bundle of one conversation: there the gaps must be covered too
PARTIAL: dict[str, tuple[Tampering, Wrong]] = {
    "an event is left out, with its hash in the gap": (lambda f: left_out(f, 9), Wrong.SEQ_GAP),
    "the last event is left out, with its hash in the gap": (lambda f: left_out(f, 39), Wrong.SEQ_RANGE),
    "an event is another one": (by_key_holder(lambda f: rewrite(f, lambda ls: [(i, forged(leaf)) for i, leaf in ls])), Wrong.ROOT_DIFFERS),
    "a hash of a gap is changed": (by_key_holder(lambda f: flipped(f / GAPS, 40)), Wrong.ROOT_DIFFERS),
    "a hash of a gap is gone": (by_key_holder(lambda f: (f / GAPS).write_bytes((f / GAPS).read_bytes()[32:])), Wrong.PROOF_MALFORMED),
    "a hash too many": (by_key_holder(lambda f: (f / GAPS).write_bytes((f / GAPS).read_bytes() + bytes(32))), Wrong.PROOF_MALFORMED),
    "the proof is gone": (by_key_holder(lambda f: (f / GAPS).unlink()), Wrong.PROOF_MALFORMED),
    "a value that its schema cannot read": (by_key_holder(lambda f: rewrite(f, unreadable)), Wrong.VALUE_MALFORMED),
}


def left_out(folder: Path, number: int) -> None:
    """By who can sign manifests and has the whole log: everything fits, but a conversation's seqs tell."""
    leaves = records()
    chosen = [index for index in range(40) if index % 2 and index != number]
    from audit.tree import gaps
    from tests.audit.world import tree_of

    tree = tree_of(leaves)
    rewrite(folder, lambda ls: [each for each in ls if each[0] != number])
    BundleWriter(folder).gaps(TOPIC, NUMBER, [tree.subtree(*each) for each in gaps(chosen, 40)])
    last = leaves[chosen[-1]].offset
    remanifest(folder, lambda m: replace(m, parts=(replace(m.parts[0], records_count=19, last_index=chosen[-1], last_offset=last),)))


def unreadable(leaves: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    short = records()[1]
    assert short.value is not None
    return [(1, leaf_bytes(*short._replace(value=short.value[:-4]))), *leaves[1:]]


@pytest.mark.parametrize("kind", PARTIAL)
def test_tampering_with_a_bundle_of_one_conversation_is_found_and_named(tmp_path: Path, kind: str) -> None:
    tamper, wrong = PARTIAL[kind]
    folder = bundle(tmp_path / "bundle", Made(only="g-1"))
    tamper(folder)
    assert wrong in found_in(folder)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_bit_of_any_file_can_be_flipped_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = bundle(tmp_path_factory.mktemp("bundle"))
    path = folder / data.draw(st.sampled_from([*files_in(folder), "manifest.json", "manifest.note"]))
    size = path.stat().st_size
    flipped(path, data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 7)))
    assert not verify_bundle(folder, TRUST).good


def known(size: int, leaves: list[Leaf]) -> Checkpoint:
    return next(checkpoint for checkpoint in checkpoints(leaves) if checkpoint.size == size)


def test_a_history_that_the_key_holder_signed_again_is_known_by_an_older_checkpoint(tmp_path: Path) -> None:
    other = records()
    other[7] = other[7]._replace(timestamp_ms=START_MS)
    folder = bundle(tmp_path, Made(tuple(other)))
    assert found_in(folder) == set()
    for size in CHECKPOINT_SIZES:
        assert found_in(folder, replace(TRUST, known=[known(size, records())])) == {Wrong.KNOWN_DIFFERS}
        assert found_in(folder, replace(TRUST, known=[known(size, other)])) == set()


def test_a_history_that_ends_before_a_known_checkpoint_was_cut_off(tmp_path: Path) -> None:
    leaves = records()[:25]
    folder = bundle(tmp_path, Made(tuple(leaves), notes=tuple(notes(leaves, sizes=(10, 25)))))
    assert Wrong.KNOWN_DIFFERS in found_in(folder, replace(TRUST, known=[known(40, records())]))


def test_without_the_witness_a_bundle_is_not_good_enough_for_who_asks_for_it(tmp_path: Path) -> None:
    trust = replace(TRUST, witnesses=[WITNESS.verifier])
    both = tuple(cosigned(note, WITNESS) for note in notes(records()))
    assert found_in(bundle(tmp_path / "1", Made(notes=both)), trust) == set()
    assert found_in(bundle(tmp_path / "2"), trust) == {Wrong.NOT_WITNESSED}
    forged_witness = tuple(cosigned(note, replace(THIEF, name="warbler-witness")) for note in notes(records()))
    assert found_in(bundle(tmp_path / "3", Made(notes=forged_witness)), trust) == {Wrong.NOT_WITNESSED}


# what is done to a log directory
SEGMENTS = [f"{TOPIC}-{NUMBER}/{0:020d}.log", f"{TOPIC}-{NUMBER}/{21:020d}.log"]
CHECKPOINTS_LOG = f"audit-checkpoints-{NUMBER}/{0:020d}.log"


def relog(folder: Path, change: Callable[[list[Leaf]], list[Leaf]]) -> None:
    """Segments written anew, with right checksums, by who has the broker's disk."""
    said = notes(records())
    shutil.rmtree(folder)
    log_directory(folder, change(records()), said)


def truncated(folder: Path, segment: int, count: int) -> None:
    path = folder / SEGMENTS[segment]
    path.write_bytes(path.read_bytes()[:-count])


def swapped(leaves: list[Leaf]) -> list[Leaf]:
    leaves[7], leaves[8] = (
        leaves[7]._replace(value=leaves[8].value, key=leaves[8].key),
        leaves[8]._replace(value=leaves[7].value, key=leaves[7].key),
    )
    return leaves


def without(number: int) -> Callable[[list[Leaf]], list[Leaf]]:
    return lambda leaves: leaves[:number] + leaves[number + 1 :]


def resealed(folder: Path) -> None:
    leaves = swapped(records())
    shutil.rmtree(folder)
    log_directory(folder, leaves, notes(leaves, THIEF))


LOG: dict[str, tuple[Tampering, Wrong]] = {
    "a flipped bit": (lambda f: flipped(f / SEGMENTS[0], 300), Wrong.SEGMENT_DAMAGED),
    "a flipped bit in the head of a batch": (lambda f: flipped(f / SEGMENTS[0], 20), Wrong.SEGMENT_DAMAGED),
    "a length beyond reason": (lambda f: flipped(f / SEGMENTS[0], 8, 6), Wrong.SEGMENT_DAMAGED),
    "a record is another one, with a right checksum": (
        lambda f: relog(f, lambda ls: [*ls[:7], ls[7]._replace(value=event(8)), *ls[8:]]),
        Wrong.ROOT_DIFFERS,
    ),
    "a record is taken out": (lambda f: relog(f, without(7)), Wrong.ROOT_DIFFERS),
    "records change places": (lambda f: relog(f, swapped), Wrong.ROOT_DIFFERS),
    "a record's time is changed": (lambda f: relog(f, lambda ls: [ls[0]._replace(timestamp_ms=1), *ls[1:]]), Wrong.ROOT_DIFFERS),
    "a batch is there twice": (lambda f: twice(f), Wrong.RECORDS_ORDER),
    "a segment is gone": (lambda f: (f / SEGMENTS[1]).unlink(), Wrong.LOG_TRUNCATED),
    "the first segment is gone": (lambda f: (f / SEGMENTS[0]).unlink(), Wrong.LOG_BEGINS_LATER),
    "all segments are gone": (lambda f: shutil.rmtree(f / f"{TOPIC}-{NUMBER}"), Wrong.LOG_TRUNCATED),
    "the end is cut off within a batch": (lambda f: truncated(f, 1, 5), Wrong.SEGMENT_CUT),
    "the end is cut off within a head": (lambda f: (f / SEGMENTS[1]).write_bytes((f / SEGMENTS[1]).read_bytes()[:8]), Wrong.SEGMENT_CUT),
    "the last records are cut off": (lambda f: relog(f, lambda ls: ls[:-1]), Wrong.LOG_TRUNCATED),
    "checkpoints of a stranger": (resealed, Wrong.KEY_UNKNOWN),
    "no checkpoints": (lambda f: shutil.rmtree(f / f"audit-checkpoints-{NUMBER}"), Wrong.CHECKPOINT_MISSING),
    "a checkpoint's bit is flipped": (lambda f: flipped(f / CHECKPOINTS_LOG, 400), Wrong.SEGMENT_DAMAGED),
    "a checkpoint is taken out": (lambda f: recheckpoint(f, lambda ns: [ns[0], ns[2]]), Wrong.CHECKPOINT_CHAIN),
    "a checkpoint is no note": (lambda f: recheckpoint(f, lambda ns: [replace(ns[0], signatures=()), *ns[1:]]), Wrong.CHECKPOINT_MALFORMED),
}


def recheckpoint(folder: Path, change: Callable[[list], list]) -> None:  # type: ignore[type-arg]
    shutil.rmtree(folder)
    log_directory(folder, records(), change(notes(records())))


def twice(folder: Path) -> None:
    path = folder / SEGMENTS[0]
    data = path.read_bytes()
    first = 12 + int.from_bytes(data[8:12], "big")
    path.write_bytes(data[:first] + data)


def test_a_log_directory_that_nobody_touched_passes(tmp_path: Path) -> None:
    folder = log_directory(tmp_path / "log", records(), notes(records()))
    for trust in (TRUST, replace(TRUST, witnesses=[WITNESS.verifier])):
        report = verify_log(folder, trust)
        assert report.findings == []
        assert (report.records_count, report.checkpoints_count) == (40, 3)


def test_records_after_the_last_checkpoint_are_told_and_no_fault(tmp_path: Path) -> None:
    folder = log_directory(tmp_path / "log", records(43), notes(records(43)))
    report = verify_log(folder, TRUST)
    assert report.findings == []
    assert report.notes == ["conversation-events-0: 3 records after the last checkpoint are not sealed yet"]


@pytest.mark.parametrize("kind", LOG)
def test_tampering_with_a_log_directory_is_found_and_named(tmp_path: Path, kind: str) -> None:
    tamper, wrong = LOG[kind]
    folder = log_directory(tmp_path / "log", records(), notes(records()))
    tamper(folder)
    assert wrong in {finding.wrong for finding in verify_log(folder, TRUST).findings}


def test_checkpoints_that_were_kept_elsewhere_show_what_was_taken_out_of_both_topics(tmp_path: Path) -> None:
    said, kept = notes(records()), tmp_path / "kept.notes"
    folder = log_directory(tmp_path / "log", records()[:25], said[:2])
    assert verify_log(folder, TRUST).good
    kept.write_text(write_notes(said))
    assert {finding.wrong for finding in verify_log(folder, TRUST, [kept]).findings} == {Wrong.LOG_TRUNCATED}
    assert {finding.wrong for finding in verify_log(folder, replace(TRUST, known=[known(40, records())])).findings} == {Wrong.KNOWN_DIFFERS}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_bit_of_a_segment_can_be_flipped_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = log_directory(tmp_path_factory.mktemp("log") / "log", records(), notes(records()))
    path = folder / data.draw(st.sampled_from(SEGMENTS))
    flipped(path, data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(0, 7)))
    report = verify_log(folder, TRUST)
    # The leader's epoch in a batch's head is under no checksum, and nothing a consumer could see.
    assert not report.good or report.records_count == 40


def test_a_batch_is_what_a_broker_stores(tmp_path: Path) -> None:
    assert batch(records()[:3], 0)[16] == 2


def told(folder: Path, *more: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    return run(["verify", str(folder), "--key", str(SEALER.verifier), *more], lines.append), lines


def test_the_auditors_command_tells_by_its_exit_code_and_names_what_it_found(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    code, lines = told(folder)
    assert (code, lines[-1]) == (GOOD, f"good   40 records, 3 checkpoints, 2 whole conversations, {len(files_in(folder))} files")
    flipped(folder / RECORDS, 900)
    code, lines = told(folder)
    assert code == WRONG
    assert any(line.startswith("WRONG  file-changed: records/") for line in lines)
    assert told(log_directory(tmp_path / "log", records(), notes(records())))[0] == GOOD


def test_a_key_in_a_file_and_known_checkpoints_are_taken(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (tmp_path / "keys").write_text(f"{THIEF.verifier}\n\n{SEALER.verifier}\n")
    (tmp_path / "known").write_text(write_notes(notes(records())[:2]))
    assert run(["verify", str(folder), "--key", str(tmp_path / "keys"), "--known", str(tmp_path / "known")], list[str]().append) == GOOD


def test_what_cannot_be_checked_is_neither_good_nor_wrong(tmp_path: Path) -> None:
    assert told(tmp_path / "nothing")[0] == UNUSABLE
    assert run(["verify", str(bundle(tmp_path / "b")), "--key", "no key"], list[str]().append) == UNUSABLE
    assert told(tmp_path / "b", "--known", str(tmp_path / "nothing"))[0] == UNUSABLE


def test_a_folder_that_is_no_bundle_has_no_manifest(tmp_path: Path) -> None:
    assert found_in(tmp_path) == {Wrong.MANIFEST_MISSING}


def test_the_checks_read_json_that_was_made_to_hurt(tmp_path: Path) -> None:
    folder = bundle(tmp_path)
    (folder / "manifest.json").write_text(json.dumps([]) * 1000)
    assert Wrong.MANIFEST_MALFORMED in found_in(folder)
    assert parse_checkpoint(checkpoints(records())[0].text()).origin == ORIGIN
