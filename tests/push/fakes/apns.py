"""A local APNs: HTTP/2 over TLS by the library h2 (not by the client's own code), refusing what Apple would refuse.

`async with FakeApns() as fake:`; the client has to trust `fake.authority` and sign with `fake.key_pem`. Besides the moods of every fake
vendor it gives `answer(token, Answer(410, "Unregistered", 1_700_000_000_000), "goaway", ...)`.
Also a program, for benches: `python -m tests.push.fakes.apns --latency-ms 50` prints what a client needs as a line of JSON.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from collections import deque
from types import TracebackType
from typing import Literal, Self, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from tests.push.fakes.apns_checks import PATH, Answer, TokenBook, fields_refusal, payload_refusal
from tests.push.fakes.base import PAGE, Mood, Moods
from tests.push.fakes.tls import loopback_certificates

TOPIC, TEAM, KEY_ID = "org.example.app", "TEAM123456", "KEY1234567"
# refused_stream: RST_STREAM. reset: the same for a reason of the server's. goaway: the connection ends before this request was looked at.
# goaway_after: it ends with this request looked at, and nothing is answered any more. deaf: nothing is said from now on, no pong either.
Fault = Literal["refused_stream", "reset", "goaway", "goaway_after", "deaf"]


@dataclasses.dataclass
class Stream:
    headers: dict[str, str]
    body: bytearray = dataclasses.field(default_factory=bytearray)


class FakeApns(Moods):
    """`first_streams`: at once, until a good provider token came; then `streams`. `requests`: (headers, payload) of what was accepted."""

    def __init__(self, first_streams: int = 1, streams: int = 1_000, port: int = 0, ahead_s: int = 0, window: int = 65_535) -> None:
        super().__init__()
        self.first_streams, self.streams, self.port, self.window = first_streams, streams, port, window
        self.ahead_s = ahead_s  # of the machine's clock
        key = ec.generate_private_key(ec.SECP256R1())
        self.key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.book = TokenBook(TEAM, {KEY_ID: key.public_key()})
        self.answers: dict[str, deque[Answer | Fault]] = {}
        self.requests: list[tuple[dict[str, str], dict[str, object]]] = []
        self.connections: set[Connected] = set()
        self.connections_count = 0
        self.authority = str(loopback_certificates().authority)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def answer(self, token: str, *answers: Answer | Fault) -> None:
        self.answers[token] = deque(answers)

    def set_streams(self, streams: int) -> None:
        """How many may be open at once from now on."""
        self.streams = streams
        for connection in self.connections:
            connection.tell_streams(streams)

    def now_s(self) -> int:
        return int(time.time()) + self.ahead_s

    async def __aenter__(self) -> Self:
        loop, tls = asyncio.get_running_loop(), loopback_certificates().server_context("h2")
        self.server = await loop.create_server(lambda: Connected(self), "127.0.0.1", self.port, ssl=tls, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def meets(self, token: str, stream: Stream) -> Answer | Fault | Mood:
        """What befalls a whole request."""
        if refused := self.refusal(stream):
            self.violation(f"{refused.reason}: {stream.headers}")
            return refused
        if scripted := self.answers.get(token):
            found = scripted.popleft()
            if not isinstance(found, Answer) or found.status != 200:
                return found
        mood = self.mood(token)
        if mood in ("ok", "lost"):
            self.shown[token].append(stream.headers["apns-id"].replace("-", ""))
            self.requests.append((stream.headers, json.loads(stream.body)))
        return mood

    def refusal(self, stream: Stream) -> Answer | None:
        headers, now_s = stream.headers, self.now_s()
        return (
            fields_refusal(headers[":method"], headers[":path"], headers, TOPIC, now_s)
            or self.book.refusal(headers.get("authorization", ""), now_s)
            or payload_refusal(headers["apns-push-type"], bytes(stream.body))
        )


class Connected(asyncio.Protocol):
    """One connection of a provider."""

    def __init__(self, fake: FakeApns) -> None:
        self.fake = fake
        self.core = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams: dict[int, Stream] = {}
        self.open: set[int] = set()
        self.open_peak = 0
        self.last: int | None = None  # after a GOAWAY: the last stream that is looked at
        self.deaf = False
        self.trusted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.fake.connections.add(self)
        self.fake.connections_count += 1
        self.core.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = self.fake.first_streams
        self.core.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = self.fake.window
        self.core.local_settings.acknowledge()
        self.core.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.fake.connections.discard(self)

    def tell_streams(self, streams: int) -> None:
        self.core.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        try:
            found = self.core.receive_data(data)
        except h2.exceptions.ProtocolError as broken:
            self.fake.violation(f"HTTP/2: {broken!r}")
            self.transport.abort()
            return
        for event in found:
            self.on_event(event)
        self.flush()

    def on_event(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream), headers=headers):
                self.streams[stream] = Stream({str(name): str(value) for name, value in headers or ()})
                self.open.add(stream)
                self.open_peak = max(self.open_peak, len(self.open))
            case h2.events.DataReceived(stream_id=int(stream), data=data, flow_controlled_length=int(size)):
                self.core.acknowledge_received_data(size, stream)
                if stream in self.streams:
                    self.streams[stream].body += data or b""
            case h2.events.StreamEnded(stream_id=int(stream)):
                self.on_request(stream)
            case h2.events.StreamReset(stream_id=int(stream)):
                self.streams.pop(stream, None)
                self.open.discard(stream)
            case _:
                pass

    def on_request(self, stream: int) -> None:
        if self.last is not None and stream > self.last:
            return
        found = self.streams.pop(stream)
        match = PATH.match(found.headers[":path"])
        meets = self.fake.meets(match[1] if match else "", found)
        if meets == "ok" and not self.trusted:
            self.trusted = True
            self.tell_streams(self.fake.streams)
        if self.fake.latency_s and not (isinstance(meets, str) and meets.startswith("goaway")):  # else the streams after it would be shown
            asyncio.get_running_loop().call_later(self.fake.latency_s, self.perform, stream, found, meets)
        else:
            self.perform(stream, found, meets)

    def perform(self, stream: int, request: Stream, what: Answer | Fault | Mood) -> None:
        if self.transport.is_closing() or stream not in self.open:
            return
        apns_id = request.headers.get("apns-id", "")
        match what:
            case Answer():
                self.respond(stream, what, apns_id)
            case "ok":
                self.respond(stream, Answer(200), apns_id)
            case "busy":
                self.respond(stream, Answer(429, "TooManyRequests", retry_after_s=self.fake.retry_after_s), apns_id)
            case "error":
                self.respond(stream, Answer(500, "InternalServerError"), apns_id)
            case "dead":
                self.respond(stream, Answer(410, "Unregistered", self.fake.now_s() * 1000), apns_id)
            case "html":
                self.send(stream, [(":status", "200"), ("content-type", "text/html")], PAGE)
            case "empty":
                self.send(stream, [(":status", "200")], b"")
            case "drip":
                self.core.send_headers(stream, [(":status", "200")])
                self.drip(stream)
            case "nothing":
                self.transport.abort()
            case "refused_stream" | "reset":
                self.core.reset_stream(stream, ErrorCodes.REFUSED_STREAM if what == "refused_stream" else ErrorCodes.INTERNAL_ERROR)
                self.open.discard(stream)
            case "goaway":
                self.leave(stream - 2)
            case "goaway_after":
                self.leave(stream)
                asyncio.get_running_loop().call_later(0.05, self.transport.abort)
            case "deaf":
                self.deaf = True
            case "lost" | "slow":
                pass
        self.flush()

    def respond(self, stream: int, answer: Answer, apns_id: str) -> None:
        after = [] if answer.retry_after_s is None else [("retry-after", str(answer.retry_after_s))]
        self.send(stream, [(":status", str(answer.status)), ("apns-id", apns_id), *after], answer.body)

    def send(self, stream: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.core.send_headers(stream, headers, end_stream=not body)
        if body:
            self.core.send_data(stream, body, end_stream=True)
        self.open.discard(stream)

    def drip(self, stream: int) -> None:
        if stream in self.open and not self.transport.is_closing():
            self.core.send_data(stream, b" ")
            self.flush()
            asyncio.get_running_loop().call_later(0.05, self.drip, stream)

    def leave(self, last: int) -> None:
        """The frame is written here and not by h2, which would let no earlier stream be answered after it."""
        self.last = max(0, last)
        self.transport.write(GoAwayFrame(0, last_stream_id=self.last, additional_data=b'{"reason":"Shutdown"}').serialize())

    def flush(self) -> None:
        if not self.deaf and (data := self.core.data_to_send()):
            self.transport.write(data)


async def _serve(latency_ms: float, streams: int) -> None:
    async with FakeApns(streams=streams) as fake:
        fake.latency_s = latency_ms / 1000
        about = {"key": fake.key_pem, "key_id": KEY_ID, "team_id": TEAM, "topic": TOPIC, "url": fake.url, "ca_file": fake.authority}
        print(json.dumps(about), flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)  # until whoever started it is gone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--streams", type=int, default=1_000)
    given = parser.parse_args()
    uvloop.run(_serve(given.latency_ms, given.streams))


if __name__ == "__main__":
    main()
