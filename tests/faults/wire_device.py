"""`wire_core` over real sockets: connects, comes back on the other edge, and drops a connection on which nothing is heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Sequence
from typing import Any

from warbler.frames import CommandFrame

from tests.edge.raw_socket import CLOSE, FIN, TEXT, Client, connected
from tests.faults.history import DeviceName
from tests.faults.recorder import Recorder
from tests.faults.wire_core import Frame, WireCore

TICK_S = 0.2
PING_EVERY_S = 4.0
MARK_EVERY_S = 1.0
SILENT_LIMIT_S = 12.0
HANDSHAKE_WITHIN_S = 6.0
PAUSE_S = (0.1, 0.5)


class WireDevice:
    """`ports`: of the edges' proxies; `at`: the index of the one it uses."""

    def __init__(self, name: DeviceName, token: str, ports: Sequence[int], at: int, recorder: Recorder) -> None:
        self.name, self._token, self._ports, self._at = name, token, ports, at
        self._recorder = recorder
        self.core = WireCore(name, recorder)
        self._client: Client | None = None
        self._allowed = asyncio.Event()
        self._rng = random.Random(str(name))
        self._heard_s = 0.0

    # ---- what the workload asks

    def submit(self, frame: CommandFrame, conversation: str) -> None:
        self._recorder.invoked(self.name, conversation, frame)
        self._say(self.core.give(frame))

    def mark_all(self) -> None:
        if self.core.live:
            self._say(self.core.marks())

    @property
    def waiting(self) -> int:
        return len(self.core.waiting)

    @property
    def live(self) -> bool:
        return self.core.live

    @property
    def settled(self) -> bool:
        return self.live and not any(place.sync is not None or place.retry_at_s is not None for place in self.core.places.values())

    def head_of(self, conversation: str) -> tuple[int, int]:
        """The last seq that it holds; ordinals it does not keep."""
        place = self.core.places.get(conversation)
        return (place.next_seq - 1, 0) if place is not None else (0, 0)

    def tell_where_it_stands(self) -> None:
        for conversation, place in self.core.places.items():
            self._recorder.note(self.name, f"{conversation}: {place}")

    async def go_away(self) -> None:
        self._allowed.clear()
        self._drop()

    async def come_back(self, at: int) -> None:
        self._at = at
        self._allowed.set()

    # ---- life

    async def run(self) -> None:
        """Until cancelled."""
        self._allowed.set()
        while True:
            await self._allowed.wait()
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError, KeyError):
                await self._session()
            self.core.lost()
            self._client = None
            self._recorder.homes[self.name] = 0
            self._at = (self._at + 1) % len(self._ports)
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    async def _session(self) -> None:
        """One connection, from its start to its end. Raises: what a broken connection or a damaged frame raises."""
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(HANDSHAKE_WITHIN_S):
                client, answer = await stack.enter_async_context(connected(self._ports[self._at], path="/v1/socket"))
            if b" 101 " not in answer:
                return
            self._client, self._heard_s = client, time.monotonic()
            self._say([self.core.hello(self._token)])
            ticking = asyncio.create_task(self._tick(client))
            try:
                await self._listen(client)
            finally:
                ticking.cancel()
                client.writer.transport.abort()

    async def _listen(self, client: Client) -> None:
        while True:
            first, payload = await client.receive()
            self._heard_s = time.monotonic()
            if first & 0xF == CLOSE:
                self._recorder.count(f"closed with {int.from_bytes(payload[:2], 'big')}")
                return
            if first != FIN | TEXT:
                return
            frame: Any = json.loads(payload)
            if frame["type"] == "welcome":
                self._recorder.homes[self.name] = self._at + 1
            self._say(self.core.on_frame(frame, self._heard_s))

    async def _tick(self, client: Client) -> None:
        pinged_s = marked_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            if now_s - self._heard_s > SILENT_LIMIT_S:
                self._recorder.count("silent connections dropped")
                client.writer.transport.abort()
                return
            out = self.core.tick(now_s)
            if now_s - pinged_s > PING_EVERY_S:
                pinged_s = now_s
                out.append({"type": "ping"})
            if now_s - marked_s > MARK_EVERY_S and self.core.live:
                marked_s = now_s
                out += self.core.marks()
            self._say(out)

    def _say(self, frames: list[Frame]) -> None:
        if self._client is not None and not self._client.writer.transport.is_closing():  # what is not said now is said by the next session
            for frame in frames:
                self._client.send(TEXT, json.dumps(frame).encode())

    def _drop(self) -> None:
        if self._client is not None:
            self._client.writer.transport.abort()
