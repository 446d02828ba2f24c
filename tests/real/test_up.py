"""`warbler up` as a process: with real Kafka and Cassandra, fake edges and workers (tests/ops/fake_child.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ops import statefile
from ops.embedded.ports import ports_of
from ops.embedded.stack import KAFKA_PORTS, Stack
from ops.statefile import NotRunning, State
from ops.summary import for_browsers
from schemas.registry import TOPICS

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "ops" / "up_with_fakes.py"


class RunningUp:
    """One `warbler up` process and what it has printed."""

    def __init__(self, home: Path, *options: str, **env: str) -> None:
        self.home = home
        self.printed_path = home.with_name(f"{home.name}-printed-{time.monotonic_ns()}")
        whole = {key: value for key, value in os.environ.items() if not key.startswith("WARBLER_") or key == "WARBLER_JARS"}
        command = [sys.executable, str(SCRIPT), "up", "--data", str(home), *options]
        with self.printed_path.open("ab") as printed:
            self.process = subprocess.Popen(
                command, stdout=printed, stderr=printed, env={**whole, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env}
            )

    def printed(self) -> str:
        return self.printed_path.read_text()

    def until(self, condition: Callable[[], bool], limit_s: float = 180) -> None:
        deadline_s = time.monotonic() + limit_s
        while not condition():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline_s, self.printed()
            time.sleep(0.1)

    def until_ready(self) -> State:
        self.until(lambda: "Warbler is ready" in self.printed())
        return statefile.read(self.home)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture
def ups() -> Iterator[list[RunningUp]]:
    """What a failed test leaves running is killed here."""
    started: list[RunningUp] = []
    yield started
    for up in started:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()


def pids(state: State) -> dict[str, int]:
    return {process.name: process.pid for process in state.processes if process.pid}


def alive(numbers: dict[str, int]) -> list[str]:
    return [name for name, pid in numbers.items() if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_up_starts_all_restarts_what_dies_stops_in_order_and_finds_its_data_again(tmp_path: Path, ups: list[RunningUp]) -> None:
    home = tmp_path / "data"
    ups.append(up := RunningUp(home, "--edges", "2", "--workers", "1"))
    first = up.until_ready()
    assert list(pids(first)) == [
        "kafka",
        "cassandra",
        "owner-1",
        "projector-1",
        "push-1",
        "after-1",
        "edge-1",
        "edge-2",
        "embedded-1",
        "registry",
    ]
    assert f"created topics: {', '.join(sorted(TOPICS))}" in up.printed()
    assert for_browsers(first.page) in up.printed()
    assert oct(Path(first.token_key).stat().st_mode & 0o777) == "0o600"

    for victim in ("edge-2", "kafka"):
        os.kill(pids(first)[victim], signal.SIGKILL)
        up.until(lambda victim=victim: pids(statefile.read(home))[victim] not in (0, pids(first)[victim]))  # type: ignore[misc]
        assert f"{victim} ended with -9" in up.printed()
    second = statefile.read(home)
    assert second.kafka == first.kafka
    assert pids(second)["owner-1"] == pids(first)["owner-1"]

    assert up.end(signal.SIGINT) == 0
    assert alive({**pids(first), **pids(second)}) == []
    with pytest.raises(NotRunning):
        statefile.read(home)

    ups.append(again := RunningUp(home))
    third = again.until_ready()
    assert "created topics" not in again.printed()
    assert third.kafka == first.kafka
    refused = RunningUp(home)
    assert refused.process.wait(timeout=90) == 1
    assert f"in use by the running process {again.process.pid}" in refused.printed()
    # A supervisor that is killed takes everything with it.
    again.end(signal.SIGKILL)
    deadline_s = time.monotonic() + 5
    while alive(pids(third)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert alive(pids(third)) == []


def test_existing_clusters_are_waited_for_and_used(tmp_path: Path, cassandra_address: str, keyspace: str, ups: list[RunningUp]) -> None:
    kafka_home = tmp_path / "kafka home"
    kafka_home.mkdir()
    address = f"127.0.0.1:{ports_of(kafka_home, KAFKA_PORTS)['kafka_port']}"
    home = tmp_path / "data"
    clusters = {"WARBLER_KAFKA": address, "WARBLER_CASSANDRA": cassandra_address, "WARBLER_KEYSPACE": keyspace, "WARBLER_PARTITIONS": "2"}
    ups.append(up := RunningUp(home, **clusters))
    up.until(lambda: up.printed().count(f"waiting for Kafka at {address}") >= 2)

    async def scenario() -> None:
        async with Stack(kafka_home, with_cassandra=False) as kafka:
            assert kafka.kafka == address
            state = await asyncio.to_thread(up.until_ready)
            assert list(pids(state)) == ["owner-1", "projector-1", "push-1", "after-1", "edge-1", "embedded-1", "registry"]
            assert state.kafka == address
            kafka.kafka_node.kill()
            await asyncio.to_thread(up.until, lambda: f"Kafka at {address} does not answer" in up.printed())
            await kafka.kafka_node.start()
            await asyncio.to_thread(up.until, lambda: f"Kafka at {address} is back" in up.printed())
            assert pids(statefile.read(home)) == pids(state)
            assert await asyncio.to_thread(up.end, signal.SIGTERM) == 0
            assert alive(pids(state)) == []

    asyncio.run(scenario())


def test_a_taken_port_is_refused_when_it_was_asked_for_before_anything_starts(tmp_path: Path, ups: list[RunningUp]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ups.append(up := RunningUp(tmp_path / "data", "--port", str(port)))
        assert up.process.wait(timeout=60) == 1
    assert f"port {port} is taken" in up.printed()
    assert not (tmp_path / "data" / "run").exists()


def test_stopping_while_the_servers_start_leaves_nothing(tmp_path: Path, ups: list[RunningUp]) -> None:
    home = tmp_path / "data"
    ups.append(up := RunningUp(home, WARBLER_CASSANDRA="127.0.0.1:1"))
    pid_file = home / "run" / "kafka.pid"
    up.until(lambda: pid_file.exists() and pid_file.read_text().isdigit())
    pid = int(pid_file.read_text())
    assert up.end(signal.SIGINT) == 0
    assert alive({"kafka": pid}) == []
    assert "Traceback" not in up.printed()
