"""The JavaScript SDK: its own tests pass, the page's types hold, and the built files are those of the sources."""

import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).parents[2] / "sdk" / "js"
TSC = JS / "node_modules" / ".bin" / "tsc"
TIMEOUT_S = 300


@pytest.fixture(autouse=True)
def installed() -> None:
    assert TSC.exists(), "run: cd sdk/js && npm install --no-package-lock"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]


def test_the_built_files_are_those_of_the_sources(tmp_path: Path) -> None:
    run(TSC, "-p", "tsconfig.json", "--outDir", tmp_path)
    built = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (JS / "dist").iterdir()}
    assert kept == built, "run: cd sdk/js && npm run build"


@pytest.mark.parametrize("program", ["page", "worker"])
def test_the_types_of_the_page_hold(program: str) -> None:
    run(TSC, "-p", f"tsconfig.{program}.json")


def test_its_own_tests_pass() -> None:
    run("node", "--test", *sorted((JS / "test").glob("*.test.js")))
