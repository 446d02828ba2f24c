"""Janus' admin API over its WebSocket, for the figures of a handle. Called by `engine`; it has no say over rooms.

Opened when first asked, and again after it broke: without figures calls go on.
"""

import asyncio
import itertools

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from rtc.engines.janus.quality import Handle, decode
from rtc.engines.port import EngineUnavailable

MESSAGE_BYTES_LIMIT = 4 * 1024 * 1024


class AdminLink:
    """One question at a time."""

    def __init__(self, url: str, secret: str, timeout_s: float) -> None:
        self._url, self._secret, self._timeout_s = url, secret, timeout_s
        self._socket: ClientConnection | None = None
        self._transactions = map(str, itertools.count(1))

    async def handle(self, session: int, handle: int) -> Handle:
        """What Janus knows of a handle; of one that is gone, nothing. Raises: EngineUnavailable."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(session, handle)
        except (OSError, WebSocketException, TimeoutError) as error:
            await self.close()
            raise EngineUnavailable(f"janus' admin API is not reached: {error!r}") from error

    async def _ask(self, session: int, handle: int) -> Handle:
        if self._socket is None:
            self._socket = await connect(self._url, subprotocols=[Subprotocol("janus-admin-protocol")], max_size=MESSAGE_BYTES_LIMIT)
        transaction = next(self._transactions)
        asked = {"janus": "handle_info", "session_id": session, "handle_id": handle, "admin_secret": self._secret}
        await self._socket.send(msgspec.json.encode({**asked, "transaction": transaction}).decode())
        while True:
            answer = decode(await self._socket.recv())
            if answer is not None and answer.transaction == transaction:
                return answer.info

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
