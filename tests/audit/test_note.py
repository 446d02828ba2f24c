"""Signed notes and checkpoints: the published example, round trips, and what is refused."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit.checkpoint import Checkpoint, Origin, parse_checkpoint, parse_origin, read_notes, write_notes
from audit.errors import BadSignature, Malformed
from audit.note import Signer, Verifier, cosigned, parse_note, parse_verifier, read_signer, signed

# The example in the documentation of Go's golang.org/x/mod/sumdb/note, which the specification came from.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def signer(number: int, name: str = "sealer") -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


ORIGIN = Origin("5L6g3nShT-eMCtK--X86sw", "conversation-events", 3)
POINT = Checkpoint(ORIGIN, 2, bytes(32), 0, 4, 1_760_000_005_004, None)


def test_a_note_that_somebody_else_signed_is_accepted() -> None:
    key, note = parse_verifier(PETER), parse_note(PETERS)
    assert str(key) == PETER
    assert str(note) == PETERS
    assert note.signers([key]) == [key]


def test_a_note_has_the_signatures_of_those_who_signed() -> None:
    note = parse_note(str(cosigned(signed("text\n", [signer(1)]), signer(2, "witness"))))
    keys = [signer(number, name).verifier for number, name in ((1, "sealer"), (2, "witness"), (3, "other"))]
    assert note.signers(keys) == keys[:2]


def test_a_text_that_was_changed_is_a_bad_signature_not_a_missing_one() -> None:
    note = signed("text\n", [signer(1)])
    with pytest.raises(BadSignature):
        replace(note, text="texT\n").signers([signer(1).verifier])
    assert note.signers([signer(2).verifier]) == []  # a stranger's line says nothing


@pytest.mark.parametrize(
    "data",
    [
        *(
            "",
            "text\n",
            "text\n\n",
            "text\n\n— sealer\n",
            "text\n\n- sealer AAAA\n",
            "text\n\n— sealer !!!!\n",
            "text\n\n— sealer AAAAAA==\n",
        ),
        *(
            "text\n\n— a+b AAAAAAAA\n",
            "text\x07\n\n— sealer AAAAAAAA\n",
            PETERS[:-1],
            PETERS.replace("nAM=", "nAN="),
            "t\n" + PETERS + PETERS[-100:],
        ),
    ],
    ids=range(12),
)
def test_what_is_no_note_is_refused(data: str) -> None:
    with pytest.raises(Malformed):
        parse_note(data)


@pytest.mark.parametrize(
    "written", ["", "a", PETER[:-4], PETER.replace("c74f", "c74e"), "a b+00000000+AAAA", PETER.replace("+ARpc", "+AhPc")]
)
def test_what_is_no_key_is_refused(written: str) -> None:
    with pytest.raises(Malformed):
        parse_verifier(written)


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_a_signer_is_read_from_its_file() -> None:
    key = signer(1)
    assert read_signer("sealer", pem(key.private)).verifier == key.verifier
    for name, data in (("a b", pem(key.private)), ("sealer", b"no key"), ("sealer", pem(generate_private_key(SECP256R1())))):
        with pytest.raises(Malformed):
            read_signer(name, data)


def test_a_key_of_another_name_is_another_key() -> None:
    public = signer(1).verifier.public
    assert Verifier("a", public).key_hash != Verifier("b", public).key_hash


@pytest.mark.parametrize(
    "point", [POINT, replace(POINT, previous=bytes(range(32))), replace(POINT, size=0, first_offset=-1, last_offset=-1, why="lost")]
)
def test_a_checkpoint_is_read_back_as_it_was(point: Checkpoint) -> None:
    assert parse_checkpoint(point.text()) == point
    assert parse_origin(str(point.origin)) == point.origin


def test_a_checkpoint_is_always_this_text() -> None:
    assert POINT.text() == (
        "warbler/5L6g3nShT-eMCtK--X86sw/conversation-events/3/0\n2\n"
        + base64.b64encode(bytes(32)).decode()
        + "\nfirst 0\nlast 4\ntime 1760000005004\nprevious -\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("warbler/", "other/"),
        ("\n2\n", "\n02\n"),
        ("\n2\n", "\n-2\n"),
        ("AAA=", "AA=="),
        ("AAA=", "AA!="),
        ("first 0\n", ""),
        ("time 1", "time x1"),
        ("last 4", "last  4"),
        ("last 4", "last 4\nlast 4"),
        ("previous -", "previous ="),
        ("/3/0", "/3"),
        ("previous -\n", "previous -\nmore 1\n"),
        ("previous -\n", "previous -"),
    ],
    ids=range(13),
)
def test_a_checkpoint_that_says_it_otherwise_is_refused(old: str, new: str) -> None:
    assert old in POINT.text()
    with pytest.raises(Malformed):
        parse_checkpoint(POINT.text().replace(old, new))


def test_notes_of_a_file_come_back_and_one_that_is_cut_off_is_seen() -> None:
    notes = [signed(replace(POINT, size=size).text(), [signer(1), signer(2, "witness")]) for size in range(3)]
    data = write_notes(notes)
    assert list(read_notes(data)) == notes
    assert list(read_notes("")) == []
    with pytest.raises(Malformed):
        list(read_notes(data[:-1]))
