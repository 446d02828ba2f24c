"""A change of keys: the old key and the new one sign a note that names both, so that who trusts the first may follow to the last. Pure.

Rule 1: what the old key has not signed is no change of keys, whoever says so. Rule 2: a key is replaced once.
Rule 3: after a checkpoint of the new key the old one signs none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from audit.chain import Trust
from audit.errors import BadSignature, Malformed
from audit.findings import Report, Wrong
from audit.note import Note, Signer, Verifier, parse_verifier, signed

HEAD = "warbler.key-rotation/v1"
_LINES = 4


@dataclass(frozen=True, slots=True)
class Rotation:
    """From `at_ms` on `new` signs in the place of `old`, under the same name."""

    old: Verifier
    new: Verifier
    at_ms: int

    def text(self) -> str:
        """What is signed."""
        return f"{HEAD}\nold {self.old}\nnew {self.new}\ntime {self.at_ms}\n"


def rotation_note(old: Signer, new: Signer, at_ms: int) -> Note:
    """Signed by both: the old key hands over, the new one shows that somebody has it."""
    return signed(Rotation(old.verifier, new.verifier, at_ms).text(), [old, new])


def is_rotation(note: Note) -> bool:
    return note.text.startswith(f"{HEAD}\n")


def parse_rotation(text: str) -> Rotation:
    """The change of a note's text; its signatures are another matter. Raises: Malformed."""
    lines = text.split("\n")
    said = dict(line.partition(" ")[::2] for line in lines[1:-1])
    if len(lines) != _LINES + 1 or not text.startswith(f"{HEAD}\n") or not said.get("time", "").isdecimal():
        raise Malformed("no change of keys")
    found = Rotation(parse_verifier(said.get("old", "")), parse_verifier(said.get("new", "")), int(said["time"]))
    if found.text() != text or found.old.name != found.new.name or found.old == found.new:
        raise Malformed("no change of keys: it is said in another way, or not of two keys of one name")
    return found


def signed_rotation(note: Note) -> Rotation:
    """The change that both keys have signed. Raises: Malformed; BadSignature, also where a signature is missing."""
    rotation = parse_rotation(note.text)
    signers = note.signers([rotation.old, rotation.new])
    for key, which in ((rotation.old, "before"), (rotation.new, "after")):
        if key not in signers:
            raise BadSignature(f"the key {which} it, {key}, has not signed it")
    return rotation


def reached(keys: Iterable[Verifier], replaced: Mapping[Verifier, Verifier]) -> tuple[Verifier, ...]:
    """The keys, and those that followed them."""
    found: dict[Verifier, None] = {}
    for start in keys:
        key: Verifier | None = start
        while key is not None and key not in found:
            found[key] = None
            key = replaced.get(key)
    return tuple(found)


def followed(trust: Trust, notes: Iterable[Note], where: str, report: Report) -> Trust:
    """The trust, with the keys that followed those that it has. What is no change of keys is found and named."""
    replaced: dict[Verifier, Verifier] = {}
    for text, note in {note.text: note for note in notes}.items():
        if (rotation := _sound(note, where, report)) is None:
            continue
        if replaced.setdefault(rotation.old, rotation.new) != rotation.new:
            report.found(Wrong.KEY_ROTATION_FORKED, where, f"{rotation.old} by {replaced[rotation.old]} and by {rotation.new}")
        else:
            report.notes.append(f"{where}: {', '.join(text.split(chr(10))[1:-1])}")
    keys, witnesses = reached(trust.keys, replaced), reached(trust.witnesses, replaced)
    _check_foreign([*keys, *witnesses], replaced, where, report)
    return replace(trust, keys=keys, witnesses=witnesses, replaced=replaced)


def _sound(note: Note, where: str, report: Report) -> Rotation | None:
    try:
        return signed_rotation(note)
    except Malformed as exc:
        report.found(Wrong.KEY_ROTATION_MALFORMED, where, exc)
    except BadSignature as exc:
        report.found(Wrong.KEY_ROTATION_UNSIGNED, where, exc)
    return None


def _check_foreign(trusted: Sequence[Verifier], replaced: Mapping[Verifier, Verifier], where: str, report: Report) -> None:
    """Changes of keys that lead neither from nor to one that is trusted, though they bear its name."""
    known, names = set(trusted), {key.name for key in trusted}
    while more := {old for old, new in replaced.items() if new in known} - known:
        known |= more
    for old in replaced:
        if old not in known and old.name in names:
            report.found(Wrong.KEY_ROTATION_FOREIGN, where, str(old))
