"""Measurements in a process of their own, without a cluster: how the process says its figures, and how a workload asks for them."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.machine import describe
from bench.report import Figure

ROOT = Path(__file__).resolve().parents[1]


def say(figures: Sequence[Figure], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([(figure.name, figure.unit, figure.value) for figure in figures]))
        return
    print(", ".join(f"{name} {value}" for name, value in describe().items()))
    print("\n".join(f"{figure.name:45} {figure.value:10.4g} {figure.unit}" for figure in figures))


async def figures_of(module: str, *arguments: str, within_s: float) -> list[Figure]:
    """What `python -m module` measures. Raises: TimeoutError, RuntimeError when it ended with a failure."""
    command = [sys.executable, "-m", module, "--json", *arguments]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(within_s):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    if child.returncode:
        raise RuntimeError(f"{module} ended with {child.returncode}")
    return [Figure(*figure) for figure in json.loads(said)]
