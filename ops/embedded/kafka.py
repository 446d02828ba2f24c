"""The embedded Kafka: one KRaft node, broker and controller in one JVM."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path

from log.settings import LogSettings
from ops.embedded import tls
from ops.embedded.jars import CONF
from ops.embedded.node import Node
from ops.errors import NotReady
from ops.probes import kafka_serves

FORMAT_TIMEOUT_S = 60


class KafkaNode(Node):
    name = "kafka"

    @property
    def port(self) -> int:
        return self.ports["kafka_port"]

    def _logging(self) -> list[str]:
        return [
            f"-Dlog4j2.configurationFile={CONF / 'kafka' / 'log4j2.properties'}",
            f"-Dwarbler.log={self.home / 'logs' / 'kafka-server.log'}",
        ]

    def _conf(self) -> Path:
        advertised = self.settings.kafka_advertised_port or self.port
        pem = tls.server_path(self.home)
        return self.render("kafka.properties", data=str(self.data), advertised_port=str(advertised), tls_pem=str(pem))

    def command(self) -> list[str]:
        flags = [f"-Xmx{self.settings.kafka_heap_mb}m", *self.jvm_options(), *self.archive_flags(), *self._logging()]
        return [self.java, *flags, "-cp", self.jars.classpath, "kafka.Kafka", str(self._conf())]

    def _format_command(self, cluster_id: str) -> list[str]:
        archive = self.archive_flags() if self.jars.archive.exists() else []
        flags = ["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *archive, *self._logging()]
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster_id, "-c", str(self._conf())]
        return [self.java, *flags, "-cp", self.jars.classpath, *tool]

    async def prepare(self) -> None:
        """Renew the certificate, and give the log directory its cluster id, once.

        The mark is written last, so a format cut short is done again.
        """
        tls.ensure(self.home, datetime.now(UTC))
        formatted = self.home / "kafka.formatted"
        if formatted.exists():
            return
        cluster_id = "-"
        while cluster_id.startswith("-"):  # the tool would take it for an option
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        (self.home / "logs").mkdir(exist_ok=True)
        done = await asyncio.to_thread(
            subprocess.run, self._format_command(cluster_id), capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            raise NotReady(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr)[-2_000:]}")
        formatted.write_text(cluster_id)

    async def is_serving(self) -> bool:
        return await kafka_serves(LogSettings(self.address))
