"""What is put into the processes of a run: a wrong clock and a planted bug, and nothing unless it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.faults.system import ROOT, SITE

CLOCK = "import time; before = time.monotonic(); print(time.time() - time.clock_gettime(time.CLOCK_REALTIME))"
CLOCK_NS = "import time; print((time.time_ns() - time.clock_gettime_ns(time.CLOCK_REALTIME)) / 1e9)"
PLANTED = "import streams.conversations.partition, streams.conversations.state as s; print(s.Conversation.remembered.__qualname__)"


def said(code: str, **env: str) -> list[str]:
    """The lines that a process of the harness prints."""
    whole = {**os.environ, "PYTHONPATH": f"{SITE}{os.pathsep}{ROOT}", **env}
    done = subprocess.run([sys.executable, "-c", code], env=whole, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_the_clock_of_the_named_process_is_wrong_by_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "clock-edge-1").write_text("-90")
    for code in (CLOCK, CLOCK_NS):
        assert abs(float(said(code, WARBLER_FAULTS=str(tmp_path), WARBLER_NODE="edge-1")[0]) + 90) < 1
        assert abs(float(said(code, WARBLER_FAULTS=str(tmp_path), WARBLER_NODE="edge-2")[0])) < 1


def test_a_bug_is_put_in_when_its_module_is_imported(tmp_path: Path) -> None:
    (tmp_path / "plant").write_text("duplicate_after_retry streams.conversations.state")
    lines = said(PLANTED, WARBLER_FAULTS=str(tmp_path), WARBLER_NODE="owner-1")
    assert lines[0] == "planted bug: duplicate_after_retry"
    assert "<lambda>" in lines[-1]


def test_nothing_is_put_in_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "plant").write_text("duplicate_after_retry streams.conversations.state")
    (tmp_path / "clock-owner-1").write_text("-90")
    assert said(PLANTED, WARBLER_NODE="owner-1") == ["Conversation.remembered"]
    assert abs(float(said(CLOCK, WARBLER_NODE="owner-1")[0])) < 1
