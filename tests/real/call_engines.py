"""Media engines beside a running Warbler, for tests: an embedded one and a Janus, each with the process that drives it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ops.embedded.ports import next_free
from rtc.engines.janus.process import prepared

READY_S = 180.0
STOP_S = 20.0
PORTS_FROM = 30_000 + os.getpid() % 400 * 20
# not the names that `warbler up` gives, which may have engines of its own
EMBEDDED, JANUS = "embedded-test", "janus-test"


@contextmanager
def engines(kafka: str, folder: Path, *kinds: str) -> Iterator[None]:
    """Until the block ends; each has announced itself when it begins."""
    with ExitStack() as stack:
        started = [(kind, stack.enter_context(_engine(kind, kafka, folder))) for kind in kinds]
        for kind, output in started:
            _wait_for(output, "engine is ready", kind)
        yield


@contextmanager
def _engine(kind: str, kafka: str, folder: Path) -> Iterator[Path]:
    env = {**os.environ, "WARBLER_KAFKA": kafka, "WARBLER_NODE": f"{kind}-test", "RTC_ENGINE": kind}
    with ExitStack() as stack:
        if kind == "janus":
            port = next_free(PORTS_FROM)
            command, more = prepared(folder / "janus", port, next_free(port + 1))
            stack.enter_context(_child(list(command), dict(os.environ), folder / "janus.log"))
            env |= more
        output = folder / f"{kind}-engine.log"
        stack.enter_context(_child([sys.executable, "-m", "rtc.engine"], env, output))
        try:
            yield output
        finally:
            print(output.read_text(errors="replace")[-8_000:])  # pytest shows it where a test has failed


@contextmanager
def _child(command: list[str], env: dict[str, str], output: Path) -> Iterator[None]:
    with output.open("wb") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(output: Path, words: str, kind: str) -> None:
    deadline = time.monotonic() + READY_S
    while words not in output.read_text(errors="replace"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{kind}: {output.read_text(errors='replace')[-4_000:]}")
        time.sleep(0.1)
