"""Who may import whom (design, section 5), and that pure modules stay pure.

A module has to be pure if it is named here, or if its docstring says so with the sentence "Pure."
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

ALLOWED: Mapping[str, set[str]] = {
    "schemas": set(),
    "log": {"schemas"},
    "store": {"schemas"},
    "audit": {"schemas"},  # an auditor runs it alone
    "streams": {"schemas", "log", "store", "audit", "rtc"},  # of rtc only what is pure (docs/decisions/0027)
    "edge": {"schemas", "log", "store", "audit", "rtc"},
    "rtc": {"schemas", "log", "store"},
    "ops": {"schemas", "log", "store", "audit", "streams", "edge", "rtc", "registry", "warbler"},
    "registry": {"schemas", "log"},
    "warbler": set(),
}
FOLDERS = {package: ROOT / package for package in ALLOWED} | {"warbler": ROOT / "sdk" / "python" / "warbler"}

IMPURE = {
    *("asyncio", "faust", "starlette", "aiokafka", "aiortc", "os", "time", "random"),
    *(
        "cassandra",
        "datetime",
        "fastapi",
        "httpx",
        "mode",
        "secrets",
        "socket",
        "subprocess",
        "threading",
        "uvicorn",
        "uvloop",
        "websockets",
    ),
}
# These decide, so they must be pure whatever they say of themselves; one that needs the world is split instead.
DECIDING = {
    *(
        f"schemas.{name}"
        for name in (
            "call_commands",
            "call_events",
            "call_records",
            "call_signals",
            "call_values",
            "codec",
            "commands",
            "events",
            "fingerprint",
            "headers",
            "ids",
            "keys",
            "notices",
            "partition",
            "records",
            "values",
        )
    ),
    *(
        f"streams.conversations.{name}"
        for name in (
            "answers",
            "common",
            "decide",
            "checks",
            "decide_groups",
            "decide_joining",
            "decide_members",
            "decide_messages",
            "decide_roles",
            "evolve",
        )
    ),
    *(f"streams.conversations.{name}" for name in ("owned", "partition", "rules", "shelf")),
    *(f"streams.owning.{name}" for name in ("outcome", "port", "saving", "state")),
    *(f"streams.calls.{name}" for name in ("alarms", "lines", "owned", "partition", "recording")),
    *(f"streams.conversations.{name}" for name in ("snapshots", "standings", "state")),
    "streams.timelines.rows",
    *(f"streams.inbox.{name}" for name in ("limits", "pending", "presence", "schedule", "sessions", "user", "users")),
    *("streams.notifier.burst", "streams.notifier.members"),
    *("edge.people.permits", "edge.people.policies"),
    *(
        "store.buckets",
        "store.retention",
        "store.roster_rows",
        "store.standing",
        "store.tenant_facts",
        "store.ties",
        "store.verdicts",
        "store.views",
    ),
    *(f"edge.{name}" for name in ("closing", "frames", "hub", "merge", "rate", "receipts", "recent", "session", "translate")),
    *(f"edge.{name}" for name in ("counts", "journey", "own_marks", "sizes", "watchers")),
    "streams.timelines.receipts",
    *("streams.notifier.rosters", "streams.rosters.rows", "streams.timelines.ties", "streams.conversations.decide_friends"),
    "log.passages",
    *("edge.admission", "edge.ladder", "edge.moves", "edge.unacked"),
    *(f"rtc.{name}" for name in ("active", "call", "decide_engine", "decide_ring", "decide_running", "draft")),
    *(f"rtc.{name}" for name in ("evolve", "live", "record", "rules", "state", "tables", "timers", "values", "who")),
    *(f"rtc.{name}" for name in ("choose", "ordering", "reconcile", "reports", "sdp", "supervise", "tickets", "turn")),
    "rtc.driving.plan",
    *(
        f"audit.{name}"
        for name in ("chain", "checkpoint", "findings", "leaf", "manifest", "note", "sealing", "seqs", "tiles", "tree", "witnessing")
    ),
    *("ops.supervision", "ops.verify_rows", "ops.irc.compare", "ops.irc.pace", "ops.irc.parse", "ops.irc.plan"),
    *(f"warbler.{name}" for name in ("backoff", "core", "directory", "effects", "frames", "outbox", "timelines")),
}
# What a pure module may import all the same, because it asks nothing of the machine: `datetime` and `zoneinfo` turn a moment that was
# given into what a clock shows there. The test below sees that such a module never asks what time it is.
CONVERTING: Mapping[str, set[str]] = {
    "log.places": {"datetime"},
    "ops.export.times": {"datetime"},
    "streams.push.quiet": {"datetime"},
}
ASKING_THE_TIME = {"now", "utcnow", "today"}
# Shells from which a pure module may take a plain value; what they import is not counted against it.
VALUES_OF_SHELLS = {
    "edge.settings",  # the settings' class stands beside the reading of the environment
    "store.schema",  # BUCKET_SEQS stands beside the table that it shapes
    *(
        "store.presence",
        "store.privacy",
        "store.profiles",
        "store.receipts",
        "store.sign_ins",
    ),  # the rows' classes stand beside their tables
    "store.timelines",  # membership_of makes a value of a row
}


@cache  # and not at import: every test process imports this file, and one of them runs it
def modules() -> Mapping[str, ast.Module]:
    """Every module of the product by its dotted name."""
    paths = [(package, path.relative_to(folder), path) for package, folder in FOLDERS.items() for path in sorted(folder.rglob("*.py"))]
    named = [([package, *relative.with_suffix("").parts], path) for package, relative, path in paths]
    return {".".join(names[:-1] if names[-1] == "__init__" else names): ast.parse(path.read_text()) for names, path in named}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in the source, also inside functions; `from a import b` gives a.b too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(imported(tree)) for name, tree in modules().items()}


def foreign(package: str, tree: ast.AST) -> list[str]:
    """What a module of the package imports of ours and must not."""
    return sorted({name for name in imported(tree) if (top := name.split(".")[0]) in ALLOWED and top not in ALLOWED[package] | {package}})


def claims_purity(tree: ast.Module) -> bool:
    return "Pure." in (ast.get_docstring(tree) or "").replace("Pure;", "Pure.").replace("Pure:", "Pure.")


@cache
def pure() -> set[str]:
    return DECIDING | {name for name, tree in modules().items() if claims_purity(tree)}


def impurities(name: str) -> list[str]:
    allowed = CONVERTING.get(name, set())
    return sorted({module for module in imports()[name] if (top := module.split(".")[0]) in IMPURE and top not in allowed})


def test_a_package_imports_only_what_is_below_it() -> None:
    assert {name: names for name, tree in modules().items() if (names := foreign(name.split(".")[0], tree))} == {}


def test_streams_and_edges_take_of_calls_only_what_decides() -> None:
    taken = {name: imports()[name] & modules().keys() for name in modules() if name.startswith(("streams.", "edge."))}
    assert {name: deep for name, names in taken.items() if (deep := {each for each in names - pure() if each.startswith("rtc.")})} == {}


def test_nothing_is_imported_relatively() -> None:
    """Or the test above would not see it."""
    nodes = [(name, node) for name, tree in modules().items() if not name.startswith("ops.") for node in ast.walk(tree)]
    assert [(name, node.lineno) for name, node in nodes if isinstance(node, ast.ImportFrom) and node.level] == []


def test_the_modules_that_decide_exist() -> None:
    assert sorted(DECIDING - set(modules())) == []


def test_a_pure_module_imports_no_clock_no_chance_and_no_io() -> None:
    assert {name: impure for name in pure() if (impure := impurities(name))} == {}
    waiting = (ast.Await, ast.AsyncFunctionDef)
    assert [name for name in sorted(pure()) if any(isinstance(node, waiting) for node in ast.walk(modules()[name]))] == []


def test_a_pure_module_imports_none_of_ours_that_does() -> None:
    """One step is enough where those are pure too; where they are not, what they import counts."""
    found = {name: {module: impurities(module) for module in reached_from(name) if impurities(module)} for name in pure()}
    assert {name: impure for name, impure in found.items() if impure} == {}


def reached_from(name: str) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if (
            module in modules() and module not in reached | VALUES_OF_SHELLS and module not in ALLOWED
        ):  # `from warbler import frames` asks for frames alone
            reached.add(module)
            waiting.extend(imports()[module])
    return reached


def asks_the_time(tree: ast.AST) -> list[str]:
    return sorted(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ASKING_THE_TIME)


def test_a_module_that_converts_times_never_asks_for_one() -> None:
    assert {name: asked for name in CONVERTING if (asked := asks_the_time(modules()[name]))} == {}


def test_the_checks_find_what_they_are_for() -> None:
    assert foreign("rtc", ast.parse("import edge.session")) == ["edge.session"]
    assert foreign("edge", ast.parse("def f():\n    from streams import worker")) == ["streams", "streams.worker"]
    assert foreign("warbler", ast.parse("from schemas.ids import uuid7")) == ["schemas.ids", "schemas.ids.uuid7"]
    assert foreign("edge", ast.parse("from log.port import Log\nimport json")) == []
    assert asks_the_time(ast.parse("datetime.now(UTC)\ndate.today()")) == ["now", "today"]
    assert claims_purity(ast.parse('"""Words. Pure."""'))
    assert not claims_purity(ast.parse('"""Words."""'))
    assert {"edge", "log", "ops", "schemas", "store", "streams", "warbler"} <= {name.split(".")[0] for name in modules()}
