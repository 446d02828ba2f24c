"""The engine on a real livekit-server, where one is on the PATH; tests/rtc/test_livekit.py has more, on a server of its protocol."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rtc.engines.janus.process import free_ports
from rtc.engines.livekit.engine import LiveKitEngine
from rtc.engines.make import make
from rtc.engines.port import EngineUnavailable, Leg, Room

PROGRAM = "livekit-server"
KEY, SECRET = "warblerkey", "s" * 32
READY_S = 60

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"no {PROGRAM} on the PATH (no Debian package has it)"),
]


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    port, rtc_port, webhook_port = free_ports(3)
    config = f"""port: {port}
bind_addresses: ["127.0.0.1"]
rtc: {{tcp_port: {rtc_port}, use_external_ip: false}}
keys: {{{KEY}: {SECRET}}}
webhook: {{api_key: {KEY}, urls: ["http://127.0.0.1:{webhook_port}/"]}}
"""
    (tmp_path / "livekit.yaml").write_text(config)
    (tmp_path / "secret").write_text(SECRET)
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen([PROGRAM, "--config", str(tmp_path / "livekit.yaml")], stdout=log, stderr=log)
    try:
        yield {
            "RTC_LIVEKIT_URL": f"http://127.0.0.1:{port}",
            "RTC_LIVEKIT_KEY": KEY,
            "RTC_LIVEKIT_SECRET_FILE": str(tmp_path / "secret"),
            "RTC_LIVEKIT_WEBHOOK_PORT": str(webhook_port),
        }
    finally:
        child.terminate()
        child.wait(10)


async def started(env: dict[str, str]) -> LiveKitEngine:
    end = time.monotonic() + READY_S
    while True:
        engine = make("livekit", "livekit-1", env)
        assert isinstance(engine, LiveKitEngine)
        try:
            await engine.start()
        except EngineUnavailable:
            await engine.stop()
            assert time.monotonic() < end, "livekit-server did not start"
            await asyncio.sleep(0.2)
        else:
            return engine


def test_a_real_livekit_makes_our_rooms_and_takes_our_tickets(env: dict[str, str]) -> None:
    async def body() -> None:
        engine, room = await started(env), Room("call-1", 1)
        try:
            await engine.ensure_room(room, "video")
            assert (await engine.snapshot(room)).exists
            ticket = await engine.ticket(room, Leg("ana", "phone", 1), int(time.time() * 1000) + 60_000)
            async with httpx.AsyncClient() as client:
                asked = f"{env['RTC_LIVEKIT_URL']}/rtc/validate"
                assert (await client.get(asked, params={"access_token": ticket.token})).status_code == 200
                assert (await client.get(asked, params={"access_token": ticket.token + "x"})).status_code == 401
            await engine.kick(room, "ana", "phone")
            await engine.close(room)
            assert not (await engine.snapshot(room)).exists
        finally:
            await engine.stop()

    asyncio.run(asyncio.wait_for(body(), 180))
