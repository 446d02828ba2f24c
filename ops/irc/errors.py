"""What makes an import end before it began, or not finish."""

from __future__ import annotations

from pathlib import Path

from ops.errors import OpsError


class BadInput(OpsError):
    """A file cannot be imported; nothing was. The command ends with exit code 2."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class ImportFailed(OpsError):
    """The import could not go on; it can be resumed with the same command."""


class BadState(OpsError):
    """The state file does not belong to these files or this server."""
