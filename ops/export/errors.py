"""What can go wrong in an export; each message says what mends it, and the same command goes on where it was."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.errors import OpsError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ExportError(OpsError):
    """Root of the export's errors."""


class DiskFull(ExportError):
    """There is no more room for the export."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"no room left for {folder} ({why}); make some and run the same command again, it goes on where it was")


class CannotWrite(ExportError):
    """The folder cannot be written."""


class AnotherExport(ExportError):
    """The folder has something else in it."""


class NothingChosen(ExportError):
    """The choice names nothing that the log has."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what the disk refuses into errors of ours. Raises: DiskFull, CannotWrite."""
    try:
        yield
    except OSError as exc:
        if exc.errno in FULL:
            raise DiskFull(folder, exc.strerror or "full") from exc
        raise CannotWrite(f"{exc.filename or folder}: {exc.strerror or exc}") from exc
    except sqlite3.Error as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_FULL or "full" in str(exc):
            raise DiskFull(folder, str(exc)) from exc
        raise CannotWrite(f"{folder}: {exc}") from exc
