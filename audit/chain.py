"""The checkpoints of one tree, checked among themselves: signed, of this tree, each naming the one before, never smaller. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from audit.checkpoint import Checkpoint, Origin, parse_checkpoint
from audit.errors import BadSignature, Malformed
from audit.findings import Report, Wrong
from audit.note import Note, Verifier


@dataclass(frozen=True, slots=True)
class Trust:
    """`witnesses`: if there are any, one of them must have signed too. `known`: checkpoints that were seen before, by who checks.

    `replaced`: which key followed which (audit.rotation).
    """

    keys: Sequence[Verifier]
    witnesses: Sequence[Verifier] = ()
    known: Sequence[Checkpoint] = field(default_factory=tuple)
    replaced: Mapping[Verifier, Verifier] = field(default_factory=dict)


def check_note(note: Note, where: str, trust: Trust, report: Report) -> bool:
    """Whether one of the trusted keys has signed it."""
    try:
        signers = note.signers(trust.keys)
    except BadSignature as exc:
        report.found(Wrong.SIGNATURE_BROKEN, where, exc)
        return False
    if not signers:
        names = ", ".join(sorted({signature.name for signature in note.signatures}))
        report.found(Wrong.KEY_UNKNOWN, where, f"signed by {names}")
        return False
    report.signers = sorted({*report.signers, *map(str, signers)})
    return True


def check_chain(notes: Iterable[Note], origin: Origin | None, where: str, trust: Trust, report: Report) -> list[Checkpoint]:
    """The checkpoints that can be believed, oldest first. `origin` None: that of the last one, and earlier generations are left out."""
    parsed = [each for number, note in enumerate(notes) if (each := _read(note, f"{where} {number}", trust, report)) is not None]
    if not parsed:
        report.found(Wrong.CHECKPOINT_MISSING, where)
        return []
    wanted = origin or parsed[-1][1].origin
    chain = []
    for note, checkpoint in parsed:
        if checkpoint.origin == wanted:
            chain.append((note, checkpoint))
        elif origin is not None or (checkpoint.origin.cluster, checkpoint.origin.place) != (wanted.cluster, wanted.place):
            report.found(Wrong.CHECKPOINT_FOREIGN, where, f"{checkpoint.origin}, not {wanted}")
        else:
            report.notes.append(f"{where}: a checkpoint of an earlier log, {checkpoint.origin}, is left out")
    _check_order([checkpoint for _, checkpoint in chain], where, report)
    _check_retired([note for note, _ in chain], where, trust, report)
    if chain:
        _check_witness(chain[-1][0], where, trust, report)
        _check_known([checkpoint for _, checkpoint in chain], where, trust, report)
    report.checkpoints_count += len(chain)
    return [checkpoint for _, checkpoint in chain]


def _read(note: Note, where: str, trust: Trust, report: Report) -> tuple[Note, Checkpoint] | None:
    if not check_note(note, where, trust, report):
        return None
    try:
        return note, parse_checkpoint(note.text)
    except Malformed as exc:
        report.found(Wrong.CHECKPOINT_MALFORMED, where, exc)
        return None


def _check_order(chain: Sequence[Checkpoint], where: str, report: Report) -> None:
    for earlier, later in pairwise(chain):
        if later.size < earlier.size:
            report.found(Wrong.CHECKPOINT_SHRINKS, where, f"{later.size} after {earlier.size}")
        elif later.size == earlier.size and later.root != earlier.root:
            report.found(Wrong.CHECKPOINT_FORKED, where, f"at {later.size} records")
        if later.previous != earlier.digest():
            report.found(Wrong.CHECKPOINT_CHAIN, where, f"the one of {later.size} records")


def _check_retired(chain: Sequence[Note], where: str, trust: Trust, report: Report) -> None:
    """Once a key has signed, those that it followed sign nothing any more."""
    before = {new: old for old, new in trust.replaced.items()}
    retired: set[Verifier] = set()
    for number, note in enumerate(chain):
        signers = {key for key in trust.keys if any(signature.is_of(key) for signature in note.signatures)}
        if signers and signers <= retired:
            report.found(Wrong.KEY_RETIRED, f"{where} {number}", ", ".join(sorted(map(str, signers))))
        for signer in signers:
            key = before.get(signer)
            while key is not None and key not in retired:
                retired.add(key)
                key = before.get(key)


def _check_witness(last: Note, where: str, trust: Trust, report: Report) -> None:
    if not trust.witnesses:
        return
    try:
        signed = last.signers(trust.witnesses)
    except BadSignature as exc:
        report.found(Wrong.SIGNATURE_BROKEN, where, exc)
        return
    if not signed:
        report.found(Wrong.NOT_WITNESSED, where)


def _check_known(chain: Sequence[Checkpoint], where: str, trust: Trust, report: Report) -> None:
    """A known checkpoint must be one of the chain, or lie before or behind it; where it would have to be, it must not be missing."""
    digests, sizes = {checkpoint.digest() for checkpoint in chain}, {checkpoint.size: checkpoint.root for checkpoint in chain}
    for known in trust.known:
        same_log = (known.origin.cluster, known.origin.place) == (chain[-1].origin.cluster, chain[-1].origin.place)
        if not same_log or known.digest() in digests:
            continue
        if known.origin.generation > chain[-1].origin.generation or known.origin == chain[-1].origin:
            _check_one_known(known, chain, sizes, where, report)


def _check_one_known(known: Checkpoint, chain: Sequence[Checkpoint], sizes: dict[int, bytes], where: str, report: Report) -> None:
    told = f"the known checkpoint of {known.size} records"
    if known.origin != chain[-1].origin or known.size > chain[-1].size:
        report.found(Wrong.KNOWN_DIFFERS, where, f"{told} covers more than these, which end at {chain[-1].size}")
    elif known.size in sizes and sizes[known.size] != known.root:
        report.found(Wrong.KNOWN_DIFFERS, where, f"{told} has another root")
    elif chain[0].size <= known.size:
        report.found(Wrong.KNOWN_DIFFERS, where, f"{told} is not among them")
    else:
        report.notes.append(f"{where}: {told} is older than the checkpoints here; whether they follow it cannot be told")
