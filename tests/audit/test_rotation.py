"""A change of keys is followed from a key that is trusted, in bundles and in log directories; what is none is named as what it is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit.bundle import ROTATIONS, BundleWriter
from audit.chain import Trust
from audit.checkpoint import read_notes, write_notes
from audit.command import GOOD, WRONG, run
from audit.errors import BadSignature, Malformed
from audit.findings import Wrong
from audit.leaf import Leaf
from audit.logdir import verify_log
from audit.note import Note, Signer, parse_verifier, signed
from audit.ring import Ring, read_ring, write_ring
from audit.rotation import Rotation, parse_rotation, rotation_note, signed_rotation
from audit.verify import verify_bundle
from schemas.audits import KeyRotated
from schemas.codec import encode
from tests.audit.test_tampering import NOTES, WHOLE, remanifest, same
from tests.audit.world import (
    CHECKPOINT_SIZES,
    SEALER,
    START_MS,
    THIEF,
    TRUST,
    WITNESS,
    Made,
    batch,
    bundle,
    log_directory,
    notes,
    records,
    signer,
)

SECOND, THIRD = signer(4, "warbler-sealer"), signer(5, "warbler-sealer")
TO_SECOND, TO_THIRD = rotation_note(SEALER, SECOND, START_MS + 20), rotation_note(SECOND, THIRD, START_MS + 30)
CHANGES = (TO_SECOND, TO_THIRD)


def signed_in_turn(by: Sequence[Signer]) -> tuple[Note, ...]:
    """The checkpoints, each by one of the signers."""
    return tuple(signed(note.text, [each]) for note, each in zip(notes(records()), by, strict=True))


IN_TURN = signed_in_turn((SEALER, SECOND, THIRD))


def made(folder: Path, changes: Sequence[Note] = CHANGES, said: tuple[Note, ...] = IN_TURN, by: Signer = THIRD) -> Path:
    bundle(folder, Made(notes=said, by=by))
    BundleWriter(folder).rotations(changes)
    remanifest(folder, same, by)
    return folder


def found_in(folder: Path, trust: Trust = TRUST) -> set[Wrong]:
    return {finding.wrong for finding in verify_bundle(folder, trust).findings}


def pem(of: Signer) -> bytes:
    return of.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# ---- what is followed


def test_a_bundle_is_followed_from_the_first_key_to_the_last(tmp_path: Path) -> None:
    report = verify_bundle(made(tmp_path), TRUST)
    assert report.findings == []
    assert report.signers == sorted(str(each.verifier) for each in (SEALER, SECOND, THIRD))
    assert len([note for note in report.notes if note.startswith(f"{ROTATIONS}: old ")]) == 2


def test_the_auditors_command_needs_the_first_key_alone(tmp_path: Path) -> None:
    folder, said = made(tmp_path / "b"), list[str]()
    assert run(["verify", str(folder), "--key", str(SEALER.verifier)], said.append) == GOOD
    assert run(["verify", str(folder), "--key", str(THIEF.verifier)], said.append) == WRONG
    (tmp_path / "keys.pub").write_text(Ring(THIRD, CHANGES).public_text())
    assert run(["verify", str(folder), "--key", str(tmp_path / "keys.pub")], said.append) == GOOD


def test_who_trusts_only_a_later_key_believes_nothing_that_an_earlier_one_signed(tmp_path: Path) -> None:
    assert found_in(made(tmp_path / "all"), Trust([THIRD.verifier])) == {Wrong.KEY_UNKNOWN}
    assert found_in(made(tmp_path / "late", said=signed_in_turn([THIRD] * 3)), Trust([THIRD.verifier])) == set()


@pytest.mark.parametrize("kind", WHOLE)
def test_tampering_is_found_after_a_change_of_keys_as_before(tmp_path: Path, kind: str) -> None:
    tamper, wrong = WHOLE[kind]
    folder = made(tmp_path / "bundle")
    tamper(folder)
    assert wrong in found_in(folder, Trust([SEALER.verifier, SECOND.verifier]))


def test_a_change_of_the_witnesss_key_is_followed_as_well(tmp_path: Path) -> None:
    later = signer(6, WITNESS.name)
    said = tuple(signed(note.text, [SEALER, by]) for note, by in zip(notes(records()), (WITNESS, WITNESS, later), strict=True))
    change = rotation_note(WITNESS, later, START_MS)
    trust = Trust([SEALER.verifier], [WITNESS.verifier])
    assert found_in(made(tmp_path / "with", [change], said, SEALER), trust) == set()
    assert found_in(made(tmp_path / "without", [], said, SEALER), trust) == {Wrong.NOT_WITNESSED}
    assert found_in(made(tmp_path / "unasked", [change], said, SEALER)) == set()


# ---- what is none


def claimed(by: Sequence[Signer], old: Signer = SEALER, new: Signer = SECOND) -> Note:
    return signed(Rotation(old.verifier, new.verifier, START_MS).text(), by)


def with_hash_of(note: Note, of: Signer) -> Note:
    """The thief's signature under the hash of another key."""
    return replace(note, signatures=tuple(replace(each, key_hash=of.verifier.key_hash) for each in note.signatures))


