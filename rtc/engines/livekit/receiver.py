"""The port on which LiveKit's webhooks come in: one kind of request does not need a web framework. Called by `engine`."""

import asyncio
import contextlib
from collections.abc import Callable

REQUEST_TIMEOUT_S = 5.0
HEAD_BYTES_LIMIT = 16 * 1024
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 411: "Length Required", 413: "Content Too Large"}

Take = Callable[[str, bytes], int]  # the Authorization header and the body; the status


async def receive(host: str, port: int, bytes_limit: int, take: Take) -> asyncio.Server:
    """A listening server. LiveKit sends again what is not answered with 200. Raises: OSError if the port is taken."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                status = await _answer(reader, bytes_limit, take)
                writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, host, port, limit=HEAD_BYTES_LIMIT)


async def _answer(reader: asyncio.StreamReader, bytes_limit: int, take: Take) -> int:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    if not lines[0].startswith("POST "):
        return 404
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = headers.get("content-length", "")
    if not length.isdecimal() or not length.isascii():
        return 411
    if len(length) > 12 or int(length) > bytes_limit:
        return 413
    return take(headers.get("authorization", ""), await reader.readexactly(int(length)))
