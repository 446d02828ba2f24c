"""`warbler` with fake edges and workers: what `up` does with processes is tested without what they do inside."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import ops.engines
import ops.programs
import ops.up
from ops.cli import main
from ops.programs import Program

FAKE = str(Path(__file__).with_name("fake_child.py"))
real_programs = ops.programs.programs
real_engine_programs = ops.engines.engine_programs
real_registry = ops.programs.registry


def fake_programs(
    edge_ports: Sequence[int], worker_ports: Sequence[int], host: str, env: Mapping[str, str], background_niceness: int
) -> list[Program]:
    ports = [*worker_ports, *edge_ports]
    real = real_programs(edge_ports, worker_ports, host, env, background_niceness)
    return _faked(real, ports)


def fake_engine_programs(
    engines: int, janus: Sequence[str], live_ports: Sequence[int], host: str, env: Mapping[str, str], given: Mapping[str, str]
) -> list[Program]:
    return _faked(real_engine_programs(engines, janus, live_ports, host, env, given), live_ports)


def fake_registry(port: int, env: Mapping[str, str], given: Mapping[str, str] = os.environ) -> Program:
    return _faked([real_registry(port, env, given)], [port])[0]


def _faked(programs: Sequence[Program], ports: Sequence[int]) -> list[Program]:
    return [dataclasses.replace(program, argv=(sys.executable, FAKE, str(port))) for program, port in zip(programs, ports, strict=True)]


if __name__ == "__main__":
    ops.up.programs = fake_programs  # type: ignore[attr-defined]
    ops.up.engine_programs = fake_engine_programs  # type: ignore[attr-defined]
    ops.up.registry = fake_registry  # type: ignore[attr-defined]
    main()
