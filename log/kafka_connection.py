"""aiokafka's connections under uvloop: a write to one that was closed is a lost connection, as aiokafka expects.

A loop of the standard library ignores such a write; uvloop raises a RuntimeError, which aiokafka 0.14.0 does not catch. It ended the task
that keeps a client's metadata fresh, and with it the client for ever: after Kafka had been away, a worker ended or stood still.
Imported by whatever opens aiokafka clients; held by tests/log/test_kafka_connection.py.
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason

_send = AIOKafkaConnection.send


def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """aiokafka's own `send`. Raises: KafkaConnectionError also when the transport has closed beneath it."""
    writer = connection._writer
    if writer is not None and writer.transport.is_closing():
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
    return _send(connection, request, expect_response)


AIOKafkaConnection.send = send
