"""The connections below `Poster`: one request on each at a time, the one used last taken first, closed when they have been idle.

httpcore's own pool looks at all its connections for each request, and asks the kernel about the idle ones: with 50 of them that was two
thirds of what a push costs. It also loses a connection for ever to a request that is cancelled while it queues (httpcore 1.0.9).
"""

import ssl
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator

import httpcore
import httpx

IDLE_S = 60.0
Place = tuple[bytes, bytes, int | None]  # scheme, host, port


class Connections(httpx.AsyncBaseTransport):
    """As many at once as are asked for; `keep`: idle ones at most. Raises httpcore's errors."""

    def __init__(self, keep: int, tls: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend | None = None) -> None:
        self.keep, self.tls, self.backend = keep, tls, backend
        self.idle: OrderedDict[httpcore.AsyncHTTPConnection, Place] = OrderedDict()  # longest idle first
        self.idle_at: defaultdict[Place, list[httpcore.AsyncHTTPConnection]] = defaultdict(list)
        self.busy: set[httpcore.AsyncHTTPConnection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        at = request.url
        place = (at.raw_scheme, at.raw_host, at.port)
        url = httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path)
        if url.scheme not in (b"http", b"https"):
            raise httpcore.UnsupportedProtocol(f"no address of HTTP: {at.scheme!r}")
        assert isinstance(request.stream, httpx.AsyncByteStream)
        asked = httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        connection = await self._take(place) or self._new(url)
        self.busy.add(connection)
        try:
            answer = await connection.handle_async_request(asked)
        except BaseException:
            self.busy.discard(connection)  # httpcore closed it
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, self, connection, place))

    def _new(self, url: httpcore.URL) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(url.origin, ssl_context=self.tls, keepalive_expiry=IDLE_S, network_backend=self.backend)

    async def _take(self, place: Place) -> httpcore.AsyncHTTPConnection | None:
        """An idle connection that the other side has not closed."""
        while stack := self.idle_at.get(place):
            connection = stack.pop()
            del self.idle[connection]
            if not stack:
                del self.idle_at[place]
            if connection.is_idle() and not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def give_back(self, connection: httpcore.AsyncHTTPConnection, place: Place) -> None:
        self.busy.discard(connection)
        if not connection.is_idle():
            await connection.aclose()
            return
        self.idle[connection] = place
        self.idle_at[place].append(connection)
        oldest = next(iter(self.idle))
        if len(self.idle) > self.keep or oldest.has_expired():
            self._forget(oldest)
            await oldest.aclose()

    def _forget(self, connection: httpcore.AsyncHTTPConnection) -> None:
        place = self.idle.pop(connection)
        self.idle_at[place].remove(connection)
        if not self.idle_at[place]:
            del self.idle_at[place]

    async def aclose(self) -> None:
        connections = [*self.idle, *self.busy]
        self.idle.clear()
        self.idle_at.clear()
        self.busy.clear()
        for connection in connections:
            await connection.aclose()


class _Body(httpx.AsyncByteStream):
    """Of an answer; its connection is given back when it is closed."""

    def __init__(self, answer: httpcore.Response, connections: Connections, connection: httpcore.AsyncHTTPConnection, place: Place) -> None:
        self.answer, self.connections, self.connection, self.place = answer, connections, connection, place

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self.answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        try:
            await self.answer.aclose()
        finally:
            await self.connections.give_back(self.connection, self.place)
