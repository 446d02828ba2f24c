"""One line of a bulk import: what it may say. Pure.

A line is a JSON object: `name`; and, where wanted, `email`, `phone`, `password_hash` (argon2id, in its usual text), `kind`,
and `profile` with `display_name`, `about`, `fields`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.people import profile_rules as rules
from edge.people.identifiers import BadIdentifier, email_key, name_key, phone_key
from edge.people.profile_rules import BadProfile
from schemas.accounts import IdentifierKind, UserKind
from schemas.errors import WarblerError

LINES_LIMIT = 10_000
LINE_BYTES_LIMIT = 32 * 1024
# Parameters that a hash may have: what every later sign-in of the user will cost this node.
MEMORY_KIB_LIMIT, PASSES_LIMIT, LANES_LIMIT = 262_144, 16, 16
_ARGON2ID = re.compile(r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}")


class BadLine(WarblerError):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class ImportProfile(Struct, frozen=True, forbid_unknown_fields=True):
    display_name: str = ""
    about: str = ""
    fields: dict[str, str] = {}


class ImportLine(Struct, frozen=True, forbid_unknown_fields=True):
    """As it came, checked: the identifiers are normalised where they are used."""

    name: Annotated[str, Meta(min_length=1, max_length=254)]
    email: Annotated[str, Meta(max_length=254)] = ""
    phone: Annotated[str, Meta(max_length=32)] = ""
    password_hash: Annotated[str, Meta(max_length=512)] = ""
    kind: UserKind = "person"
    profile: ImportProfile = ImportProfile()


_decoder = msgspec.json.Decoder(ImportLine)


def read_line(raw: bytes) -> ImportLine:
    """Raises: BadLine with the code that the call answers for one user alone."""
    if len(raw) > LINE_BYTES_LIMIT:
        raise BadLine("too_long", f"a line has at most {LINE_BYTES_LIMIT} bytes")
    try:
        line = _decoder.decode(raw)
        name_key(line.name)
        if line.email:
            email_key(line.email)
        if line.phone:
            phone_key(line.phone)
        rules.display_name(line.profile.display_name)
        rules.about(line.profile.about)
        rules.fields(line.profile.fields)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadLine("invalid", str(exc)) from None
    except (BadIdentifier, BadProfile) as exc:
        raise BadLine(exc.code, exc.detail) from None
    if line.password_hash:
        _check_hash(line.password_hash)
    return line


def addresses(line: ImportLine) -> list[tuple[IdentifierKind, str]]:
    """What the line's user shall be known by beside its name, as it is compared."""
    found: list[tuple[IdentifierKind, str]] = [("email", email_key(line.email)[0])] if line.email else []
    return [*found, ("phone", phone_key(line.phone)[0])] if line.phone else found


def runs(lines: Sequence[bytes], limit: int) -> Iterator[list[tuple[int, ImportLine | BadLine]]]:
    """The lines with their numbers, from 1 on, in runs that may be worked at together: no two of a run want the same identifier."""
    run: list[tuple[int, ImportLine | BadLine]] = []
    taken: set[tuple[str, str]] = set()
    for number, raw in enumerate(lines, 1):
        line = _read(raw)
        wanted = set() if isinstance(line, BadLine) else {("name", name_key(line.name)[0]), *addresses(line)}
        if len(run) == limit or taken & wanted:
            yield run
            run, taken = [], set()
        run.append((number, line))
        taken |= wanted
    if run:
        yield run


def _read(raw: bytes) -> ImportLine | BadLine:
    try:
        return read_line(raw)
    except BadLine as bad:
        return bad


def _check_hash(text: str) -> None:
    found = _ARGON2ID.fullmatch(text)
    if found is None:
        raise BadLine("bad_password_hash", "not argon2id, version 19, in its usual text")
    memory_kib, passes, lanes = (int(number) for number in found.groups())
    if not (8 * lanes <= memory_kib <= MEMORY_KIB_LIMIT and 1 <= passes <= PASSES_LIMIT and 1 <= lanes <= LANES_LIMIT):
        raise BadLine("bad_password_hash", f"at most m={MEMORY_KIB_LIMIT}, t={PASSES_LIMIT}, p={LANES_LIMIT}")
