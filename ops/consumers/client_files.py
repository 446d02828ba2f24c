"""What a consumer's program is given: the same account as two files, for clients of librdkafka and of Java. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MECHANISM = "SCRAM-SHA-512"
JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class Access:
    """`ca`: path of the authority that signed the brokers' certificates; empty where the machine trusts it anyhow."""

    bootstrap: str
    name: str
    password: str
    ca: str


def librdkafka(access: Access) -> str:
    """For confluent-kafka in any language, and `kcat -F`."""
    lines = [
        f"bootstrap.servers={access.bootstrap}",
        "security.protocol=SASL_SSL",
        f"sasl.mechanisms={MECHANISM}",
        f"sasl.username={access.name}",
        f"sasl.password={access.password}",
    ]
    return "\n".join([*lines, *([f"ssl.ca.location={access.ca}"] if access.ca else [])]) + "\n"


def java(access: Access) -> str:
    """For kafka-clients and Kafka's own command line tools."""
    lines = [
        f"bootstrap.servers={access.bootstrap}",
        "security.protocol=SASL_SSL",
        f"sasl.mechanism={MECHANISM}",
        f'sasl.jaas.config={JAAS} required username="{access.name}" password="{access.password}";',
    ]
    trust = ["ssl.truststore.type=PEM", f"ssl.truststore.location={access.ca}"] if access.ca else []
    return "\n".join([*lines, *trust]) + "\n"
