"""Users are revoked one call each: how long from the call until their sockets, half of them on another edge, are closed."""

import asyncio

import httpx

from bench.bench import Bench, Run
from bench.device import Device, clock_s
from bench.fleet import Fleet, User, make_users
from bench.frames import FromEdge
from bench.report import Figure
from bench.stats import summary
from edge import closing

PACE_S = 0.02  # fifty calls a second: what one administrator's tool does, and far below what would queue
CLOSED_TIMEOUT_S = 60.0


class Closings:
    """When each user's socket was closed, and with which code."""

    def __init__(self) -> None:
        self.closed_s: dict[str, float] = {}
        self.codes: dict[str, int] = {}

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None: ...

    def on_lost(self, device: Device) -> None:
        self.closed_s[device.user] = clock_s()
        self.codes[device.user] = device.close_code


async def run(bench: Bench) -> Run:
    options = bench.options
    users = await make_users(bench.site.edge, f"{bench.prefix}-killed", options.kill_sessions)
    other = await bench.site.extra_edge("edge-other")
    try:
        closings = Closings()
        fleet = Fleet(bench.site.edge, bench.codec, [other])
        await fleet.open(users, closings)
        try:
            called_s, answered_s = await _revoke(bench, users)
            async with asyncio.timeout(CLOSED_TIMEOUT_S):
                while len(closings.closed_s) < len(users):  # noqa: ASYNC110  the listener is no awaitable
                    await asyncio.sleep(0.01)
        finally:
            await fleet.close()
    finally:
        await bench.site.end("edge-other")
    to_closed = summary([(closings.closed_s[user] - called_s[user]) * 1000 for user in called_s])
    to_answer = summary([(answered_s[user] - called_s[user]) * 1000 for user in called_s])
    wrong = sum(code != closing.REVOKED.code for code in closings.codes.values())
    figures = [
        Figure("kill path: call to closed socket, p50", "ms", to_closed.p50),
        Figure("kill path: call to closed socket, p99", "ms", to_closed.p99),
        Figure("kill path: call to closed socket, slowest", "ms", to_closed.max),
        Figure("kill path: call to answer, p50", "ms", to_answer.p50),
        Figure("kill path: closed without the reason", "sessions", wrong),
    ]
    return Run(figures, {"sessions": len(users), "edges": 2})


async def _revoke(bench: Bench, users: list[User]) -> tuple[dict[str, float], dict[str, float]]:
    """Each user by a call of its own, at PACE_S. Shape: when it was called, when it was answered; by user."""
    called_s: dict[str, float] = {}
    answered_s: dict[str, float] = {}
    edge = bench.site.edge

    async def one(http: httpx.AsyncClient, user: User) -> None:
        called_s[user.user] = clock_s()
        answer = await http.post("/v1/me/deactivate", headers={"Authorization": f"Bearer {user.token}"})
        answer.raise_for_status()
        answered_s[user.user] = clock_s()

    async with (
        httpx.AsyncClient(base_url=f"http://{edge.host}:{edge.port}", timeout=60, trust_env=False) as http,
        asyncio.TaskGroup() as group,
    ):
        for user in users:
            group.create_task(one(http, user))
            await asyncio.sleep(PACE_S)
    return called_s, answered_s
