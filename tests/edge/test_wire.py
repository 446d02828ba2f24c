"""What `edge.wire` relies on below uvicorn's surface, over a real loopback socket: whoever raises a pin reads here what may break.

Method: a client that writes frames byte by byte, because a proper one would never send most of these.
"""

import asyncio
import contextlib
import inspect
import json
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import Any

import pytest
import uvicorn
from msgspec import structs
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge import frames
from edge.closing import BAD_FRAME, SLOW
from edge.errors import SessionEnded
from edge.session import SharedFrame
from edge.wire import EXTENSION, SocketSink, WireProtocol, binary_frame, text_frame
from tests.edge.raw_socket import BINARY, CLOSE, CONT, FIN, PING, PONG, RSV1, TEXT, Client, connected

MAX_BYTES = 1_000


def test_the_versions_are_the_pinned_ones() -> None:
    assert (version("uvicorn"), version("websockets")) == ("0.54.0", "17.4")


def test_the_names_that_are_overridden_and_used_exist() -> None:
    methods = {
        "run_asgi": ["self"],
        "send_receive_event_to_app": ["self"],
        "connection_lost": ["self", "exc"],
        "handle_close": ["self", "event"],
        "resume_writing": ["self"],
    }
    for name, parameters in methods.items():
        assert list(inspect.signature(getattr(WebSocketsSansIOProtocol, name)).parameters) == parameters
    made = inspect.getsource(WebSocketsSansIOProtocol.__init__)
    used = ("close_sent", "close_timer", "close_timeout", "frames", "curr_msg_data_type", "conn", "loop", "transport", "writable")
    for attribute in used:
        assert f"self.{attribute}" in made, attribute


class Heard:
    """A receiver that keeps everything."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self.lost = asyncio.Event()
        self.protocol: WireProtocol | None = None

    def on_message(self, data: bytes, is_text: bool) -> None:
        assert isinstance(data, bytes)
        self.messages.append((data, is_text))

    def on_lost(self) -> None:
        self.lost.set()


@contextlib.asynccontextmanager
async def served(heard: Heard) -> AsyncIterator[int]:
    """A server on loopback whose only application hands its socket to `heard`; its port."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        heard.protocol = scope["extensions"][EXTENSION]
        assert isinstance(heard.protocol, WireProtocol)
        heard.protocol.receiver = heard
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        await heard.lost.wait()

    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        ws=WireProtocol,
        ws_max_size=MAX_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn offers no event
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def on_the_wire(body: Callable[[Client, Heard], Awaitable[None]]) -> Heard:
    heard = Heard()

    async def whole() -> None:
        async with asyncio.timeout(90), served(heard) as port, connected(port) as (client, answer):
            assert b" 101 " in answer
            await body(client, heard)

    asyncio.run(whole())
    return heard


async def until_heard(heard: Heard, count: int) -> None:
    while len(heard.messages) < count:  # noqa: ASYNC110  the receiver is called synchronously, as in the edge
        await asyncio.sleep(0.005)


def test_messages_arrive_whole_with_their_kind_and_in_order() -> None:
    async def body(client: Client, heard: Heard) -> None:
        client.send(TEXT, b"one")
        client.send(BINARY, b"\x00two")
        client.send(TEXT, "é".encode())
        await until_heard(heard, 3)

    assert on_the_wire(body).messages == [(b"one", True), (b"\x00two", False), ("é".encode(), True)]


def test_a_fragmented_message_arrives_as_one_also_around_a_ping() -> None:
    async def body(client: Client, heard: Heard) -> None:
        client.send(TEXT, b"a", flags=0)
        client.send(CONT, b"b", flags=0)
        client.send(PING, b"p")
        client.send(CONT, b"c")
        assert await client.receive() == (FIN | PONG, b"p")
        await until_heard(heard, 1)

    assert on_the_wire(body).messages == [(b"abc", True)]


def test_reading_goes_on_when_nobody_receives_through_asgi() -> None:
    """uvicorn pauses the socket until its queue is read; ours never is."""

    async def body(client: Client, heard: Heard) -> None:
        for number in range(2_000):
            client.send(TEXT, b"%d" % number)
        await until_heard(heard, 2_000)

    assert [int(data) for data, _ in on_the_wire(body).messages] == list(range(2_000))


def test_a_close_is_answered_and_the_receiver_hears_that_the_device_is_lost() -> None:
    async def body(client: Client, heard: Heard) -> None:
        client.send(CLOSE, struct.pack(">H", 1000))
        assert await client.closed_with() == 1000
        assert await client.ended()
        await heard.lost.wait()

    on_the_wire(body)


