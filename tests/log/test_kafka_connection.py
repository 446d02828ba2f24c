"""What uvloop and aiokafka make of a connection that closed, with a real socket."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from log import kafka_connection
from ops.embedded import tls


async def closed_connection() -> AIOKafkaConnection:
    """As it is between the loss of its transport and aiokafka's noticing it."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    connection = AIOKafkaConnection(host=host, port=port)
    connection._reader, connection._writer = await asyncio.open_connection(host, port)
    connection._read_task = asyncio.ensure_future(asyncio.sleep(0))
    connection._writer.transport.abort()
    server.close()
    await asyncio.sleep(0.05)  # uvloop closes the handle in a later turn
    return connection


def test_a_request_on_a_closed_connection_fails_as_a_lost_connection() -> None:
    async def body() -> None:
        connection = await closed_connection()
        with pytest.raises(KafkaConnectionError):
            connection.send(MetadataRequest([]))
        assert connection._writer is None, "the next request must not try it again"

    uvloop.run(body())


def test_uvloop_raises_what_aiokafka_does_not_catch() -> None:
    """The day this fails, `log.kafka_connection` can go."""

    async def body() -> None:
        connection = await closed_connection()
        assert connection._writer is not None
        with pytest.raises(RuntimeError):
            connection._writer.write(b"x")

    uvloop.run(body())


async def silent_over_tls(pem: Path) -> tuple[asyncio.Server, AIOKafkaConnection]:
    """A connection to a server that reads nothing after the handshake, so it never answers a farewell."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(lambda _, writer: writer.transport.pause_reading(), "127.0.0.1", 0, ssl=context)  # type: ignore[attr-defined]
    host, port = server.sockets[0].getsockname()
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return server, AIOKafkaConnection(host=host, port=port, security_protocol="SSL", ssl_context=trusting)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_nobody_waits_for_a_farewell_over_tls(
    run: Callable[[Coroutine[None, None, None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own waiting ends after 30 s by closing too, so what is looked at is that it has not begun."""
    monkeypatch.setattr(AIOKafkaConnection, "_do_version_lookup", lambda self: asyncio.sleep(0))
    tls.ensure(tmp_path, datetime.now(UTC))

    async def body() -> None:
        server, connection = await silent_over_tls(tls.server_path(tmp_path))
        await connection.connect()
        closed = connection.close()
        assert connection.close() is closed, "a second time is harmless"
        for _ in range(10):  # turns of the loop, and no time
            await asyncio.sleep(0)
        assert closed.done()
        server.close()

    run(body())


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("aiokafka") == "0.14.0"
    assert AIOKafkaConnection.send is kafka_connection.send
    assert AIOKafkaConnection.close is kafka_connection.close
