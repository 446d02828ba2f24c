"""Whether a Kafka or a Cassandra does its work: real requests, short, answered yes or no.

Called by the embedded nodes, the supervisor and the command line, for embedded and for existing clusters.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import struct

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError

from log.clients import admin_client
from log.settings import LogSettings
from store.errors import StoreRefused
from store.settings import StoreSettings

PROBE_TIMEOUT_S = 5.0
TOPIC_ALREADY_EXISTS = 36  # Kafka protocol error code
TOPIC_AUTHORIZATION_FAILED = 29  # it answers; whether we have to make topics at all is not known here
READY_TOPIC = "warbler-ready-probe"  # only ever validated, never created

# A probe of a server that is not there yet is the normal case here; the client would log each attempt as an error.
for noisy in ("aiokafka", "aiokafka.conn", "aiokafka.cluster"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)


async def port_answers(address: str) -> bool:
    """Whether somebody accepts connections at "host:port"."""
    host, _, port = address.strip().rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def kafka_serves(kafka: LogSettings, replication: int = 1, *, all_led: bool = True) -> bool:
    """Whether the cluster would create a topic with this replication now.

    With `all_led`, each partition it has must be led by a live broker too; in a cluster shared with others that is not our matter.
    """
    if not await any_answers(kafka.kafka):
        return False
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await _kafka_works(kafka, replication, all_led)
    except (KafkaError, OSError):
        return False


async def _kafka_works(kafka: LogSettings, replication: int, all_led: bool) -> bool:
    admin = admin_client(kafka, request_timeout_ms=2_000)
    await admin.start()
    try:
        if admin._client.cluster.controller is None:  # a broker that starts answers before it knows one, and aiokafka 0.14.0 then asks None
            return False
        answer = await admin.create_topics([NewTopic(READY_TOPIC, 1, replication)], timeout_ms=2_000, validate_only=True)
        if any(error[1] not in (0, TOPIC_ALREADY_EXISTS, TOPIC_AUTHORIZATION_FAILED) for error in answer.topic_errors):
            return False
        if not all_led:
            return True
        topics = await admin.describe_topics()
        return all(partition["leader"] >= 0 for topic in topics for partition in topic["partitions"])
    finally:
        await admin.close()


async def topic_names(kafka: LogSettings) -> set[str]:
    """The topics of a cluster. Raises: KafkaError."""
    admin = admin_client(kafka)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def partitions_count(kafka: LogSettings, topic: str) -> int:
    """How many partitions the topic has; 0 when it does not exist. Raises: KafkaError."""
    admin = admin_client(kafka)
    await admin.start()
    try:
        described = await admin.describe_topics([topic])
        return sum(len(row["partitions"]) for row in described if row["error_code"] == 0)
    finally:
        await admin.close()


async def cluster_id(kafka: LogSettings) -> str:
    """Kafka's name for the cluster, made when it was formatted; "" where it tells none. Raises: KafkaError."""
    admin = admin_client(kafka)
    await admin.start()
    try:
        return str((await admin.describe_cluster()).get("cluster_id") or "")
    finally:
        await admin.close()


async def any_answers(addresses: str) -> bool:
    """Whether at least one of "host:port,host:port" accepts connections."""
    answers = await asyncio.gather(*(port_answers(address) for address in addresses.split(",") if address.strip()))
    return any(answers)


async def cql_serves(cassandra: StoreSettings) -> bool:
    """Whether at least one of the nodes answers a CQL query with a row."""
    for host in cassandra.hosts:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                if await _cql_row(cassandra, host):
                    return True
        except (OSError, StoreRefused, asyncio.IncompleteReadError):
            continue
    return False


async def cql_refusal(cassandra: StoreSettings) -> StoreRefused | None:
    """Why the first node that answers refuses us; None where it does not, or none answers."""
    for host in cassandra.hosts:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await _cql_row(cassandra, host)
                return None
        except StoreRefused as refused:
            return refused
        except ssl.SSLError as failed:
            setting = "CA_FILE" if isinstance(failed, ssl.SSLCertVerificationError) else "SECURITY"
            why = getattr(failed, "verify_message", "") or failed.reason or failed
            return StoreRefused(f"Cassandra at {host} refuses us: TLS fails: {why} (WARBLER_CASSANDRA_{setting})")
        except (OSError, asyncio.IncompleteReadError):
            continue
    return None


# CQL native protocol v4, section 2: version, flags, stream, opcode, length. No driver: a probe needs two requests, not a pool.
CQL_HEADER = struct.Struct(">BBhBi")
STARTUP, READY, AUTHENTICATE, QUERY, RESULT, AUTH_RESPONSE, AUTH_SUCCESS = 0x01, 0x02, 0x03, 0x07, 0x08, 0x0F, 0x10
ERROR, BAD_CREDENTIALS = 0x00, struct.pack(">i", 0x0100)
RESULT_KIND_ROWS = 2
CONSISTENCY_ONE = 1
STARTUP_BODY = struct.pack(">hh11sh5s", 1, 11, b"CQL_VERSION", 5, b"3.0.0")
VERSION_QUERY = b"SELECT release_version FROM system.local"


async def _cql_row(cassandra: StoreSettings, host: str) -> bool:
    reader, writer = await asyncio.open_connection(host, cassandra.port, ssl=cassandra.security.tls_context())

    async def ask(opcode: int, body: bytes) -> tuple[int, bytes]:
        writer.write(CQL_HEADER.pack(4, 0, 0, opcode, len(body)) + body)
        _, _, _, answer, length = CQL_HEADER.unpack(await reader.readexactly(CQL_HEADER.size))
        return answer, await reader.readexactly(length)

    try:
        begun = (await ask(STARTUP, STARTUP_BODY))[0]
        if begun == AUTHENTICATE:
            name = f"\0{cassandra.security.user}\0{cassandra.security.password}".encode()
            begun, said = await ask(AUTH_RESPONSE, struct.pack(">i", len(name)) + name)
            if begun == ERROR and said[:4] == BAD_CREDENTIALS:
                asked = "the name or the password is wrong" if cassandra.security.user else "it asks for a name and a password"
                raise StoreRefused(f"Cassandra at {host} refuses us: {asked} (WARBLER_CASSANDRA_USER, WARBLER_CASSANDRA_PASSWORD)")
        if begun not in (READY, AUTH_SUCCESS):
            return False
        query = struct.pack(">i", len(VERSION_QUERY)) + VERSION_QUERY + struct.pack(">hB", CONSISTENCY_ONE, 0)
        answer, body = await ask(QUERY, query)
        return answer == RESULT and struct.unpack(">i", body[:4])[0] == RESULT_KIND_ROWS
    finally:
        writer.close()
