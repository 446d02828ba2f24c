"""One device of the load generator: a socket, its hello, its frames. A thin shell around `bench.websocket` and `bench.frames`."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, cast

from bench.frames import Codec, Events, FromEdge, Welcome
from bench.websocket import CLOSE, PING, PONG, FrameReader, client_frame, upgrade_request
from edge import frames

clock_s = time.perf_counter
OPEN_TIMEOUT_S = 30.0
ACKNOWLEDGE_S = 0.5  # as our clients do: what is not acknowledged is written again and would count as doubled


class DeviceLost(Exception):
    """The connection ended before the welcome came; the message says how."""


class Listener(Protocol):
    """Who hears what arrives. `at_s`: `clock_s` when the bytes were read."""

    def on_frame(self, device: "Device", frame: FromEdge, at_s: float) -> None: ...

    def on_lost(self, device: "Device") -> None: ...


class Deaf:
    """A listener for devices that only stay online."""

    def on_frame(self, device: "Device", frame: FromEdge, at_s: float) -> None: ...

    def on_lost(self, device: "Device") -> None: ...


class Device(asyncio.Protocol):
    def __init__(self, address: tuple[str, int], codec: Codec, hello: frames.Hello, listener: Listener) -> None:
        self.address, self.codec, self.hello, self.listener = address, codec, hello, listener
        self.user = ""
        self.opened_s = self.hello_s = 0.0  # when the TCP connection stood, when the hello was written
        self.sent_s = 0.0
        self.welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code = 0
        self._transport: asyncio.Transport | None = None
        self._held: dict[str, int] = {}  # conversation -> newest seq that is not acknowledged yet
        self._reader = FrameReader()
        self._head: bytes | None = b""  # of the HTTP answer; None once it is complete

    # ---- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self.opened_s = clock_s()
        self._transport.write(upgrade_request(*self.address, self.codec.subprotocol))

    def data_received(self, data: bytes) -> None:
        at_s = clock_s()
        if self._head is not None:
            data = self._after_head(data)
        for opcode, payload in self._reader.feed(data):
            if opcode == self.codec.opcode:
                frame = self.codec.decode(payload)
                if type(frame) is Welcome:
                    self.user = frame.user
                    if not self.welcome.done():
                        self.welcome.set_result(frame)
                elif type(frame) is Events:
                    self._hold(frame)
                self.listener.on_frame(self, frame, at_s)
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.close()
            elif opcode == PING:
                self._write(client_frame(PONG, payload))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.welcome.done():
            self.welcome.set_exception(DeviceLost(f"lost before welcome: close code {self.close_code}, {exc!r}"))
            self.welcome.exception()  # taken note of, whether or not somebody waits
        self.gone.set_result(None)
        self.listener.on_lost(self)

    # ---- ours

    @property
    def alive(self) -> bool:
        return self._transport is not None

    def send(self, frame: frames.FromDevice) -> None:
        """Written at once; dropped when the connection is gone, as on a real network."""
        self.sent_s = clock_s()
        self._write(client_frame(self.codec.opcode, self.codec.encode(frame)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _hold(self, frame: Events) -> None:
        if not self._held:
            asyncio.get_running_loop().call_later(ACKNOWLEDGE_S, self._acknowledge)
        self._held[frame.conversation] = frame.events[-1].seq

    def _acknowledge(self) -> None:
        held, self._held = self._held, {}
        for conversation, seq in held.items():
            self.send(frames.Mark(conversation, "delivered", seq))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _after_head(self, data: bytes) -> bytes:
        """Takes the HTTP answer off and says hello once it is complete."""
        assert self._head is not None
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return b""
        self._head = None
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self.close()
            return b""
        self.hello_s = clock_s()
        self.send(self.hello)
        return rest


async def open_device(address: tuple[str, int], codec: Codec, hello: frames.Hello, listener: Listener, source: str | None = None) -> Device:
    """A device that has its welcome. `source`: the local address, where one address has too few ports.

    Raises: OSError, DeviceLost, TimeoutError.
    """
    loop = asyncio.get_running_loop()
    local = None if source is None else (source, 0)
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        _, device = await loop.create_connection(lambda: Device(address, codec, hello, listener), *address, local_addr=local)
        try:
            await device.welcome
        except BaseException:
            device.close()
            raise
    return device


class Once:
    """A listener that resolves a future with the first frame that `wanted` accepts."""

    def __init__(self, wanted: Callable[[FromEdge], bool]) -> None:
        self.wanted = wanted
        self.answer: asyncio.Future[FromEdge] = asyncio.get_running_loop().create_future()

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if not self.answer.done() and self.wanted(frame):
            self.answer.set_result(frame)

    def on_lost(self, device: Device) -> None:
        if not self.answer.done():
            self.answer.set_exception(DeviceLost(f"close code {device.close_code}"))
