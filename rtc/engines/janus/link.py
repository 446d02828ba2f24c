"""One WebSocket to Janus with one session on it: requests with their answers, and everything else to who listens.

When the socket closes, Janus ends the session with all its handles: who used them has lost its rooms' legs. Called by `engine`.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rtc.engines.janus.messages import Jsep, Message, decode
from rtc.engines.port import EngineUnavailable
from schemas.errors import WarblerError

PLUGIN = "janus.plugin.videoroom"
KEEPALIVE_S = 20.0  # Janus ends a session after 60 s of silence
log = structlog.get_logger()


class JanusRefused(WarblerError):
    """`code`: of Janus' own (4xx), or of the VideoRoom's (42x, 43x)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"janus {code}: {reason}")
        self.code = code
        self.reason = reason


class Link:
    def __init__(self, socket: ClientConnection, timeout_s: float, heard: Callable[[Message], None]) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._heard = heard
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._transactions = map(str, itertools.count(1))
        self._session = 0

    @property
    def session(self) -> int:
        return self._session

    async def run(self, ready: Callable[["Link"], Awaitable[None]]) -> None:
        """Returns when the socket is closed, or the session timed out. `ready` is called once requests may be made."""
        reading = asyncio.ensure_future(self._read())
        try:
            self._session = (await self._request({"janus": "create"})).data.id
            await ready(self)
            while not (await asyncio.wait({reading}, timeout=KEEPALIVE_S))[0]:
                await self._send({"janus": "keepalive"}, next(self._transactions))
        finally:
            reading.cancel()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(EngineUnavailable("the link to janus was lost"))

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                message = decode(raw)
                if message is None:
                    log.warning("janus said what we do not understand", size=len(raw))
                elif message.janus == "timeout":
                    return
                else:
                    self._take(message)
        except ConnectionClosed:
            pass  # run sees that reading ended

    def _take(self, message: Message) -> None:
        waiting = self._waiting.get(message.transaction)
        if waiting is not None and message.janus != "ack":
            if not waiting.done():
                waiting.set_result(message)
        elif message.janus != "ack":
            self._heard(message)

    async def _send(self, request: dict[str, Any], transaction: str) -> None:
        session = {"session_id": self._session} if self._session else {}
        text = msgspec.json.encode({**request, **session, "transaction": transaction}).decode()
        try:
            await asyncio.wait_for(self._socket.send(text), self._timeout_s)
        except (ConnectionClosed, TimeoutError) as error:
            raise EngineUnavailable(f"janus is not reached: {error!r}") from error

    async def _request(self, request: dict[str, Any]) -> Message:
        """Raises: EngineUnavailable (no answer in time, or the link is lost), JanusRefused."""
        transaction = next(self._transactions)
        self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            await self._send(request, transaction)
            answer = await asyncio.wait_for(self._waiting[transaction], self._timeout_s)
        except TimeoutError:
            raise EngineUnavailable(f"janus did not answer within {self._timeout_s} s") from None
        finally:
            self._waiting.pop(transaction, None)
        if answer.janus == "error":
            raise JanusRefused(answer.error.code, answer.error.reason)
        if answer.room_data.error_code:
            raise JanusRefused(answer.room_data.error_code, answer.room_data.error)
        return answer

    async def attach(self) -> int:
        """A new handle of the VideoRoom. Raises: as `ask`."""
        return (await self._request({"janus": "attach", "plugin": PLUGIN})).data.id

    async def ask(self, handle: int, body: dict[str, Any], jsep: Jsep | None = None) -> Message:
        """The plugin's answer. Raises: EngineUnavailable, JanusRefused."""
        request: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        return await self._request({**request, "jsep": jsep} if jsep is not None else request)

    async def trickle(self, handle: int, candidate: str, mid: str) -> None:
        """Not waited for: Janus says no more than that it got it. Raises: EngineUnavailable."""
        said: dict[str, Any] = {"candidate": candidate, "sdpMid": mid} if candidate else {"completed": True}
        await self._send({"janus": "trickle", "handle_id": handle, "candidate": said}, next(self._transactions))

    async def detach(self, handle: int) -> None:
        """Ends what the handle does; not waited for. Raises: EngineUnavailable."""
        await self._send({"janus": "detach", "handle_id": handle}, next(self._transactions))
