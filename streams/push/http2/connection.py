"""One connection of HTTP/2 from the client's side: requests in, bytes out; bytes in, answers out. Pure.

For small requests that are sent whole and answered shortly: no streaming, no push, no trailers. Rules:
1. A stream's end is said exactly once: `Answered`, or `Failed` with whether the peer may have worked on it.
2. What the peer certainly did not work on (above a GOAWAY's last stream, REFUSED_STREAM) may be sent again by anybody; RFC 9113, 8.7.
3. Bodies leave in the order of their requests as far as the peer's windows let them, headers at once.
4. Whatever the peer sends, no more than limits of it are kept.
Called by `client`. The library h2 does all this too, with five times the work: docs/decisions/0025.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import hpack

from streams.push.http2 import frames
from streams.push.http2.fields import Field, FieldEncoder
from streams.push.http2.frames import Broken, Cutter, frame, number, read_number, unpadded

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW_BYTES = 65_535  # where nobody says anything, of the connection and of each stream
WINDOW_LIMIT = 2**31 - 1
STREAM_LIMIT = 2**31 - 1
BLOCK_BYTES_LIMIT = 32_768  # of the headers of one answer
BODY_BYTES_LIMIT = 16_384  # of one answer; a vendor's are some hundred bytes
GIVEN_BACK_BYTES = WINDOW_BYTES // 2  # so much is read before the peer is told that it may send on
PING_PAYLOAD = b"warbler."


@dataclass(frozen=True, slots=True)
class Answered:
    """`headers`: names in lower case. `body`: at most BODY_BYTES_LIMIT."""

    stream: int
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """`processed`: the peer may have worked on it; False: it certainly did not. `code`: a word of RFC 9113, or connection."""

    stream: int
    processed: bool
    code: str


End = Answered | Failed


@dataclass(slots=True)
class _Stream:
    window: int
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class _Block:
    """Headers of an answer that are not whole yet."""

    stream: int
    ends_stream: bool
    data: bytearray


class Connection:
    def __init__(self) -> None:
        self.streams_limit = 0  # at once, as the peer says
        self.settled = False  # the peer said its settings; nothing is sent before
        self.last_stream = STREAM_LIMIT  # the last that the peer looks at
        self.code = ""  # why no stream may be opened any more
        self.debug = b""  # what the peer said to it
        self.broken = False  # the peer broke the protocol: to be closed once this is said
        self.pinged = False  # a ping is not answered yet
        settings = {frames.ENABLE_PUSH: 0, frames.INITIAL_WINDOW_SIZE: BODY_BYTES_LIMIT, frames.MAX_HEADER_LIST_SIZE: BLOCK_BYTES_LIMIT}
        self._out: list[bytes] = [PREFACE, frames.settings_frame(settings)]
        self._ends: list[End] = []
        self._cutter, self._fields = Cutter(), FieldEncoder()
        self._decoder = hpack.Decoder(max_header_list_size=BLOCK_BYTES_LIMIT)
        self._streams: dict[int, _Stream] = {}
        self._unsent: dict[int, bytes] = {}
        self._block: _Block | None = None
        self._next_stream = 1
        self._window, self._stream_window = WINDOW_BYTES, WINDOW_BYTES
        self._read_bytes = 0
        self._on: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._on_data,
            frames.HEADERS: self._on_headers,
            frames.RST_STREAM: self._on_reset,
            frames.SETTINGS: self._on_settings,
            frames.PUSH_PROMISE: self._on_promise,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window,
            frames.CONTINUATION: self._on_continuation,
        }

    # -- requests

    @property
    def open_count(self) -> int:
        return len(self._streams)

    def room(self) -> int:
        """How many requests may be opened now."""
        return 0 if self.code else max(0, self.streams_limit - len(self._streams))

    def open(self, fields: Iterable[Field], body: bytes) -> int:
        """The request's stream. Needs `room`; the body must not be empty."""
        assert self.room()
        assert body
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        if self._next_stream > STREAM_LIMIT:
            self.retire("streams_used_up")
        block = self._fields.encode(fields)
        assert len(block) <= frames.FRAME_BYTES_LIMIT
        self._streams[stream] = _Stream(self._stream_window)
        self._out.append(frame(frames.HEADERS, frames.END_HEADERS, stream, block))
        self._unsent[stream] = body
        self._send_bodies((stream,))
        return stream

    def cancel(self, stream: int) -> None:
        """Nobody waits for its answer any more."""
        if self._streams.pop(stream, None) is not None:
            self._unsent.pop(stream, None)
            self._reset(stream, "cancel")

    def retire(self, code: str) -> None:
        """No new streams; those that are open are waited for."""
        self.code = self.code or code

    def ping(self) -> None:
        self.pinged = True
        self._out.append(frame(frames.PING, 0, 0, PING_PAYLOAD))

    def take(self) -> bytes:
        """What is to be sent now."""
        taken = b"".join(self._out)
        self._out.clear()
        return taken

    # -- answers

    def receive(self, data: bytes) -> list[End]:
        """What came to its end by this."""
        try:
            for kind, flags, stream, payload in self._cutter.feed(data):
                if self._block is not None and (kind != frames.CONTINUATION or stream != self._block.stream):
                    raise Broken("protocol_error")
                if (handler := self._on.get(kind)) is not None:  # kinds that nobody knows are ignored: RFC 9113, 5.5
                    handler(flags, stream, payload)
        except Broken as broken:
            self._out.append(frame(frames.GOAWAY, 0, 0, number(0) + number(frames.ERRORS.index(broken.error))))
            self.broken = True
            self._end_all(broken.error)
        return self._taken_ends()

    def lost(self, code: str = "connection") -> list[End]:
        """The connection is gone: what was open did not get its answer."""
        self._end_all(code)
        return self._taken_ends()

    def _taken_ends(self) -> list[End]:
        ends, self._ends = self._ends, []
        return ends

    def _end_all(self, code: str) -> None:
        self.retire(code)
        self._streams, streams = {}, self._streams
        self._unsent.clear()
        self._ends += [Failed(stream, stream <= self.last_stream, code) for stream in streams]

    def _fail(self, stream: int, processed: bool, code: str) -> None:
        if self._streams.pop(stream, None) is not None:
            self._unsent.pop(stream, None)
            self._ends.append(Failed(stream, processed, code))

    def _finish(self, stream: int, found: _Stream) -> None:
        del self._streams[stream]
        if self._unsent.pop(stream, None) is not None:
            self._reset(stream, "cancel")  # answered before it was all said
        end = Answered(stream, found.status, found.headers, found.body) if found.status else Failed(stream, True, "protocol_error")
        self._ends.append(end)

    # -- frames

    def _on_headers(self, flags: int, stream: int, payload: bytes) -> None:
        data = unpadded(flags, payload) if flags & (frames.PADDED | frames.WITH_PRIORITY) else payload
        ends_stream = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._on_block(stream, ends_stream, data)
        else:
            self._block = _Block(stream, ends_stream, bytearray(data))

    def _on_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if (block := self._block) is None:
            raise Broken("protocol_error")
        block.data += payload
        if len(block.data) > BLOCK_BYTES_LIMIT:
            raise Broken("enhance_your_calm")
        if flags & frames.END_HEADERS:
            self._block = None
            self._on_block(stream, block.ends_stream, bytes(block.data))

    def _on_block(self, stream: int, ends_stream: bool, data: bytes) -> None:
        """Decoded even if nobody waits for it: the table that both sides keep changes with it."""
        try:
            pairs = self._decoder.decode(data, raw=True)
        except (hpack.HPACKError, ValueError, IndexError):
            raise Broken("compression_error") from None
        self._must_be_ours(stream)
        if (found := self._streams.get(stream)) is None:
            return
        if not found.status:
            headers = {str(name, "latin-1"): str(value, "latin-1") for name, value in pairs}
            status = headers.pop(":status", "")
            if len(status) != 3 or not (status.isascii() and status.isdigit()):
                raise Broken("protocol_error")
            if status[0] == "1":  # on its way
                return
            found.status, found.headers = int(status), headers
        if ends_stream:
            self._finish(stream, found)

    def _on_data(self, flags: int, stream: int, payload: bytes) -> None:
        self._must_be_ours(stream)
        self._read_bytes += len(payload)
        if self._read_bytes >= GIVEN_BACK_BYTES:
            self._out.append(frame(frames.WINDOW_UPDATE, 0, 0, number(self._read_bytes)))
            self._read_bytes = 0
        if (found := self._streams.get(stream)) is None:
            return
        found.body += unpadded(flags & frames.PADDED, payload)
        if len(found.body) > BODY_BYTES_LIMIT:  # it had no window for that
            raise Broken("flow_control_error")
        if flags & frames.END_STREAM:
            self._finish(stream, found)

    def _on_reset(self, flags: int, stream: int, payload: bytes) -> None:
        self._must_be_ours(stream)
        code = frames.error_name(read_number(payload))
        self._fail(stream, code != "refused_stream", code)

    def _on_settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise Broken("protocol_error")
        if flags & frames.ACK:
            return
        if not self.settled:
            self.settled, self.streams_limit = True, STREAM_LIMIT  # without a word there is no limit
        for name, value in frames.read_settings(payload):
            self._on_setting(name, value)
        self._out.append(frame(frames.SETTINGS, frames.ACK, 0))
        self._send_bodies()

    def _on_setting(self, name: int, value: int) -> None:
        match name:
            case frames.MAX_CONCURRENT_STREAMS:
                self.streams_limit = value
            case frames.HEADER_TABLE_SIZE:
                self._fields.resize(value)
            case frames.INITIAL_WINDOW_SIZE:
                if value > WINDOW_LIMIT:
                    raise Broken("flow_control_error")
                for open_stream in self._streams.values():
                    open_stream.window += value - self._stream_window
                self._stream_window = value
            case _:  # longer frames than we send, longer headers than we have, kinds that nobody knows
                pass

    def _on_promise(self, flags: int, stream: int, payload: bytes) -> None:
        raise Broken("protocol_error")  # we said that we want none

    def _on_ping(self, flags: int, stream: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise Broken("frame_size_error")
        if flags & frames.ACK:
            self.pinged = False
        else:
            self._out.append(frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, flags: int, stream: int, payload: bytes) -> None:
        self.last_stream = min(self.last_stream, read_number(payload))
        error = frames.error_name(read_number(payload, 4))
        self.debug = payload[8:]
        self.retire("goaway" if error == "no_error" else error)
        for above in [each for each in self._streams if each > self.last_stream]:
            self._fail(above, False, self.code)

    def _on_window(self, flags: int, stream: int, payload: bytes) -> None:
        more = read_number(payload)
        if stream == 0:
            self._window += more
        elif (found := self._streams.get(stream)) is not None:
            found.window += more
        if self._window > WINDOW_LIMIT or not more:
            raise Broken("flow_control_error" if more else "protocol_error")
        self._send_bodies()

    def _must_be_ours(self, stream: int) -> None:
        if stream % 2 == 0 or stream >= self._next_stream:
            raise Broken("protocol_error")

    # -- bodies

    def _send_bodies(self, streams: Iterable[int] | None = None) -> None:
        """As much as the windows let: of these streams, or of all that have something left."""
        for stream in streams or list(self._unsent):
            if self._window <= 0:
                return
            self._send_body(stream, self._unsent[stream], self._streams[stream])

    def _send_body(self, stream: int, body: bytes, found: _Stream) -> None:
        size = min(len(body), self._window, found.window)
        if size <= 0:
            return
        self._window -= size
        found.window -= size
        rest = body[size:]
        for at in range(0, size, frames.FRAME_BYTES_LIMIT):
            end = min(at + frames.FRAME_BYTES_LIMIT, size)
            flags = frames.END_STREAM if end == size and not rest else 0
            self._out.append(frame(frames.DATA, flags, stream, body[at:end]))
        if rest:
            self._unsent[stream] = rest
        else:
            del self._unsent[stream]

    def _reset(self, stream: int, error: str) -> None:
        self._out.append(frame(frames.RST_STREAM, 0, stream, number(frames.ERRORS.index(error))))
