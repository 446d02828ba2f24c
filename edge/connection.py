"""One connection: from its first bytes to its end. The shell around `edge.session`; every frame passes here once.

Phases: waiting for hello -> hello is being checked (frames wait, bounded) -> identified. Called by `edge.wire`, calls `edge.node`.
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog
from msgspec.structs import replace

from edge import frames
from edge.closing import AUTH_TIMEOUT, BAD_FRAME, BUSY, FRAME_TOO_LONG, HELLO_EXPECTED, INTERNAL, NOT_TEXT, TOO_MANY_POSITIONS, CloseCode
from edge.errors import SessionEnded, TooBusy
from edge.session import Session
from edge.wire import SocketSink, WireProtocol
from schemas.errors import WarblerError

if TYPE_CHECKING:
    from edge.node import Node

LOGGER = structlog.get_logger()
WAITING_FRAMES_LIMIT = 64  # frames a device may send before its welcome

_DECODERS = {frames.SUBPROTOCOL_JSON: frames.decode_json, frames.SUBPROTOCOL_MSGPACK: frames.decode_msgpack}


class Connection:
    """A `wire.Receiver`."""

    def __init__(self, node: "Node", protocol: WireProtocol, codec: str, ticket: str = "") -> None:
        self.node, self._ticket = node, ticket
        self.sink = SocketSink(protocol, codec, node.settings.outbox_bytes_limit, node.settings.room_timeout_ms / 1000)
        self.session: Session | None = None
        self.over = asyncio.Event()
        self._decode = _DECODERS[codec]
        self._text = codec == frames.SUBPROTOCOL_JSON
        self._waiting: list[frames.FromDevice] = []
        self._hello: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = protocol.loop.call_later(node.settings.auth_timeout_ms / 1000, self._too_late)

    def on_message(self, data: bytes, is_text: bool) -> None:
        try:
            if is_text != self._text:
                raise msgspec.DecodeError("text frames carry JSON, binary frames MessagePack")
            frame = self._decode(data)
        except (msgspec.MsgspecError, RecursionError) as exc:  # RecursionError: brackets nested without end
            self._not_understood(data, is_text, str(exc))
            return
        except UnicodeDecodeError:
            self.end(NOT_TEXT)
            return
        if self.session is not None:
            self.node.requests.on_frame(self.session, frame)
        elif self._hello is not None:
            self._wait(frame)
        elif isinstance(frame, frames.Hello) and len(frame.positions) > self.node.settings.positions_limit:
            self.end(TOO_MANY_POSITIONS)
        elif isinstance(frame, frames.Hello):
            self._hello = self.node.spawn(self._identify(frame))
        else:
            self.end(HELLO_EXPECTED)

    def on_lost(self) -> None:
        self._finish()
        if self._hello is not None:
            self._hello.cancel()
        if self.session is not None:
            self.node.sessions.close(self.session)
        self.sink.ended = True

    def end(self, close: CloseCode) -> None:
        self._finish()
        self.sink.end(close)

    def busy(self, detail: str, retry_after_ms: int) -> None:
        """Sends the device away until then."""
        self.sink.write(frames.Failure("", "busy", detail, retryable=True, retry_after_ms=retry_after_ms))
        self.end(BUSY)

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.over.set()

    def _too_late(self) -> None:
        self._timer = None
        self.end(AUTH_TIMEOUT)

    def _not_understood(self, data: bytes, is_text: bool, detail: str) -> None:
        if len(data) > self.node.settings.frame_bytes_limit:
            self.end(FRAME_TOO_LONG)
            return
        if is_text and not _is_utf8(data):
            self.end(NOT_TEXT)
            return
        # said before closing, so that whoever writes a client sees what was wrong
        self.sink.write(frames.Failure("", "bad_frame", detail, retryable=False))
        self.end(BAD_FRAME)

    def _wait(self, frame: frames.FromDevice) -> None:
        if isinstance(frame, frames.Hello) or len(self._waiting) >= WAITING_FRAMES_LIMIT:
            self.end(HELLO_EXPECTED)
            return
        self._waiting.append(frame)

    async def _identify(self, hello: frames.Hello) -> None:
        """Ends with a session that is open in the hub, or with a close code."""
        if not hello.token:
            hello = replace(hello, token=self._ticket)
        try:
            async with self.node.door.entered():
                if self.over.is_set():  # its time was over before its turn came
                    return
                session, welcome = await self.node.sessions.welcome(hello, self.sink)
        except TooBusy as busy:
            self.busy(str(busy), busy.retry_after_ms)
            return
        except SessionEnded as ended:
            self.end(ended.close)
            return
        except WarblerError as exc:
            LOGGER.warning("hello failed", error=str(exc))
            self.end(INTERNAL)
            return
        if self.over.is_set():  # it went away while it was being checked
            self.node.sessions.close(session)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.session = session
        self.sink.write(welcome)
        self.node.sessions.catch_up(session, hello, welcome)
        self.node.calls.greet(session)
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            self.node.requests.on_frame(session, frame)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
