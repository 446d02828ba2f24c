"""What uvloop and aiokafka make of a connection that closed, with a real socket."""

import asyncio
from importlib.metadata import version

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from log import kafka_connection


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


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("aiokafka") == "0.14.0"
    assert AIOKafkaConnection.send is kafka_connection.send
