"""Who may import whom, and which modules decide without touching the world.

schemas <- {log, store} <- {streams, edge, rtc} <- ops; the SDK and the servers know nothing of each other (ops may use both).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SERVER = {"schemas", "log", "store", "streams", "edge", "rtc", "ops"}
ALLOWED: dict[str, set[str]] = {
    "schemas": set(),
    "log": {"schemas"},
    "store": {"schemas"},
    "streams": {"schemas", "log", "store"},
    "edge": {"schemas", "log", "store"},
    "rtc": {"schemas", "log", "store"},
    "ops": {"schemas", "log", "store", "streams", "edge", "rtc", "warbler"},
    "warbler": set(),
}
FOLDERS = {package: ROOT / package for package in SERVER} | {"warbler": ROOT / "sdk" / "python" / "warbler"}
IMPURE = set("asyncio faust starlette fastapi aiokafka aiortc cassandra httpx os time random socket subprocess threading".split())  # noqa: SIM905
# The modules that decide. A new one is added here when it is written; one that needs the world is split instead.
PURE = [
    *(f"schemas/{name}" for name in ("codec", "commands", "events", "ids", "partition", "records", "values")),
    *(f"streams/conversations/{name}" for name in ("access", "decide", "decide_members", "decide_messages", "evolve", "fingerprint")),
    *(f"streams/conversations/{name}" for name in ("headers", "outcome", "rules", "snapshots", "state")),
    "streams/timelines/rows",
    "store/buckets",
    *(f"edge/{name}" for name in ("closing", "frames", "hub", "merge", "rate", "receipts", "recent", "session", "translate")),
    *(f"ops/{name}" for name in ("supervision", "verify_rows", "irc/compare", "irc/pace", "irc/parse", "irc/plan")),
    *(f"sdk/python/warbler/{name}" for name in ("backoff", "core", "directory", "effects", "frames", "outbox", "timelines")),
]


def imported(source: str) -> Iterator[str]:
    """Top names of all absolute imports, those inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def breaks(package: str, source: str) -> set[str]:
    """Packages of ours that `package` may not import but does."""
    return {name for name in imported(source) if name in ALLOWED.keys() - {package} - ALLOWED[package]}


def touches_the_world(source: str) -> set[str]:
    """What makes a module impure: an import of I/O, clock or chance, or waiting."""
    waits = any(isinstance(node, ast.Await | ast.AsyncFunctionDef) for node in ast.walk(ast.parse(source)))
    return (set(imported(source)) & IMPURE) | ({"await"} if waits else set())


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    files = sorted(FOLDERS[package].rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): breaks(package, path.read_text()) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("module", PURE)
def test_modules_that_decide_do_not_touch_the_world(module: str) -> None:
    assert touches_the_world((ROOT / f"{module}.py").read_text()) == set()


def test_what_is_forbidden_is_seen() -> None:
    assert breaks("rtc", "import edge.session") == {"edge"}
    assert breaks("edge", "def f():\n    from streams import worker") == {"streams"}
    assert breaks("warbler", "from schemas.ids import new") == {"schemas"}
    assert breaks("edge", "from warbler.client import Client") == {"warbler"}
    assert breaks("edge", "from log.port import Log\nfrom edge.hub import Hub\nfrom . import frames") == set()
    assert touches_the_world("from os import environ") == {"os"}
    assert touches_the_world("async def f(): ...") == {"await"}
    assert touches_the_world("import dataclasses") == set()
