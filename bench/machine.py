"""What the figures were measured on, and what each process used."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

LIBRARIES = ("aiokafka", "cassandra-driver", "faust-streaming", "msgspec", "uvicorn", "uvloop", "websockets")
PARTS = ("kafka", "cassandra", "edge", "owner", "projector")  # what a message costs; the driver is shown beside them


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU (user and system) since each process began, and its resident memory now; `busy_s`: what all processors worked since boot."""

    cpu_s: Mapping[str, float]
    rss_bytes: Mapping[str, int]
    busy_s: float = 0.0


def usage_of(pids: Mapping[str, int]) -> Usage:
    """Of the processes that live; one that is gone is left out."""
    cpu_s: dict[str, float] = {}
    rss_bytes: dict[str, int] = {}
    for name, pid in pids.items():
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            cpu_s[name] = times.user + times.system
            rss_bytes[name] = process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    machine = psutil.cpu_times()
    return Usage(cpu_s, rss_bytes, sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0))


def others_cores(before: Usage, after: Usage, seconds: float) -> float:
    """How many cores were kept busy by what is not ours: other programs, and the kernel outside of any process."""
    ours = sum(after.cpu_s[name] - used for name, used in before.cpu_s.items() if name in after.cpu_s)
    return (after.busy_s - before.busy_s - ours) / seconds


def cpu_us_each(before: Usage, after: Usage, count: int) -> dict[str, float]:
    """CPU microseconds per item, by process, of those that lived through it; `parts` is their sum without the driver."""
    each = {name: (after.cpu_s[name] - used) * 1e6 / max(1, count) for name, used in before.cpu_s.items() if name in after.cpu_s}
    each["parts"] = sum(used for name, used in each.items() if name.split("-")[0] in PARTS)
    return each


def describe(java: str = "java") -> dict[str, str | int | float]:
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "java": _first_line([java, "-version"]),
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError as exc:
        return f"not found: {exc}"
    return next(iter((done.stderr or done.stdout).splitlines()), "")
