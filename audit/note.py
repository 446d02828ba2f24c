"""Signed notes as C2SP defines them: a text, and lines of Ed25519 signatures under it. Pure.

A key is known by its name and four bytes of a hash over name and public key, so that a note can carry signatures of keys one does not know.
Source: https://c2sp.org/signed-note
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from audit.errors import BadSignature, Malformed

ED25519 = b"\x01"
KEY_HASH_BYTES = 4
PUBLIC_BYTES = 32
MARK = "— "  # an em dash and a space stand before each signature
SIGNATURES_LIMIT = 100
NOTE_BYTES_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key one may trust, with its name."""

    name: str
    public: bytes

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_HASH_BYTES]

    def __str__(self) -> str:
        """The form in which keys are handed on: name+hash+base64 of the algorithm's byte and the key."""
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def accepts(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: str) -> "Signature":
        return Signature(self.name, self.verifier.key_hash, self.private.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_hash: bytes
    signature: bytes

    def line(self) -> str:
        return f"{MARK}{self.name} {base64.b64encode(self.key_hash + self.signature).decode()}\n"

    def is_of(self, key: Verifier) -> bool:
        return self.name == key.name and self.key_hash == key.key_hash


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends with a newline and is what is signed."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(signature.line() for signature in self.signatures)}"

    def signers(self, keys: Iterable[Verifier]) -> list[Verifier]:
        """Those of the keys that have signed the text.

        Raises: BadSignature if a line claims to be of one of the keys and is not: that is damage or forgery, not a stranger's line.
        """
        found = []
        for key in keys:
            lines = [signature for signature in self.signatures if signature.is_of(key)]
            if not all(key.accepts(self.text, line.signature) for line in lines):
                raise BadSignature(f"the signature of {key.name} is not of this text")
            if lines:
                found.append(key)
        return found


def signed(text: str, signers: Sequence[Signer]) -> Note:
    return Note(text, tuple(signer.sign(text) for signer in signers))


def cosigned(note: Note, signer: Signer) -> Note:
    return Note(note.text, (*note.signatures, signer.sign(note.text)))


def parse_note(data: str) -> Note:
    """Raises: Malformed."""
    text, separator, tail = data.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(data) > NOTE_BYTES_LIMIT:
        raise Malformed("no signed note: it has no signatures after an empty line")
    if any(ord(character) < 0x20 and character != "\n" for character in data):
        raise Malformed("a signed note with control characters")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_LIMIT:
        raise Malformed(f"a signed note with {len(lines)} signatures")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(MARK).partition(" ")
    if not line.startswith(MARK) or not is_name(name):
        raise Malformed(f"no line of a signature: {line[:80]!r}")
    data = _base64(encoded)
    if len(data) <= KEY_HASH_BYTES:
        raise Malformed(f"a signature of {len(data)} bytes")
    return Signature(name, data[:KEY_HASH_BYTES], data[KEY_HASH_BYTES:])


def parse_verifier(written: str) -> Verifier:
    """A key as `Verifier.__str__` writes it. Raises: Malformed."""
    name, _, rest = written.strip().partition("+")
    key_hash, _, encoded = rest.partition("+")
    data = _base64(encoded)
    if not is_name(name) or data[:1] != ED25519 or len(data) != 1 + PUBLIC_BYTES:
        raise Malformed(f"no public key of a note: {written.strip()[:80]!r}")
    key = Verifier(name, data[1:])
    if key.key_hash.hex() != key_hash:
        raise Malformed(f"the key of {name} does not fit its own hash")
    return key


def read_verifiers(lines: Iterable[str]) -> list[Verifier]:
    """A key on each line that is neither empty nor a remark, which begins with `#`. Raises: Malformed."""
    return [parse_verifier(line) for line in lines if line.strip() and not line.startswith("#")]


def read_signer(name: str, pem: bytes) -> Signer:
    """Raises: Malformed for anything but an Ed25519 private key in PEM, or a name that no key may have."""
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise Malformed(f"no private key: {exc}") from exc
    if not isinstance(private, Ed25519PrivateKey):
        raise Malformed("the key of a signer is one of Ed25519")
    if not is_name(name):
        raise Malformed(f"{name!r} is no name of a key: no spaces, no plus signs")
    return Signer(name, private)


def is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _base64(encoded: str) -> bytes:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Malformed(f"no base64: {encoded[:80]!r}") from exc
    if base64.b64encode(data).decode() != encoded:  # the same bytes written in another way: one note must have one form
        raise Malformed(f"no canonical base64: {encoded[:80]!r}")
    return data
