"""The client's side of HTTP/2 against the server's side of the library h2, byte by byte and without a socket."""

from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.push.http2 import frames
from streams.push.http2.connection import BODY_BYTES_LIMIT, Answered, Connection, End, Failed
from streams.push.http2.fields import Field
from streams.push.http2.frames import frame

REQUEST = [Field(b":method", b"POST", True), Field(b":scheme", b"https", True), Field(b":authority", b"x", True), Field(b":path", b"/")]


class Pair:
    """A client and a server whose bytes go to and fro until both are silent."""

    def __init__(self, streams: int = 100, window: int = 65_535) -> None:
        self.client = Connection()
        self.server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.server.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = streams
        self.server.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.server.local_settings.acknowledge()
        self.server.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.bodies: dict[int, bytes] = {}

    def talk(self, acknowledge: bool = True) -> list[End]:
        """What came to its end."""
        ends: list[End] = []
        while True:
            up, down = self.client.take(), self.server.data_to_send()
            if not up and not down:
                return ends
            for event in self.server.receive_data(up) if up else []:
                self.events.append(event)
                if isinstance(event, h2.events.DataReceived):
                    assert event.stream_id is not None
                    self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + (event.data or b"")
                    if acknowledge:
                        self.server.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            ends += self.client.receive(down)

    def answer(self, stream: int, status: str = "200", body: bytes = b"", **headers: str) -> None:
        self.server.send_headers(stream, [(":status", status), *headers.items()], end_stream=not body)
        if body:
            self.server.send_data(stream, body, end_stream=True)


@pytest.fixture
def pair() -> Pair:
    found = Pair()
    assert found.client.room() == 0  # until the peer says how many
    found.talk()
    assert found.client.room() == 100
    return found


def test_a_request_is_answered(pair: Pair) -> None:
    stream = pair.client.open(REQUEST, b"hello")
    pair.talk()
    assert pair.bodies == {stream: b"hello"}
    pair.answer(stream, "410", b'{"reason":"Unregistered"}', id="7")
    assert pair.talk() == [Answered(stream, 410, {"id": "7"}, b'{"reason":"Unregistered"}')]
    assert pair.client.open_count == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_bytes_may_come_in_any_pieces(sizes: list[int]) -> None:
    pair = Pair()
    pair.talk()
    streams = [pair.client.open(REQUEST, b"x" * size) for size in range(1, 6)]
    pair.server.receive_data(pair.client.take())
    for stream in streams:
        pair.answer(stream, "400", b"body of %d" % stream, name="v" * stream)
    data, ends = pair.server.data_to_send(), list[End]()
    for size in (*sizes, len(data)):
        ends += pair.client.receive(data[:size])
        data = data[size:]
    assert ends == [Answered(stream, 400, {"name": "v" * stream}, b"body of %d" % stream) for stream in streams]


@pytest.mark.parametrize("window", [7, 100, 65_535])
def test_bodies_wait_for_the_peers_windows(window: int) -> None:
    pair = Pair(window=window)
    pair.talk()
    streams = {pair.client.open(REQUEST, bytes((number,)) * 3_000): number for number in range(40)}
    pair.talk(acknowledge=False)
    assert sum(map(len, pair.bodies.values())) == min(40 * min(window, 3_000), 65_535)
    for _ in range(3_000 // window + 2):
        for stream in streams:
            unread = pair.server.remote_flow_control_window(stream)
            if unread < window:
                pair.server.increment_flow_control_window(window - unread, stream)
        pair.server.increment_flow_control_window(65_535 - min(65_535, pair.server.inbound_flow_control_window))
        pair.talk(acknowledge=False)
        if len(b"".join(pair.bodies.values())) == 40 * 3_000:
            break
    assert pair.bodies == {stream: bytes((number,)) * 3_000 for stream, number in streams.items()}


def test_a_window_that_shrinks_below_nothing_holds_back() -> None:
    pair = Pair(window=1_000)
    pair.talk()
    stream = pair.client.open(REQUEST, b"y" * 1_500)
    pair.talk(acknowledge=False)
    pair.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
    pair.talk(acknowledge=False)
    pair.server.increment_flow_control_window(600, stream)
    pair.talk(acknowledge=False)
    assert len(pair.bodies[stream]) == 1_000
    pair.server.increment_flow_control_window(800, stream)
    pair.talk(acknowledge=False)
    assert len(pair.bodies[stream]) == 1_500


def test_the_peer_may_change_how_many_streams_there_are(pair: Pair) -> None:
    for _ in range(5):
        pair.client.open(REQUEST, b"z")
    pair.server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 3})
    pair.talk()
    assert pair.client.room() == 0
    pair.server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 8})
    pair.talk()
    assert pair.client.room() == 3
    pair.server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
    pair.server.update_settings({SettingCodes.MAX_FRAME_SIZE: 20_000})
    pair.talk()
    assert pair.client.room() == 0


