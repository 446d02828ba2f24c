"""A receiver of hooks' questions: a real HTTP server that answers as its script says, and checks every signature."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

SECRET = b"0123456789abcdef0123456789abcdef"
SECRET_TEXT = "whsec_" + base64.b64encode(SECRET).decode()
Question = dict[str, Any]
Answer = tuple[int, bytes]


def says(**answer: Any) -> Answer:
    return 200, json.dumps(answer).encode()


ALLOW = says(action="allow")


@dataclass(slots=True)
class HookServer:
    """`answer`: what a question comes to; it may wait. `heard`: every question's id and body, in the order of their coming."""

    answer: Callable[[Question], Awaitable[Answer]]
    port: int = 0
    heard: list[tuple[str, Question]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ask"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                status, content = await self._answered(head, headers, body)
                writer.write(f"HTTP/1.1 {status} .\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
                await writer.drain()
        writer.close()

    async def _answered(self, head: str, headers: dict[str, str], body: bytes) -> Answer:
        """As the Standard Webhooks specification says it is checked, by other means than those that signed."""
        sent = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("webhook-signature"))
        message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(SECRET, message, hashlib.sha256).digest()).decode()
        if f"v1,{wanted}" not in sent.split(" "):
            return 401, b""
        question = json.loads(body)
        self.heard.append((headers["webhook-id"], question))
        return await self.answer(question)


@contextlib.asynccontextmanager
async def hook_server(answer: Callable[[Question], Awaitable[Answer]]) -> AsyncIterator[HookServer]:
    server = HookServer(answer)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


async def at_once(question: Question) -> Answer:
    return ALLOW