FOURTH = signer(7, "warbler-sealer")
# name: the changes of keys, who signed the checkpoints, and what must be found
NO_CHANGES: dict[str, tuple[Sequence[Note], Sequence[Signer], Wrong]] = {
    "the old key has not signed": ([claimed([SECOND])], (SEALER, SECOND, SECOND), Wrong.KEY_ROTATION_UNSIGNED),
    "somebody else has signed for the old key": ([claimed([THIEF, SECOND])], (SEALER, SECOND, SECOND), Wrong.KEY_ROTATION_UNSIGNED),
    "somebody else has signed with the old key's name and hash": (
        [with_hash_of(claimed([THIEF]), SEALER)],
        (SEALER, SECOND, SECOND),
        Wrong.KEY_ROTATION_UNSIGNED,
    ),
    "the new key has not signed": ([claimed([SEALER])], (SEALER, SECOND, SECOND), Wrong.KEY_ROTATION_UNSIGNED),
    "its time was changed": (
        [replace(TO_SECOND, text=TO_SECOND.text.replace(str(START_MS + 20), str(START_MS + 21)))],
        (SEALER, SECOND, SECOND),
        Wrong.KEY_ROTATION_UNSIGNED,
    ),
    "the new key was put in another's place": (
        [replace(TO_SECOND, text=Rotation(SEALER.verifier, THIEF.verifier, START_MS + 20).text())],
        (SEALER, THIEF, THIEF),
        Wrong.KEY_ROTATION_UNSIGNED,
    ),
    "the old key was given to two": (
        [TO_SECOND, rotation_note(SEALER, FOURTH, START_MS)],
        (SEALER, SECOND, SECOND),
        Wrong.KEY_ROTATION_FORKED,
    ),
    "a stranger's key is changed": ([rotation_note(THIEF, FOURTH, START_MS)], (SEALER, SEALER, FOURTH), Wrong.KEY_ROTATION_FOREIGN),
    "the change in between is gone": ([TO_THIRD], (SEALER, SECOND, THIRD), Wrong.KEY_ROTATION_FOREIGN),
    "all changes are gone": ([], (SEALER, SECOND, THIRD), Wrong.KEY_UNKNOWN),
    "it is no change of keys": ([signed("x\n", [SEALER])], (SEALER, SECOND, SECOND), Wrong.KEY_ROTATION_MALFORMED),
    "the old key signs on": (CHANGES, (SEALER, SECOND, SEALER), Wrong.KEY_RETIRED),
    "the first key signs after the third": (CHANGES, (THIRD, SEALER, THIRD), Wrong.KEY_RETIRED),
}


