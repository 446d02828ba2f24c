"""A data directory has one owner at a time; the kernel gives it back when the owner dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ops.errors import DataDirInUse, OpsError

# Both would be taken apart by the servers' own configuration formats (log.dirs is a list, `$` starts a template field).
FORBIDDEN = frozenset(',$"\\\n')


class DataDirLock:
    def __init__(self, home: Path) -> None:
        self.home = home
        self._descriptor: int | None = None

    def take(self) -> None:
        """Create the directory if needed and lock it.

        Raises: DataDirInUse naming the owner's pid; OpsError for a path that Kafka or Cassandra could not be told.
        """
        if FORBIDDEN & set(str(self.home)):
            raise OpsError(f"{self.home}: a data directory's path may not contain any of , $ \" \\")
        self.home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DataDirInUse(f"{self.home} is in use by the running process {owner}; stop it or choose another --data") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
