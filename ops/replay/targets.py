"""Where a replay goes: lines on standard output or in a file. Topics and webhooks are in `to_topic` and `to_webhook`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from log.port import Record
from schemas.errors import WarblerError
from schemas.shown import Shown, packed


class TargetGone(WarblerError):
    """The target takes no more: a closed pipe, a full disk, a server that refuses."""


class Found(NamedTuple):
    record: Record
    row: Shown


class Target(Protocol):
    async def write(self, found: Sequence[Found]) -> int:
        """How many of them were written now; fewer than given where the target had some already. Raises: TargetGone, LogError."""
        ...

    async def flush(self) -> dict[str, Any]:
        """What the target needs to go on from here; everything written so far is kept when this returns. Raises: as `write`."""
        ...

    async def close(self) -> None: ...


class Lines:
    """NDJSON into an open file. What is written after the last flush may stand there twice when a replay goes on."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    @classmethod
    def of_standard_output(cls) -> Lines:
        """Unbuffered: Python's own buffer would be flushed, and fail, once more at the end of the process."""
        return cls(FileIO(1, "wb", closefd=False))

    async def write(self, found: Sequence[Found]) -> int:
        rest = memoryview(b"".join([packed(row) for _, row in found]))
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as exc:
            raise TargetGone(f"the lines cannot be written: {exc.strerror}") from exc
        return len(found)

    async def flush(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        """The file is the caller's."""


class File:
    """NDJSON into a file of its own; one that goes on cuts off what came after its last flush, so each line is there once."""

    def __init__(self, path: Path, saved: dict[str, Any]) -> None:
        """`saved`: what `flush` gave, empty at first. Raises: TargetGone, also where there is a file already."""
        self._path = path
        try:
            self._file = FileIO(path, "r+b" if saved else "xb")
        except OSError as exc:
            raise TargetGone(f"{path}: {exc.strerror}; a replay begins a file of its own") from exc
        self._lines = Lines(self._file)
        if saved:
            self._go_on(saved["bytes"])

    def _go_on(self, size_bytes: int) -> None:
        if os.fstat(self._file.fileno()).st_size < size_bytes:
            self._file.close()
            raise TargetGone(f"{self._path} is shorter than when the replay stopped")
        self._file.truncate(size_bytes)
        self._file.seek(size_bytes)

    async def write(self, found: Sequence[Found]) -> int:
        return await self._lines.write(found)

    async def flush(self) -> dict[str, Any]:
        try:
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise TargetGone(f"{self._path}: {exc.strerror}") from exc
        return {"bytes": self._file.tell()}

    async def close(self) -> None:
        self._file.close()
