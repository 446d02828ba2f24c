"""The socket: uvicorn's WebSocket protocol, with frames written straight to the transport and read without ASGI in between.

Starlette's send costs about 30 µs a delivery, this about 13; its receive queue as much again. What is overridden here is below uvicorn's
public surface: uvicorn and websockets are pinned and tests/edge/test_wire.py holds what we rely on.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge import frames
from edge.closing import SLOW, CloseCode
from edge.metrics import CLOSES
from edge.session import SharedFrame

LOGGER = structlog.get_logger()

EXTENSION = "warbler.wire"


class Receiver(Protocol):
    """Who hears what the device sends."""

    def on_message(self, data: bytes, is_text: bool) -> None: ...

    def on_lost(self) -> None: ...


class WireProtocol(WebSocketsSansIOProtocol):
    """One connection. Until a receiver is set, messages wait in uvicorn's queue as ever."""

    receiver: Receiver | None = None

    async def run_asgi(self) -> None:
        self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]
        await super().run_asgi()

    def send_receive_event_to_app(self) -> None:
        if self.receiver is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if not self.close_sent:
            self.receiver.on_message(bytes(data), self.curr_msg_data_type == "text")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.on_lost()

    def close_with(self, close: CloseCode) -> None:
        """Sends the close frame and gives the device uvicorn's close_timeout to answer it."""
        if self.close_sent or self.transport.is_closing():
            return
        CLOSES.labels(str(close.code)).inc()
        self.conn.send_close(close.code, close.reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)


def text_frame(payload: bytes) -> bytes:
    return _header(0x81, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    return _header(0x82, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    """Unmasked, final (RFC 6455 5.2)."""
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack(">BBH", first, 126, length)
    return struct.pack(">BBQ", first, 127, length)


Encoder = Callable[[Any], bytes]
CODECS: dict[str, tuple[Encoder, Callable[[bytes], bytes]]] = {
    frames.SUBPROTOCOL_JSON: (frames.encode_json, text_frame),
    frames.SUBPROTOCOL_MSGPACK: (frames.encode_msgpack, binary_frame),
}


class SocketSink:
    """Writes a session's frames; what a slow device does not read is bounded, then the device is cut off and resumes by position."""

    __slots__ = ("_codec", "_encode", "_limit_bytes", "_pending", "_protocol", "_wrap", "ended")

    def __init__(self, protocol: WireProtocol, codec: str, limit_bytes: int) -> None:
        self._protocol, self._codec, self._limit_bytes = protocol, codec, limit_bytes
        self._encode, self._wrap = CODECS[codec]
        self._pending: list[bytes] = []
        self.ended = False

    def write(self, frame: frames.FromEdge) -> None:
        self._offer(self._wrap(self._encode(frame)))

    def write_shared(self, shared: SharedFrame) -> None:
        data = shared.encoded.get(self._codec)
        if data is None:
            data = shared.encoded[self._codec] = self._wrap(self._encode(shared.frame))
        self._offer(data)

    def _offer(self, data: bytes) -> None:
        """What is written in one turn of the loop leaves as one system call."""
        if self.ended:
            return
        if not self._pending:
            self._protocol.loop.call_soon(self._flush)
        self._pending.append(data)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        transport = self._protocol.transport
        if self.ended or self._protocol.close_sent or transport.is_closing():
            return
        transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
        if transport.get_write_buffer_size() > self._limit_bytes:
            self.ended = True
            CLOSES.labels(str(SLOW.code)).inc()
            LOGGER.info("slow device cut off", reason=SLOW.reason, buffered_bytes=transport.get_write_buffer_size())
            # a close frame would wait behind everything the device does not read
            transport.abort()

    def backlog_bytes(self) -> int:
        return sum(map(len, self._pending)) + self._protocol.transport.get_write_buffer_size()

    def end(self, close: CloseCode) -> None:
        if not self.ended:
            self._flush_now()
            self.ended = True
            self._protocol.close_with(close)

    def _flush_now(self) -> None:
        if self._pending:
            self._flush()
