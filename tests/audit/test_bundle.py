"""A bundle is written, cut short, gone on with, sealed, and read back."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.bundle import BundleReader, BundleWriter, Mark, files_in
from audit.checkpoint import Checkpoint, Origin
from audit.errors import Malformed
from audit.leaf import leaf_bytes
from audit.manifest import ConversationPart, Manifest, is_note_of, parse_conversation, parse_manifest
from audit.note import Signer, parse_note, signed

ORIGIN = Origin("cluster", "conversation-events", 0)
SIGNER = Signer("sealer", Ed25519PrivateKey.from_private_bytes(bytes(32)))
MANIFEST = Manifest(1, "operator:ana@host", "cluster", {"conversation": "g-1"}, {"messages": 2})


def leaf(number: int) -> tuple[int, int, bytes]:
    """Index, offset and bytes: every other record is another conversation's."""
    return 2 * number, 2 * number + 5, leaf_bytes(2 * number + 5, number, b"g-1", str(number).encode())


def written(folder: Path, count: int = 10) -> BundleWriter:
    bundle = BundleWriter(folder)
    with bundle.records(ORIGIN.topic, 0) as records:
        for number in range(count):
            records.add(*leaf(number))
        records.flush()
    return bundle


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    bundle = written(tmp_path)
    note = signed(Checkpoint(ORIGIN, 20, bytes(32), 5, 24, 1, None).text(), [SIGNER])
    bundle.checkpoints(ORIGIN.topic, 0, [note])
    bundle.gaps(ORIGIN.topic, 0, [bytes([number]) * 32 for number in range(10)])
    bundle.schemas({1001: {"type": "string"}})
    assert bundle.conversations(ConversationPart(f"g-{number}", 1, 5) for number in range(3)) == 3
    reader = BundleReader(tmp_path)
    assert [index for index, _ in reader.leaves(ORIGIN.topic, 0)] == list(range(0, 20, 2))
    assert reader.checkpoints(ORIGIN.topic, 0) == [note]
    assert len(list(reader.gaps(ORIGIN.topic, 0))) == 10
    assert list(reader.gaps(ORIGIN.topic, 1)) == []
    assert reader.schema(1001) == {"type": "string"}
    assert [part.conversation for part in reader.conversations()] == ["g-0", "g-1", "g-2"]


def test_a_seal_lists_every_file_and_signs_the_list(tmp_path: Path) -> None:
    bundle = written(tmp_path)
    bundle.put("readable/mails/1.eml", b"Subject: x\n")
    sealed = bundle.seal(MANIFEST, SIGNER)
    reader = BundleReader(tmp_path)
    assert parse_manifest(reader.manifest()) == sealed
    assert [part.path for part in sealed.files] == ["key.pub", "readable/mails/1.eml", "records/conversation-events-0.rec"]
    assert sealed.files[1].sha256 == hashlib.sha256(b"Subject: x\n").hexdigest()
    note = parse_note(reader.note())
    assert is_note_of(note, reader.manifest())
    assert note.signers([SIGNER.verifier]) == [SIGNER.verifier]
    bundle.seal(MANIFEST, SIGNER)  # once more, after a crash between two files: the same
    assert parse_manifest(reader.manifest()) == sealed


def test_a_writer_that_was_cut_short_goes_on_from_its_mark(tmp_path: Path) -> None:
    bundle, whole = BundleWriter(tmp_path), written(tmp_path / "whole").folder
    with bundle.records(ORIGIN.topic, 0) as records:
        for number in range(6):
            records.add(*leaf(number))
            if number == 3:
                mark = records.flush()
    with bundle.records(ORIGIN.topic, 0, mark) as records:
        assert records.mark.records_count == 4
        for number in range(4, 10):
            records.add(*leaf(number))
        part = records.part(ORIGIN, 20)
    name = "records/conversation-events-0.rec"
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert (part.records_count, part.first_index, part.last_index, part.first_offset, part.last_offset) == (10, 0, 18, 5, 23)
    assert not part.whole


def test_a_part_is_whole_if_every_leaf_of_the_tree_is_there(tmp_path: Path) -> None:
    with BundleWriter(tmp_path).records(ORIGIN.topic, 0) as records:
        for number in range(3):
            records.add(number, number, b"x")
        assert records.part(ORIGIN, 3).whole
        assert not records.part(ORIGIN, 4).whole


def test_a_mark_behind_the_end_and_records_out_of_order_are_refused(tmp_path: Path) -> None:
    bundle = written(tmp_path)
    with pytest.raises(Malformed, match="shorter"):
        bundle.records(ORIGIN.topic, 0, Mark(bytes=100_000))
    with bundle.records(ORIGIN.topic, 1) as records:
        records.add(5, 5, b"x")
        for index, offset in ((5, 6), (4, 6), (6, 5)):
            with pytest.raises(Malformed, match="after leaf 5"):
                records.add(index, offset, b"x")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\\b", "a\0b"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Malformed, match="outside"):
        BundleReader(tmp_path).path(path)


def test_a_link_is_a_file_that_the_check_sees(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert files_in(tmp_path) == ["link"]


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{}", b'{"format": "warbler-bundle/1"}', b'{"format": "warbler-bundle/2"}', b"[" * 100_000),
        MANIFEST.json().replace(b'"made_at_ms": 1', b'"made_at_ms": "1"'),
        MANIFEST.json().replace(b'"made_at_ms": 1', b'"made_at_ms": true'),
        MANIFEST.json().replace(b'"files": []', b'"files": {}'),
        MANIFEST.json().replace(b'"files": []', b'"files": [{"path": "x", "bytes": 1}]'),
        MANIFEST.json().replace(b'"files": []', b'"files": [1]'),
        MANIFEST.json().replace(b'"maker"', b'"mecker"'),
    ],
    ids=range(12),
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_manifest(data)


def test_what_is_no_conversation_is_refused() -> None:
    for line in (b"", b"x", b"[]", b'{"conversation": 1, "first_seq": 1, "last_seq": 1}'):
        with pytest.raises(Malformed):
            parse_conversation(line)
