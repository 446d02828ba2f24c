"""What every fake vendor has: a script or seeded chance of bad answers, what it showed and what it would have refused; an HTTP/1.1 server.

`Moods` is the part without a socket, for a fake that brings its own server (APNs speaks HTTP/2).
"""

import asyncio
import json
import random
import ssl
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

import h11

# ok: shown. lost: shown, and the answer never comes. slow: not shown, and no answer. drip: an answer byte by byte, without end.
# busy: 429 with Retry-After. error: 500. dead: the token is dead from now on. nothing: the connection is closed without an answer.
# html: 200 with a page. empty: 200 with nothing.
Mood = Literal["ok", "lost", "slow", "drip", "busy", "error", "dead", "nothing", "html", "empty"]
REQUEST_BYTES_LIMIT = 1 << 20
PAGE = b"<!doctype html><html><body>Please sign in to the network.</body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """`headers`: names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_reply(status: int, fields: object, *headers: tuple[str, str]) -> Reply:
    return Reply(status, json.dumps(fields).encode(), (("content-type", "application/json"), *headers))


@dataclass
class Moods:
    """`shown`: by token, the send_key of each request that was accepted, in order. `violations`: what the vendor would have refused.

    `moods`: how often each was met.
    """

    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    violations: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    moods: Counter[str] = field(default_factory=Counter)
    scripts: dict[str, deque[Mood]] = field(default_factory=dict)
    rates: dict[Mood, float] = field(default_factory=dict)
    dice: random.Random = field(default_factory=random.Random)
    retry_after_s: int = 1
    latency_s: float = 0.0

    def script(self, token: str, moods: Iterable[Mood]) -> None:
        """The next answers to this token; then it is `ok` again."""
        self.scripts[token] = deque(moods)

    def chance(self, seed: int, rates: Mapping[Mood, float]) -> None:
        """From now on each request meets a mood with its probability."""
        self.dice, self.rates = random.Random(seed), dict(rates)

    def mood(self, token: str) -> Mood:
        """What befalls this request. A dead token stays dead."""
        script = self.scripts.get(token)
        found: Mood = script.popleft() if script else self._by_chance()
        found = "dead" if token in self.dead else found
        if found == "dead":
            self.dead.add(token)
        self.moods[found] += 1
        return found

    def _by_chance(self) -> Mood:
        left = self.dice.random() if self.rates else 1.0
        for mood, rate in self.rates.items():
            left -= rate
            if left < 0:
                return mood
        return "ok"

    def violation(self, what: str) -> None:
        self.violations.append(what)


class FakeVendor(Moods):
    """A vendor on a free port of loopback: `async with FakeX() as fake:`. A subclass answers requests in `receive`."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.port = port
        self.tls = tls
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests_count = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=1024, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def receive(self, request: Request) -> Reply | Mood:
        """The answer to a request; a mood where no answer is made here: lost, slow, drip, nothing, html, empty."""
        raise NotImplementedError

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while (request := await _read(connection, reader)) is not None:
            self.requests_count += 1
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if not await self._write(connection, writer, await self.receive(request)):
                return
            connection.start_next_cycle()

    async def _write(self, connection: h11.Connection, writer: asyncio.StreamWriter, answer: Reply | Mood) -> bool:
        """Whether the connection goes on."""
        match answer:
            case Reply(status=status, body=body, headers=headers):
                pass
            case "html":
                status, body, headers = 200, PAGE, (("content-type", "text/html"),)
            case "empty":
                status, body, headers = 200, b"", ()
            case "nothing":
                return False
            case "drip":
                await _drip(writer)
                return False
            case _:  # lost, slow: the other side gives up first
                await asyncio.sleep(3600)
        lines = [(name.encode(), value.encode()) for name, value in (*headers, ("content-length", str(len(body))))]
        head = connection.send(h11.Response(status_code=status, headers=lines)) or b""
        writer.write(head + (connection.send(h11.Data(data=body)) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """The next request; None: the other side is gone."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(65_536))
            case h11.Request() as head:
                pass
            case h11.Data(data=data):
                body += data
                assert len(body) <= REQUEST_BYTES_LIMIT
            case h11.EndOfMessage():
                assert head is not None
                headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
            case _:
                return None


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
