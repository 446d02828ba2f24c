"""Why Kafka does not let us in. aiokafka says of each case only that it could not bootstrap, so a failed opening is looked at once more.

Called by `log` where a client does not open, and by `warbler doctor`.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from log.clients import client_options
from log.errors import (
    CertificateRefused,
    CredentialsRefused,
    LogRefused,
    LogUnavailable,
    MechanismRefused,
    ServerNotTrusted,
    WrongProtocol,
)
from log.settings import LogSettings

LOOK_TIMEOUT_S = 5.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Seen:
    """One try at one address. `speaks_tls`, `asks_for_name`: what the listener does; None where it was not found out."""

    address: str
    security: str
    failure: BaseException
    speaks_tls: bool | None = None
    asks_for_name: bool | None = None


def judged(seen: Seen) -> LogRefused | None:
    """What it is that does not fit; None where Kafka is merely away."""
    failure, over_tls = seen.failure, seen.security.endswith("SSL")
    if isinstance(failure, ssl.SSLCertVerificationError):
        return ServerNotTrusted(seen.address, f"its certificate is not trusted: {failure.verify_message}")
    if isinstance(failure, SaslAuthenticationFailed):
        return CredentialsRefused(seen.address, "the name or the password is wrong")
    if isinstance(failure, UnsupportedSaslMechanismError):
        return MechanismRefused(seen.address, "the listener does not know this mechanism")
    if seen.speaks_tls is not None and seen.speaks_tls != over_tls:
        return WrongProtocol(seen.address, f"the listener {'speaks' if seen.speaks_tls else 'does not speak'} TLS, {seen.security} is set")
    if isinstance(failure, IllegalSaslStateError):
        return WrongProtocol(seen.address, f"the listener asks for no name, {seen.security} is set")
    if seen.asks_for_name and not seen.security.startswith("SASL"):
        return WrongProtocol(seen.address, f"the listener asks for a name and a password, {seen.security} is set")
    ended = isinstance(failure, KafkaConnectionError | ssl.SSLError | ConnectionError)
    if over_tls and seen.speaks_tls and seen.asks_for_name is None and ended:
        return CertificateRefused(seen.address, "it ends the connection after the TLS handshake")
    return None


async def refusal(settings: LogSettings) -> LogRefused | None:
    """Why the first address that answers refuses us; None where it does not, or none answers. Raises: BadKafkaSecurity.

    Blocks: on each address, at most a few times LOOK_TIMEOUT_S.
    """
    for address in settings.bootstrap:
        failure = await _try(settings, address)
        if failure is None:
            return None
        if not isinstance(failure, ConnectionRefusedError) and (found := judged(await _look(settings, address, failure))):
            return found
    return None


async def unavailable(settings: LogSettings, what: str, failure: BaseException) -> LogUnavailable:
    """The error of a client that did not open: a refusal where Kafka refuses us."""
    return await refusal(settings) or LogUnavailable(f"{what}: {type(failure).__name__}: {failure}")


async def _try(settings: LogSettings, address: str) -> BaseException | None:
    """What a client's first two requests end with."""
    try:
        connection = await _connected(settings, address)
        try:
            await _in_time(connection.send(MetadataRequest([])))
        finally:
            connection.close()
    except (KafkaError, OSError) as failed:
        return failed
    return None


async def _connected(settings: LogSettings, address: str, **options: object) -> AIOKafkaConnection:
    host, _, port = address.rpartition(":")
    chosen = {**client_options(settings), **options}
    del chosen["bootstrap_servers"]
    return await _in_time(create_conn(host, int(port), request_timeout_ms=int(LOOK_TIMEOUT_S * 1000), **chosen))


async def _look(settings: LogSettings, address: str, failure: BaseException) -> Seen:
    security = settings.security.security
    return Seen(address, security, failure, await _speaks_tls(address), await _asks_for_name(settings, address))


async def _speaks_tls(address: str) -> bool | None:
    """Whether anybody's handshake gets an answer in TLS there; who answers is not looked at."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await _in_time(asyncio.open_connection(host, int(port), ssl=context))
    except ssl.SSLError as failed:
        return "ALERT" in (failed.reason or "")  # an alert is said in TLS
    except ConnectionRefusedError:
        return None
    except ConnectionError:  # Kafka without TLS ends the connection: the handshake's beginning is a request of 370 MB to it
        return False
    except OSError:
        return None
    writer.close()
    with contextlib.suppress(OSError):
        await _in_time(writer.wait_closed())
    return True


async def _asks_for_name(settings: LogSettings, address: str) -> bool | None:
    """Whether it takes the beginning of a sign-in, to which nothing secret belongs."""
    without_name = {"SASL_SSL": "SSL", "SASL_PLAINTEXT": "PLAINTEXT"}.get(settings.security.security, settings.security.security)
    try:
        connection = await _connected(settings, address, security_protocol=without_name)
        try:
            answer = await _in_time(connection.send(SaslHandShakeRequest(settings.security.mechanism)))
        finally:
            connection.close()
    except (KafkaError, OSError):
        return None
    return for_code(answer.error_code) is not IllegalSaslStateError


async def _in_time(answer: Awaitable[Answer]) -> Answer:
    return await asyncio.wait_for(answer, LOOK_TIMEOUT_S)