def goaway(last: int, error: int = 0) -> bytes:
    return bytes(GoAwayFrame(0, last_stream_id=last, error_code=error, additional_data=b'{"reason":"Shutdown"}').serialize())


def test_after_a_goaway_earlier_streams_are_answered_and_later_ones_were_not_processed(pair: Pair) -> None:
    first, second, third = (pair.client.open(REQUEST, b"a") for _ in range(3))
    pair.talk()
    assert pair.client.receive(goaway(2**31 - 1)) == []  # the first of two, which only warns: RFC 9113, 6.8
    assert pair.client.room() == 0
    assert pair.client.receive(goaway(second)) == [Failed(third, False, "goaway")]
    assert pair.client.debug == b'{"reason":"Shutdown"}'
    pair.answer(first)
    assert pair.talk() == [Answered(first, 200, {}, b"")]
    assert pair.client.lost() == [Failed(second, True, "connection")]


def test_a_refused_stream_was_not_processed_and_another_reset_may_have_been(pair: Pair) -> None:
    first, second = pair.client.open(REQUEST, b"a"), pair.client.open(REQUEST, b"b")
    pair.talk()
    pair.server.reset_stream(first, ErrorCodes.REFUSED_STREAM)
    pair.server.reset_stream(second, ErrorCodes.INTERNAL_ERROR)
    assert pair.talk() == [Failed(first, False, "refused_stream"), Failed(second, True, "internal_error")]


def test_what_nobody_waits_for_any_more_is_reset_and_its_answer_changes_nothing(pair: Pair) -> None:
    first, second = pair.client.open(REQUEST, b"a"), pair.client.open(REQUEST, b"b")
    pair.server.receive_data(pair.client.take())
    pair.answer(first, "200", b"late", new="name that only the first answer puts into the table")
    pair.answer(second, "200", b"", new="name that only the first answer puts into the table")
    pair.client.cancel(first)
    assert pair.client.receive(pair.server.data_to_send()) == [
        Answered(second, 200, {"new": "name that only the first answer puts into the table"}, b"")
    ]
    pair.talk()
    assert pair.client.open_count == 0


def test_an_answer_before_the_whole_request_ends_it() -> None:
    pair = Pair(window=10)
    pair.talk()
    stream = pair.client.open(REQUEST, b"x" * 100)
    pair.talk(acknowledge=False)
    pair.answer(stream, "413")
    assert pair.talk(acknowledge=False) == [Answered(stream, 413, {}, b"")]
    assert pair.client.open_count == 0


def test_interim_answers_trailers_and_long_headers_are_understood(pair: Pair) -> None:
    stream = pair.client.open(REQUEST, b"a")
    pair.talk()
    pair.server.send_headers(stream, [(":status", "103"), ("link", "x")])
    pair.server.send_headers(stream, [(":status", "200"), ("long", "v" * 20_000)])
    pair.server.send_data(stream, b"body", pad_length=20)
    pair.server.send_headers(stream, [("trailer", "t")], end_stream=True)
    assert pair.talk() == [Answered(stream, 200, {"long": "v" * 20_000}, b"body")]


