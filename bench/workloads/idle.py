"""Thousands of sessions that do nothing: what each costs the edge in memory.

The edge is a new process, because one that has worked reuses what it once took and would look cheaper than it is; before the first
look at its memory some sessions were opened and closed, so that code and caches are not counted as sessions. Every user is a member of one
direct conversation.
"""

import asyncio
import resource

from bench.bench import Bench, Run
from bench.fleet import Edge, Fleet, User, make_users, pair_up
from bench.report import Figure

EDGE = "edge-idle"
FIRST_SESSIONS = 100
REST_S = 3.0


async def run(bench: Bench) -> Run:
    _take_all_files()
    users = await _users_with_a_conversation(bench, bench.options.idle_sessions)
    await bench.site.settle()
    edge = await bench.site.extra_edge(EDGE)
    try:
        return await _measure(bench, edge, users)
    finally:
        await bench.site.end(EDGE)


async def _measure(bench: Bench, edge: Edge, users: list[User]) -> Run:
    fleet = Fleet(edge, bench.codec)
    await fleet.open(users[:FIRST_SESSIONS])
    await fleet.close()
    await asyncio.sleep(REST_S)
    before = bench.site.usage().rss_bytes[EDGE]
    fleet = Fleet(edge, bench.codec)
    try:
        await fleet.open(users)
        opened = bench.site.usage().rss_bytes[EDGE]
        await asyncio.sleep(REST_S)
        after = bench.site.usage().rss_bytes[EDGE]
        alive = sum(device.alive for device in fleet.devices)
    finally:
        await fleet.close()
    figures = [
        Figure("idle session: memory", "KB", (after - before) / len(users) / 1024),
        Figure("idle session: lost", "sessions", len(users) - alive),
    ]
    return Run(figures, {"sessions": len(users), "rss_before": before, "rss_opened": opened, "rss_after": after})


async def _users_with_a_conversation(bench: Bench, count: int) -> list[User]:
    users = await make_users(bench.site.edge, f"{bench.prefix}-idle", count)
    for low in range(0, count, 500):
        fleet = Fleet(bench.site.edge, bench.codec)
        await fleet.open(users[low : low + 500])
        try:
            await pair_up(fleet.devices, bench.ids)
        finally:
            await fleet.close()
    return users


def _take_all_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
