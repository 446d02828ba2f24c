"""One embedded server in a JVM: start until really ready, kill, start again on the same ports, stop.

Subclassed by the Kafka and the Cassandra node, which know the command line and what "ready" means.
"""

from __future__ import annotations

import asyncio
import hashlib
import string
import time
from pathlib import Path

from ops.embedded.jars import CONF, JarSet
from ops.embedded.ports import LOOPBACK
from ops.embedded.process import Child
from ops.embedded.settings import EmbeddedSettings
from ops.errors import NotReady

PROBE_PAUSE_S = 0.05
STOP_GRACE_S = 30.0


class Node:
    """A server JVM of a data directory. `name` is also the folder of its configuration under conf/."""

    name: str
    in_background = False  # whether it steps back for others when the processors are short

    def __init__(self, home: Path, ports: dict[str, int], java: str, jars: JarSet, settings: EmbeddedSettings) -> None:
        self.home = home
        self.data = home / self.name
        self.ports = ports
        self.java = java
        self.jars = jars
        self.settings = settings
        self.child = Child(self.name, home, settings.background_niceness if self.in_background else 0)
        self.ready_s = 0.0  # how long the last start took
        self._writer = hashlib.sha256(str(home).encode()).hexdigest()[:8]

    @property
    def port(self) -> int:
        """The port clients use."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    async def prepare(self) -> None:
        """Whatever must exist on disk before the JVM starts."""

    async def is_serving(self) -> bool:
        """Whether a real request is answered now."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def running(self) -> bool:
        return self.child.running

    def rss_bytes(self) -> int:
        return self.child.rss_bytes()

    def cpu_s(self) -> float:
        return self.child.cpu_s()

    async def start(self) -> None:
        """Start the JVM and wait until it answers real requests.

        Raises: NotReady with the last lines of its output. On any failure, cancellation included, no process is left.
        """
        begun_s = time.monotonic()
        try:
            self.child.end_leftover()
            await self.prepare()
            self.spawn()
            await self.ready()
        except BaseException:
            self.child.kill()
            raise
        self.ready_s = time.monotonic() - begun_s

    def spawn(self) -> None:
        """Start the JVM without waiting for it."""
        self.child.spawn(self.command())

    async def ready(self) -> None:
        """Wait until the server answers. Raises: NotReady."""
        deadline_s = time.monotonic() + self.settings.ready_timeout_s
        while not await self.is_serving():
            if not self.child.running:
                raise NotReady(f"{self.name} ended with {self.child.exit_code}; its last lines:\n{self.child.tail()}")
            if time.monotonic() > deadline_s:
                raise NotReady(f"{self.name} did not answer within {self.settings.ready_timeout_s} s; see {self.child.log_path}")
            await asyncio.sleep(PROBE_PAUSE_S)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.child.kill()

    async def stop(self) -> None:
        """Clean stop; the first one of a machine also writes the class-data archive."""
        await self.child.stop(STOP_GRACE_S)
        self.jars.keep_archive(self._writer)

    def archive_flags(self) -> list[str]:
        return self.jars.archive_flags(self._writer)

    def jvm_options(self) -> list[str]:
        """The flags of `conf/NAME/jvm.options`, one a line, and how far the JIT goes."""
        lines = (CONF / self.name / "jvm.options").read_text().splitlines()
        flags = [line for line in lines if line and not line.startswith("#")]
        return [*flags, f"-XX:TieredStopAtLevel={self.settings.jvm_compile_level}"]

    def render(self, file: str, **values: str) -> Path:
        """Fill `conf/NAME/file` into the data directory's conf folder; the path written."""
        text = (CONF / self.name / file).read_text()
        target = self.home / "conf" / f"{self.name}-{file}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(string.Template(text).substitute({**{k: str(v) for k, v in self.ports.items()}, **values}))
        return target
