"""The files to import: plain logs or a .tar.xz of them, checked before anything is sent. Called by `ops.irc.cli`."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ops.irc.errors import BadInput
from ops.irc.parse import Line, NotIrc, parse_line

FILE_BYTES_LIMIT = 64 << 20
TITLE_BYTES_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int  # from 1, as an editor counts
    line: Line


@dataclass(frozen=True, slots=True)
class Log:
    """One file: its lines, and those that are no IRC."""

    name: str
    digest: str
    lines: tuple[Numbered, ...]
    strange: tuple[tuple[int, NotIrc], ...]


def read_logs(paths: Iterable[Path]) -> list[Log]:
    """Every log of the paths. Raises: BadInput for the first that is missing, empty, binary or no IRC log at all."""
    logs = [log_of(path, name, data) for path in paths for name, data in contents(path)]
    names = set()
    for log in logs:
        if log.name in names:
            raise BadInput(Path(log.name), "given twice; the groups are named after the files")
        names.add(log.name)
    return logs


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes behind a path; an archive holds several."""
    if not path.exists():
        raise BadInput(path, "there is no such file")
    if path.is_dir():
        raise BadInput(path, "is a folder; name the files in it")
    if path.name.endswith((".tar.xz", ".tar.gz", ".tar")):
        yield from _archive(path)
        return
    if path.stat().st_size > FILE_BYTES_LIMIT:
        raise BadInput(path, f"longer than {FILE_BYTES_LIMIT >> 20} MiB")
    try:
        yield path.name, path.read_bytes()
    except OSError as error:
        raise BadInput(path, f"cannot be read ({error.strerror})") from None


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                if not member.isfile():
                    continue
                if member.size > FILE_BYTES_LIMIT:
                    raise BadInput(path, f"{member.name} is longer than {FILE_BYTES_LIMIT >> 20} MiB")
                inside = archive.extractfile(member)
                assert inside is not None  # it is a file
                yield PurePosixPath(member.name).name, inside.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadInput(path, f"is no archive that can be read ({error})") from None


def log_of(path: Path, name: str, data: bytes) -> Log:
    where = path if path.name == name else path / name
    if not data.strip():
        raise BadInput(where, "is empty")
    if b"\0" in data[: 1 << 20]:
        raise BadInput(where, "is a binary file, not text")
    lines: list[Numbered] = []
    strange: list[tuple[int, NotIrc]] = []
    rows = data.split(b"\n")
    for number, row in enumerate(rows[:-1] if rows[-1] == b"" else rows, 1):
        line = parse_line(decoded(row.removesuffix(b"\r")))
        if isinstance(line, NotIrc):
            strange.append((number, line))
        else:
            lines.append(Numbered(number, line))
    if not lines:
        raise BadInput(where, f"has no line of an IRC log (line 1: {strange[0][1].why})")
    return Log(name.encode()[:TITLE_BYTES_LIMIT].decode("utf-8", "ignore"), hashlib.sha256(data).hexdigest(), tuple(lines), tuple(strange))


def decoded(row: bytes) -> str:
    """UTF-8, else Latin-1: every byte of an old client's text becomes a character, none is lost."""
    try:
        return row.decode()
    except UnicodeDecodeError:
        return row.decode("latin-1")
