"""GET /live and GET /metrics on a port of their own: two fixed answers do not need a web framework.

Called by `streams.worker` and `rtc.engine`; read by `warbler up`, by `warbler status` and by Prometheus.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

REQUEST_BYTES_MAX = 8 * 1024
REQUEST_TIMEOUT_S = 5.0


async def serve_live(host: str, port: int, report: Callable[[], Mapping[str, Any]], registry: CollectorRegistry) -> asyncio.Server:
    """A listening server; `report` is asked for each GET /live. Raises: OSError if the port is taken."""

    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/live":
            body = report()
            return (200 if body["ok"] else 503), "application/json", json.dumps(body).encode()
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
        return 404, "text/plain", b"not found"

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].split(b" ")
                path = words[1].decode("ascii", "replace").split("?")[0] if len(words) == 3 and words[0] == b"GET" else ""
                status, kind, body = answer(path)
                writer.write(_response(status, kind, body))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, host, port, limit=REQUEST_BYTES_MAX)


def _response(status: int, kind: str, body: bytes) -> bytes:
    reason = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}[status]
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
