"""Whether a witness agrees with what a sealer has signed. Pure: the witness's own tree has been grown to the checkpoint's size before."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.checkpoint import Checkpoint, parse_checkpoint
from audit.errors import BadSignature, Malformed
from audit.note import Note, Verifier, parse_note
from audit.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`forged`: not the sealer's word at all; else the sealer's word, which is not what the witness found."""

    detail: str
    forged: bool = False


def believed(written: str, sealers: Sequence[Verifier]) -> tuple[Note, Checkpoint] | Disagreement:
    """The checkpoint of a note that one of the sealers has signed."""
    try:
        note = parse_note(written)
        if not note.signers(sealers):
            return Disagreement("no key that is trusted has signed it", forged=True)
        return note, parse_checkpoint(note.text)
    except (Malformed, BadSignature) as exc:
        return Disagreement(str(exc), forged=True)


def continues(tree: Sealing, checkpoint: Checkpoint) -> Disagreement | None:
    """Whether the checkpoint goes on where the last one ended, before any record is read for it."""
    if tree.checkpoints_count and checkpoint.previous != tree.previous:
        return Disagreement("it does not name the checkpoint before as its previous one")
    if checkpoint.size < tree.size:
        return Disagreement(f"it covers {checkpoint.size} records, the one before covered {tree.size}")
    return None


def agrees(tree: Sealing, checkpoint: Checkpoint) -> Disagreement | None:
    """Whether the witness's records give the root that was signed."""
    if tree.size != checkpoint.size:
        return Disagreement(f"it covers {checkpoint.size} records, the log has {tree.size}")
    if tree.edge.root() != checkpoint.root:
        return Disagreement(f"the root of {checkpoint.size} records is another one")
    if (tree.first_offset, tree.last_offset) != (checkpoint.first_offset, checkpoint.last_offset):
        return Disagreement(
            f"its offsets are {checkpoint.first_offset} to {checkpoint.last_offset}, not {tree.first_offset} to {tree.last_offset}"
        )
    return None
