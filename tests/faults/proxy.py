"""A TCP proxy that does what networks do: refuse, hold, cut one way, forget a connection, reset, delay, slow down, damage a byte.

Stands before an edge, Kafka or Cassandra; `tests.faults.nemesis` sets `weather`. Bytes are never lost from the middle of a stream, because
no network does that to TCP: what is held arrives late or the connection dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024
CORRUPT_BYTES_MIN = 64  # a chunk of at least this size is damaged: shorter ones are heartbeats that would only be repeated
LINGER_ZERO = struct.pack("ii", 1, 0)
UP, DOWN = 0, 1  # towards the server, from the server


@dataclass(frozen=True, slots=True)
class Clear:
    """Everything passes."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Connections are reset, new ones refused."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing passes in these directions; it arrives when the weather clears."""

    directions: frozenset[int] = frozenset((UP, DOWN))


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Connections of before are dead for ever and nobody is told; new ones work. They are reset when the weather clears."""


@dataclass(frozen=True, slots=True)
class Delay:
    delay_ms: float


@dataclass(frozen=True, slots=True)
class Slow:
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The highest bit of the last byte of the next chunk that is long enough is turned over, once."""

    direction: int


Weather = Clear | Refuse | Hold | HalfOpen | Delay | Slow | Corrupt
CLEAR = Clear()


def damaged(chunk: bytes) -> bytes:
    """The chunk with the highest bit of its last byte turned over: never valid UTF-8 after ASCII, and never a right checksum."""
    return chunk[:-1] + bytes([chunk[-1] ^ 0x80])


@dataclass(eq=False, slots=True)
class Pair:
    """One connection: both its sockets. `dead`: half-open, nothing passes any more."""

    writers: list[asyncio.StreamWriter]
    dead: bool = False
    due_s: list[float] = field(default_factory=lambda: [0.0, 0.0])  # when the last delayed chunk of a direction leaves

    def reset(self) -> None:
        for writer in self.writers:
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError, ValueError, AttributeError):  # closed in the meantime
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            writer.transport.abort()


class Proxy:
    """`port`: where it listens. `upstream`: the server's port, which may change. `damaged_count`: bytes turned over so far."""

    def __init__(self, name: str, port: int, upstream: int) -> None:
        self.name, self.port, self.upstream = name, port, upstream
        self.weather: Weather = CLEAR
        self.damaged_count = 0
        self.pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=CHUNK_BYTES)

    async def close(self) -> None:
        await self._stop_listening()
        self.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def set(self, weather: Weather) -> None:
        """Changes the weather. Connections that the old one doomed are reset."""
        was, self.weather = self.weather, weather
        if isinstance(weather, Refuse):
            await self._stop_listening()
            self.reset()
        elif isinstance(weather, HalfOpen):
            for pair in self.pairs:
                pair.dead = True
        if isinstance(was, HalfOpen):
            for pair in [pair for pair in self.pairs if pair.dead]:
                pair.reset()
        if self._server is None and not isinstance(weather, Refuse):
            await self.start()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def reset(self) -> None:
        """Resets every connection."""
        for pair in list(self.pairs):
            pair.reset()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, RuntimeError, asyncio.CancelledError):  # RuntimeError: uvloop's word for a transport that was reset under us
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._while_held(Pair([]), UP)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream, limit=CHUNK_BYTES)
        for each in (writer, far_writer):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair([writer, far_writer])
        self.pairs.add(pair)
        try:
            await asyncio.gather(self._pump(pair, UP, reader, far_writer), self._pump(pair, DOWN, far_reader, writer))
        except (OSError, RuntimeError):
            pair.reset()
        finally:
            self.pairs.discard(pair)
            for each in pair.writers:
                each.close()

    async def _pump(self, pair: Pair, direction: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._while_held(pair, direction)
            await self._pass(pair, direction, chunk, writer)
        await self._while_held(pair, direction)
        late_s = pair.due_s[direction] - asyncio.get_running_loop().time()
        if late_s > 0:
            await asyncio.sleep(late_s)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _while_held(self, pair: Pair, direction: int) -> None:
        while pair.dead or (isinstance(self.weather, Hold) and direction in self.weather.directions):
            await self._changed.wait()

    async def _pass(self, pair: Pair, direction: int, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        weather = self.weather
        if isinstance(weather, Slow):
            await asyncio.sleep(len(chunk) / weather.bytes_per_s)
        elif isinstance(weather, Corrupt) and weather.direction == direction and len(chunk) >= CORRUPT_BYTES_MIN:
            chunk = damaged(chunk)
            self.damaged_count += 1
            self.weather = CLEAR
        now_s = asyncio.get_running_loop().time()
        delay_s = weather.delay_ms / 1000 if isinstance(weather, Delay) else 0.0
        due_s = max(pair.due_s[direction], now_s + delay_s)
        if due_s > now_s:  # also after the delay is over, until what was delayed has left: the order is kept
            pair.due_s[direction] = due_s
            asyncio.get_running_loop().call_at(due_s, _write, writer, chunk)
            return
        writer.write(chunk)
        await writer.drain()


def _write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    if not writer.is_closing():
        writer.write(chunk)


@contextlib.contextmanager
def listening_nowhere() -> Iterator[int]:
    """A port that nobody listens on, for as long as it is needed."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
