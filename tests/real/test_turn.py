"""A real coturn, started as `warbler up --turn` does, judges the credentials that tickets carry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aioice
import pytest

from ops.coturn import TurnCharge
from ops.embedded.ports import next_free
from ops.keys import ensure_keys
from ops.supervision import Answered
from rtc.settings import read_turn
from rtc.turn import credentials
from schemas.call_signals import IceServer

pytestmark = pytest.mark.real
HOST = "127.0.0.1"
PATIENCE_S = 60.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def coturn(home: Path) -> AsyncIterator[TurnCharge]:
    charge = TurnCharge(home, HOST, next_free(21_000, host=HOST), ensure_keys(home, {}).turn_secret, {})
    charge.spawn()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(await charge.observe(), Answered):  # noqa: ASYNC110  a server of another kind that starts
                await asyncio.sleep(0.05)
        yield charge
    finally:
        await charge.stop()


def relayed(server: IceServer, port: int, *, controlling: bool = True) -> aioice.Connection:
    return aioice.Connection(
        ice_controlling=controlling,
        turn_server=(HOST, port),
        turn_username=server.username,
        turn_password=server.credential,
        transport_policy=aioice.TransportPolicy.RELAY,
    )


async def joined(one: aioice.Connection, other: aioice.Connection) -> None:
    for here, there in ((one, other), (other, one)):
        await here.gather_candidates()
        there.remote_username, there.remote_password = here.local_username, here.local_password
    for here, there in ((one, other), (other, one)):
        for candidate in here.local_candidates:
            await there.add_remote_candidate(candidate)
        await there.add_remote_candidate(None)
    await asyncio.gather(one.connect(), other.connect())


def test_credentials_of_a_ticket_relay_and_those_that_are_over_or_made_up_do_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(180), coturn(tmp_path / "data") as charge:
            turn = read_turn(charge.env["RTC_TURN_URLS"], charge.env["RTC_TURN_SECRET_FILE"], 60_000)
            port = int(charge.address.rpartition(":")[2])
            stun_server, relay = turn.ice_servers("c1", "ana", now_ms())
            assert stun_server.urls == (f"stun:{HOST}:{port}",)
            one, other = relayed(relay, port), relayed(turn.ice_servers("c1", "ben", now_ms())[1], port, controlling=False)
            await joined(one, other)
            assert {candidate.type for candidate in [*one.local_candidates, *other.local_candidates]} == {"relay"}
            await one.send(b"through the relay")
            assert await other.recv() == b"through the relay"
            await asyncio.gather(one.close(), other.close())
            over = credentials(turn.secret, "c1", "eve", now_ms() // 1000 - 10)
            made_up = credentials(b"another secret", "c1", "eve", now_ms() // 1000 + 60)
            for name, password in (over, made_up):
                refused = relayed(IceServer(relay.urls, name, password), port)
                await refused.gather_candidates()
                assert refused.local_candidates == []
                await refused.close()
            assert (tmp_path / "data" / "run" / "turnserver.conf").stat().st_mode & 0o777 == 0o600
            assert turn.secret.decode() not in " ".join(charge_argv(charge))

    asyncio.run(story())


def charge_argv(charge: TurnCharge) -> list[str]:
    return Path(f"/proc/{charge.child.pid}/cmdline").read_text().split("\0")
