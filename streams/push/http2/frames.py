"""Frames of HTTP/2: their heads, their kinds, and what arrives cut into whole ones. Pure.

Source: RFC 9113, sections 4.1, 6 and 7.
"""

import struct
from collections.abc import Iterator

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)

ERRORS = (
    *("no_error", "protocol_error", "internal_error", "flow_control_error", "settings_timeout", "stream_closed", "frame_size_error"),
    *("refused_stream", "cancel", "compression_error", "connect_error", "enhance_your_calm", "inadequate_security", "http_1_1_required"),
)
FRAME_BYTES_LIMIT = 16_384  # every peer takes frames of this size, and we let none be longer
HEAD_BYTES = 9
_HEAD = struct.Struct(">HBBBL")
_SETTING = struct.Struct(">HL")


class Broken(Exception):
    """The peer broke the protocol. `error`: which of ERRORS it is told."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings_frame(settings: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in settings.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Raises: Broken."""
    if len(payload) % 6:
        raise Broken("frame_size_error")
    return list(_SETTING.iter_unpack(payload))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def read_number(payload: bytes, at: int = 0) -> int:
    """31 bits; the first one is reserved. Raises: Broken."""
    if len(payload) < at + 4:
        raise Broken("frame_size_error")
    return int.from_bytes(payload[at : at + 4], "big") & 0x7FFF_FFFF


def error_name(code: int) -> str:
    return ERRORS[code] if code < len(ERRORS) else "internal_error"


def unpadded(flags: int, payload: bytes) -> bytes:
    """Without padding, and of HEADERS without a priority. Raises: Broken."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise Broken("frame_size_error")
        start, end = 1, end - payload[0]
    start += 5 if flags & WITH_PRIORITY else 0
    if start > end:
        raise Broken("protocol_error")
    return payload[start:end]


class Cutter:
    """Keeps what is not a whole frame yet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """(kind, flags, stream, payload) of each whole frame. Raises: Broken for one that is too long."""
        data = self._rest + data if self._rest else data
        at, size = 0, len(data)
        while size - at >= HEAD_BYTES:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            end = at + HEAD_BYTES + (high << 8 | low)
            if end - at > HEAD_BYTES + FRAME_BYTES_LIMIT:
                raise Broken("frame_size_error")
            if end > size:
                break
            yield kind, flags, stream & 0x7FFF_FFFF, data[at + HEAD_BYTES : end]
            at = end
        self._rest = data[at:]
