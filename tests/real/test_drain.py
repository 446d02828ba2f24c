"""A node that is told to stop says so to its devices, flushes what it took, and ends with 0."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal

import httpx
import pytest
import websockets

from tests.real.running import Running

pytestmark = pytest.mark.real


def test_sigterm_sends_devices_elsewhere_and_the_node_comes_back(warbler: Running) -> None:
    node = warbler.page
    body = {"name": "t-" + secrets.token_hex(6), "password": "correct horse"}
    user = httpx.post(node + "/v1/register", json=body, timeout=30).json()

    async def session() -> tuple[int, int]:
        address = node.replace("http", "ws") + "/v1/socket"
        async with websockets.connect(address, subprotocols=[websockets.Subprotocol("warbler.v1+json")], compression=None) as socket:
            await socket.send(json.dumps({"type": "hello", "token": user["access_token"], "device": "d"}))
            assert json.loads(await socket.recv())["type"] == "welcome"
            old = warbler.kill("edge-1", signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 15)
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code, old

    code, old = asyncio.run(session())
    assert code == 4000
    warbler.wait_for_successor("edge-1", old)
    assert "edge-1 ended with 0" in (warbler.data / "up.log").read_text()
