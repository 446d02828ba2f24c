"""Servers that ask who we are: a Cassandra for a certificate and a name, a Kafka for a certificate; and what Kafka permits.

The embedded ones with the settings that docs/secured.md is about. Both take what one authority signed, that of their data directory.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ops.embedded import jars, tls
from ops.embedded.cassandra import CassandraNode
from ops.embedded.kafka import KafkaNode
from ops.embedded.node import Node
from ops.embedded.ports import LOOPBACK, ports_of
from ops.embedded.settings import EmbeddedSettings
from ops.probes import cql_serves
from schemas.registry import TOPICS
from store.settings import StoreSettings

ROOT = Path(__file__).resolve().parents[2]
OWN_NAME = "warbler"  # of our certificate
CASSANDRA_ASKS = """
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
client_encryption_options:
  enabled: true
  require_client_auth: true
  ssl_context_factory: {{class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}}
  keystore: "{own}"
  truststore: "{authority}"
"""
KAFKA_ASKS = """
listener.name.sasltls.ssl.client.auth=required
listener.name.sasltls.ssl.truststore.type=PEM
listener.name.sasltls.ssl.truststore.location={authority}
"""
AnyNode = TypeVar("AnyNode", bound=Node)


class SecuredCassandra(CassandraNode):
    """Its first administrator, `cassandra` with the same word as its password, is there at once."""

    in_background = False

    def render(self, file: str, **values: str) -> Path:
        conf = super().render(file, **values)
        conf.write_text(conf.read_text() + CASSANDRA_ASKS.format(own=tls.server_path(self.home), authority=tls.ca_path(self.home)))
        return conf

    def jvm_options(self) -> list[str]:
        return [*super().jvm_options(), "-Dcassandra.superuser_setup_delay_ms=0"]

    async def is_serving(self) -> bool:
        return await cql_serves(StoreSettings.from_env(self.env()))

    def env(self) -> dict[str, str]:
        """What a process of ours is given to come in."""
        return {
            "WARBLER_CASSANDRA": self.address,
            "WARBLER_CASSANDRA_SECURITY": "SSL",
            "WARBLER_CASSANDRA_CA_FILE": str(tls.ca_path(self.home)),
            "WARBLER_CASSANDRA_CERTIFICATE_FILE": str(own_path(self.home)),
            "WARBLER_CASSANDRA_USER": "cassandra",
            "WARBLER_CASSANDRA_PASSWORD": "cassandra",
            "STORE_CONNECT_WAIT_MS": "1",
        }


class MutualKafka(KafkaNode):
    """Its TLS listener asks for no name: the certificate has it."""

    def render(self, file: str, **values: str) -> Path:
        conf = super().render(file, **values)
        asks = conf.read_text().replace("SASLTLS:SASL_SSL", "SASLTLS:SSL") + KAFKA_ASKS.format(authority=tls.ca_path(self.home))
        conf.write_text(asks)
        return conf

    def env(self) -> dict[str, str]:
        """What a process of ours is given to come in."""
        return {
            "WARBLER_KAFKA": f"{LOOPBACK}:{self.ports['kafka_tls_port']}",
            "WARBLER_KAFKA_SECURITY": "SSL",
            "WARBLER_KAFKA_CA_FILE": str(tls.ca_path(self.home)),
            "WARBLER_KAFKA_CERTIFICATE_FILE": str(own_path(self.home)),
        }


def made(kind: type[AnyNode], home: Path, ports: tuple[str, ...]) -> AnyNode:
    """A node of this data directory, not started, and the certificates."""
    tls.ensure(home, datetime.now(UTC))
    own_path(home).write_bytes(own_pem(home))
    java = jars.java_path()
    return kind(home, ports_of(home, ports), java, jars.resolve(kind.name, java), EmbeddedSettings.from_env(os.environ))


def own_path(home: Path) -> Path:
    return home / "secrets" / "own.pem"


def own_pem(home: Path) -> bytes:
    """A key of ours and its certificate, by the authority that signed the node's."""
    ca_key = load_pem_private_key((home / "secrets" / "kafka-ca-key.pem").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(tls.ca_path(home).read_bytes()).subject
    key = ec.generate_private_key(ec.SECP256R1())
    built = tls.built(tls.named(OWN_NAME), issuer, key.public_key(), datetime.now(UTC), timedelta(days=1))
    return tls.pem(key) + built.sign(ca_key, SHA256()).public_bytes(Encoding.PEM)


def permit(kafka: str, principal: str) -> None:
    """Grants the rights of docs/secured.md's table and no more. `kafka`: the listener of its administrators."""
    page = (ROOT / "docs" / "secured.md").read_text()
    rows = re.findall(r"^\| (Topic|Group|TransactionalId|Cluster) \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    kinds = {
        "Topic": ResourceType.TOPIC,
        "Group": ResourceType.GROUP,
        "TransactionalId": ResourceType.TRANSACTIONAL_ID,
        "Cluster": ResourceType.BROKER,
    }
    rights = []
    for kind, name, operations in rows:
        for each in sorted(TOPICS) if kind == "Topic" else [name.strip("`")]:
            pattern = ResourcePatternType.PREFIXED if each.endswith("*") else ResourcePatternType.LITERAL
            rights += [
                AclBinding(kinds[kind], each.rstrip("*"), pattern, principal, "*", AclOperation[word.upper()], AclPermissionType.ALLOW)
                for word in operations.split(", ")
            ]
    admin = AdminClient({"bootstrap.servers": kafka})  # it has to live until the answers are there
    for done in admin.create_acls(rights).values():
        done.result(60)
