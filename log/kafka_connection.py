"""aiokafka's connections under uvloop: a write to one that was closed is a lost connection, as aiokafka expects.

A loop of the standard library ignores such a write; uvloop raises a RuntimeError, which aiokafka 0.14.0 does not catch. It ended the task
that keeps a client's metadata fresh, and with it the client for ever: after Kafka had been away, a worker ended or stood still.
With TLS, closing waits 30 s for the peer's farewell, which a broker with a fetch under way does not send: each take-over of a partition
waited so. Kafka's frames have their length, so a farewell proves nothing here, and nobody waits for it.
Imported by whatever opens aiokafka clients; held by tests/log/test_kafka_connection.py.
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason

_send, _close = AIOKafkaConnection.send, AIOKafkaConnection.close


def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """aiokafka's own `send`. Raises: KafkaConnectionError also when the transport has closed beneath it."""
    writer = connection._writer
    if writer is not None and writer.transport.is_closing():
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
    return _send(connection, request, expect_response)


def close(connection: Any, reason: Any = None, exc: BaseException | None = None) -> Any:
    """aiokafka's own `close`; over TLS the connection is gone at once. Whatever had to be sent has been answered by then."""
    if connection._writer is not None and connection._security_protocol in ("SSL", "SASL_SSL"):
        connection._writer.transport.abort()
    return _close(connection, reason=reason, exc=exc)


AIOKafkaConnection.send = send
AIOKafkaConnection.close = close
