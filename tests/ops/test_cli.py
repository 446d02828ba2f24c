"""The command line: commands of other modules appear when these are there, and errors are one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import cli

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules written by the test, and no lazy commands but those it names."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lazy_single.py").write_text("def hello(name: str) -> None:\n    print(f'hello {name}')\n")
    (tmp_path / "lazy_app.py").write_text(
        "import typer\napp = typer.Typer()\n\n@app.command()\ndef one() -> None:\n    print('one')\n\n"
        "@app.command()\ndef two(n: int) -> None:\n    print('two', n)\n"
    )
    (tmp_path / "lazy_lonely.py").write_text(
        "import typer\napp = typer.Typer()\n\n@app.command()\ndef only(n: int) -> None:\n    print('only', n)\n"
    )
    monkeypatch.setattr(
        cli.Commands,
        "lazy",
        {
            "greet": ("lazy_single", "hello", "Greet."),
            "several": ("lazy_app", "app", "Several."),
            "missing": ("lazy_missing", "app", "Not there."),
            "import": ("lazy_lonely", "", "Import."),
        },
    )
    monkeypatch.setattr(cli.Importers, "lazy", {"lonely": ("lazy_lonely", "app", "A lonely command.")})
    return tmp_path


@pytest.mark.parametrize(
    ("words", "printed"),
    [(["greet", "ana"], "hello ana"), (["several", "two", "2"], "two 2"), (["import", "lonely", "3"], "only 3")],
)
def test_lazy_commands_run(modules: Path, words: list[str], printed: str) -> None:
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    assert printed in done.output


def test_only_what_is_there_is_listed_and_nothing_is_imported_for_a_neighbour(modules: Path) -> None:
    (modules / "lazy_app.py").write_text("raise RuntimeError('imported')")
    done = CliRunner().invoke(cli.app, ["greet", "bo"])
    assert done.exit_code == 0
    unknown = CliRunner().invoke(cli.app, ["missing"])
    assert unknown.exit_code == 2
    assert "No such command" in unknown.output


def test_the_help_names_what_is_there(modules: Path) -> None:
    listed = CliRunner().invoke(cli.app, ["--help"]).output
    assert [word for line in listed.splitlines() for word in line.split()[1:2] if line.startswith("│ ") and line[2] != " "] == [
        "--help",
        "up",
        "doctor",
        "status",
        "topics",
        "init",
        "greet",
        "several",
        "import",
    ]


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {key: value for key, value in os.environ.items() if not key.startswith("WARBLER_")}
    command = [sys.executable, "-m", "ops.cli", *words]
    whole = {**whole, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env}
    return subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "env", "message"),
    [
        (["status", "--data", "nowhere"], {}, "nothing runs on"),
        (["up", "--edges", "0"], {}, "--edges 0: between 1 and 32"),
        (["up"], {"WARBLER_KAFKA": "nowhere"}, "WARBLER_KAFKA=nowhere: expected host:port"),
        (["init"], {"WARBLER_MIN_INSYNC": "3"}, "WARBLER_MIN_INSYNC=3"),
        (["topics", "--data", "nowhere"], {}, "nothing runs on"),
    ],
)
def test_an_error_of_ours_is_one_line_and_exit_code_1(words: list[str], env: dict[str, str], message: str) -> None:
    done = run(*words, **env)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
