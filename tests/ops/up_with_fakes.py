"""`warbler` with fake edges and workers: what `up` does with processes is tested without what they do inside."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import ops.programs
import ops.up
from ops.cli import main
from ops.programs import Program

FAKE = str(Path(__file__).with_name("fake_child.py"))
real_programs = ops.programs.programs


def fake_programs(
    edge_ports: Sequence[int], worker_ports: Sequence[int], host: str, env: Mapping[str, str], background_niceness: int
) -> list[Program]:
    ports = [*worker_ports, *edge_ports]
    real = real_programs(edge_ports, worker_ports, host, env, background_niceness)
    return [dataclasses.replace(program, argv=(sys.executable, FAKE, str(port))) for program, port in zip(real, ports, strict=True)]


if __name__ == "__main__":
    ops.up.programs = fake_programs  # type: ignore[attr-defined]
    main()
