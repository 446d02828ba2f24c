"""The auditor's command as a function: arguments in, exit code out. Used by `python -m audit` and by `warbler audit verify`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from audit.bundle import MANIFEST, NOTE
from audit.chain import Trust
from audit.checkpoint import Checkpoint, parse_checkpoint, read_notes
from audit.errors import Malformed
from audit.findings import Report
from audit.note import Verifier, read_verifiers
from audit.segments import partitions_in
from audit.verify import verify_bundle

GOOD, WRONG, UNUSABLE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="audit", description="Checks a bundle, or a log directory copied from a broker.")
    made.add_argument("command", choices=["verify"])
    made.add_argument("path", type=Path, help="the bundle's folder, or the log directory")
    made.add_argument("--key", action="append", required=True, help="a public key that is trusted, or a file of such; may be given again")
    made.add_argument("--witness", action="append", default=[], help="one of these must have signed too; as --key")
    made.add_argument("--known", action="append", default=[], type=Path, help="a file of checkpoints that were seen before")
    made.add_argument("--checkpoints", action="append", default=[], type=Path, help="for a log directory: checkpoints kept elsewhere")
    return made


def read_keys(given: Sequence[str]) -> list[Verifier]:
    """Keys as they are written, or files with one a line and remarks behind a `#`. Raises: Malformed, OSError."""
    lines: list[str] = []
    for each in given:
        lines += Path(each).read_text().split("\n") if Path(each).is_file() else [each]
    return read_verifiers(lines)


def verify(path: Path, keys: Sequence[str], witnesses: Sequence[str], known: Sequence[Path], kept: Sequence[Path]) -> Report:
    """Raises: Malformed for keys or known checkpoints that cannot be read; OSError."""
    trust = Trust(read_keys(keys), read_keys(witnesses), known_in(known))
    if not path.is_dir():
        raise Malformed(f"{path} is no folder")
    is_log = not any((path / name).exists() for name in (MANIFEST, NOTE)) and bool(partitions_in(path))
    if not is_log:
        return verify_bundle(path, trust)
    from audit.logdir import verify_log  # here: it needs the schemas of our records, which a bundle brings along

    return verify_log(path, trust, kept)


def known_in(files: Sequence[Path]) -> list[Checkpoint]:
    """The checkpoints of these files, whoever signed them: who checks has kept them. Raises: Malformed, OSError."""
    return [parse_checkpoint(note.text) for file in files for note in read_notes(file.read_text())]


def tell(report: Report, say: Callable[[str], None]) -> None:
    """The findings, or what was checked, line by line."""
    for finding in report.findings:
        say(f"WRONG  {finding}")
    for note in report.notes:
        say(f"note   {note}")
    for signer in report.signers:
        say(f"key    {signer}")
    counts = f"{report.records_count} records, {report.checkpoints_count} checkpoints, {report.conversations_count} whole conversations"
    told = f"{counts}, {report.files_count} files"
    say(f"good   {told}" if report.good else f"{len(report.findings)} things are wrong; looked at {told}")


def run(arguments: Sequence[str], say: Callable[[str], None] = print) -> int:
    """0: nothing is wrong. 1: something is. 2: it could not be checked."""
    asked = parser().parse_args(arguments)
    try:
        report = verify(asked.path, asked.key, asked.witness, asked.known, asked.checkpoints)
    except (Malformed, OSError, UnicodeDecodeError) as exc:
        say(f"cannot check: {exc}")
        return UNUSABLE
    tell(report, say)
    return GOOD if report.good else WRONG
