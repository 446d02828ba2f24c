"""Thousands of sessions open at once on one edge, then that edge is killed: what presence costs, and how late it is.

Counted from the log: how many records the storm made, and when the last of its users was told to be online, and offline after the kill.
Source: a mass reconnect of N users must cost O(N) records.
"""

import asyncio

from bench.bench import Bench, Run
from bench.device import Device, clock_s, open_device
from bench.fleet import Fleet, User, hello_of, make_users
from bench.frames import FromEdge, Presence
from bench.machine import cpu_us_each
from bench.report import Figure
from edge import frames
from schemas.codec import decode
from schemas.records import PresenceChanged

EDGE = "edge-storm"
OPENING_LIMIT = 256
TOLD_TIMEOUT_S = 60.0
AFTER_LEASE_S = 60.0
POLL_S = 0.05
READ_RECORDS = 5_000


class Told:
    """The watcher's listener: the last state of each user it was told, and when that changed last."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, Presence):
            self.states.update((entry.user, entry.state) for entry in frame.users)

    def on_lost(self, device: Device) -> None: ...

    def count(self, state: str) -> int:
        return sum(told == state for told in self.states.values())


class Follower:
    """Reads the topic `presence` from where it ended at the start: the last state of each user, and how many records there were."""

    def __init__(self, bench: Bench) -> None:
        self._log, self._partitions = bench.site.log, bench.site.clusters.partitions
        self._next: dict[int, int] = {}
        self.states: dict[str, str] = {}
        self.records = 0

    async def start(self) -> None:
        self._next = {partition: await self._log.end_offset("presence", partition) for partition in range(self._partitions)}

    async def until(self, users: set[str], state: str, timeout_s: float) -> float:
        """Seconds until every one of the users is in the state; as long as the time-out if that did not come true."""
        begun_s = clock_s()
        while clock_s() - begun_s < timeout_s:
            await self._read()
            if all(self.states.get(user) == state for user in users):
                break
            await asyncio.sleep(POLL_S)
        return clock_s() - begun_s

    async def _read(self) -> None:
        for partition, start in self._next.items():
            if await self._log.end_offset("presence", partition) == start:
                continue
            for record in await self._log.read("presence", partition, start, READ_RECORDS):
                self._next[partition] = record.offset + 1
                if record.key is not None and not record.key.startswith(b"#"):
                    changed = decode(record.value, PresenceChanged)
                    self.states[changed.user] = changed.state
                    self.records += 1


async def run(bench: Bench) -> Run:
    options, site = bench.options, bench.site
    users = await make_users(site.edge, f"{bench.prefix}-presence-{bench.ids.next_number}", options.presence_sessions + 1)
    crowd, watcher_user = users[:-1], users[-1]
    edge = await site.extra_edge(EDGE, EDGE_SESSION_LEASE_MS=str(options.presence_lease_ms))
    told, fleet = Told(), Fleet(edge, bench.codec)
    watcher = await open_device(site.edge.address, bench.codec, hello_of(watcher_user), told)
    try:
        watched = [user.user for user in crowd[: options.presence_watched]]
        watcher.send(frames.WatchPresence(request="w", users=tuple(watched)))
        follower = Follower(bench)
        await follower.start()
        storm, details = await _storm(bench, fleet, crowd, follower)
        seen_online = await _seen(told, "online", len(watched), TOLD_TIMEOUT_S)
        site.kill(EDGE)
        lease_s = options.presence_lease_ms / 1000
        offline_s = await follower.until({user.user for user in crowd}, "offline", lease_s + AFTER_LEASE_S)
        seen_offline = await _seen(told, "offline", len(watched), TOLD_TIMEOUT_S)
    finally:
        watcher.close()
        await site.end(EDGE)
        await fleet.close()
    figures = [
        *storm,
        Figure("presence: watched users not seen online", "users", len(watched) - seen_online),
        Figure(f"presence: all offline after kill -9 (lease {lease_s:.0f} s)", "s", offline_s),
        Figure("presence: watched users not seen offline", "users", len(watched) - seen_offline),
        Figure("presence: records of a user, online and offline", "records", follower.records / len(crowd)),
    ]
    return Run(figures, details)


async def _storm(bench: Bench, fleet: Fleet, crowd: list[User], follower: Follower) -> tuple[list[Figure], dict[str, object]]:
    before, sessions_before = bench.site.usage(), await _records(bench, "sessions")
    begun_s = clock_s()
    await fleet.open(crowd, opening_limit=OPENING_LIMIT)
    opened_s = clock_s() - begun_s
    online_s = await follower.until({user.user for user in crowd}, "online", TOLD_TIMEOUT_S)
    after, sessions_after = bench.site.usage(), await _records(bench, "sessions")
    cpu = cpu_us_each(before, after, len(crowd))
    figures = [
        Figure("presence: sessions", "sessions", len(crowd)),
        Figure("presence: all welcomed", "s", opened_s),
        Figure("presence: all online after the last welcome", "s", online_s),
        Figure("presence: cpu of all parts a session", "us", cpu["parts"]),
        Figure("presence: records in sessions a session", "records", (sessions_after - sessions_before) / len(crowd)),
        Figure("presence: records in presence a user, online", "records", follower.records / len(crowd)),
    ]
    return figures, {"cpu_us": cpu}


async def _records(bench: Bench, topic: str) -> int:
    return sum([await bench.site.log.end_offset(topic, partition) for partition in range(bench.site.clusters.partitions)])


async def _seen(told: Told, state: str, count: int, timeout_s: float) -> int:
    end_s = clock_s() + timeout_s
    while told.count(state) < count and clock_s() < end_s:  # noqa: ASYNC110  an event would burden the listener
        await asyncio.sleep(POLL_S)
    return told.count(state)
