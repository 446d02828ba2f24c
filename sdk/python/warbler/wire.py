"""One WebSocket on an asyncio transport: `websockets` without its own tasks and queues, so that a session stays light.

Called by `warbler.client`. Whole messages come out through callbacks in the loop's thread; `send` never waits.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

FRAME_BYTES_LIMIT = 8 << 20  # pages and histories; what the server sends is trusted to this size
LOST = 1006


class Wire(asyncio.Protocol):
    """Calls `on_message` for each message and `on_closed(code, reason)` exactly once after a successful `connect`."""

    def __init__(self, url: str, subprotocol: str, on_message: Callable[[bytes], None], on_closed: Callable[[int, str], None]) -> None:
        self._socket = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol(subprotocol)], max_size=FRAME_BYTES_LIMIT)
        self._on_message, self._on_closed = on_message, on_closed
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts: list[bytes] = []
        self._closed = False

    @classmethod
    async def connect(
        cls,
        url: str,
        subprotocol: str,
        on_message: Callable[[bytes], None],
        on_closed: Callable[[int, str], None],
        tls: ssl.SSLContext | None = None,
    ) -> "Wire":
        """Raises: OSError when the host cannot be reached or its answer is not a WebSocket's (ConnectionError)."""
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        port = parts.port or (443 if secure else 80)
        loop = asyncio.get_running_loop()
        context = (tls or ssl.create_default_context()) if secure else None
        wire = cls(url, subprotocol, on_message, on_closed)
        transport, _ = await loop.create_connection(lambda: wire, parts.hostname or "localhost", port, ssl=context)
        try:
            await wire._opened
        except BaseException:
            transport.abort()
            raise
        return wire

    def send(self, data: bytes, text: bool) -> None:
        """Hands a message to the transport. Delivery: may be lost with the connection; dropped when it is closing."""
        if self._socket.state is not State.OPEN:
            return
        if text:
            self._socket.send_text(data)
        else:
            self._socket.send_binary(data)
        self._write_out()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Says goodbye and closes at once: the peer's answer changes nothing for us."""
        if self._socket.state is State.OPEN:
            self._socket.send_close(code, reason)
            self._write_out()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drops the connection without a word, as a dead link would."""
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self._socket.send_request(self._socket.connect())
        self._write_out()

    def data_received(self, data: bytes) -> None:
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
            elif isinstance(event, Response):
                self._on_response()
        self._write_out()

    def eof_received(self) -> None:
        self._socket.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("closed during the handshake"))
        elif not self._closed and not self._opened.cancelled() and self._opened.exception() is None:
            self._closed = True
            received = self._socket.close_rcvd
            self._on_closed(received.code if received else LOST, received.reason if received else str(exc or "connection lost"))

    def _on_response(self) -> None:
        if self._opened.done():
            return
        problem = self._socket.handshake_exc
        if problem is None:
            self._opened.set_result(None)
        else:
            kind = "not a WebSocket" if isinstance(problem, InvalidHandshake) else "bad answer"
            self._opened.set_exception(ConnectionError(f"{kind}: {problem}"))

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.fin and not self._parts:
                self._on_message(bytes(frame.data))
                return
            self._parts.append(bytes(frame.data))
            if frame.fin:
                whole, self._parts = b"".join(self._parts), []
                self._on_message(whole)
        elif frame.opcode is Opcode.CLOSE and self._transport is not None:
            self._write_out()
            self._transport.close()

    def _write_out(self) -> None:
        transport = self._transport
        for data in self._socket.data_to_send():
            if transport is not None and data:
                transport.write(data)
