"""The file of a key that signs: its private half in PEM, and behind it the changes of keys that led to it, oldest first. Pure.

One file, so that whoever reads it has both or neither. A file with one bare key is good as it is.
"""

from dataclasses import dataclass

from audit.checkpoint import read_notes, write_notes
from audit.errors import Malformed
from audit.note import Note, Signer, Verifier, read_signer
from audit.rotation import Rotation, rotation_note, signed_rotation

_END = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True, slots=True)
class Ring:
    """`rotations`: the notes of the changes, oldest first; the last one names `signer` as the new key."""

    signer: Signer
    rotations: tuple[Note, ...] = ()

    @property
    def changes(self) -> tuple[Rotation, ...]:
        return tuple(signed_rotation(note) for note in self.rotations)

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public halves of all keys there ever were, the first one first."""
        return (*(change.old for change in self.changes), self.signer.verifier)

    def rotated(self, new: Signer, at_ms: int) -> "Ring":
        """The ring after the change to `new`."""
        return Ring(new, (*self.rotations, rotation_note(self.signer, new, at_ms)))

    def public_text(self) -> str:
        """Every public key on a line of its own, oldest first, with when each was replaced."""
        lines = [f"{change.old}\n# replaced by the next one, which it signed, at {change.at_ms} ms\n" for change in self.changes]
        return "".join(lines) + f"{self.signer.verifier}\n"


def read_ring(name: str, data: bytes) -> Ring:
    """Raises: Malformed, also where the changes do not lead from one key to the next and to this one."""
    pem, end, behind = data.partition(_END)
    signer = read_signer(name, pem + end)
    ring = Ring(signer, tuple(read_notes(behind.decode("utf-8", "replace").lstrip("\n"))))
    keys = ring.verifiers
    if [change.new for change in ring.changes] != list(keys[1:]):
        raise Malformed(f"the changes of keys do not lead to {signer.verifier}")
    return ring


def write_ring(pem: bytes, rotations: tuple[Note, ...]) -> bytes:
    """What `read_ring` reads as the same."""
    return pem.partition(_END)[0] + _END + (write_notes(rotations).encode() if rotations else b"")
