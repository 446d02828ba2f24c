"""A user with very many friends: how long a full sync takes, and how soon its other device hears of one change.

The rows are written straight into Cassandra, as the projector would. Changes are of both kinds: a note over HTTP, which comes back as a
`roster` frame, and a block or its end, which comes back as the conversation's event.
"""

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable

import httpx

from bench.bench import Bench, Run
from bench.device import Deaf, Device, Once, clock_s, open_device
from bench.fleet import User, hello_of, make_users, now_ms
from bench.frames import Events, FromEdge, Roster
from bench.report import Figure
from bench.stats import summary
from edge import frames
from schemas.ids import direct_conversation_id
from store import cql

ROWS_AT_ONCE = 2_000
HEARD_TIMEOUT_S = 10.0
SETTLE_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Walk:
    whole_ms: float
    entries: int
    version: str


async def run(bench: Bench) -> Run:
    count, edge = bench.options.roster_friends, bench.site.edge
    (user,) = await make_users(edge, f"{bench.prefix}-roster-{bench.ids.next_number}", 1)
    await _fill(bench, user, count)
    headers = {"Authorization": f"Bearer {user.token}"}
    async with httpx.AsyncClient(base_url=f"http://{edge.host}:{edge.port}", headers=headers, timeout=60, trust_env=False) as http:
        await _note(http, _friend(user, 0), "first")  # or the topic could be empty, and everything were after the version 0
        await asyncio.sleep(SETTLE_S)
        walks = [await _walk(http, "") for _ in range(bench.options.roster_tries + 1)][1:]  # the first warms what nobody has touched yet
        nothing = [await _walk(http, walks[-1].version) for _ in range(bench.options.roster_tries)]
        notes, blocks = await _changes(bench, user, http)
    full, name = summary([walk.whole_ms for walk in walks]), f"roster of {count}"
    figures = [
        Figure(f"{name}: entries", "", min(walk.entries for walk in walks)),
        Figure(f"{name}: full sync", "ms", full.p50),
        Figure(f"{name}: full sync, slowest", "ms", full.max),
        Figure(f"{name}: sync of nothing", "ms", summary([walk.whole_ms for walk in nothing]).p50),
        Figure("roster: a note to the other device, p50", "ms", summary(notes).p50),
        Figure("roster: a note to the other device, p99", "ms", summary(notes).p99),
        Figure("roster: a block to the other device, p50", "ms", summary(blocks).p50),
        Figure("roster: a block to the other device, p99", "ms", summary(blocks).p99),
    ]
    return Run(figures, {"walks_ms": [walk.whole_ms for walk in walks], "notes_ms": notes, "blocks_ms": blocks})


async def _walk(http: httpx.AsyncClient, since: str) -> Walk:
    """All pages, as a device asks for them: one after the other."""
    begun_s, entries, after = clock_s(), 0, ""
    while True:
        answer = await http.get("/v1/me/roster", params={"since": since, "after": after})
        answer.raise_for_status()
        page = answer.json()
        entries += len(page["entries"])
        if page["next"] is None:
            return Walk((clock_s() - begun_s) * 1000, entries, page["version"])
        after = page["next"]


async def _changes(bench: Bench, user: User, http: httpx.AsyncClient) -> tuple[list[float], list[float]]:
    """From the change on one device to the frame on the other, in ms: notes, and blocks with their ends."""
    edge = bench.site.edge
    one = await open_device(edge.address, bench.codec, hello_of(user, device="one"), Deaf())
    other = await open_device(edge.address, bench.codec, hello_of(user, device="other"), Deaf())
    try:
        notes, blocks = [], []
        for number in range(bench.options.roster_changes):
            friend = _friend(user, number)
            note = functools.partial(_note, http, friend, f"Friend {number}")
            notes.append(await _heard_ms(other, note, Roster))
            for kind in (frames.BlockUser, frames.UnblockUser):
                conversation = direct_conversation_id(user.user, friend)
                command = kind(id=bench.ids.make(now_ms()), conversation=conversation, member=friend)
                blocks += [await _heard_ms(other, functools.partial(_say, one, command), Events)]
        return notes, blocks
    finally:
        one.close()
        other.close()


async def _note(http: httpx.AsyncClient, friend: str, alias: str) -> None:
    (await http.put(f"/v1/me/roster/{friend}", json={"alias": alias, "tags": []})).raise_for_status()


async def _say(device: Device, command: frames.CommandFrames) -> None:
    device.send(command)


async def _heard_ms(device: Device, change: Callable[[], Awaitable[None]], kind: type[FromEdge]) -> float:
    device.listener = once = Timed(lambda frame: isinstance(frame, kind))
    begun_s = clock_s()
    await change()
    await once.within(HEARD_TIMEOUT_S)
    return (once.at_s - begun_s) * 1000


async def _fill(bench: Bench, user: User, count: int) -> None:
    """So many friends; safe to repeat."""
    for low in range(0, count, ROWS_AT_ONCE):
        friends = [_friend(user, number) for number in range(low, min(count, low + ROWS_AT_ONCE))]
        await bench.site.store.execute_each(cql.PUT_RELATION, [(user.user, friend, "friends", "hello", 2, 2) for friend in friends])
        await bench.site.store.execute_each(cql.PUT_ROSTER_VERSION, [(user.user, friend, 1, now_ms(), 1) for friend in friends])


def _friend(user: User, number: int) -> str:
    return f"{user.user}-friend-{number:06}"


class Timed(Once):
    """Notes when the frame came, not when somebody looked."""

    at_s = 0.0

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if not self.answer.done() and self.wanted(frame):
            self.at_s = at_s
        super().on_frame(device, frame, at_s)

    async def within(self, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            await self.answer
