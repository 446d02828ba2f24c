"""For all tests: hypothesis measures no time, because the machines are shared (speed belongs in bench/), and files have an order.

First what needs no server, then what starts its own, and last what shares a whole Warbler: each test process has one of those from its
first such test to its end, and an idle one takes a quarter of a core from whoever comes after. Files with a browser, which need most of a
machine, are spread evenly over their phase, so that they seldom meet; what needs a whole machine is marked `alone` and comes at the end,
and while such a test runs no other process runs one. `scripts/test` keeps this order.

A test on real servers that fails is tried a second time, alone: two processes fill the machine, and what failed may have had no turn. Its
first failure is printed whole, and more than SECOND_TRIES_LIMIT of them fail the run (docs/decisions/0048-second-tries.md). What needs no
server, and the runs that judge the promises (tests/faults), have one try. WARBLER_TEST_ONE_TRY=1: everything has.
"""

import fcntl
import itertools
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("warbler", deadline=None)
settings.load_profile("warbler")

SHARED_WORLD, BROWSER = "warbler", "browser"  # fixtures of tests/real
SECOND_TRIES_LIMIT = 6  # of a whole run: more than that is no busy machine
ONE_TRY = "WARBLER_TEST_ONE_TRY"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = {path: list(group) for path, group in itertools.groupby(items, lambda item: item.path)}
    place = dict(_places({path: _needs(of_file) for path, of_file in files.items()}))
    items.sort(key=lambda item: place[item.path])
    for item in items:
        if os.environ.get(ONE_TRY) != "1" and item.get_closest_marker("real") and "faults" not in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=1))


def _needs(items: list[pytest.Item]) -> tuple[int, bool]:
    """The phase of a file's tests, and whether they use a browser."""
    fixtures = {name for item in items for name in getattr(item, "fixturenames", ())}
    real = any(item.get_closest_marker("real") for item in items)
    alone = any(item.get_closest_marker("alone") for item in items)
    return (3 if alone else 2 if SHARED_WORLD in fixtures else int(real)), BROWSER in fixtures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Not around a test's fixtures: the last test's end those of the session, and there processes wait for each other."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    alone = item.get_closest_marker("alone") is not None or getattr(item, "execution_count", 1) > 1
    with _turn(run, alone=alone) if run else nullcontext():
        return (yield)


@contextmanager
def _turn(run: str, *, alone: bool) -> Iterator[None]:
    """Any number of tests, or one that is alone, which waits in the door so that no other slips in before it."""
    path = Path(tempfile.gettempdir()) / f"warbler-tests-{run}"
    with path.with_suffix(".door").open("a") as door, path.with_suffix(".room").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def _places(needs: dict[Path, tuple[int, bool]]) -> Iterator[tuple[Path, tuple[int, float]]]:
    """(phase, how far in it) of each file: those of a kind are as far from each other as can be."""
    for kind in set(needs.values()):
        alike = [path for path, need in needs.items() if need == kind]
        for number, path in enumerate(alike):
            yield path, (kind[0], (number + 0.5) / len(alike))


# ---- what was tried a second time


def _first_tries(config: pytest.Config) -> list[pytest.TestReport]:
    """Of the tests that were tried again, how they failed first. Empty in xdist's own processes, which tell the one that reports."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("rerun", ())) if reporter else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    if len(_first_tries(session.config)) > SECOND_TRIES_LIMIT:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    failed = _first_tries(config)
    if not failed:
        return
    terminalreporter.section(f"{len(failed)} failed at first, and were tried again alone")
    for report in failed:
        terminalreporter.section(report.nodeid, sep="_")
        terminalreporter.line(report.longreprtext)
        for title, content in report.sections:
            terminalreporter.section(title, sep="-")
            terminalreporter.line(content)
    if len(failed) > SECOND_TRIES_LIMIT:
        terminalreporter.line(f"ERROR: {len(failed)} second tries, {SECOND_TRIES_LIMIT} are allowed: the run has failed", red=True)
