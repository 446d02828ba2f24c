"""The client side of RFC 6455, as little of it as a load generator needs. Pure.

It shares the processor with what it measures, so a frame out costs one concatenation and a frame in one slice.
"""

import struct

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
# Frames must carry a masking key. With the key zero the masked payload is the payload itself, and the server's work is the same.
NO_KEY = b"\0\0\0\0"


class BrokenFrame(Exception):
    """The server sent what it never should: a mask, or a fragment."""


def client_frame(opcode: int, payload: bytes) -> bytes:
    first, length = 0x80 | opcode, len(payload)
    if length < 126:
        return bytes((first, 0x80 | length)) + NO_KEY + payload
    if length < 1 << 16:
        return struct.pack(">BBH", first, 0xFE, length) + NO_KEY + payload
    return struct.pack(">BBQ", first, 0xFF, length) + NO_KEY + payload


class FrameReader:
    """Frames out of a byte stream that may be cut anywhere."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now, as (opcode, payload). Raises: BrokenFrame."""
        if self._rest:
            data = self._rest + data
        frames: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while at + 2 <= end:
            first, length = data[at], data[at + 1]
            if not first & 0x80 or length & 0x80:
                raise BrokenFrame(f"frame starts with {data[at : at + 2].hex()}")
            start = at + 2
            if length == 126:
                start += 2
                length = int.from_bytes(data[at + 2 : start], "big") if start <= end else end
            elif length == 127:
                start += 8
                length = int.from_bytes(data[at + 2 : start], "big") if start <= end else end
            if start + length > end:
                break
            at = start + length
            frames.append((first & 0x0F, data[start:at]))
        self._rest = data[at:]
        return frames


def upgrade_request(host: str, port: int, subprotocol: str) -> bytes:
    lines = (
        "GET /v1/socket HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: d2FyYmxlci1iZW5jaC0xNg==",  # the answer's proof is not checked: the server is ours
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
