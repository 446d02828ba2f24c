"""`warbler import irc` on a real Warbler with Kafka and Cassandra of its own, so that each of its processes can be killed."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops import statefile
from tests.irc.corpus import ARCHIVE, needs_corpus
from tests.real import running

pytestmark = pytest.mark.real
FILES = 2
LINES_PER_S = 60  # slow enough that the command, which says how far it is every few seconds, is still at it after every kill
LIMIT_S = 600
GOOD_ROW = re.compile(r"│ (history pages|events \(sync pages\)|log \(Kafka\)) +│ +(\d+) +│ 0 +│ 0 +│ 0 +│ 0 +│ 0 +│ 0 +│")


class Own:
    """A Warbler of this module's own, with a Kafka of its own."""

    def __init__(self, home: Path, cassandra: str) -> None:
        self.home = home
        self.log = home / "up.log"
        self.process = running.start_beside(cassandra, home).process

    def until(self, condition: object, limit_s: float) -> None:
        assert callable(condition)
        deadline = time.monotonic() + limit_s
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def pid(self, name: str) -> int:
        return next(process.pid for process in statefile.read(self.home).processes if process.name == name)

    def kill(self, name: str) -> None:
        """kill -9, and wait until its successor is there."""
        old = self.pid(name)
        psutil.Process(old).kill()
        self.until(lambda: self.pid(name) not in (0, old), 120)


@pytest.fixture(scope="module")
def own(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    started = Own(tmp_path_factory.mktemp("irc"), cassandra_address)
    try:
        yield started
    finally:
        running.stop(started.process)


class Import:
    """The command in a process of its own, its output in a file."""

    def __init__(self, own: Own, files: list[Path], *options: str) -> None:
        self.output = own.home / f"import-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "ops.cli", "import", "irc", *map(str, files), "--data", str(own.home), *options]
        env = {**os.environ, "COLUMNS": "200"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def lines_done(self) -> int:
        found = re.findall(r"^lines: (\d+)", self.text, re.M)
        return int(found[-1]) if found else 0

    def until_lines(self, count: int, limit_s: float = LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while self.lines_done() < count:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def end(self) -> int:
        try:
            return self.process.wait(LIMIT_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def assert_verified(text: str, lines: int) -> None:
    rows = {name: int(count) for name, count in GOOD_ROW.findall(text)}
    assert set(rows) == {"history pages", "events (sync pages)", "log (Kafka)"}, text
    assert rows["events (sync pages)"] == rows["log (Kafka)"] == lines, text


def made_up(folder: Path, files: int, lines: int) -> list[Path]:
    """Logs that nobody wrote, of every form of line; seeded, so that they are the same each time."""
    rng = random.Random(7)
    folder.mkdir()
    for number in range(files):
        rows = []
        for line in range(lines):
            nick = f"n{rng.randrange(30)}"
            at = f"{line // 60 % 24:02d}:{line % 60:02d}"
            forms = (
                *(f"[{at}] <{nick}> line {line} ünï <b>" for _ in range(20)),
                f"[{at}]  * {nick} waves",
                f"[{at}] <{nick}>",
                f"=== {nick} has joined #tea",
                f"=== {nick} has left #tea []",
                f"=== {nick} is now known as n{rng.randrange(30)}",
                f"=== mode/#tea [+o {nick}]  by n1",
            )
            rows.append(rng.choice(forms))
        (folder / f"made-up-{number}.log").write_text("\n".join(rows) + "\n")
    return sorted(folder.iterdir())


def test_made_up_logs_are_imported_twice_without_duplicates_and_verified(own: Own, tmp_path: Path) -> None:
    files = made_up(tmp_path / "logs", 3, 150)
    sent = []
    for _ in range(2):
        imported = Import(own, files, "--verify")
        assert imported.end() == 0, imported.text
        assert_verified(imported.text, 450)
        found = re.search(r"^(\d+) lines of 3 files imported in .*\((\d+) were there before, 0 refused\)", imported.text, re.M)
        assert found is not None, imported.text
        sent.append((int(found[1]), int(found[2])))
    (first, none), (nothing, all_of_them) = sent
    assert none == nothing == 0
    assert first == all_of_them >= 450


def test_a_tampered_file_is_not_verified(own: Own, tmp_path: Path) -> None:
    """Method: the state is told that the changed file is the one that was imported."""
    [file] = made_up(tmp_path / "logs", 1, 60)
    state = tmp_path / "state.json"
    first = Import(own, [file], "--state", str(state))
    assert first.end() == 0, first.text
    text = file.read_text()
    file.write_text(text.replace("ünï", "uni", 1))
    refused = Import(own, [file], "--state", str(state), "--verify")
    assert refused.end() == 1
    assert "has changed since" in refused.text


def test_a_rate_is_kept(own: Own, tmp_path: Path) -> None:
    files = made_up(tmp_path / "logs", 1, 60)
    began_s = time.monotonic()
    imported = Import(own, files, "--rate", "20", "--state", str(tmp_path / "s.json"))
    assert imported.end() == 0, imported.text
    assert time.monotonic() - began_s >= 59 / 20


def test_bad_files_end_with_exit_code_2_and_nothing_is_imported(own: Own, tmp_path: Path) -> None:
    good = made_up(tmp_path / "logs", 1, 10)
    binary = tmp_path / "x.log"
    binary.write_bytes(b"\x89PNG\0\0")
    imported = Import(own, [*good, binary], "--state", str(tmp_path / "s.json"))
    assert imported.end() == 2
    assert "is a binary file" in imported.text
    assert not (tmp_path / "s.json").exists()


@needs_corpus
def test_nothing_is_lost_or_doubled_when_worker_edge_kafka_and_the_importer_are_killed(own: Own, tmp_path: Path) -> None:
    """Method: two real logs; kill -9 of each process in the middle, one after the other, then of the importer itself, then again."""
    with tarfile.open(ARCHIVE) as archive:
        members = sorted((member for member in archive.getmembers() if member.isfile()), key=lambda member: member.size)[:FILES]
        archive.extractall(tmp_path, members, filter="data")
    files = [tmp_path / member.name for member in members]
    lines = sum(file.read_bytes().count(b"\n") for file in files)
    state = ("--state", str(tmp_path / "state.json"))
    imported = Import(own, files, *state, "--rate", str(LINES_PER_S))
    for part, victim in enumerate(("owner-1", "edge-1", "kafka"), 1):
        imported.until_lines(lines * part // 8)
        own.kill(victim)
    imported.until_lines(lines // 2)
    imported.process.kill()
    imported.process.wait()
    resumed = Import(own, files, *state, "--verify")
    assert resumed.end() == 0, resumed.text
    found = re.search(r"\((\d+) were there before, 0 refused\)", resumed.text)
    assert found is not None, resumed.text
    assert int(found[1]) >= lines // 2
    assert_verified(resumed.text, lines)
