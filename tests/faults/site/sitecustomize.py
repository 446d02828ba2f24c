"""Loaded by Python itself in every process that the harness starts, for its folder is on PYTHONPATH. The product knows nothing of it.

Does nothing without WARBLER_FAULTS, which names a folder: `clock-NODE` in it holds the seconds by which that process's wall clock
is wrong, and `plant` the name of a bug of `tests.faults.plants` that is put in as soon as its module was imported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

LOOK_EVERY_S = 0.1


def bend_clock(path: Path) -> None:
    """Lets `time.time` and `time.time_ns` be wrong by what the file says. Not `datetime`, which asks the system itself."""
    real_time, real_time_ns, monotonic = time.time, time.time_ns, time.monotonic
    state = {"offset_s": 0.0, "looked_s": 0.0}

    def offset_s() -> float:
        now_s = monotonic()
        if now_s - state["looked_s"] > LOOK_EVERY_S:
            state["looked_s"] = now_s
            try:
                state["offset_s"] = float(path.read_text() or 0)
            except (OSError, ValueError):
                state["offset_s"] = 0.0
        return state["offset_s"]

    time.time = lambda: real_time() + offset_s()
    time.time_ns = lambda: real_time_ns() + int(offset_s() * 1_000_000_000)


class PlantingFinder(importlib.abc.MetaPathFinder):
    """Puts the bug in right after `module` was executed, before anybody else sees it."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.loader is not None
        execute, name = spec.loader.exec_module, self.name

        def exec_and_plant(module: ModuleType) -> None:
            execute(module)
            from tests.faults.plants import PLANTS

            PLANTS[name].put(setattr)
            print(f"planted bug: {name}", flush=True)

        spec.loader.exec_module = exec_and_plant  # type: ignore[method-assign]
        return spec


def begin(folder: Path, node: str) -> None:
    bend_clock(folder / f"clock-{node}")
    try:
        name, module = (folder / "plant").read_text().split()
    except (OSError, ValueError):
        return
    sys.meta_path.insert(0, PlantingFinder(module, name))


if (chosen := os.environ.get("WARBLER_FAULTS")) and (named := os.environ.get("WARBLER_NODE")):
    begin(Path(chosen), named)
