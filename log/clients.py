"""The options with which every client of Kafka is opened. Nothing else names a bootstrap server to a client; a test holds it."""

import ssl
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

import log.kafka_connection  # noqa: F401  uvloop and aiokafka on a closed connection
from log.settings import LogSettings


def options_of(settings: LogSettings, tls: ssl.SSLContext | None) -> dict[str, Any]:
    """What aiokafka's producer, consumer and administrator take alike; `tls`: of the settings' own files."""
    security = settings.security
    options: dict[str, Any] = {"bootstrap_servers": settings.bootstrap, "security_protocol": security.security}
    if tls is not None:
        options["ssl_context"] = tls
    if security.by_name:
        options |= {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.user,
            "sasl_plain_password": security.password,
        }
    return options


def client_options(settings: LogSettings) -> dict[str, Any]:
    """As `options_of`, with the files read now: a certificate that was renewed counts from the next client on. Raises: BadKafkaSecurity."""
    return options_of(settings, settings.security.tls_context())


def admin_client(settings: LogSettings, **options: Any) -> AIOKafkaAdminClient:
    """One that is not connected. Raises: BadKafkaSecurity."""
    return AIOKafkaAdminClient(**client_options(settings), **options)


def plain_consumer(settings: LogSettings, **options: Any) -> AIOKafkaConsumer:
    """One that is not connected, for offsets and groups; records are read through `log.kafka_read`. Raises: BadKafkaSecurity."""
    return AIOKafkaConsumer(**client_options(settings), **options)
