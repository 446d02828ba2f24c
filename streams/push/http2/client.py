"""Requests over a few connections of HTTP/2 to one host: the shell around `connection`. Called by push channels, in one loop.

A request goes to the first connection with room, else waits; another connection is opened while there may be more. What a peer certainly
did not work on is sent again at once on another connection, a few times; nothing else is, that is for the caller to decide.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never, cast

from streams.push.http2.connection import Answered, Connection, End, Failed
from streams.push.http2.fields import Field
from streams.push.http2.opening import Target, open_transport

TICK_S = 1.0
PAUSE_S = 0.5  # after the second connection in a row that answered nothing; doubled with each further one
PAUSE_LIMIT_S = 30.0
UNREAD_BYTES_LIMIT = 16 << 20  # written and not taken by a peer that still makes us answer its pings


@dataclass(frozen=True, slots=True)
class Http2Limits:
    """`quiet_s`: without a byte for so long while answers are missing, the peer is pinged; after as long again the connection is dead.
    `idle_s`: the same for one without requests. `again_limit`: how often a request is sent again that was not worked on.
    `waiting_limit`: requests for which no connection has room; more are refused.
    """

    connections: int = 2
    open_s: float = 5.0
    quiet_s: float = 5.0
    idle_s: float = 300.0
    again_limit: int = 3
    waiting_limit: int = 100_000


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """`code`: timeout, connection, full, or what RFC 9113 calls it."""

    code: str
    detail: str = ""


@dataclass(slots=True, eq=False)
class _Request:
    fields: Sequence[Field]
    body: bytes
    end: "asyncio.Future[Answered | NoAnswer]"
    again: int = 0
    link: "_Link | None" = None
    stream: int = 0


@dataclass(eq=False)
class _Link(asyncio.Protocol):
    """One connection, its socket, and who waits for which stream."""

    client: "Http2Client"
    core: Connection = field(default_factory=Connection)
    requests: dict[int, _Request] = field(default_factory=dict)
    transport: asyncio.Transport | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    heard_s: float = 0.0
    pinged_s: float = 0.0
    flushing: bool = False
    paused: bool = False
    useful: bool = False  # it answered something
    why: str = "closed by the peer"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self.heard_s = self.client.loop.time()
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.heard_s = self.client.loop.time()
        ends = self.core.receive(data)
        if self.core.settled:
            self.settled.set()
        self.client.ended(self, ends)
        self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.settled.set()
        self.client.link_lost(self, f"{type(exc).__name__}: {exc}" if exc else self.why)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.client.pump()

    def room(self) -> int:
        return 0 if self.paused or self.transport is None else self.core.room()

    def flush_soon(self) -> None:
        """Once for all that happens in one turn of the loop: one write, one TLS record."""
        if not self.flushing:
            self.flushing = True
            self.client.loop.call_soon(self.flush)

    def flush(self) -> None:
        self.flushing = False
        if self.transport is None:
            return
        if data := self.core.take():
            self.transport.write(data)
        if self.core.broken or (self.core.code and not self.core.open_count):
            self.transport.close()
        elif self.transport.get_write_buffer_size() > UNREAD_BYTES_LIMIT:
            self.transport.abort()

    def look(self, now_s: float, limits: Http2Limits) -> None:
        """Pings a peer that is silent for too long, and gives up one that does not even answer that."""
        if self.transport is None:
            return
        if self.core.pinged and now_s - max(self.heard_s, self.pinged_s) >= limits.quiet_s:
            self.transport.abort()
        elif not self.core.pinged and now_s - self.heard_s >= (limits.quiet_s if self.requests else limits.idle_s):
            self.pinged_s = now_s
            self.core.ping()
            self.flush()


class Http2Client:
    """Make it in the loop that sends."""

    def __init__(self, target: Target, tls: ssl.SSLContext, limits: Http2Limits | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.target, self.tls, self.limits = target, tls, limits or Http2Limits()
        self.links: list[_Link] = []
        self.waiting: deque[_Request] = deque()
        self.opening: set[asyncio.Task[None]] = set()
        self.failures, self.not_before_s, self.why = 0, 0.0, ""
        self.opened_count, self.closed = 0, False
        self.ticking: asyncio.TimerHandle | None = None

    async def request(self, fields: Sequence[Field], body: bytes, timeout_s: float) -> Answered | NoAnswer:
        """Takes at most `timeout_s`. Raises nothing but being cancelled; a request whose caller is cancelled may still have been seen."""
        request = _Request(fields, body, self.loop.create_future())
        timer = self.loop.call_later(timeout_s, _settle, request, NoAnswer("timeout"))
        try:
            self._submit(request)
            return await request.end
        finally:
            timer.cancel()
            self._leave(request)

    def renew(self, tls: ssl.SSLContext) -> None:
        """What comes next goes over new connections, at once; what is on its way is waited for on the old ones."""
        self.tls, self.failures, self.not_before_s = tls, 0, 0.0
        for link in self.links:
            link.core.retire("renewed")
            link.flush_soon()

    async def close(self) -> None:
        self.closed = True
        for task in self.opening:
            task.cancel()
        await asyncio.gather(*self.opening, return_exceptions=True)
        for link in list(self.links):
            if link.transport is not None:
                link.transport.abort()
        self._refuse_waiting(NoAnswer("connection", "closed"))
        if self.ticking is not None:
            self.ticking.cancel()

    # -- requests

    def _submit(self, request: _Request) -> None:
        if (link := self._roomy()) is not None:
            self._give(link, request)
        elif len(self.waiting) >= self.limits.waiting_limit:
            _settle(request, NoAnswer("full"))
        else:
            self.waiting.append(request)
            self._open_more()

    def _roomy(self) -> _Link | None:
        for link in self.links:
            if link.room():
                return link
        return None

    def _give(self, link: _Link, request: _Request) -> None:
        request.link, request.stream = link, link.core.open(request.fields, request.body)
        link.requests[request.stream] = request
        link.flush_soon()

    def _leave(self, request: _Request) -> None:
        """Its caller does not wait any more."""
        link = request.link
        if link is not None and link.requests.pop(request.stream, None) is not None:
            link.core.cancel(request.stream)
            link.flush_soon()
            self.pump()

    def pump(self) -> None:
        """Those that wait go where there is room now."""
        while self.waiting:
            if self.waiting[0].end.done():  # its time is over
                self.waiting.popleft()
            elif (link := self._roomy()) is not None:
                self._give(link, self.waiting.popleft())
            else:
                self._open_more()
                return

    def ended(self, link: _Link, ends: Sequence[End]) -> None:
        for end in ends:
            request = link.requests.pop(end.stream, None)
            match end:
                case Answered():
                    link.useful, self.failures = True, 0
                    if request is not None:
                        _settle(request, end)
                case Failed(processed=processed, code=code):
                    if code == "refused_stream":
                        link.core.retire(code)  # it refuses before its limit is reached: another one may not
                    if request is not None:
                        self._failed(request, NoAnswer(code), processed)
                case _:
                    assert_never(end)
        self.pump()

    def _failed(self, request: _Request, answer: NoAnswer, processed: bool) -> None:
        request.link = None
        if processed or request.again >= self.limits.again_limit:
            _settle(request, answer)
        else:
            request.again += 1
            self.waiting.appendleft(request)

    def _refuse_waiting(self, answer: NoAnswer) -> None:
        while self.waiting:
            _settle(self.waiting.popleft(), answer)

    # -- connections

    def _open_more(self) -> None:
        """One after the other: most that wait find room in the first."""
        usable = sum(1 for link in self.links if not link.core.code)
        if self.opening or usable >= self.limits.connections:
            return
        if self.closed:
            self._refuse_waiting(NoAnswer("connection", "closed"))
            return
        if self.loop.time() < self.not_before_s:
            if not usable:
                self._refuse_waiting(NoAnswer("connection", self.why))
            return
        task = self.loop.create_task(self._open())
        self.opening.add(task)
        task.add_done_callback(self._opened)

    async def _open(self) -> None:
        link = _Link(self)
        try:
            async with asyncio.timeout(self.limits.open_s):
                await open_transport(self.target, self.tls, link)
                if link.transport is not None:  # else it is gone already
                    self.links.append(link)
                await link.settled.wait()
        except Exception as failed:  # noqa: BLE001  # whatever is wrong with the way there, requests are told and do not wait for nothing
            link.why = f"{type(failed).__name__}: {failed}"
            if link.transport is not None:
                link.transport.abort()  # which says that it failed
            else:
                self._failed_to_open(link.why)

    def _opened(self, task: "asyncio.Task[None]") -> None:
        self.opening.discard(task)
        self.opened_count += 1
        if self.ticking is None and self.links:
            self._tick()
        self.pump()

    def _failed_to_open(self, why: str) -> None:
        """The first time the next request tries again at once; then there are pauses, in which requests are refused."""
        self.failures += 1
        self.why = why[:200]
        if self.failures > 1:
            self.not_before_s = self.loop.time() + min(PAUSE_LIMIT_S, PAUSE_S * 2 ** (self.failures - 2))
        if not any(not link.core.code for link in self.links):
            self._refuse_waiting(NoAnswer("connection", self.why))

    def link_lost(self, link: _Link, why: str) -> None:
        ends = link.core.lost()
        if link in self.links:
            self.links.remove(link)
        if not link.useful:
            self._failed_to_open(why)
        self.ended(link, ends)

    def _tick(self) -> None:
        for link in list(self.links):
            link.look(self.loop.time(), self.limits)
        self.ticking = self.loop.call_later(TICK_S, self._tick) if self.links else None


def _settle(request: _Request, answer: Answered | NoAnswer) -> None:
    if not request.end.done():
        request.end.set_result(answer)
