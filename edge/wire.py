"""The socket: uvicorn's WebSocket protocol, with frames written straight to the transport and read without ASGI in between.

Starlette's send costs about 30 µs a delivery, this about 13; its receive queue as much again. What is overridden here is below uvicorn's
public surface: uvicorn and websockets are pinned and tests/edge/test_wire.py holds what we rely on.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge import frames
from edge.closing import SLOW, CloseCode
from edge.errors import SessionEnded
from edge.ladder import EPHEMERAL_PART, Age, Ladder, Verdict
from edge.metrics import CLOSES, RUNGS
from edge.session import SharedFrame

LOGGER = structlog.get_logger()

EXTENSION = "warbler.wire"
PAGES_AT_ONCE = 2  # two pages of PAGE_BYTES_LIMIT are half of the default outbox
ROOM_TIMEOUT_S = 30.0
RELEASE_S = 0.02


class Receiver(Protocol):
    """Who hears what the device sends."""

    def on_message(self, data: bytes, is_text: bool) -> None: ...

    def on_lost(self) -> None: ...


class WireProtocol(WebSocketsSansIOProtocol):
    """One connection. Until a receiver is set, messages wait in uvicorn's queue as ever."""

    receiver: Receiver | None = None
    on_room: Callable[[], None] | None = None  # the transport was full, and has room again

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

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_room is not None:
            self.loop.call_soon(self.on_room)

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
    """Writes a session's frames. What a slow device does not read is bounded in bytes and age, as `edge.ladder` decides.

    The hot path is `_offer`: an addition, a comparison and a list. The outbox is measured when so much was offered since the last time that
    it could have come to its first rung.
    """

    __slots__ = (
        *("_age", "_codec", "_ease_bytes", "_encode", "_ladder", "_limit_bytes", "_offered_bytes", "_pages"),
        *("_pending", "_protocol", "_room_timeout_s"),
        *("_releasing", "_wrap", "ended"),
    )

    def __init__(self, protocol: WireProtocol, codec: str, limit_bytes: int, room_timeout_s: float = ROOM_TIMEOUT_S) -> None:
        self._protocol, self._codec, self._limit_bytes, self._room_timeout_s = protocol, codec, limit_bytes, room_timeout_s
        self._pages: asyncio.Semaphore | None = None  # made with the first page: most sessions never ask for one
        self._encode, self._wrap = CODECS[codec]
        self._pending: list[bytes] = []
        self._offered_bytes = 0  # ever
        self._ease_bytes = int(limit_bytes * EPHEMERAL_PART)  # of those; up to here nothing is measured. -1: something waits, or the end
        self._ladder: Ladder | None = None  # made at the first rung: most sessions never get there
        self._age = Age()
        self._releasing = False
        self.ended = False
        protocol.on_room = self._release

    def write(self, frame: frames.FromEdge) -> None:
        self._offer(self._wrap(self._encode(frame)), frame)

    def write_shared(self, shared: SharedFrame) -> None:
        data = shared.encoded.get(self._codec)
        if data is None:
            data = shared.encoded[self._codec] = self._wrap(self._encode(shared.frame))
        self._offer(data, shared.frame)

    def _offer(self, data: bytes, frame: frames.FromEdge) -> None:
        """What is written in one turn of the loop leaves as one system call."""
        offered_bytes = self._offered_bytes = self._offered_bytes + len(data)
        if offered_bytes > self._ease_bytes and not self._may_write(data, frame):
            return
        if not self._pending:
            self._protocol.loop.call_soon(self._flush)
        self._pending.append(data)

    def _may_write(self, data: bytes, frame: frames.FromEdge) -> bool:
        """Asks the ladder, after the transport took what it can."""
        if not self.ended:
            self._flush()
        if self.ended:
            return False
        if self._ladder is None:
            self._ladder = Ladder(self._limit_bytes)
        used_bytes = self._protocol.transport.get_write_buffer_size()
        verdict = self._ladder.judge(frame, used_bytes + len(data))
        if verdict is not Verdict.WRITE:
            self._offered_bytes -= len(data)
            RUNGS.labels(verdict.value).inc()
        if self._ladder.holds:
            self._ease_bytes = -1
            self._release_later()
            if used_bytes + self._ladder.held_bytes > self._limit_bytes:
                self._cut_off("bytes")
        else:
            self._ease_bytes = self._offered_bytes + max(0, int(self._limit_bytes * EPHEMERAL_PART) - used_bytes - len(data))
        return verdict is Verdict.WRITE and not self.ended

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        transport = self._protocol.transport
        if self.ended or self._protocol.close_sent or transport.is_closing():
            return
        if pending:
            transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
        if transport.get_write_buffer_size() > self._limit_bytes:
            self._cut_off("bytes")

    def _release_later(self) -> None:
        """A transport that did not say that it is full will not say that it has room."""
        if not self._releasing and self._protocol.writable.is_set():
            self._releasing = True
            self._protocol.loop.call_later(RELEASE_S, self._release)

    def _release(self) -> None:
        self._releasing = False
        if self.ended or self._ladder is None or not self._ladder.holds or not self._protocol.writable.is_set():
            return
        released = list(self._ladder.release())
        self._ease_bytes = -1 if self._ladder.holds else self._offered_bytes  # the next frame is measured
        for frame in released:
            if isinstance(frame, frames.Resync):
                RUNGS.labels("resync").inc()
            self.write(frame)
        if self._ladder.holds:
            self._release_later()

    def _cut_off(self, why: str) -> None:
        self.ended = True
        self._ease_bytes = -1
        CLOSES.labels(str(SLOW.code)).inc()
        LOGGER.info("slow device cut off", reason=SLOW.reason, limit=why, buffered_bytes=self._protocol.transport.get_write_buffer_size())
        # a close frame would wait behind everything the device does not read
        self._protocol.transport.abort()

    def backlog_bytes(self) -> int:
        held_bytes = 0 if self._ladder is None else self._ladder.held_bytes
        return sum(map(len, self._pending)) + self._protocol.transport.get_write_buffer_size() + held_bytes

    def read_on(self, on: bool) -> None:
        transport = self._protocol.transport
        if not transport.is_closing():
            transport.resume_reading() if on else transport.pause_reading()

    def end_if_older(self, limit_ms: float, now_mono_ms: float) -> None:
        unsent_bytes = sum(map(len, self._pending)) + self._protocol.transport.get_write_buffer_size()
        if not self.ended and self._age.look(now_mono_ms, self._offered_bytes, unsent_bytes) > limit_ms:
            self._cut_off("age")

    @contextlib.asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """The transport says when its buffer has run above its high-water mark (64 KiB), and when below the low one (16 KiB)."""
        if self._pages is None:
            self._pages = asyncio.Semaphore(PAGES_AT_ONCE)
        async with self._pages:
            try:
                await asyncio.wait_for(self._protocol.writable.wait(), self._room_timeout_s)
            except TimeoutError:
                if not self.ended:
                    self._cut_off("age")
                raise SessionEnded(SLOW) from None
            yield

    def end(self, close: CloseCode) -> None:
        if not self.ended:
            self._flush()
            if self.ended:
                return
            self.ended = True
            self._ease_bytes = -1
            self._protocol.close_with(close)
