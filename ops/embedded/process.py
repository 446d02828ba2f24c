"""A child process that cannot outlive us: spawn, measure, stop, and end what a killed predecessor left.

Called by the Kafka and Cassandra nodes and by the supervisor; calls only the operating system. Nothing here depends on an event
loop, so a child started under one `asyncio.run` can be stopped under another. The kernel's death signal follows the *thread* that
spawned the child: spawn from a thread that lives as long as the child should.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

LAUNCHER = Path(__file__).with_name("launch.py")
CHILD_MARK = "WARBLER_CHILD"  # environment variable by which a child is recognised as ours
LOG_BYTES_LIMIT = 10 << 20
POLL_S = 0.02


class Child:
    """One named child of a data directory; its pid is in `run/NAME.pid`, its output in `logs/NAME.log`.

    `niceness`: 0 to 19; the higher, the more it leaves the processors to others when they are short.
    """

    def __init__(self, name: str, home: Path, niceness: int = 0) -> None:
        self.name = name
        self.home = home
        self.niceness = niceness
        self.log_path = home / "logs" / f"{name}.log"
        self.pid_path = home / "run" / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._log_start_bytes = 0  # where the present run's output begins

    @property
    def mark(self) -> str:
        """Value of CHILD_MARK in this child's environment; unique to the data directory and name."""
        return f"{self.home}:{self.name}"

    @property
    def pid(self) -> int:
        """Process id of the running or last run.

        Raises: RuntimeError before the first spawn.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    @property
    def up_s(self) -> float:
        """Seconds since the last spawn."""
        return time.monotonic() - self._started_s

    def spawn(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start the program; whatever an earlier supervisor left under this name is ended first."""
        if self.running:
            raise RuntimeError(f"{self.name} already runs as {self.pid}")
        self.end_leftover()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.pid_path.parent.mkdir(parents=True, exist_ok=True)
        whole_env = {**os.environ, **(env or {}), CHILD_MARK: self.mark}
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(self.niceness)]
        with self.log_path.open("ab") as log:
            self._log_start_bytes = log.tell()
            # A session of its own: Ctrl-C in the terminal must reach us alone, so that we stop the children in order.
            self._process = subprocess.Popen(
                [*launcher, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=whole_env, cwd=self.home, start_new_session=True
            )
        self._started_s = time.monotonic()
        self.pid_path.write_text(str(self._process.pid))

    def end_leftover(self) -> bool:
        """Kill the process of our pid file if it still runs and is really ours; whether there was one."""
        try:
            pid = int(self.pid_path.read_text())
        except (OSError, ValueError):
            return False
        if pid == os.getpid() or not carries_mark(pid, self.mark):
            return False
        try:
            leftover = psutil.Process(pid)
            leftover.kill()
            leftover.wait(timeout=10)
        except psutil.NoSuchProcess:
            pass
        return True

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    async def stop(self, grace_s: float) -> int | None:
        """Ask the child to end (SIGTERM), kill it after `grace_s`; its exit code, None if it never ran."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
        for _ in range(int(grace_s / POLL_S)):
            if process.poll() is not None:
                break
            await asyncio.sleep(POLL_S)
        self.kill()
        self.pid_path.unlink(missing_ok=True)
        return process.returncode

    def rss_bytes(self) -> int:
        """Resident memory now; 0 when not running."""
        return int(psutil.Process(self.pid).memory_info().rss) if self.running else 0

    def cpu_s(self) -> float:
        """CPU seconds used since the last spawn; 0 when not running."""
        if not self.running:
            return 0.0
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def tail(self, lines_count: int = 20) -> str:
        """The last lines of the output of the present or last run."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(self._log_start_bytes, self.log_path.stat().st_size - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines_count:])
        except OSError:
            return ""

    def rotate_log(self, bytes_limit: int = LOG_BYTES_LIMIT) -> None:
        """Move a full log to `NAME.log.1`. The child keeps its descriptor (append mode), so copy and truncate."""
        try:
            if self.log_path.stat().st_size <= bytes_limit:
                return
        except FileNotFoundError:
            return
        shutil.copyfile(self.log_path, self.log_path.with_name(self.log_path.name + ".1"))
        os.truncate(self.log_path, 0)
        self._log_start_bytes = 0


def carries_mark(pid: int, mark: str) -> bool:
    """Whether process `pid` lives and was started by us as the child that `mark` names."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.environ().get(CHILD_MARK) == mark)
    except psutil.Error:
        return False