def test_a_connection_that_breaks_is_lost_too() -> None:
    async def body(client: Client, heard: Heard) -> None:
        client.writer.transport.abort()
        await heard.lost.wait()

    on_the_wire(body)


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda c: c.send(TEXT, b"x" * (MAX_BYTES + 1)), 1009),
        (lambda c: (c.send(TEXT, b"x" * MAX_BYTES, flags=0), c.send(CONT, b"x")), 1009),
        (lambda c: c.send(TEXT, zlib.compress(b"x" * 10**6)[2:-4], flags=FIN | RSV1), 1002),
        (lambda c: c.send(TEXT, b"x", masked=False), 1002),
        (lambda c: c.send(3, b"reserved opcode"), 1002),
        (lambda c: c.send(CONT, b"nothing to go on with"), 1002),
        (lambda c: c.send(PING, b"x" * 126), 1002),
    ],
    ids=["over-long", "over-long in fragments", "compressed", "unmasked", "opcode", "continuation", "long ping"],
)
def test_what_breaks_the_protocol_is_closed_with_its_code(send: Callable[[Client], None], code: int) -> None:
    async def body(client: Client, heard: Heard) -> None:
        send(client)
        assert await client.closed_with() == code
        assert await client.ended()
        await heard.lost.wait()

    assert on_the_wire(body).messages == []


def test_a_message_of_exactly_the_limit_arrives() -> None:
    async def body(client: Client, heard: Heard) -> None:
        client.send(TEXT, b"x" * MAX_BYTES)
        await until_heard(heard, 1)

    assert on_the_wire(body).messages == [(b"x" * MAX_BYTES, True)]


def test_compression_is_not_agreed_even_when_it_is_offered() -> None:
    async def whole() -> None:
        async with asyncio.timeout(90), served(Heard()) as port, connected(port, "permessage-deflate") as (_, answer):
            assert b"sec-websocket-extensions" not in answer.lower()

    asyncio.run(whole())


def test_bad_utf8_reaches_the_receiver_who_refuses_it() -> None:
    """uvicorn would check it in the method that is overridden, so the edge's connection does."""

    async def body(client: Client, heard: Heard) -> None:
        client.send(TEXT, b"\xff\xfe")
        await until_heard(heard, 1)

    assert on_the_wire(body).messages == [(b"\xff\xfe", True)]


def test_a_close_of_ours_is_sent_once_after_what_was_written_and_waits_for_the_answer() -> None:
    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, 1 << 20)
        sink.write(frames.Pong("n", 1))
        sink.end(BAD_FRAME)
        sink.end(BAD_FRAME)
        sink.write(frames.Pong("too late", 1))
        assert await client.receive() == (FIN | TEXT, b'{"type":"pong","nonce":"n","now_ms":1}')
        first, payload = await client.receive()
        assert (first, struct.unpack(">H", payload[:2])[0], payload[2:]) == (FIN | CLOSE, BAD_FRAME.code, BAD_FRAME.reason.encode())
        assert not heard.lost.is_set()
        client.send(TEXT, b"still talking")
        client.send(CLOSE, payload[:2])
        assert await client.ended()
        await heard.lost.wait()
        assert heard.messages == []

    on_the_wire(body)


def test_a_device_that_never_reads_is_cut_off_at_the_limit() -> None:
    limit = 100_000
    frame = SharedFrame(frames.Pong("x" * 10_000, 1))

    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_MSGPACK, limit)
        most = 0
        for _ in range(10_000):
            sink.write_shared(frame)
            await asyncio.sleep(0)
            if sink.ended:
                break
            most = max(most, heard.protocol.transport.get_write_buffer_size())
        assert sink.ended
        assert most <= limit
        await heard.lost.wait()
        assert SLOW.reconnect == "backoff"

    on_the_wire(body)


