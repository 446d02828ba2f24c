"""How far a replay is: what was asked, what is left to read, what was counted; and the file that keeps it.

The file is replaced whole after the target has confirmed what came before, so a replay that is killed goes on from there.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import WarblerError

VERSION = 1


class BadResume(WarblerError):
    """The file is none of ours, or of another replay."""


class Counts(msgspec.Struct):
    """Exact. `read`: records of the spans; `matched`: those that were meant; `written`: those that the target has."""

    read: int = 0
    matched: int = 0
    written: int = 0
    damaged: int = 0  # of the matched, those that could not be decoded
    types: dict[str, int] = {}  # of the matched, by record

    def add(self, types: Counter[str]) -> None:
        for name, count in types.items():
            self.types[name] = self.types.get(name, 0) + count


class Part(msgspec.Struct):
    """What is left of a span."""

    topic: str
    partition: int
    next_offset: int
    end_offset: int


class State(msgspec.Struct):
    """`asked`: the command's options, which must be the same when it goes on. `target`: what the target needs to go on exactly."""

    run: str
    asked: dict[str, Any]
    parts: list[Part]
    counts: Counts
    target: dict[str, Any] = {}
    done: bool = False
    version: int = VERSION


def load(path: Path, asked: dict[str, Any]) -> State | None:
    """The state in the file; None if there is none. Raises: BadResume."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as exc:
        raise BadResume(f"{path} cannot be resumed: {exc}") from exc
    if state.version != VERSION or state.asked != asked:
        other = sorted(name for name in asked.keys() | state.asked.keys() if asked.get(name) != state.asked.get(name))
        raise BadResume(f"{path} is of another replay ({', '.join(other) or 'version'} differs); give the same options or another file")
    return state


def save(path: Path, state: State) -> None:
    """Raises: OSError, and the file is as before."""
    writing = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with writing.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    writing.replace(path)
