"""Our store on a Cassandra that wants TLS, a certificate of ours and a name; and what is said when it refuses us.

A node of its own, because the session's takes everybody: the embedded one with the settings that docs/secured.md is about.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ops.embedded import jars, tls
from ops.embedded.cassandra import CassandraNode
from ops.embedded.ports import ports_of
from ops.embedded.settings import EmbeddedSettings
from ops.embedded.stack import CASSANDRA_PORTS
from ops.let_in import cluster_checks
from ops.probes import cql_refusal, cql_serves
from store.cassandra import Store
from store.errors import StoreRefused
from store.schema import TABLES, ensure_tables
from store.settings import StoreSettings

pytestmark = pytest.mark.real

SECURED = """
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


class SecuredNode(CassandraNode):
    """Its first administrator, `cassandra` with the same word as its password, is there at once."""

    in_background = False

    def render(self, file: str, **values: str) -> Path:
        conf = super().render(file, **values)
        conf.write_text(conf.read_text() + SECURED.format(own=tls.server_path(self.home), authority=tls.ca_path(self.home)))
        return conf

    def jvm_options(self) -> list[str]:
        return [*super().jvm_options(), "-Dcassandra.superuser_setup_delay_ms=0"]

    async def is_serving(self) -> bool:
        return await cql_serves(StoreSettings.from_env(env_of(self)))


def client_pem(home: Path) -> bytes:
    """A key of ours and its certificate, by the authority that signed the node's."""
    ca_key = load_pem_private_key((home / "secrets" / "kafka-ca-key.pem").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(tls.ca_path(home).read_bytes()).subject
    key = ec.generate_private_key(ec.SECP256R1())
    built = tls.built(tls.named("warbler"), issuer, key.public_key(), datetime.now(UTC), timedelta(days=1))
    return tls.pem(key) + built.sign(ca_key, SHA256()).public_bytes(Encoding.PEM)


def env_of(node: SecuredNode) -> dict[str, str]:
    own, authority = str(node.home / "secrets" / "own.pem"), str(tls.ca_path(node.home))
    return {
        "WARBLER_CASSANDRA": node.address,
        "WARBLER_CASSANDRA_SECURITY": "SSL",
        "WARBLER_CASSANDRA_CA_FILE": authority,
        "WARBLER_CASSANDRA_CERTIFICATE_FILE": own,
        "WARBLER_CASSANDRA_USER": "cassandra",
        "WARBLER_CASSANDRA_PASSWORD": "cassandra",
        "STORE_CONNECT_WAIT_MS": "1",
    }


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("secured-cassandra")
    tls.ensure(home, datetime.now(UTC))
    (home / "secrets" / "own.pem").write_bytes(client_pem(home))
    java = jars.java_path()
    node = SecuredNode(home, ports_of(home, CASSANDRA_PORTS), java, jars.resolve("cassandra", java), EmbeddedSettings.from_env(os.environ))
    asyncio.run(node.start())
    try:
        yield env_of(node)
    finally:
        asyncio.run(node.stop())


def test_tables_are_made_and_used_by_name_over_tls(env: dict[str, str]) -> None:
    async def work() -> None:
        settings = replace(StoreSettings.from_env(env), keyspace="secured")
        await ensure_tables(settings, 1, {"privacy": TABLES["privacy"]})
        store = await Store.connect(settings)
        try:
            assert await store.execute("SELECT * FROM privacy WHERE user = ?", ["nobody"]) == []
        finally:
            await store.close()

    asyncio.run(work())


def test_doctor_says_that_it_lets_us_in(env: dict[str, str]) -> None:
    assert [(check.item, check.ok) for check in cluster_checks(env)] == [("Cassandra", True)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"WARBLER_CASSANDRA_PASSWORD": "wrong"}, "WARBLER_CASSANDRA_USER, WARBLER_CASSANDRA_PASSWORD"),
        ({"WARBLER_CASSANDRA_CA_FILE": ""}, "WARBLER_CASSANDRA_CA_FILE"),
    ],
    ids=["password", "authority"],
)
def test_a_refusal_names_the_variable(env: dict[str, str], changed: dict[str, str], named: str) -> None:
    """By the command that looks, and by the store that connects; neither says the password."""
    settings = StoreSettings.from_env(env | changed)

    async def connected() -> None:
        await (await Store.connect(settings)).close()

    refused = asyncio.run(cql_refusal(settings))
    with pytest.raises(StoreRefused) as raised:
        asyncio.run(connected())
    for text in (str(refused), str(raised.value)):
        assert named in text
        assert "wrong'" not in text
    (check,) = cluster_checks(env | changed)
    assert (check.ok, check.found) == (False, str(refused))
