"""The supervisor with real small children: restarts what dies, stalls or is mute, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ops.charges import ProgramCharge, read_live
from ops.embedded.ports import next_free
from ops.embedded.process import Child
from ops.programs import Program
from ops.supervision import Answered, Policy
from ops.supervisor import Supervisor

FAKE = Path(__file__).with_name("fake_child.py")
QUICK = Policy(start_limit_s=5, silent_limit_s=1.0, stalled_limit_s=1.0, steady_s=60, backoff_first_s=0.1, backoff_limit_s=0.4)

PATIENT = Policy(backoff_first_s=0.1, backoff_limit_s=0.4)


class Bench:
    """A supervisor over fake children, and what it said."""

    def __init__(self, home: Path, *modes: str) -> None:
        self.said: list[str] = []
        self.starts_count = 0
        self.supervisor = Supervisor(self.said.append, self._started, random.Random(1))
        first = 18_000 + os.getpid() % 1_000
        for number, mode in enumerate(modes):
            port = next_free(first + number * 10)
            name = f"fake-{number}"
            url = f"http://127.0.0.1:{port}/"
            env = {"FAKE_MODE": mode, "WARBLER_NODE": name}
            program = Program(name, (sys.executable, str(FAKE), str(port)), env, url, f"{url}live", stop_grace_s=0.5)
            # A busy machine must not make a well child look hung.
            self.supervisor.add(ProgramCharge(program, home, QUICK if mode in ("stalled", "mute") else PATIENT))

    def _started(self) -> None:
        self.starts_count += 1

    async def until(self, condition: Callable[[], bool], limit_s: float = 60) -> None:
        """Run the supervisor until `condition` holds, then stop the children."""
        running = asyncio.create_task(self.supervisor.run())
        deadline_s = time.monotonic() + limit_s
        try:
            while not condition():
                assert time.monotonic() < deadline_s, self.said
                assert not running.done(), running
                await asyncio.sleep(0.05)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.supervisor.stop([lambda _: True])

    def pids(self) -> list[int]:
        return [charge.child.pid for charge in self.supervisor.charges if charge.child.running]


def test_children_are_started_found_well_and_stopped_without_trace(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "well", "well", "stubborn")
    pids: list[int] = []

    def all_well() -> bool:
        pids[:] = bench.pids()
        return bench.supervisor.all_well

    asyncio.run(bench.until(all_well))
    assert len(pids) == 3
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert bench.said == []


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "well")
    first: list[int] = []

    def killed_and_back() -> bool:
        if bench.supervisor.all_well and not first:
            first.extend(bench.pids())
            os.kill(first[0], signal.SIGKILL)
        return bool(first) and bench.starts_count == 2 and bench.supervisor.all_well and bench.pids() != first

    asyncio.run(bench.until(killed_and_back))
    assert "fake-0 ended with -9" in bench.said[0]


@pytest.mark.parametrize(("mode", "words"), [("stalled", "no progress for"), ("mute", "no first answer for")])
def test_a_child_that_hangs_is_killed_and_started_again(tmp_path: Path, mode: str, words: str) -> None:
    bench = Bench(tmp_path, mode)
    asyncio.run(bench.until(lambda: bench.starts_count >= 2))
    assert words in bench.said[0]


def test_the_exit_code_and_the_last_lines_of_a_crash_are_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "crash")
    asyncio.run(bench.until(lambda: bench.starts_count >= 3))
    assert "ended with 3" in bench.said[0]
    assert "the fake crashes on purpose" in bench.said[0]
    assert bench.said[1].endswith("Its last lines are the same as before.")


def test_the_tail_is_that_of_the_last_run(tmp_path: Path) -> None:
    child = Child("talker", tmp_path)
    for word in ("first", "second"):
        child.spawn([sys.executable, "-c", f"print('{word}')"])
        deadline_s = time.monotonic() + 10
        while child.running and time.monotonic() < deadline_s:
            time.sleep(0.01)
    assert child.tail() == "second"


@pytest.mark.parametrize("niceness", [0, 7])
def test_a_child_steps_back_as_it_was_told_as_a_process_and_as_a_session(tmp_path: Path, niceness: int) -> None:
    """With autogroups the kernel compares sessions, and a child has one of its own: the process's niceness alone would change nothing."""
    child = Child("patient", tmp_path, niceness)
    child.spawn([sys.executable, "-u", "-c", "import time; print('here'); time.sleep(60)"])
    try:
        deadline_s = time.monotonic() + 20
        while child.tail() != "here":
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        assert psutil.Process(child.pid).nice() == os.nice(0) + niceness
        autogroup = Path(f"/proc/{child.pid}/autogroup")
        if autogroup.exists():
            assert autogroup.read_text().split()[-1] == str(niceness)
    finally:
        child.kill()


def test_a_child_left_by_a_killed_predecessor_is_ended_before_the_next_start(tmp_path: Path) -> None:
    left = Child("fake-0", tmp_path)
    left.spawn([sys.executable, "-u", "-c", "import time; print('here'); time.sleep(60)"])
    deadline_s = time.monotonic() + 20
    while left.tail() != "here" and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert Child("fake-0", tmp_path).end_leftover()
    assert not left.running


def test_a_strangers_pid_in_the_pid_file_is_left_alone(tmp_path: Path) -> None:
    other = Child("other", tmp_path)
    other.spawn([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        child = Child("fake-0", tmp_path)
        child.pid_path.write_text(str(other.pid))
        assert not child.end_leftover()
        assert other.running
    finally:
        other.kill()


def test_a_full_log_is_rotated_while_the_child_writes_on(tmp_path: Path) -> None:
    child = Child("writer", tmp_path)
    child.spawn([sys.executable, "-u", "-c", "import time\nfor n in range(10**6): print('line', n); time.sleep(0.001)"])
    try:
        deadline_s = time.monotonic() + 10
        while not child.log_path.with_name("writer.log.1").exists():
            assert time.monotonic() < deadline_s
            child.rotate_log(bytes_limit=500)
            time.sleep(0.02)
        time.sleep(0.2)
        # Append mode: the file starts again at 0 instead of with a hole of zero bytes.
        assert child.log_path.read_bytes().lstrip(b"0123456789\n ").startswith(b"line")
    finally:
        child.kill()


@pytest.mark.parametrize("body", [b"", b"ok", b"[]", b"{}", b'{"ok": "yes"}', b'{"ok": true, "progress": "7"}', b"\xff"])
def test_what_is_no_liveness_answer_counts_as_none(body: bytes) -> None:
    assert read_live(body) is None


def test_a_liveness_answer_is_read() -> None:
    assert read_live(b'{"ok": true, "progress": 7, "idle": true, "detail": {}}') == Answered(ok=True, progress=7, idle=True)
