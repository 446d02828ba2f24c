"""A socket whose device reads as slowly as the test wants: the real `SocketSink` over a transport in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from edge import frames
from edge.closing import CloseCode
from edge.wire import SocketSink, WireProtocol

HIGH_BYTES, LOW_BYTES = 600, 150
_decode = msgspec.json.Decoder(frames.FromEdge).decode


class Transport:
    def __init__(self) -> None:
        self.lying = bytearray()
        self.aborted = False
        self.on_full: Callable[[], None] = lambda: None
        self.on_room: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        assert not self.aborted
        self.lying += data
        if len(self.lying) > HIGH_BYTES:
            self.on_full()

    def get_write_buffer_size(self) -> int:
        return len(self.lying)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def leave(self, count: int) -> bytes:
        left, self.lying = bytes(self.lying[:count]), self.lying[count:]
        if len(self.lying) <= LOW_BYTES:
            self.on_room()
        return left


class SlowSocket:
    """`sink` is written to; `read` and then `take` give what has arrived."""

    close_sent = False
    closed: CloseCode | None = None
    on_room: Callable[[], None] | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_bytes: int) -> None:
        self.loop = loop
        self.transport = Transport()
        self.writable = asyncio.Event()
        self.writable.set()
        self.transport.on_full, self.transport.on_room = self.writable.clear, self._resume
        self.sink = SocketSink(cast(WireProtocol, self), frames.SUBPROTOCOL_JSON, limit_bytes)
        self._arrived = b""

    def _resume(self) -> None:
        if not self.writable.is_set():
            self.writable.set()
            assert self.on_room is not None
            self.loop.call_soon(self.on_room)

    def close_with(self, close: CloseCode) -> None:
        self.closed = close
        self.close_sent = True
        self.transport.aborted = True

    def read(self, count: int) -> None:
        if not self.transport.aborted or self.close_sent:
            self._arrived += self.transport.leave(count)

    def take(self) -> list[frames.FromEdge]:
        """The frames that have arrived whole."""
        taken: list[frames.FromEdge] = []
        while len(self._arrived) >= 2:
            head, length = 2, self._arrived[1]
            if length == 126:
                head, length = 4, int.from_bytes(self._arrived[2:4], "big")
            assert length < 1 << 16
            if len(self._arrived) < head + length:
                break
            taken.append(_decode(self._arrived[head : head + length]))
            self._arrived = self._arrived[head + length :]
        return taken
