"""A registry over the log in memory, spoken to as a client does, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from log.memory import MemoryLog
from registry.app import Face, make_app, now_ms
from registry.book import fresh_book
from registry.keeper import Keeper
from registry.settings import RegistrySettings
from schemas.registry import SCHEMAS

PATIENCE_S = 90.0


class Client:
    """`status` and `body` of what each call answers."""

    def __init__(self, http: httpx.AsyncClient, keeper: Keeper) -> None:
        self.http, self.keeper = http, keeper

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        answer = await self.http.request(method, path, json=body, **more)
        return answer.status_code, answer.json()

    async def register(self, subject: str, schema: Any, **more: Any) -> tuple[int, Any]:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return await self.call("POST", f"/subjects/{subject}/versions", {"schema": text} | more)


@contextlib.asynccontextmanager
async def registry(log: MemoryLog | None = None, settings: RegistrySettings | None = None, key: str = "") -> AsyncIterator[Client]:
    chosen = settings or RegistrySettings()
    keeper = Keeper(log or MemoryLog(), fresh_book(SCHEMAS), now_ms, chosen.change_timeout_ms)
    app = make_app(Face(keeper, chosen, key, "memory"), lambda: {"ok": keeper.ready})
    keeping = asyncio.create_task(keeper.run())
    try:
        plain = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://registry", trust_env=False)
        async with asyncio.timeout(PATIENCE_S), plain as http:
            await keeper.wait_until_ready()
            yield Client(http, keeper)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await keeper.close()


def with_registry(body: Callable[[Client], Awaitable[None]], **more: Any) -> None:
    """Runs the body with a registry of its own."""

    async def whole() -> None:
        async with registry(**more) as client:
            await body(client)

    asyncio.run(whole())


def record(name: str, *fields: tuple[Any, ...]) -> dict[str, Any]:
    """A record schema; a field is (name, type) or (name, type, default)."""
    made = [dict(zip(("name", "type", "default"), field, strict=False)) for field in fields]
    return {"type": "record", "name": name, "fields": made}
