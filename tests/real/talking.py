"""A device for tests that says exactly what it is told to, and users for it. Over real edges only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from schemas.ids import uuid7
from tests.edge.raw_socket import CLOSE, FIN, TEXT, Client, connected
from tests.real.running import Running

PASSWORD = "correct horse battery"
PATIENCE_S = 60.0


def new_id(ms: int | None = None) -> str:
    """A command id of now, or of another time."""
    return uuid7(int(time.time() * 1000) if ms is None else ms, secrets.randbits(74))


@dataclass(frozen=True, slots=True)
class User:
    user: str
    token: str
    refresh_token: str = ""


def registered(warbler: Running) -> User:
    """A user as the page makes them: with the rate limits of everybody. Comes again while a machine that does much else says 503."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        named = {"name": "t-" + secrets.token_hex(8), "password": PASSWORD}
        answer = httpx.post(f"{warbler.page}/v1/register", json=named, timeout=60)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            break
        time.sleep(1)
    answer.raise_for_status()
    body = answer.json()
    return User(body["user"], body["access_token"], body["refresh_token"])


def minted(warbler: Running, count: int) -> list[User]:
    """Users of the administrator's call: no rate limit."""
    names = [{"name": "m-" + secrets.token_hex(8)} for _ in range(count)]
    headers = {"Authorization": f"Bearer {warbler.admin_key}"}
    for _ in range(20):
        answer = httpx.post(f"{warbler.page}/v1/admin/users", json={"users": names}, headers=headers, timeout=60)
        if answer.status_code != 503:
            break
        time.sleep(1)  # a Cassandra that has just begun
    answer.raise_for_status()
    return [User(each["user"], each["access_token"]) for each in answer.json()["users"]]


@dataclass(slots=True)
class Device:
    """`frames`: everything heard and not yet taken."""

    client: Client
    frames: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None

    def say(self, **frame: Any) -> None:
        self.client.send(TEXT, json.dumps(frame).encode())

    async def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame that is wanted; others stay for later. Raises: AssertionError when the edge closes instead."""
        seen = 0
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index in range(seen, len(self.frames)):
                    if wanted(self.frames[index]):
                        return self.frames.pop(index)
                seen = len(self.frames)
                assert await self.read(), f"closed with {self.close_code} after {self.frames[-3:]}"

    async def answer(self, command_id: str) -> dict[str, Any]:
        return await self.hear(lambda frame: frame["type"] in ("ack", "reject") and frame["id"] == command_id)

    async def heard(self, kind: str) -> dict[str, Any]:
        return await self.hear(lambda frame: frame["type"] == kind)

    async def closed(self) -> int:
        """The close code, after everything the edge still says."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.read():
                pass
        assert self.close_code is not None, "the connection broke without a close frame"
        return self.close_code

    async def broken(self) -> bool:
        """Whether the connection ends without a close frame, as one that was cut off does."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.read():
                pass
        return self.close_code is None

    async def read(self) -> bool:
        try:
            first, payload = await self.client.receive()
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        if first & 0xF == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
            return False
        if first == FIN | TEXT:
            self.frames.append(json.loads(payload))
        return True

    async def command(self, kind: str, conversation: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Says a command and hears its answer."""
        command_id = command_id or new_id()
        self.say(type=kind, id=command_id, conversation=conversation, **fields)
        return await self.answer(command_id)

    async def send_text(self, conversation: str, text: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        return await self.command("send_message", conversation, command_id, content={"text": text}, **fields)

    async def new_group(self, *members: User) -> str:
        named = [{"user": member.user} for member in members]
        ack = await self.command("create_conversation", "", conversation_kind="group", title="t", members=named)
        assert ack["type"] == "ack", ack
        conversation: str = ack["conversation"]
        return conversation


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


@contextlib.asynccontextmanager
async def opened(address: str, subprotocols: str = "warbler.v1+json", path: str = "/v1/socket") -> AsyncIterator[Device]:
    """A connection before its hello."""
    async with connected(port_of(address), subprotocols=subprotocols, path=path) as (client, answer):
        assert b" 101 " in answer, answer
        yield Device(client)


@contextlib.asynccontextmanager
async def online(address: str, user: User, device: str = "phone", **hello: Any) -> AsyncIterator[Device]:
    """A device after its welcome, which stands in `frames` no more."""
    async with opened(address) as made:
        made.say(type="hello", token=user.token, device=device, **hello)
        await made.heard("welcome")
        yield made
