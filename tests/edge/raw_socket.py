"""A WebSocket client that writes frames byte by byte: a proper one would never send most of what these tests need."""

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator

from edge import frames

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
FIN, RSV1 = 0x80, 0x40


class Client:
    """Raw frames on a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, opcode: int, payload: bytes = b"", flags: int = FIN, *, masked: bool = True) -> None:
        mask = os.urandom(4) if masked else b""
        length = len(payload)
        head = bytes([flags | opcode])
        bit = 0x80 if masked else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 1 << 16:
            head += struct.pack(">BH", bit | 126, length)
        else:
            head += struct.pack(">BQ", bit | 127, length)
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if masked else payload
        self.writer.write(head + mask + body)

    async def receive(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first, await self.reader.readexactly(length)

    async def closed_with(self) -> int:
        """The code of the close frame, after which the server ends the connection."""
        while True:
            first, payload = await self.receive()
            if first & 0xF == CLOSE:
                code: int = struct.unpack(">H", payload[:2])[0]
                return code

    async def ended(self) -> bool:
        return await self.reader.read(1) == b""


@contextlib.asynccontextmanager
async def connected(
    port: int, extensions: str = "", subprotocols: str = frames.SUBPROTOCOL_JSON, path: str = "/"
) -> AsyncIterator[tuple[Client, bytes]]:
    """A client after its handshake, and the server's answer to that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    offered = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    wanted = f"Sec-WebSocket-Protocol: {subprotocols}\r\n" if subprotocols else ""
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{wanted}{offered}\r\n".encode()
    )
    try:
        yield Client(reader, writer), await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