async def filled(client: Client, heard: Heard, limit: int) -> SocketSink:
    """A sink whose device does not read, as full as it gets with answers and without being cut off."""
    assert heard.protocol is not None
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, limit)
    while heard.protocol.transport.get_write_buffer_size() < limit * 0.8:
        sink.write(frames.Pong("x" * (limit // 20), 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return sink


def test_a_slow_device_is_told_what_was_dropped_once_it_reads_and_gets_the_latest_receipt() -> None:
    event = frames.EventItem(kind="message_sent", seq=7, ordinal=7, at_ms=1, user="u", device="d", id="i")

    async def body(client: Client, heard: Heard) -> None:
        sink = await filled(client, heard, 200_000)
        for seq in (7, 8, 9):
            sink.write_shared(SharedFrame(frames.Events("g-1", (structs.replace(event, seq=seq),))))
            sink.write(frames.Receipt("g-1", "u-ben", "read", seq))
            sink.write(frames.UserTyping("g-1", "u-ben", True))
        assert sink.backlog_bytes() > 0
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        told: list[dict[str, Any]] = []
        while len(told) < 2:
            frame = json.loads((await client.receive())[1])
            if frame["type"] != "pong":
                told.append(frame)
        assert told == [
            {"type": "resync", "conversation": "g-1", "from_seq": 7},
            {"type": "receipt", "conversation": "g-1", "user": "u-ben", "state": "read", "up_to_seq": 9},
        ]
        sink.write_shared(SharedFrame(frames.Events("g-1", (structs.replace(event, seq=10),))))
        assert json.loads((await client.receive())[1])["events"][0]["seq"] == 10
        assert not sink.ended
        assert sink.backlog_bytes() == 0

    on_the_wire(body)


def test_a_device_that_reads_gets_a_burst_of_more_than_its_outbox_in_one_turn() -> None:
    """Or whoever reads fast would be told to sync whenever a chunk of the log is long."""
    frame = SharedFrame(frames.Pong("x" * 1_000, 1))

    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, 100_000)
        for _ in range(200):
            sink.write_shared(frame)
        for _ in range(200):
            assert (await client.receive())[0] == FIN | TEXT
        assert not sink.ended

    on_the_wire(body)


def test_events_longer_than_the_outbox_become_a_resync_at_once() -> None:
    item = frames.EventItem(
        kind="message_sent", seq=7, ordinal=7, at_ms=1, user="u", device="d", id="i", content=frames.DeviceContent(text="x" * 100_000)
    )

    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, 100_000)
        sink.write(frames.Events("g-1", (item, structs.replace(item, seq=8))))
        assert json.loads((await client.receive())[1]) == {"type": "resync", "conversation": "g-1", "from_seq": 7}

    on_the_wire(body)


def test_a_device_that_lets_its_bytes_lie_is_cut_off_by_age() -> None:
    async def body(client: Client, heard: Heard) -> None:
        sink = await filled(client, heard, 200_000)
        for now_ms in range(0, 1_001, 100):
            assert not sink.ended
            sink.end_if_older(1_000, now_ms)
        assert not sink.ended, "exactly as old as it may be"
        sink.end_if_older(1_000, 1_101)
        assert sink.ended
        await heard.lost.wait()

    on_the_wire(body)


def test_what_waits_for_a_slow_device_counts_as_outbox() -> None:
    async def body(client: Client, heard: Heard) -> None:
        sink = await filled(client, heard, 200_000)
        for number in range(1_000):
            sink.write(frames.Receipt("g-1", f"u-{number}", "read", 1))
        assert sink.ended
        await heard.lost.wait()

    on_the_wire(body)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_frames_of_every_length_have_the_right_header(length: int) -> None:
    for frame_of, first in ((text_frame, FIN | TEXT), (binary_frame, FIN | BINARY)):
        written = frame_of(b"x" * length)

        async def read(written: bytes = written) -> tuple[int, bytes]:
            reader = asyncio.StreamReader(limit=1 << 20)
            reader.feed_data(written)
            reader.feed_eof()
            read_frame = await Client(reader, None).receive()  # type: ignore[arg-type]
            assert await reader.read() == b""
            return read_frame

        assert asyncio.run(read()) == (first, b"x" * length)


PAGE_BYTES = 256 * 1024


def test_pages_wait_until_the_device_has_read_most_of_what_it_was_sent() -> None:
    """Forty pages for a device that reads nothing at first; without waiting they would be ten times the outbox."""

    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, 1 << 20)
        most_bytes = written = 0

        async def page(number: int) -> None:
            nonlocal most_bytes, written
            async with sink.room():
                await asyncio.sleep(0.001)  # the read
                sink.write(frames.Pong("x" * PAGE_BYTES, number))
                written += 1
            await asyncio.sleep(0)
            most_bytes = max(most_bytes, heard.protocol.transport.get_write_buffer_size() if heard.protocol else 0)

        pages = [asyncio.create_task(page(number)) for number in range(40)]
        await asyncio.sleep(0.3)
        assert written < 40
        for number in range(40):
            first, payload = await client.receive()
            assert (first, payload.endswith(b'"now_ms":%d}' % number)) == (FIN | TEXT, True)
        await asyncio.gather(*pages)
        assert not sink.ended
        assert most_bytes < 4 * PAGE_BYTES

    on_the_wire(body)


def test_a_device_that_reads_nothing_while_pages_wait_is_cut_off_in_time() -> None:
    async def body(client: Client, heard: Heard) -> None:
        assert heard.protocol is not None
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sink = SocketSink(heard.protocol, frames.SUBPROTOCOL_JSON, 64 << 20, room_timeout_s=0.2)
        sink.write(frames.Pong("x" * (16 << 20), 1))  # more than the kernel takes
        await asyncio.sleep(0)
        with pytest.raises(SessionEnded) as ended:
            async with sink.room():
                raise AssertionError("there is no room")
        assert ended.value.close is SLOW
        assert sink.ended
        await heard.lost.wait()

    on_the_wire(body)