def test_a_ping_is_answered_and_ours_is_noticed(pair: Pair) -> None:
    pair.server.ping(b"12345678")
    pair.client.ping()
    assert pair.client.pinged
    pair.talk()
    assert not pair.client.pinged
    assert any(isinstance(event, h2.events.PingAckReceived) and event.ping_data == b"12345678" for event in pair.events)


def test_the_connections_window_is_given_back(pair: Pair) -> None:
    """More is answered in all than the window that both begin with."""
    for _ in range(30):
        stream = pair.client.open(REQUEST, b"a")
        pair.talk()
        pair.answer(stream, "500", b"e" * 10_000)
        assert len(pair.talk()) == 1


def broken_bytes() -> Iterator[tuple[str, bytes]]:
    yield "a frame that is too long", b"\x00\x40\x01\x00\x00\x00\x00\x00\x01"
    yield "headers that are no HPACK", frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff")
    yield "headers without a status", frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x00\x01a\x01b")
    yield "a status that is no number", frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x08\x03abc")
    yield "a stream that we did not open", frame(frames.HEADERS, frames.END_HEADERS, 99, b"\x88")
    yield "a stream of the server's", frame(frames.DATA, 0, 2, b"x")
    yield "a push", frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, b"\x00\x00\x00\x02\x88")
    yield "something between headers and their continuation", HeadersFrame(1, b"\x88").serialize() + DataFrame(1, b"x").serialize()
    yield "a continuation of nothing", ContinuationFrame(1, b"\x88").serialize()
    yield "continuations without end", HeadersFrame(1, b"\x88").serialize() + ContinuationFrame(1, b"\x88" * 16_000).serialize() * 3
    yield "more padding than there is", frame(frames.DATA, frames.PADDED, 1, b"\x09abc")
    yield "padding without its length", frame(frames.DATA, frames.PADDED, 1, b"")
    yield "settings of half a size", frame(frames.SETTINGS, 0, 0, b"abc")
    yield "settings of a stream", frame(frames.SETTINGS, 0, 1, b"")
    yield "a window that is too large", frame(frames.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")
    yield "a window that grows by nothing", frame(frames.WINDOW_UPDATE, 0, 0, b"\x00\x00\x00\x00")
    yield "an initial window that is too large", frame(frames.SETTINGS, 0, 0, b"\x00\x04\xff\xff\xff\xff")
    yield "a ping of the wrong size", frame(frames.PING, 0, 0, b"1234")
    yield "a goaway that is cut off", frame(frames.GOAWAY, 0, 0, b"\x00\x00")
    yield "a body over its window", frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x88") + frame(frames.DATA, 0, 1, b"x" * 9_000) * 2


@pytest.mark.parametrize(("what", "data"), list(broken_bytes()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_peer_that_breaks_the_protocol_is_told_and_left(what: str, data: bytes, pair: Pair) -> None:
    stream = pair.client.open(REQUEST, b"a")
    pair.talk()
    ends = pair.client.receive(data)
    assert pair.client.broken, what
    assert [(end.stream, isinstance(end, Failed)) for end in ends] == [(stream, True)]
    assert pair.client.room() == 0
    pair.server.receive_data(pair.client.take())  # a GOAWAY that the peer understands
    assert pair.client.lost() == []


FRAMES = st.builds(frame, st.integers(0, 12), st.sampled_from([0, 1, 4, 5, 8, 12, 36]), st.integers(0, 9), st.binary(max_size=40))


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAMES | st.binary(max_size=60), max_size=12))
def test_whatever_comes_every_stream_ends_once_and_nothing_is_raised(pieces: list[bytes]) -> None:
    pair = Pair()
    pair.talk()
    streams = [pair.client.open(REQUEST, b"b" * size) for size in (1, 100, 70_000)]
    ends: list[End] = []
    for piece in pieces:
        if not pair.client.broken:  # the shell closes it then
            ends += pair.client.receive(piece)
            pair.client.take()
    ends += pair.client.lost()
    assert sorted(end.stream for end in ends) == streams
    assert all(len(end.body) <= BODY_BYTES_LIMIT for end in ends if isinstance(end, Answered))
