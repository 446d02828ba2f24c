"""Who asks together is answered together, and never by an answer that is older than the question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from log.errors import LogUnavailable, UnknownTopic
from log.together import Together


class Ends:
    """Ends that grow with every look; a look waits until it is let go."""

    def __init__(self, *unknown: str) -> None:
        self.unknown, self.looks, self.end, self.fails = unknown, list[list[str]](), 0, False
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def look(self, places: Sequence[str]) -> dict[str, int]:
        self.looks.append(list(places))
        seen = self.end
        await self.let_go.wait()
        if self.fails:
            raise LogUnavailable("away")
        for place in places:
            if place in self.unknown:
                raise UnknownTopic(place, 0)
        return dict.fromkeys(places, seen)


def test_those_who_ask_during_a_look_share_the_next_one() -> None:
    async def body() -> None:
        ends = Ends()
        together = Together(ends.look)
        ends.let_go.clear()
        first = asyncio.create_task(together.of("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ends.end = 5  # appended while the first look is under way
        later = [asyncio.create_task(together.of(place)) for place in "aabba"]
        await asyncio.sleep(0)
        ends.let_go.set()
        assert await first == 0
        assert await asyncio.gather(*later) == [5] * 5
        assert ends.looks == [["a"], ["a", "b"]]

    asyncio.run(body())


def test_an_unknown_place_spoils_no_other_answer() -> None:
    async def body() -> None:
        together = Together(Ends("x").look)
        found = await asyncio.gather(together.of("a"), together.of("x"), together.of("b"), return_exceptions=True)
        assert [found[0], found[2]] == [0, 0]
        assert isinstance(found[1], UnknownTopic)

    asyncio.run(body())


def test_a_failure_is_everybodys_and_the_next_question_is_asked_anew() -> None:
    async def body() -> None:
        ends = Ends()
        together = Together(ends.look)
        ends.fails = True
        assert all(
            isinstance(each, LogUnavailable) for each in await asyncio.gather(together.of("a"), together.of("b"), return_exceptions=True)
        )
        ends.fails = False
        assert await together.of("a") == 0

    asyncio.run(body())


def test_who_goes_away_leaves_the_others_their_answer() -> None:
    async def body() -> None:
        ends = Ends()
        together = Together(ends.look)
        ends.let_go.clear()
        gone, stays = asyncio.create_task(together.of("a")), asyncio.create_task(together.of("a"))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        ends.let_go.set()
        assert await stays == 0

    asyncio.run(body())
