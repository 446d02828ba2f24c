"""The proxy by itself, against an echo server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.proxy import CLEAR, DOWN, UP, Corrupt, Delay, HalfOpen, Hold, Proxy, Refuse, Slow, listening_nowhere

SHORT_S = 0.15
LONG = b"x" * 200


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


def with_proxy(body: Callable[[Proxy], Awaitable[None]]) -> None:
    async def whole() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        with listening_nowhere() as port:
            pass
        proxy = Proxy("echo", port, server.sockets[0].getsockname()[1])
        await proxy.start()
        try:
            async with asyncio.timeout(60):
                await body(proxy)
        finally:
            await proxy.close()
            server.close()

    asyncio.run(whole())


class Link:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, proxy: Proxy) -> Link:
        link = cls(*await asyncio.open_connection("127.0.0.1", proxy.port))
        await link.says_back(b"hello")
        return link

    async def says_back(self, data: bytes) -> None:
        self.writer.write(data)
        assert await self.reader.readexactly(len(data)) == data

    async def is_silent(self) -> bool:
        self.writer.write(b"anybody?")
        try:
            await asyncio.wait_for(self.reader.read(1), SHORT_S)
        except TimeoutError:
            return True
        return False

    async def is_reset(self) -> bool:
        try:
            return await self.reader.read(100) == b""
        except ConnectionResetError:
            return True


def test_clear_weather_passes_everything_and_the_end_of_a_stream() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await link.says_back(b"z" * 300_000)
        link.writer.write_eof()
        assert await link.reader.read() == b""

    with_proxy(body)


def test_refuse_resets_what_is_there_and_refuses_what_comes_until_it_clears() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(Refuse())
        assert await link.is_reset()
        with pytest.raises(OSError):
            await Link.to(proxy)
        await proxy.set(CLEAR)
        await Link.to(proxy)

    with_proxy(body)


@pytest.mark.parametrize("directions", [frozenset((UP, DOWN)), frozenset((UP,)), frozenset((DOWN,))])
def test_what_is_held_arrives_when_it_clears(directions: frozenset[int]) -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(Hold(directions))
        assert await link.is_silent()
        await proxy.set(CLEAR)
        assert await link.reader.readexactly(8) == b"anybody?"

    with_proxy(body)


def test_a_half_open_connection_is_dead_while_new_ones_work_and_is_reset_at_the_end() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(HalfOpen())
        assert await link.is_silent()
        await Link.to(proxy)
        await proxy.set(CLEAR)
        assert await link.is_reset()

    with_proxy(body)


def test_reset_ends_connections_at_once() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        proxy.reset()
        assert await link.is_reset()

    with_proxy(body)


def test_a_delay_is_kept_and_so_is_the_order_when_it_ends() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(Delay(100))
        begun_s = time.monotonic()
        link.writer.write(b"first")
        await asyncio.sleep(0.02)
        await proxy.set(CLEAR)
        link.writer.write(b"second")
        assert await link.reader.readexactly(11) == b"firstsecond"
        assert time.monotonic() - begun_s >= 0.1

    with_proxy(body)


def test_slow_takes_its_time() -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(Slow(10_000))
        begun_s = time.monotonic()
        await link.says_back(b"y" * 1_000)
        assert time.monotonic() - begun_s >= 0.2  # both ways

    with_proxy(body)


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_one_byte_is_damaged_once(direction: int) -> None:
    async def body(proxy: Proxy) -> None:
        link = await Link.to(proxy)
        await proxy.set(Corrupt(direction))
        link.writer.write(LONG)
        back = await link.reader.readexactly(len(LONG))
        assert [index for index, (a, b) in enumerate(zip(back, LONG, strict=True)) if a != b] == [len(LONG) - 1]
        assert proxy.damaged_count == 1
        await link.says_back(LONG)

    with_proxy(body)
