"""The state file of an import: which ids its commands have, so that it can be resumed without storing anything twice.

What was imported is never written here: the conversation itself says so. Called by `ops.irc.cli` and `ops.irc.run`.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from warbler.ids import uuid7

from ops.irc.errors import BadState
from ops.irc.plan import step_bits

VERSION = 1


@dataclass(slots=True)
class FileState:
    """Ids of a file's commands: step `i` at or after `base_step` carries the time `base_ms + i - base_step`.

    `conversation` stays empty until the group's creating command has its id.
    """

    digest: str
    conversation: str = ""
    create_id: str = ""
    base_ms: int = 0
    base_step: int = 0

    def command_id(self, import_id: str, index: int) -> str:
        return uuid7(self.base_ms + index - self.base_step, step_bits(import_id, self.digest, index))


@dataclass(slots=True)
class State:
    import_id: str
    server: str  # epoch of the log it was begun on
    files: dict[str, FileState] = field(default_factory=dict)


def new_state() -> State:
    return State(secrets.token_hex(8), "")


class StateFile:
    """The state and its file, replaced as a whole each time, on the disk before `save` returns."""

    def __init__(self, path: Path, state: State) -> None:
        self.path, self.state = path, state
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> StateFile:
        """The state of `path`, or a new one where nothing is there yet. Raises: BadState."""
        if not path.exists():
            return cls(path, new_state())
        try:
            fields = json.loads(path.read_text())
            if fields.pop("version") != VERSION:
                raise BadState(f"{path}: of another version of warbler; name another --state")
            files = {name: FileState(**file) for name, file in fields.pop("files").items()}
            return cls(path, State(**fields, files=files))
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise BadState(f"{path}: is no state of an import ({error})") from None

    def file(self, name: str, digest: str) -> FileState:
        """The state of one file. Raises: BadState when the file has changed since."""
        known = self.state.files.setdefault(name, FileState(digest))
        if known.digest != digest:
            raise BadState(f"{name} has changed since {self.path} was begun; name another --state to import it anew")
        return known

    def begin_on(self, server: str) -> None:
        """Ties the import to the log it goes to. Raises: BadState for another one."""
        if self.state.server not in ("", server):
            raise BadState(f"{self.path} belongs to another server (or one whose log was lost); name another --state")
        self.state.server = server

    def save(self) -> None:
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            writing = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
            with writing.open("w") as file:
                json.dump({"version": VERSION, **asdict(self.state)}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            writing.replace(self.path)