@pytest.mark.parametrize("kind", NO_CHANGES)
def test_what_is_no_change_of_keys_is_named_in_a_bundle(tmp_path: Path, kind: str) -> None:
    changes, by, wrong = NO_CHANGES[kind]
    assert wrong in found_in(made(tmp_path, changes, signed_in_turn(by), by[-1]))


def with_changes(folder: Path, changes: Sequence[Note], said: Sequence[Note]) -> Path:
    log_directory(folder, records(), list(said))
    entries = []
    for number, note in enumerate(changes, 100):
        record = KeyRotated(name="warbler-sealer", old="", new="", at_ms=START_MS, note=str(note))
        entries.append(Leaf(number, START_MS, b"warbler-sealer", encode("audit-checkpoints", record), ()))
    if entries:
        (folder / "audit-checkpoints-0" / f"{100:020d}.log").write_bytes(batch(entries, 100))
    return folder


def test_a_log_directory_is_followed_from_the_first_key_to_the_last(tmp_path: Path) -> None:
    assert verify_log(with_changes(tmp_path / "log", CHANGES, IN_TURN), TRUST).findings == []


@pytest.mark.parametrize("kind", NO_CHANGES)
def test_what_is_no_change_of_keys_is_named_in_a_log_directory(tmp_path: Path, kind: str) -> None:
    changes, by, wrong = NO_CHANGES[kind]
    report = verify_log(with_changes(tmp_path / "log", changes, signed_in_turn(by)), TRUST)
    assert wrong in {finding.wrong for finding in report.findings}


def test_changes_that_were_kept_elsewhere_are_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "all.notes").write_text(write_notes([*CHANGES, *IN_TURN]))
    assert verify_log(with_changes(tmp_path / "log", [], []), TRUST, [tmp_path / "kept"]).findings == []


def test_the_file_of_changes_belongs_to_the_bundle(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / ROTATIONS).unlink()
    assert {Wrong.FILE_MISSING, Wrong.KEY_UNKNOWN} <= found_in(folder)
    (folder / ROTATIONS).write_text("x")
    assert {Wrong.FILE_CHANGED, Wrong.KEY_ROTATION_MALFORMED} <= found_in(folder)
    assert len(list(read_notes((folder / NOTES).read_text()))) == len(CHECKPOINT_SIZES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x\n",
        Rotation(SEALER.verifier, SEALER.verifier, 1).text(),
        Rotation(SEALER.verifier, WITNESS.verifier, 1).text(),
        TO_SECOND.text + "why not\n",
        TO_SECOND.text.replace("time ", "time 0"),
        TO_SECOND.text.replace("time ", "when "),
        TO_SECOND.text.replace("old ", "new ", 1),
        TO_SECOND.text[:-1],
    ],
)
def test_a_text_that_is_no_change_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_rotation(text)


# ---- the file of a key


def test_the_file_of_a_key_has_the_changes_that_led_to_it() -> None:
    ring = Ring(SEALER).rotated(SECOND, START_MS + 20).rotated(THIRD, START_MS + 30)
    assert ring.rotations == CHANGES
    read = read_ring("warbler-sealer", write_ring(pem(THIRD), ring.rotations))
    assert (read.verifiers, read.rotations) == ((SEALER.verifier, SECOND.verifier, THIRD.verifier), CHANGES)
    assert read_ring("warbler-sealer", pem(SEALER)).verifiers == (SEALER.verifier,)
    lines = [line for line in ring.public_text().splitlines() if not line.startswith("#")]
    assert [parse_verifier(line) for line in lines] == list(ring.verifiers)


@pytest.mark.parametrize("changes", [(TO_SECOND,), (TO_THIRD, TO_SECOND), (rotation_note(SEALER, THIEF, 1), TO_THIRD)])
def test_a_file_whose_changes_do_not_lead_to_its_key_is_refused(changes: tuple[Note, ...]) -> None:
    with pytest.raises(Malformed):
        read_ring("warbler-sealer", write_ring(pem(THIRD), changes))
    with pytest.raises(BadSignature):
        signed_rotation(claimed([SEALER]))
