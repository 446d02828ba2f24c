"""One Cassandra for all test processes: an idle one takes an eighth of a core, and each begins with a cold JIT.

Nothing kills it: a test that takes a Cassandra away starts its own.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO
from unittest import mock

from ops.embedded.settings import EmbeddedSettings
from ops.embedded.stack import Stack

HEAP_MB = 1_536  # for the keyspaces of all tests that are under way
# For a server that is never started again and that nobody looks at: a keyspace takes less than half the CPU.
QUICK_TABLES = "-Dcassandra.test.flush_local_schema_changes=false -Dorg.apache.cassandra.disable_mbean_registration=true"


class Beside(Stack):
    """A Kafka of its own beside a Cassandra that is there."""

    def __init__(self, home: Path, cassandra: str) -> None:
        super().__init__(home, with_cassandra=False)
        self._shared = cassandra

    @property
    def cassandra(self) -> str:
        return self._shared


@contextmanager
def shared_cassandra(common: Path, own: Path) -> Iterator[str]:
    """Its "host:port". `common` is the same folder for all test processes.

    Who comes first starts it, in `own`, and stops it once all have left.
    """
    address = common / "cassandra"
    with (common / "cassandra.door").open("a") as door, (common / "cassandra.users").open("a") as users:
        with _held(door):
            owned = None if address.exists() else _started(own)
            if owned:
                address.write_text(owned.cassandra)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield address.read_text()
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            if owned:
                with _held(door):
                    address.unlink()
                with _held(users):
                    asyncio.run(owned.stop())


@contextmanager
def _held(lock: IO[str]) -> Iterator[None]:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _started(home: Path) -> Stack:
    stack = Stack(home, replace(EmbeddedSettings.from_env(os.environ), cassandra_heap_mb=HEAP_MB), with_kafka=False)
    with mock.patch.dict(os.environ, JAVA_TOOL_OPTIONS=f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {QUICK_TABLES}"):
        asyncio.run(stack.start())
    return stack
