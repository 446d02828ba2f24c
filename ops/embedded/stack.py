"""Embedded Kafka and Cassandra of one data directory, both or either.

`async with Stack(Path("...")) as stack:` gives `stack.kafka` and `stack.cassandra` as addresses. Called by `warbler up`, the tests
and the bench. A data directory belongs to one live Stack at a time.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import TracebackType

from ops.embedded import jars, tls
from ops.embedded.cassandra import CassandraNode
from ops.embedded.datadir import DataDirLock
from ops.embedded.kafka import KafkaNode
from ops.embedded.node import Node
from ops.embedded.ports import LOOPBACK, ports_of
from ops.embedded.process import Child
from ops.embedded.settings import EmbeddedSettings

KAFKA_PORTS = ("kafka_port", "controller_port", "kafka_sasl_port", "kafka_tls_port")
CASSANDRA_PORTS = ("cql_port", "storage_port", "ssl_storage_port")


class Stack:
    def __init__(
        self, data_dir: Path | str, settings: EmbeddedSettings | None = None, *, with_kafka: bool = True, with_cassandra: bool = True
    ) -> None:
        self.home = Path(data_dir).absolute()
        self.settings = settings or EmbeddedSettings.from_env(os.environ)
        self.with_kafka = with_kafka
        self.with_cassandra = with_cassandra
        self.ready_s = 0.0  # how long the last start took, Maven not counted
        self._lock = DataDirLock(self.home)
        self._nodes: dict[str, Node] = {}

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes.values())

    @property
    def kafka_node(self) -> Node:
        return self._nodes["kafka"]

    @property
    def cassandra_node(self) -> Node:
        return self._nodes["cassandra"]

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap address."""
        return self.kafka_node.address

    @property
    def kafka_sasl(self) -> str:
        """Where consumers with an account come in without TLS."""
        return f"{LOOPBACK}:{self.kafka_node.ports['kafka_sasl_port']}"

    @property
    def kafka_tls(self) -> str:
        """Where they come in with TLS; `kafka_ca` signed its certificate."""
        return f"{LOOPBACK}:{self.kafka_node.ports['kafka_tls_port']}"

    @property
    def kafka_ca(self) -> Path:
        return tls.ca_path(self.home)

    @property
    def cassandra(self) -> str:
        """Cassandra's "host:port"."""
        return self.cassandra_node.address

    async def start(self) -> None:
        """Take the data directory and start what it holds, until both answer real requests.

        Raises: DataDirInUse, JavaMissing, JarsUnavailable, NotReady; then nothing is left running.
        """
        self._lock.take()
        try:
            await self._build()
            begun_s = time.monotonic()
            async with asyncio.TaskGroup() as starting:
                for node in self.nodes:
                    starting.create_task(node.start())
            self.ready_s = time.monotonic() - begun_s
        except BaseExceptionGroup as failed:
            await self.stop()
            raise failed.exceptions[0] from failed
        except BaseException:
            await self.stop()
            raise

    async def _build(self) -> None:
        """Resolve jars, end what a killed predecessor left, and only then look which ports are free."""
        for name in ("kafka", "cassandra"):
            Child(name, self.home).end_leftover()
        kinds: list[tuple[type[Node], tuple[str, ...]]] = []
        if self.with_kafka:
            kinds.append((KafkaNode, KAFKA_PORTS))
        if self.with_cassandra:
            kinds.append((CassandraNode, CASSANDRA_PORTS))
        if not kinds:
            return
        java = jars.java_path()
        ports = ports_of(self.home, [name for _, names in kinds for name in names])
        for kind, _ in kinds:
            resolved = await asyncio.to_thread(jars.resolve, kind.name, java)
            self._nodes[kind.name] = kind(self.home, ports, java, resolved, self.settings)

    async def stop(self) -> None:
        """Stop both and give the data directory back; harmless when nothing runs."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        self._lock.release()

    async def __aenter__(self) -> Stack:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
