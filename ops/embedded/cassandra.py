"""The embedded Cassandra: one node on loopback that syncs its commit log before it acknowledges."""

from __future__ import annotations

from ops.embedded.jars import CONF
from ops.embedded.node import Node
from ops.probes import cql_serves
from store.settings import StoreSettings


class CassandraNode(Node):
    name = "cassandra"
    in_background = True

    @property
    def port(self) -> int:
        return self.ports["cql_port"]

    def command(self) -> list[str]:
        conf = self.render("cassandra.yaml", data=str(self.data))
        return [
            self.java,
            f"-Xmx{self.settings.cassandra_heap_mb}m",
            *self.jvm_options(),
            f"-Dcassandra.config={conf.as_uri()}",
            f"-Dcassandra.storagedir={self.data}",
            f"-Dlogback.configurationFile={(CONF / 'cassandra' / 'logback.xml').as_uri()}",
            f"-Dwarbler.log={self.home / 'logs' / 'cassandra-server.log'}",
            *self.archive_flags(),
            "-cp",
            self.jars.classpath,
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    async def is_serving(self) -> bool:
        return await cql_serves(StoreSettings(self.address))
