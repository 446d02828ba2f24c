"""Sessions of many users, a bounded number open at a time: one real WebSocket each. Called by `ops.irc.run`.

Who is needed again soonest stays: the plan says when that is, so the session that closes is the one that is idle the longest from
now on (with the same limit, a third fewer connections are made than by closing the least recently used one).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from warbler import Client, ClientError, Unreachable

OPENING_LIMIT = 32  # sessions that are being opened at once
RETRY_S = 1.0
NEVER = 1 << 60


@dataclass(slots=True, eq=False)
class Seat:
    """One user's session. `users`: steps that use it right now. `next_use`: on the clock of steps, when idle."""

    name: str
    opened: asyncio.Future[Client]
    users: int = 0
    next_use: int = NEVER


@dataclass(slots=True)
class Counts:
    opened: int = 0
    waits: int = 0  # times the server could not be reached


@dataclass(slots=True)
class SessionPool:
    """`urls`: servers that take turns. `token_of` gives a user's access token.

    `say` is told when the server is away. `patience_s`: how long that may last.
    """

    urls: Sequence[str]
    limit: int
    token_of: Callable[[str], str]
    say: Callable[[str], None]
    patience_s: float = 600.0
    clock: int = 0  # counts steps
    counts: Counts = field(default_factory=Counts)
    _turns: Iterator[int] = field(default_factory=itertools.count)
    _seats: dict[str, Seat] = field(default_factory=dict)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _opening: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(OPENING_LIMIT))
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, name: str) -> Seat:
        """The user's seat, open. The caller gives it back. Raises: Unreachable after `patience_s`."""
        while True:
            seat = self._seats.get(name)
            if seat is not None:
                seat.users += 1
                break
            if len(self._seats) < self.limit or self._make_room():
                seat = Seat(name, asyncio.get_running_loop().create_future(), users=1)
                self._seats[name] = seat
                await self._fill(seat)
                break
            self._freed.clear()
            await self._freed.wait()
        await asyncio.shield(seat.opened)
        return seat

    def give_back(self, seat: Seat, steps_until_next: int) -> None:
        """`steps_until_next`: how many steps of its file from now the user acts again; NEVER if not at all."""
        self.clock += 1
        seat.users -= 1
        if seat.users == 0:
            seat.next_use = min(NEVER, self.clock + steps_until_next)
            if seat.next_use == NEVER:
                self._drop(seat)
            self._freed.set()

    def forget(self, seat: Seat) -> None:
        """The seat's client has ended: whoever comes next gets a new one."""
        if self._seats.get(seat.name) is seat:
            self._drop(seat)

    async def close(self) -> None:
        for seat in list(self._seats.values()):
            self._drop(seat)
        while self._closing:
            await asyncio.wait(self._closing)

    def _make_room(self) -> bool:
        idle = [seat for seat in self._seats.values() if seat.users == 0]
        if not idle:
            return False
        self._drop(max(idle, key=lambda seat: seat.next_use))
        return True

    def _drop(self, seat: Seat) -> None:
        self._seats.pop(seat.name, None)
        if seat.opened.done() and not seat.opened.cancelled() and seat.opened.exception() is None:
            task = asyncio.create_task(seat.opened.result().close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _fill(self, seat: Seat) -> None:
        try:
            async with self._opening:
                seat.opened.set_result(await self._open(seat.name))
        except BaseException as error:
            self._seats.pop(seat.name, None)
            if not seat.opened.done():
                seat.opened.set_exception(error if isinstance(error, ClientError) else Unreachable(str(error)))
                seat.opened.exception()  # it is raised to whoever waits
            raise

    async def _open(self, name: str) -> Client:
        began_s = time.monotonic()
        while True:
            client = Client(
                urls_from(self.urls, next(self._turns)),
                token=self.token_of(name),
                device="irc-import",
                codec="msgpack",
                agent="warbler-import",
                follow=False,
                paced=False,
            )
            try:
                await client.__aenter__()
            except Unreachable as error:
                if time.monotonic() - began_s > self.patience_s:
                    raise
                self.counts.waits += 1
                self.say(f"waiting for the server: {error}")
                await asyncio.sleep(RETRY_S)
            else:
                self.counts.opened += 1
                return client


def urls_from(urls: Sequence[str], turn: int) -> tuple[str, ...]:
    """All of them, another one first each turn: who prefers the first and falls back to the next spreads the work."""
    first = turn % len(urls)
    return (*urls[first:], *urls[:first])
