"""Second tries, in a run of pytest of their own with this project's conftest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ONE_TRY, SECOND_TRIES_LIMIT

CONFTEST = Path(__file__).parent / "conftest.py"
BUSY = """
import pathlib, pytest

@pytest.mark.{mark}
@pytest.mark.parametrize("number", range({count}))
def test_that_fails_at_first(number):
    before = pathlib.Path(__file__).with_suffix(f".{{number}}")
    if not before.exists():
        before.touch()
        raise TimeoutError("had no turn")
"""
BROKEN = """
import pytest

@pytest.mark.real
def test_that_always_fails():
    assert False, "is wrong"
"""


def ran(folder: Path, text: str, *, under: str = "real", processes: int = 0, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and output of a run over one file. `processes`: 0 without xdist."""
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  real\n  alone\n  pure\n")
    (folder / under).mkdir()
    (folder / under / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(["-n", str(processes)] if processes else ["-p", "no:xdist"])]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "WARBLER_TEST_"))}
    done = subprocess.run(command, cwd=folder, env={**inherited, **(env or {})}, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", [0, 2])
def test_what_passes_alone_passes_and_its_first_failure_is_printed(tmp_path: Path, processes: int) -> None:
    status, output = ran(tmp_path, BUSY.format(mark="real", count=2), processes=processes)
    assert status == 0
    assert "2 failed at first, and were tried again alone" in output
    assert output.count("TimeoutError: had no turn") >= 2
    assert "2 passed, 2 rerun" in output.splitlines()[-1]


def test_what_fails_twice_has_failed(tmp_path: Path) -> None:
    status, output = ran(tmp_path, BROKEN)
    assert status == 1
    assert "1 failed, 1 rerun" in output.splitlines()[-1]


@pytest.mark.parametrize("allowed", [True, False])
def test_only_so_many_may_be_tried_again(tmp_path: Path, allowed: bool) -> None:
    status, output = ran(tmp_path, BUSY.format(mark="real", count=SECOND_TRIES_LIMIT + (not allowed)))
    assert status == (0 if allowed else 1)
    assert ("the run has failed" in output) is not allowed


@pytest.mark.parametrize(
    ("mark", "under", "env"),
    [("pure", "real", {}), ("real", "faults", {}), ("real", "real", {ONE_TRY: "1"})],
    ids=["pure", "faults", "one"],
)
def test_some_have_one_try(tmp_path: Path, mark: str, under: str, env: dict[str, str]) -> None:
    status, output = ran(tmp_path, BUSY.format(mark=mark, count=1), under=under, env=env)
    assert status == 1
    assert "= 1 failed in " in output.splitlines()[-1]
